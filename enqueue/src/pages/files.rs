//! The style sheet, the script and the icon: named by their content, so that browsers keep them for ever.

use std::{fmt::Write, sync::LazyLock};

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// The style sheet.
pub static STYLE: LazyLock<File> =
    LazyLock::new(|| File::new("style", "css", "text/css", include_bytes!("style.css")));
/// The script.
pub static SCRIPT: LazyLock<File> =
    LazyLock::new(|| File::new("script", "js", "text/javascript", include_bytes!("script.js")));
/// The icon.
pub static ICON: LazyLock<File> =
    LazyLock::new(|| File::new("icon", "svg", "image/svg+xml", include_bytes!("icon.svg")));

/// A file of the pages.
#[derive(Debug)]
pub struct File {
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

impl File {
    fn new(stem: &str, end: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let mut name = format!("{stem}-");
        for byte in &Sha256::digest(bytes)[..8] {
            // A string takes everything.
            let _ = write!(name, "{byte:02x}");
        }
        name.push('.');
        name.push_str(end);
        Self { name, kind, bytes }
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("/static/{}", self.name)
    }
}

/// `GET /static/{name}`.
pub async fn show(Path(name): Path<String>) -> Response {
    let files: [&File; 3] = [&STYLE, &SCRIPT, &ICON];
    let Some(file) = files.into_iter().find(|file| file.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, file.bytes).into_response()
}
