//! `GET /backups/events`: the status as a stream, for the script of the pages.

use axum::response::{IntoResponse, Response};

use super::visit::Visit;
use crate::{api::events::stream, auth::Audience};

/// `GET /backups/events`: ends with the session.
pub async fn show(visit: Visit) -> Response {
    let left = visit.session.caller.time_left();
    let session = Some((visit.web.database.clone(), visit.session.sum()));
    let stream = stream(&visit.web, visit.customer.id, Audience::Customers, left, session).await;
    stream.unwrap_or_else(IntoResponse::into_response)
}
