//! The status, as programs poll it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Query, State, rejection::QueryRejection},
    http::{header, request::Parts},
};
use holdfast_job::CustomerId;
use serde::Deserialize;

use super::Names;
use crate::{
    auth::{Caller, Right},
    problem::Problem,
    sessions::Session,
    view::status::Status,
    web::Web,
};

/// Whose status, if the token names several customers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    customer: Option<String>,
}

/// Who only reads: by a token, or by the session of the pages. What changes nothing needs no proof that
/// one of our own pages asks.
#[derive(Debug)]
pub struct Reader(Caller);

impl FromRequestParts<Arc<Web>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION)
            && let Some(session) = Session::of(web, &parts.headers).await?
        {
            return Ok(Self(session.caller));
        }
        Caller::from_request_parts(parts, web).await.map(Self)
    }
}

/// `GET /api/backups/status`: of the token's only customer, or `?customer=`; the session's as well.
pub async fn of_token(
    State(web): State<Arc<Web>>,
    Reader(caller): Reader,
    query: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Status>, Problem> {
    let Query(whose) = query?;
    let name = whose.customer.as_deref().or(caller.only_customer()).ok_or_else(|| {
        Problem::bad_request("The token does not name one customer alone: add `?customer=`.")
    })?;
    let customer = web.customer(&caller, Right::Read, name).await?;
    status(&web, &caller, customer.id).await
}

/// `GET …/status`.
pub async fn of_customer(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names(customer): Names<String>,
) -> Result<Json<Status>, Problem> {
    let customer = web.customer(&caller, Right::Read, &customer).await?;
    status(&web, &caller, customer.id).await
}

async fn status(web: &Web, caller: &Caller, customer: CustomerId) -> Result<Json<Status>, Problem> {
    let (database, silence) = (&web.database, web.config.worker_silence);
    Ok(Json(Status::of(database, silence, customer, caller.audience()).await?))
}
