//! Jobs: listed, shown; and a restore taken back.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    response::Response,
};
use holdfast_job::{JobId, JobStatus, Order, Undo, Verb};
use holdfast_store::{Customer, Job, JobFilter};
use serde::Deserialize;

use super::{
    List, Names, Object, cursor, limit, moment,
    order::{Incoming, Instead},
};
use crate::{
    auth::{Caller, Right},
    http::keyed::Keyed,
    orders::{
        confirm::{SetsAside, UNDO},
        possible::undoable,
    },
    problem::Problem,
    view::job::Shown,
    web::Web,
};

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
    undoable(&web.database, &taken_back).await?;
    SetsAside::by_undo(&web.config, &taken_back).confirmed_by(UNDO, body.confirm.as_deref())?;
    let order = Order::Undo(Undo { of: Some(taken_back.job) });
    incoming.give(order, body.note).await
}
