//! What was not done is ordered again: the same order, as it was signed, as a job of its own. A failed
//! restore that is tried again is the same restore.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    response::Response,
};
use holdfast_job::{JobStatus, Order, Request, Ticket, Undo};
use holdfast_store::{Customer, Job};
use serde::Deserialize;
use tracing::error;

use super::{
    Names, Object,
    backups::{self, restorable},
    jobs::{self, undoable},
    keyed::Keyed,
    order::{Incoming, Instead},
};
use crate::{auth::Caller, problem::Problem, server::Web};

/// Whether it is to be tried again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// The word RESTORE or UNDO, if it is one.
    confirm: Option<String>,
    note: Option<String>,
}

/// `POST …/jobs/{job}/retry`.
pub async fn retry(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, job)): Names<(String, String)>,
    keyed: Keyed,
    body: Result<Json<Object<RetryBody>>, JsonRejection>,
) -> Result<Response, Instead> {
    let incoming = Incoming::of(&web, &caller, &customer, keyed).await?;
    let Json(Object(body)) = body?;
    let job = jobs::find(&web, &incoming.customer, &job).await?;
    let order = order_of(&web, &incoming.customer, &job).await?;
    let word = body.confirm.as_deref();
    match &order {
        Order::Restore(restore) => {
            let name = restore.snapshot.as_str();
            let backup = backups::find(&web, &incoming.customer, name).await?;
            restorable(&backup, Some(restore.scope.clone()))?;
            backups::confirmed(&web, &backup, restore.undo, word)?;
        }
        Order::Undo(Undo { of: Some(of) }) => {
            let taken_back = jobs::find(&web, &incoming.customer, &of.to_string()).await?;
            undoable(&web, &taken_back, word).await?;
        }
        // What stands in the way of the others, admission knows.
        Order::Undo(Undo { of: None }) | Order::Backup(_) | Order::Delete(_) => {}
    }
    incoming.again(job.job).give(order, body.note.or(job.note)).await
}

/// The order of a job that was not done, by its ticket: no worker can have altered that.
async fn order_of(web: &Web, customer: &Customer, job: &Job) -> Result<Order, Problem> {
    let refuse = |why: String| Err(Problem::unprocessable("not-retryable", why));
    match job.status {
        JobStatus::Failed | JobStatus::Stopped | JobStatus::Skipped => {}
        JobStatus::Completed => return refuse("This was done: order it anew instead.".into()),
        JobStatus::Pending | JobStatus::Running => {
            return refuse("This is still under way. Please wait for it to end.".into());
        }
        JobStatus::Stuck => {
            return refuse("Our support has to look at this first.".into());
        }
    }
    let Some(ticket) = web.database.ticket(customer.id, job.job).await? else {
        return refuse("This was ordered before Holdfast was here: order it anew.".into());
    };
    let request =
        Ticket::parse(ticket.as_bytes()).map_err(|error| error.to_string()).and_then(|ticket| {
            Request::parse(ticket.request().as_bytes()).map_err(|error| error.to_string())
        });
    match request {
        Ok(request) if request.customer == customer.id && request.job == job.job => {
            Ok(request.order)
        }
        other => {
            let job = job.job;
            error!(%job, ?other, "the ticket of job {job} is not its own");
            refuse("The order cannot be read any more: order it anew.".into())
        }
    }
}
