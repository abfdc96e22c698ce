//! What was not done is ordered again: the same order, as it was signed, as a job of its own. A failed
//! restore that is tried again is the same restore.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    response::Response,
};
use holdfast_job::{Order, Undo};
use serde::Deserialize;

use super::{
    Names, Object, backups, jobs,
    order::{Incoming, Instead},
};
use crate::{
    auth::Caller,
    http::keyed::Keyed,
    orders::{
        confirm::{RESTORE, SetsAside, UNDO},
        possible::{order_again, restorable, undoable},
    },
    web::Web,
};

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
    let order = order_again(&web.database, &job).await?;
    let word = body.confirm.as_deref();
    match &order {
        Order::Restore(restore) => {
            let name = restore.snapshot.as_str();
            let backup = backups::find(&web, &incoming.customer, name).await?;
            restorable(&backup, Some(restore.scope.clone()))?;
            SetsAside::by_restore(&web.config, &backup, restore.undo)
                .confirmed_by(RESTORE, word)?;
        }
        Order::Undo(Undo { of: Some(of) }) => {
            let taken_back = jobs::find(&web, &incoming.customer, &of.to_string()).await?;
            undoable(&web.database, &taken_back).await?;
            SetsAside::by_undo(&web.config, &taken_back).confirmed_by(UNDO, word)?;
        }
        // What stands in the way of the others, admission knows.
        Order::Undo(Undo { of: None }) | Order::Backup(_) | Order::Delete(_) => {}
    }
    incoming.again(job.job).give(order, body.note.or(job.note)).await
}
