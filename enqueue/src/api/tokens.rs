//! Tokens: what the caller's says, and new ones that an operator gives to others, where the secret that
//! checks them is here.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use holdfast_job::Moment;
use serde::Deserialize;
use tracing::info;

use super::{Object, one_line};
use crate::{
    auth::{Caller, Claims, Right, Role, makes_tokens},
    problem::Problem,
    view::time,
    web::Web,
};

/// For how long a token counts, in seconds: a minute to a year.
const SECONDS: std::ops::RangeInclusive<u64> = 60..=31_536_000;

/// `GET /api/v1/token`: what the caller's token says.
pub async fn show(caller: Caller) -> Json<Caller> {
    Json(caller)
}

/// What a new token is to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateBody {
    subject: String,
    #[serde(default)]
    customers: Vec<String>,
    #[serde(default)]
    role: Role,
    scopes: Vec<Right>,
    seconds: u64,
}

/// `POST /api/v1/tokens`.
pub async fn create(
    State(web): State<Arc<Web>>,
    caller: Caller,
    body: Result<Json<Object<CreateBody>>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.needs_operator(Right::Write)?;
    let Json(Object(body)) = body?;
    let invalid = |detail: &str| Problem::unprocessable("invalid-order", detail);
    if !makes_tokens(&web.config.tokens) {
        return Err(Problem::unprocessable(
            "tokens-elsewhere",
            "Tokens are checked by a public key here: whoever has the secret one makes them, the \
             host's own login.",
        ));
    }
    let subject = one_line("subject", Some(body.subject))?
        .ok_or_else(|| invalid("`subject` must name whoever the token is for."))?;
    if body.scopes.is_empty() {
        return Err(invalid("`scopes` must have `backup:read`, `backup:write` or both."));
    }
    // Nobody gives what they do not have.
    body.scopes.iter().try_for_each(|right| caller.needs(*right))?;
    if !SECONDS.contains(&body.seconds) {
        return Err(invalid("`seconds` must be from 60 to 31536000, which is a year."));
    }
    if body.customers.is_empty() && body.role == Role::Customer {
        return Err(invalid("`customers` must name at least one, unless `role` is `operator`."));
    }
    if body.customers.len() > 100 {
        return Err(invalid("`customers` may name 100 at most."));
    }
    for name in &body.customers {
        web.customer(&caller, Right::Read, name).await.map_err(|problem| {
            match problem.is_not_found() {
                true => invalid(&format!("`customers`: there is no customer {name:?}.")),
                false => problem,
            }
        })?;
    }
    let until = Moment::of(SystemTime::now()).plus(Duration::from_secs(body.seconds));
    // A token that is lost soon would otherwise be as good as one that never is.
    if body.role == Role::Operator && until > caller.expires_at() {
        return Err(invalid(
            "`seconds`, of the command `--lasts`: an operator's token may not outlive yours.",
        ));
    }
    let scopes: Vec<_> = body.scopes.into_iter().map(Right::word).collect();
    let claims = Claims {
        sub: subject,
        exp: until.unix_seconds(),
        iss: web.config.tokens.issuer.clone(),
        aud: web.config.tokens.audience.clone().into(),
        customers: body.customers,
        role: body.role,
        scope: scopes.join(" "),
    };
    let token = crate::auth::issue(&web.config.tokens, &claims).map_err(|problem| {
        tracing::error!("no token could be made: {problem:#}");
        Problem::internal()
    })?;
    web.database.note_token(&caller.actor(), &claims.sub, &claims.scope).await?;
    info!(actor = caller.actor().name(), subject = claims.sub, "a token is made");
    let body = serde_json::json!({ "token": token, "expires_at": time(until) });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}
