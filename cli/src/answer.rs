//! An answer of the server's, read to its end.

use std::time::Duration;

use serde_json::Value;
use ureq::{
    Body,
    http::{HeaderMap, Response},
};

use crate::{problem::Problem, when};

/// A success.
#[derive(Debug)]
pub struct Answer {
    /// What it says.
    pub body: Value,
    /// The server's clock, if it told.
    pub date: Option<String>,
}

/// What came in place of a success.
#[derive(Debug)]
pub enum Miss {
    /// Nobody was reached: nothing was asked for.
    Unreached(String),
    /// Nobody knows whether the server knows of it.
    Broken(String),
    /// What would be the same at another try: who answers is not who was meant.
    Strange(String),
    /// The server says why not.
    Problem(Box<Problem>),
}

impl Miss {
    /// Whether an order that was answered so may have been taken.
    pub fn leaves_open(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Problem(problem) => problem.leaves_open(),
            Self::Unreached(_) | Self::Strange(_) => false,
        }
    }
}

impl Answer {
    /// Reads an answer to its end, of what was asked for at this path.
    ///
    /// # Errors
    /// If it is no success, or breaks off.
    pub fn read(path: &str, mut response: Response<Body>) -> Result<Self, Miss> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response
            .body_mut()
            .read_to_string()
            .map_err(|error| Miss::Broken(format!("the answer broke off: {error}")))?;
        let body = serde_json::from_str(&text);
        if (200..300).contains(&status) {
            let date = header(&headers, "date").as_deref().and_then(when::of_header);
            let body = match body {
                Ok(body) => body,
                // `/healthz` and `/readyz` say a word.
                Err(_) if text.trim().len() < 40 && !text.contains('<') => text.trim().into(),
                Err(_) => {
                    let what = "the answer is no JSON: is this the address of a Holdfast API?";
                    return Err(Miss::Strange(what.into()));
                }
            };
            return Ok(Self { body, date });
        }
        let retry_after = header(&headers, "retry-after").and_then(|text| text.parse().ok());
        Err(Miss::Problem(Box::new(Problem::read(
            status,
            path,
            body.unwrap_or_default(),
            header(&headers, "x-request-id"),
            retry_after.map(Duration::from_secs),
        ))))
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
