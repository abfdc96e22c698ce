//! Whether the web side is there, and whether it can do its work.

use std::sync::Arc;

use axum::{extract::State, response::IntoResponse};
use holdfast_store::Schema;

use crate::{problem::Problem, web::Web};

/// The process is there.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// Jobs can be admitted: the control database answers and takes writes, and its schema is this version's.
/// Redis is not needed for that.
pub async fn ready(State(web): State<Arc<Web>>) -> Result<impl IntoResponse, Problem> {
    if web.database.is_read_only().await? {
        return Err(Problem::unavailable(
            "store-away",
            "The control database takes no writes just now: it is read-only.",
            5,
        ));
    }
    match web.database.schema().await? {
        Schema::Ready => Ok("ready\n"),
        Schema::Behind => Err(Problem::unavailable(
            "schema-behind",
            "The schema is behind: run `holdfast-enqueue migrate`.",
            60,
        )),
    }
}
