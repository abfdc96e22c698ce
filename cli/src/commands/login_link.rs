//! `login-link`: a link that lets a customer's person into the pages, for operators.

use clap::Args;
use serde_json::json;

use crate::{ending::Ending, failure::Failure, session::Session, when};

/// Who is let in.
#[derive(Debug, Args)]
pub struct LoginLink {
    /// The customer whose pages are opened
    #[arg(value_name = "CUSTOMER")]
    customer: String,
    /// Whose orders they are, in the record of what is ordered; your own name if left out
    #[arg(long, value_name = "USER")]
    subject: Option<String>,
    /// The person may look and not order
    #[arg(long)]
    read_only: bool,
}

impl LoginLink {
    /// Makes it.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let mut body = json!({ "customer": self.customer });
        if let Some(subject) = self.subject {
            body["subject"] = subject.into();
        }
        if self.read_only {
            body["scopes"] = json!(["backup:read"]);
        }
        let made = session.client.post("/api/v1/login-links", &body)?.body;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        match session.voice.is_json() {
            true => session.voice.json(&made)?,
            false => session.voice.line(&text("url"))?,
        }
        let until = text("expires_at");
        session.voice.note(&format!("It works once, until {} UTC.", when::shown(&until)));
        Ok(Ending::Done)
    }
}
