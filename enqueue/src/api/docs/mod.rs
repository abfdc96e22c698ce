//! What the API is, said by the server itself: an OpenAPI document, which people keep by hand in
//! `enqueue/openapi.json`, and a page for reading that is made of it. Neither tells anything of this
//! installation, so neither takes a token. That both are right, tests see to: every answer that they
//! get is held against the document.

mod example;
mod operation;
mod page;
mod reference;
mod schema;
mod text;
mod tree;

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};
use base64::{Engine, engine::general_purpose::STANDARD};
use reference::Document;
use sha2::{Digest, Sha256};
use tree::Tree;

/// The document, as it is served.
const DOCUMENT: &str = include_str!("../../../openapi.json");

/// How the page looks.
const STYLE: &str = include_str!("style.css");

/// The page, made once.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let root = serde_json::from_str(DOCUMENT);
    let root = root.unwrap_or_else(|error| Tree::Scalar(error.to_string().into()));
    page::render(&Document { root }, STYLE).into_string()
});

/// What the page may load and do: its own style sheet, known by its sum, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let sum = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{sum}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// `GET /api/v1/openapi.json`.
pub async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

/// `GET /api/docs`.
pub async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE.as_str())
}
