//! What is answered instead of what was asked for: problem details, RFC 9457. The texts are a
//! customer's to read: no path, no SQL, no secret, and what to do next.

use std::{error::Error, time::Duration};

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use holdfast_job::chain;
use holdfast_store::StoreError;
use serde_json::{Map, Value, json};
use tracing::error;

use crate::http::request_id;

/// A problem, and what is said beside it.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// One of this kind, a word that programs may rely on.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let (more, headers) = (Map::new(), Vec::new());
        Self { status, kind, title, detail: detail.into(), more, headers }
    }

    /// There is no such thing, or it is another's: nobody learns which.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Not found",
            format!("There is no such {what}."),
        )
    }

    /// The order cannot work.
    pub fn unprocessable(kind: &'static str, detail: impl Into<String>) -> Self {
        let title = "This order cannot be carried out";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, detail)
    }

    /// The request is no request.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request is not understood", detail)
    }

    /// Nobody knows who asks.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Log in", detail)
            .header(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// Who asks may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "This is not allowed", detail)
    }

    /// Only whoever runs the whole may.
    pub fn operators_only() -> Self {
        let title = "This is not allowed";
        let detail = "Only operators may do this. Contact support.";
        Self::new(StatusCode::FORBIDDEN, "operators-only", title, detail)
    }

    /// The job, or its site, does not stand so that this can be done.
    pub fn conflict(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, "This cannot be done as it stands", detail)
    }

    /// Something is wrong with us, and nobody but us can mend it.
    pub fn internal() -> Self {
        let detail = "Something is wrong on our side, and nothing was ordered. Contact support.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "This did not work", detail)
    }

    /// It may work a little later.
    pub fn unavailable(kind: &'static str, detail: impl Into<String>, seconds: u32) -> Self {
        let title = "This cannot be done just now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail)
            .header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// It is one too many, and may be asked for again after so long.
    pub fn too_many(kind: &'static str, detail: impl Into<String>, wait: Duration) -> Self {
        let seconds = wait.as_secs_f64().ceil().max(1.0);
        let title = "This is too much for now";
        Self::new(StatusCode::TOO_MANY_REQUESTS, kind, title, detail)
            .header(header::RETRY_AFTER, &format!("{seconds:.0}"))
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its title.
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// The sentence for whoever asked.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether it is that something is not there.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// With one more member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// With one more header.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:holdfast:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.more);
            if let Some(id) = request_id::current() {
                body.insert("request_id".to_owned(), (*id).into());
            }
        }
        let mut response = (self.status, Json(body)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match request_id::current() {
            Some(id) => error!(request_id = &*id, "request {id}: {}", chain(&error)),
            None => error!("{}", chain(&error)),
        }
        if error.is_away() {
            let detail = "Backups cannot be looked at or ordered for the moment. Nothing was \
                          ordered. Try again in a few seconds.";
            return Self::unavailable("store-away", detail, 5);
        }
        Self::internal()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::JsonDataError(error) => {
                Self::unprocessable("invalid-order", not_understood("order", &error))
            }
            JsonRejection::MissingJsonContentType(_) => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The request is not understood",
                "Send JSON, with the header `Content-Type: application/json`.",
            ),
            other => Self::bad_request(not_understood("JSON", &other)),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(not_understood("query", &rejection))
    }
}

/// What is wrong and where, in the words of whoever read it.
fn not_understood(what: &str, rejection: &dyn Error) -> String {
    match rejection.source() {
        Some(why) => format!("The {what} is not understood: {why}."),
        None => format!("The {what} is not understood."),
    }
}
