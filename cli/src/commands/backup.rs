//! `backup`: saves a site.

use clap::Args;
use holdfast_job::Scope;
use serde_json::json;
use ureq::http::Method;

use crate::{
    ending::Ending,
    failure::Failure,
    order::{Ordering, follow_up},
    session::Session,
};

/// Makes a backup.
#[derive(Debug, Args)]
pub struct BackUp {
    /// What to save: db, files, both, or ids of single sources parted by commas
    #[arg(long, default_value = "both")]
    scope: Scope,
    #[command(flatten)]
    ordering: Ordering,
}

impl BackUp {
    /// Orders it.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let body = json!({ "scope": self.scope, "note": self.ordering.note });
        let path = session.site("/backups")?;
        let accepted = session.client.order(Method::POST, &path, Some(&body))?;
        follow_up(session, &accepted, (&self.ordering).into())
    }
}
