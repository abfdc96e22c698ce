//! A person ends a job: stops it, which its customer may; or resets one that does not move any more,
//! which is an operator's.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use holdfast_job::{JobId, JobStatus, Verb};
use holdfast_store::{Customer, Job, Reset, ResetOrder, Stopping};
use serde::Deserialize;

use super::{Names, Object, jobs::find, location, one_line};
use crate::{
    auth::{Caller, Right},
    problem::Problem,
    web::Web,
};

/// `POST …/jobs/{job}/stop`. A second time changes nothing.
pub async fn stop(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, job)): Names<(String, String)>,
) -> Result<Response, Problem> {
    let customer = web.customer(&caller, Right::Write, &customer).await?;
    let Job { job, verb, .. } = find(&web, &customer, &job).await?;
    match web.database.stop(customer.id, job, &caller.actor()).await? {
        Stopping::Stopped => Ok(ended(&customer, job, JobStatus::Stopped)),
        Stopping::Told => Ok(told(&customer, job, JobStatus::Running)),
        Stopping::ToldNext(ring) => {
            web.admission.bells.hand_in(&customer.pool, ring);
            Ok(told(&customer, job, JobStatus::Pending))
        }
        Stopping::TooLate if verb == Verb::Delete => Err(Problem::conflict(
            "too-late",
            "This backup is being deleted already, which cannot be stopped any more.",
        )),
        Stopping::TooLate => Err(Problem::conflict(
            "too-late",
            "The site is being switched just now, which takes a moment and cannot be stopped. It can \
             be undone afterwards.",
        )),
        Stopping::Stuck => Err(Problem::conflict(
            "stuck-job",
            "Something could not be put back, and our support has to look at it first.",
        )),
        Stopping::Ended(status) => Err(already_ended(status)),
        Stopping::Unknown => Err(Problem::not_found("job")),
    }
}

/// Why a job is reset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetBody {
    reason: String,
    /// The node will never report again.
    #[serde(default)]
    node_is_gone: bool,
}

/// `POST …/jobs/{job}/reset`.
pub async fn reset(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, job)): Names<(String, String)>,
    body: Result<Json<Object<ResetBody>>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.needs_operator(Right::Write)?;
    let customer = web.customer(&caller, Right::Write, &customer).await?;
    let Json(Object(body)) = body?;
    let reason = one_line("reason", Some(body.reason))?.ok_or_else(|| {
        Problem::unprocessable("invalid-order", "`reason` must say why: it stands in the audit.")
    })?;
    let job = find(&web, &customer, &job).await?.job;
    let order = ResetOrder {
        actor: caller.actor(),
        reason,
        node_is_gone: body.node_is_gone,
        silence: web.config.worker_silence,
    };
    match web.database.reset(customer.id, job, &order).await? {
        Reset::Done => Ok(ended(&customer, job, JobStatus::Failed)),
        Reset::UnderWay => Err(Problem::conflict(
            "under-way",
            "A worker is at work on this job, and its lease has not run out: stop the job instead.",
        )),
        Reset::NotSettled(why) => Err(Problem::conflict(
            "not-settled",
            format!("It is not known that nothing of this job is left open: {why}."),
        )),
        Reset::Ended(status) => Err(already_ended(status)),
        Reset::Unknown => Err(Problem::not_found("job")),
    }
}

fn ended(customer: &Customer, job: JobId, status: JobStatus) -> Response {
    let location = location(customer, job);
    Json(serde_json::json!({ "job": job, "status": status, "location": location })).into_response()
}

/// 202: whoever has the job sees to it.
fn told(customer: &Customer, job: JobId, status: JobStatus) -> Response {
    let location = location(customer, job);
    let body = serde_json::json!({
        "job": job, "status": status, "stopping": true, "location": &location,
    });
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response()
}

fn already_ended(status: JobStatus) -> Problem {
    Problem::conflict("already-ended", format!("This has ended already: it is {status}."))
        .with("job_status", status.word())
}
