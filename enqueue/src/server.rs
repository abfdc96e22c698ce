//! The routes.

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    routing::{delete, get, post},
};

use crate::{
    api::{backups, docs, ending, events, health, jobs, nodes, retry, status, tokens},
    http::{
        access_log::log, address::limit, body::read_whole, in_time::answer_in_time, request_id,
    },
    problem::Problem,
    web::Web,
};

/// Every route.
pub fn routes(web: Arc<Web>) -> Router {
    let customer = Router::new()
        .route("/backups", get(backups::list).post(backups::create))
        .route("/backups/{backup}", get(backups::show))
        .route("/backups/{backup}", delete(backups::remove))
        .route("/backups/{backup}/restore", post(backups::restore))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{job}", get(jobs::show))
        .route("/jobs/{job}/undo", post(jobs::undo))
        .route("/jobs/{job}/retry", post(retry::retry))
        .route("/jobs/{job}/stop", post(ending::stop))
        .route("/jobs/{job}/reset", post(ending::reset))
        .route("/status", get(status::of_customer))
        .route("/events", get(events::of_customer));
    Router::new()
        .nest("/api/v1/customers/{customer}", customer)
        .route("/api/v1/nodes", get(nodes::list))
        .route("/api/v1/nodes/{node}", get(nodes::show))
        .route("/api/v1/nodes/{node}/drain", post(nodes::drain))
        .route("/api/v1/nodes/{node}/resume", post(nodes::resume))
        .route("/api/v1/token", get(tokens::show))
        .route("/api/v1/tokens", post(tokens::create))
        .route("/api/backups/status", get(status::of_token))
        .route("/api/v1/openapi.json", get(docs::document))
        .route("/api/docs", get(docs::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(async || Problem::not_found("page"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This cannot be done here",
                "This address does not take that method.",
            )
        })
        .layer(from_fn_with_state(Arc::clone(&web), answer_in_time))
        .layer(from_fn_with_state(Arc::clone(&web.addresses), limit))
        .layer(from_fn(read_whole))
        .layer(from_fn(log))
        .layer(from_fn(request_id::name))
        .with_state(web)
}
