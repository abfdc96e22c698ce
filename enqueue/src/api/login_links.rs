//! Login links: an operator, or the host's own programs, let a customer's person into the pages.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use holdfast_job::Moment;
use holdfast_store::Login;
use serde::Deserialize;
use tracing::info;

use super::{Object, one_line};
use crate::{
    auth::{Caller, Right},
    problem::Problem,
    sessions::{secret, sum},
    view::time,
    web::Web,
};

/// For how long a link counts, unless it is used before.
const COUNTS: Duration = Duration::from_secs(60);

/// The person who is let in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateBody {
    customer: String,
    /// Whose orders they are, in the history; the caller's own name if it is left out.
    subject: Option<String>,
    /// Their rights; the caller's own scopes if it is left out.
    scopes: Option<Vec<Right>>,
}

/// `POST /api/v1/login-links`.
pub async fn create(
    State(web): State<Arc<Web>>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<Object<CreateBody>>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.needs_operator(Right::Read)?;
    let Json(Object(body)) = body?;
    let customer = web.customer(&caller, Right::Read, &body.customer).await.map_err(|problem| {
        let detail = format!("`customer`: there is no customer {:?}.", body.customer);
        match problem.is_not_found() {
            true => Problem::unprocessable("invalid-order", detail),
            false => problem,
        }
    })?;
    let subject = one_line("subject", body.subject)?;
    let scopes = match body.scopes {
        Some(scopes) if scopes.is_empty() => {
            return Err(Problem::unprocessable(
                "invalid-order",
                "`scopes` must have `backup:read`, `backup:write` or both.",
            ));
        }
        Some(scopes) => {
            // Nobody gives what they do not have.
            scopes.iter().try_for_each(|right| caller.needs(*right))?;
            scopes.into_iter().map(Right::word).collect::<Vec<_>>().join(" ")
        }
        None => caller.login().scope,
    };
    let login = Login {
        subject: subject.unwrap_or_else(|| caller.subject().to_owned()).chars().take(120).collect(),
        customers: vec![customer.external_id.clone()],
        operator: false,
        scope: scopes,
    };
    let code = secret()?;
    let actor = caller.actor();
    web.database.keep_login_code(&actor, &sum(&code), &login, COUNTS).await?;
    info!(actor = actor.name(), customer = %customer.id, "a login link is made");
    let until = Moment::of(SystemTime::now()).plus(COUNTS);
    let url = format!("{}/login/{code}", base(&web, &headers));
    let body = serde_json::json!({ "url": url, "expires_at": time(until) });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// The address of the pages: the configured one, or that by which we were asked.
fn base(web: &Web, headers: &HeaderMap) -> String {
    let dashboard = &web.config.dashboard;
    if let Some(address) = &dashboard.address {
        return address.clone();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if dashboard.plain_http { "http" } else { "https" };
    format!("{scheme}://{host}")
}
