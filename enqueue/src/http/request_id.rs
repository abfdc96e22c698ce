//! What a request is called, in its answer, in the log and in whatever problem comes of it: so that what
//! a customer reports is found in the log.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

/// The header, of requests and of answers.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that a caller may give.
const LONGEST: usize = 64;

tokio::task_local! {
    /// What the request is called that is being answered.
    static CURRENT: Arc<str>;
}

/// Gives the request a name, which is the caller's own if that is one, and its answer the same.
pub async fn name(request: Request, next: Next) -> Response {
    let id: Arc<str> = match given(request.headers()) {
        Some(given) => given.into(),
        None => Uuid::now_v7().to_string().into(),
    };
    let mut response = CURRENT.scope(Arc::clone(&id), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// What the request is called that is being answered here; nothing is, where nobody asked.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The caller's name for the request, if it can stand anywhere without being quoted.
fn given(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(HEADER)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ((1..=LONGEST).contains(&given.len()) && given.bytes().all(plain)).then_some(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_name_for_a_request_is_plain_and_short() {
        let given_as = |name: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(name).expect("a header's value"));
            given(&headers).map(str::to_owned)
        };
        let longest = "x".repeat(LONGEST);
        for good in ["a", "A.b_c-1", longest.as_str()] {
            assert_eq!(given_as(good.as_bytes()).as_deref(), Some(good));
        }
        let too_long = "x".repeat(LONGEST + 1);
        for bad in ["", " ", "a b", "a\"b", "é", "a/b", "a\tb", too_long.as_str()] {
            assert_eq!(given_as(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
