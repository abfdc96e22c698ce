//! The server: what every handler has in hand, the routes, and the log of what was asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use futures_util::StreamExt;
use holdfast_job::CustomerId;
use holdfast_store::{Customer, Database};
use tokio::time::timeout;
use tracing::info;

use crate::{
    address::{Addresses, limit},
    admission::Admission,
    api::{backups, docs, ending, events, health, jobs, keyed, nodes, retry, status, tokens},
    auth::{Caller, Right, Tokens},
    config::Config,
    problem::Problem,
    request_id,
    watching::Watching,
};

/// The largest body of a request: an order is a few hundred bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// So much of a larger one is read all the same, so that whoever sends it hears why it is refused.
const READ_ON_BYTES: usize = 1024 * 1024;

/// So long at most does a request take to come in and be answered.
const PATIENCE: Duration = Duration::from_secs(20);
/// So long of that at most the control database has for its part.
const ANSWER: Duration = Duration::from_secs(10);

/// What every handler has in hand.
#[derive(Debug)]
pub struct Web {
    /// The configuration.
    pub config: Config,
    /// The store.
    pub database: Database,
    /// The way in for orders.
    pub admission: Arc<Admission>,
    /// Whose tokens are believed.
    pub tokens: Tokens,
    /// How often each address may ask.
    pub addresses: Arc<Addresses>,
    /// What is watched.
    pub watching: Arc<Watching>,
}

impl Web {
    /// The customer of an address, if the caller may do this with it.
    ///
    /// # Errors
    /// 404 if there is no such customer, or it is not the caller's.
    pub async fn customer(
        &self,
        caller: &Caller,
        right: Right,
        name: &str,
    ) -> Result<Customer, Problem> {
        caller.needs(right)?;
        let found = match self.database.customer(name).await? {
            // Nobody is entered by the mere question of somebody who may not see them.
            None if self.config.enter_by_number && caller.sees_name(name) => {
                self.enter(name).await?
            }
            found => found,
        };
        found.filter(|customer| caller.sees(customer)).ok_or_else(|| Problem::not_found("customer"))
    }

    async fn enter(&self, name: &str) -> Result<Option<Customer>, Problem> {
        let Ok(number) = name.parse::<CustomerId>() else { return Ok(None) };
        match self.database.enter_customer(number, name).await? {
            true => Ok(self.database.customer_of(number).await?),
            false => Ok(None),
        }
    }
}

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

/// Answers a request that has come in, or leaves behind the connections on which nothing is answered.
async fn answer_in_time(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let answered = web.database.within(ANSWER, async { Ok(next.run(request).await) }).await;
    answered.unwrap_or_else(|_| too_slow())
}

fn too_slow() -> Response {
    let detail = "There was no answer in time. Look whether it was ordered, and try again.";
    Problem::unavailable("too-slow", detail, 5).into_response()
}

/// Reads a request to its end before anything is answered: an answer in the middle of it ends the
/// connection, and who still writes may never see it.
async fn read_whole(request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let body = read(body).await?;
    keyed::note(&mut parts, &body);
    Ok(next.run(Request::from_parts(parts, body.into())).await)
}

/// The body, or why it is none; what is too large is read on for a while and not kept.
async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    let (mut read, mut all) = (Vec::new(), 0);
    let mut parts = body.into_data_stream();
    while all <= READ_ON_BYTES
        && let Some(part) = parts.next().await
    {
        let part = part.map_err(|_| Problem::bad_request("The request broke off."))?;
        all += part.len();
        if all <= MAX_BODY_BYTES {
            read.extend_from_slice(&part);
        }
    }
    match all {
        ..=MAX_BODY_BYTES => Ok(read),
        _ => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The request is too large",
            "An order has 16 KiB at most.",
        )),
    }
}

/// One line a request: the route as it is written, so that no name of a customer's stands in it twice,
/// and nothing of its query.
async fn log(request: Request, next: Next) -> Response {
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
