//! Jobs: listed, shown; and a restore taken back.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Json,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    response::Response,
};
use holdfast_job::{JobId, JobStatus, Moment, Order, Undo, Verb};
use holdfast_store::{Customer, Job, JobFilter};
use serde::{Deserialize, Serialize};

use super::{
    List, Names, Object,
    confirm::SetsAside,
    cursor,
    keyed::Keyed,
    limit, moment,
    order::{Incoming, Instead},
    time,
};
use crate::{
    auth::{Audience, Caller, Right},
    problem::Problem,
    server::Web,
};

/// The word that confirms an undo.
const CONFIRMATION: &str = "UNDO";

/// What is said of a job that was done although somebody wanted it stopped.
const TOO_LATE: &str = "It could not be stopped any more.";

/// A job, as it is shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    uuid: String,
    kind: Verb,
    scope: String,
    status: JobStatus,
    created_at: String,
    started_at: Option<String>,
    updated_at: String,
    completed_at: Option<String>,
    snapshot_id: Option<String>,
    undo_of: Option<String>,
    retry_of: Option<String>,
    /// Whether somebody wants it stopped, and it has not ended.
    stopping: bool,
    /// What happened, or why nothing did, for the customer.
    message: Option<String>,
    stage: Option<ShownStage>,
    percent: Option<u8>,
    detail: Option<String>,
    bytes_done: Option<u64>,
    bytes_total: Option<u64>,
    closed_ms: Option<u64>,
    services_ms: Option<u64>,
    healthy: Option<bool>,
    undo_until: Option<String>,
    requested_by: Option<String>,
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<ForOperators>,
}

#[derive(Debug, Serialize)]
struct ShownStage {
    name: &'static str,
    number: u8,
    of: u8,
    reverting: bool,
}

/// What is not for customers.
#[derive(Debug, Serialize)]
struct ForOperators {
    message: Option<String>,
    attempt: u32,
    pool: String,
}

impl Shown {
    /// The job, as these may see it.
    pub fn of(job: Job, audience: Audience) -> Self {
        let result = job.result.as_ref();
        let running = job.status == JobStatus::Running;
        let message = match job.status {
            JobStatus::Pending => job.waits_because.clone(),
            _ => job
                .customer_message
                .clone()
                .or_else(|| result.map(|result| result.customer_message.clone()))
                .map(|message| match (job.stop_requested, job.status) {
                    (true, JobStatus::Completed) => format!("{message} {TOO_LATE}"),
                    _ => message,
                }),
        };
        Self {
            uuid: job.job.to_string(),
            kind: job.verb,
            scope: job.scope.to_string(),
            status: job.status,
            created_at: time(job.created_at),
            started_at: job.started_at.map(time),
            updated_at: time(job.updated_at),
            completed_at: job.completed_at.map(time),
            snapshot_id: job.snapshot.as_ref().map(ToString::to_string),
            undo_of: job.undo_of.map(|of| of.to_string()),
            retry_of: job.retry_of.map(|of| of.to_string()),
            stopping: job.stop_requested && job.status.is_active(),
            message,
            stage: job.stage.filter(|_| running).map(|(stage, number, of)| ShownStage {
                name: stage.name(),
                number,
                of,
                reverting: job.reverting,
            }),
            percent: job.percent.filter(|_| running),
            detail: job.detail.filter(|_| running),
            bytes_done: job.bytes.filter(|_| running).map(|(done, _)| done),
            bytes_total: job.bytes.filter(|_| running).map(|(_, total)| total),
            closed_ms: result.and_then(|result| result.closed_ms),
            services_ms: result.and_then(|result| result.services_ms),
            healthy: result.and_then(|result| result.healthy),
            undo_until: result.and_then(|result| result.undo_until).map(time),
            requested_by: job.requested_by,
            note: job.note,
            operator: (audience == Audience::Operators).then_some(ForOperators {
                message: job.operator_message,
                attempt: job.attempt,
                pool: job.pool,
            }),
        }
    }
}

/// Which jobs are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    kind: Option<Verb>,
    status: Option<JobStatus>,
    since: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

/// `GET …/jobs`: newest first.
pub async fn list(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names(customer): Names<String>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<List<Shown>>, Problem> {
    let Query(query) = query?;
    let customer = web.customer(&caller, Right::Read, &customer).await?;
    let filter = JobFilter {
        verb: query.kind,
        status: query.status,
        since: moment("since", query.since.as_deref())?,
        until: moment("until", query.until.as_deref())?,
        behind: cursor(query.cursor.as_deref())?,
    };
    let page = web.database.jobs(customer.id, &filter, limit(query.limit.as_deref())?).await?;
    Ok(Json(List::of(page, |job| Shown::of(job, caller.audience()))))
}

/// `GET …/jobs/{job}`.
pub async fn show(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, job)): Names<(String, String)>,
) -> Result<Json<Shown>, Problem> {
    let customer = web.customer(&caller, Right::Read, &customer).await?;
    Ok(Json(Shown::of(find(&web, &customer, &job).await?, caller.audience())))
}

/// A job of this customer's.
///
/// # Errors
/// 404 if there is none.
pub async fn find(web: &Web, customer: &Customer, name: &str) -> Result<Job, Problem> {
    let none = || Problem::not_found("job");
    let job: JobId = name.parse().map_err(|_| none())?;
    web.database.job(customer.id, job).await?.ok_or_else(none)
}

/// Whether a restore is to be taken back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoBody {
    /// The word UNDO.
    confirm: Option<String>,
    note: Option<String>,
}

/// `POST …/jobs/{job}/undo`: takes a restore, or an undo, back.
pub async fn undo(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, job)): Names<(String, String)>,
    keyed: Keyed,
    body: Result<Json<Object<UndoBody>>, JsonRejection>,
) -> Result<Response, Instead> {
    let incoming = Incoming::of(&web, &caller, &customer, keyed).await?;
    let Json(Object(body)) = body?;
    let taken_back = find(&web, &incoming.customer, &job).await?;
    undoable(&web, &taken_back, body.confirm.as_deref()).await?;
    let order = Order::Undo(Undo { of: Some(taken_back.job) });
    incoming.give(order, body.note).await
}

/// Refuses unless this job can be taken back, and that is confirmed.
///
/// # Errors
/// 422 `no-undo-copy` or `not-confirmed`.
pub async fn undoable(web: &Web, taken_back: &Job, word: Option<&str>) -> Result<(), Problem> {
    let until = taken_back.result.as_ref().and_then(|result| result.undo_until);
    let Some(until) = until.filter(|_| taken_back.status == JobStatus::Completed) else {
        let detail = "There is nothing to take back here: only a restore that was done, and has an \
                      undo copy, can be undone.";
        return Err(Problem::unprocessable("no-undo-copy", detail));
    };
    if until < Moment::of(SystemTime::now()) {
        let detail = format!("This could be undone until {until}. Its undo copy is gone.");
        return Err(Problem::unprocessable("no-undo-copy", detail));
    }
    if web.database.was_taken_back(taken_back.customer, taken_back.job).await? {
        let detail = "This was taken back already. Undo that undo to have it again.";
        return Err(Problem::unprocessable("no-undo-copy", detail));
    }
    let aside = SetsAside {
        since: taken_back.completed_at.unwrap_or(taken_back.updated_at),
        undo_hours: Some(web.config.undo_hours),
    };
    aside.confirmed_by(CONFIRMATION, word)
}
