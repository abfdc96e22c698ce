//! Deadlines of a request: for the control database's part, and for all of it.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{problem::Problem, web::Web};

/// So long at most does a request take to come in and be answered.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// So long of that at most the control database has for its part.
const ANSWER: Duration = Duration::from_secs(10);

/// Answers a request that has come in, or leaves behind the connections on which nothing is answered.
pub async fn answer_in_time(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let answered = web.database.within(ANSWER, async { Ok(next.run(request).await) }).await;
    answered.unwrap_or_else(|_| too_slow())
}

/// The answer to a request that took too long.
pub fn too_slow() -> Response {
    let detail = "There was no answer in time. Look whether it was ordered, and try again.";
    Problem::unavailable("too-slow", detail, 5).into_response()
}
