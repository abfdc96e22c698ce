//! Idempotency keys: a caller names a request by one, and may then give it again until it is answered.
//! What was admitted by it is the answer; nothing is ordered twice.

use std::fmt::Write;

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, request::Parts},
    response::Response,
};
use holdfast_store::{Actor, OrderKey};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// The header that names a request.
const KEY: &str = "idempotency-key";
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The name of a request and what it asks for, if the caller gave it one.
#[derive(Debug, Clone)]
pub struct Keyed(Option<Named>);

#[derive(Debug, Clone)]
struct Named {
    key: String,
    asked: Sha256,
}

/// Notes what a request asks for, while its body is at hand.
pub fn note(parts: &mut Parts, body: &[u8]) {
    let Some(key) = parts.headers.get(KEY) else { return };
    let key = key.to_str().unwrap_or_default().to_owned();
    let mut asked = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), body] {
        asked.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        asked.update(part);
    }
    parts.extensions.insert(Named { key, asked });
}

impl<S: Send + Sync> FromRequestParts<S> for Keyed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(named) = parts.extensions.get::<Named>() else { return Ok(Self(None)) };
        let length = named.key.len();
        if !(1..=64).contains(&length) || !named.key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Problem::bad_request(
                "`Idempotency-Key` must be 1 to 64 visible ASCII characters, such as a UUID.",
            ));
        }
        Ok(Self(Some(named.clone())))
    }
}

impl Keyed {
    /// The key of this actor's request.
    pub fn of(self, actor: &Actor) -> Option<OrderKey> {
        let Named { key, mut asked } = self.0?;
        asked.update(actor.name());
        let digits = asked.finalize().iter().fold(String::new(), |mut digits, byte| {
            // A string takes everything.
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        Some(OrderKey { key, request_hash: digits })
    }
}

/// Marks an answer that was given before.
pub fn replayed(mut answer: Response) -> Response {
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}
