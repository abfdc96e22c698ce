//! Bodies of requests: read whole before anything is answered, and bounded.

use axum::http::StatusCode;
use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use futures_util::StreamExt;

use super::keyed;
use crate::problem::Problem;

/// The largest body of a request: an order is a few hundred bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// So much of a larger one is read all the same, so that whoever sends it hears why it is refused.
const READ_ON_BYTES: usize = 1024 * 1024;

/// Reads a request to its end before anything is answered: an answer in the middle of it ends the
/// connection, and who still writes may never see it.
///
/// # Errors
/// 400 if it breaks off, 413 if it is too large.
pub async fn read_whole(request: Request, next: Next) -> Result<Response, Problem> {
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
