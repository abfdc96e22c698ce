//! The log of what was asked: a line each.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use tokio::time::timeout;
use tracing::info;

use super::{
    in_time::{PATIENCE, too_slow},
    request_id,
};

/// One line a request: the route as it is written, so that no name of a customer's stands in it twice,
/// and nothing of its query.
pub async fn log(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let path = request.uri().path().to_owned();
    let response = timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| too_slow());
    let status = response.status().as_u16();
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let route = route.unwrap_or_default();
    // Whether it lives is asked every few seconds.
    if !["/healthz", "/readyz"].contains(&path.as_str()) {
        let request_id = request_id::current().unwrap_or_default();
        let told = format!("{method} {path} {status} (request {request_id})");
        info!(%method, path, route, status, ms, request_id = &*request_id, "{told}");
    }
    response
}
