//! The JSON API.

pub mod backups;
pub mod docs;
pub mod ending;
pub mod events;
pub mod health;
pub mod jobs;
pub mod nodes;
mod order;
mod refused;
pub mod retry;
pub mod status;
pub mod tokens;

use std::{fmt, marker::PhantomData};

use axum::{
    Json,
    extract::{FromRequestParts, Path},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use holdfast_job::{JobId, Moment};
use holdfast_store::{Customer, Page, PageLimit};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::problem::Problem;

/// The names in an address. Bytes that are no text are nobody's name.
#[derive(Debug)]
pub struct Names<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(_) => Err(Problem::not_found("page")),
        }
    }
}

/// A page of a list, as it is answered.
#[derive(Debug, Serialize)]
pub struct List<T> {
    items: Vec<T>,
    has_more: bool,
    next_cursor: Option<String>,
}

impl<T> List<T> {
    /// The page, each item as it is shown.
    fn of<S>(page: Page<S>, show: impl FnMut(S) -> T) -> Self {
        let next_cursor = page.next.map(|behind| behind.to_string());
        let items = page.items.into_iter().map(show).collect();
        Self { items, has_more: next_cursor.is_some(), next_cursor }
    }

    /// All there are.
    fn whole(items: Vec<T>) -> Self {
        Self { items, has_more: false, next_cursor: None }
    }
}

/// Where a job is looked at.
fn location(customer: &Customer, job: JobId) -> String {
    format!("/api/v1/customers/{}/jobs/{job}", customer.uuid)
}

/// 202: the job is admitted, and here is how it goes on.
fn accepted(customer: &Customer, job: JobId) -> Response {
    let location = location(customer, job);
    let body = serde_json::json!({ "job": job, "status": "pending", "location": &location });
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(body)).into_response()
}

/// How many items a page is to have.
fn limit(given: Option<&str>) -> Result<PageLimit, Problem> {
    let Some(items) = given else { return Ok(PageLimit::USUAL) };
    let limit = items.parse().ok().and_then(PageLimit::new);
    limit.ok_or_else(|| Problem::bad_request("`limit` must be from 1 to 100."))
}

/// Behind what a page begins.
fn cursor(given: Option<&str>) -> Result<Option<JobId>, Problem> {
    let form = || Problem::bad_request("`cursor` must be the `next_cursor` of the page before.");
    given.map(|text| text.parse().map_err(|_| form())).transpose()
}

/// The last second that the control database has.
const LAST_SECOND: i64 = 253_402_300_799;

/// A moment of a query: RFC 3339. Nothing was made before 1970, so what is earlier means as much.
fn moment(name: &str, given: Option<&str>) -> Result<Option<Moment>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let read = OffsetDateTime::parse(text, &Rfc3339).ok();
    let seconds = read.map(|read| read.unix_timestamp().clamp(0, LAST_SECOND).unsigned_abs());
    let form = format!("`{name}` must be a time such as 2026-11-20T19:10:50Z.");
    seconds
        .map(|seconds| Some(Moment::from_unix_seconds(seconds)))
        .ok_or_else(|| Problem::bad_request(form))
}

/// An order's body: a JSON object and nothing else. A list would do for a struct, by position.
#[derive(Debug)]
pub struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

/// What somebody wrote beside an order.
fn note(given: Option<String>) -> Result<Option<String>, Problem> {
    one_line("note", given)
}

/// A text of a few words; none if there are none in it.
fn one_line(name: &str, given: Option<String>) -> Result<Option<String>, Problem> {
    match given {
        Some(text) if text.chars().count() > 255 || text.chars().any(char::is_control) => {
            let detail = format!("`{name}` must have 255 characters at most, all on one line.");
            Err(Problem::unprocessable("invalid-order", detail))
        }
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}
