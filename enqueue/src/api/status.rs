//! The status, as programs poll it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use holdfast_job::CustomerId;
use serde::Deserialize;

use super::Names;
use crate::{
    auth::{Caller, Right},
    problem::Problem,
    view::status::Status,
    web::Web,
};

/// Whose status, if the token names several customers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    customer: Option<String>,
}

/// `GET /api/backups/status`: of the token's only customer, or `?customer=`.
pub async fn of_token(
    State(web): State<Arc<Web>>,
    caller: Caller,
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
