//! `restore`: brings a site back to a backup.

use clap::{Args, ValueEnum};
use holdfast_job::Scope;
use serde_json::{Map, Value, json};

use crate::{
    client::escaped,
    confirm::{Confirmed, must_ask},
    ending::Ending,
    failure::Failure,
    order::{Ordering, follow_up},
    session::Session,
    when,
};

/// Brings a site back to a backup.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup, by its id or its snapshot's, or `latest`
    backup: String,
    /// What to bring back, if not all: db, files, both, or ids of sources parted by commas
    #[arg(long)]
    scope: Option<Scope>,
    /// Whether what is displaced is kept, so that it can be taken back; none is for a site without room
    #[arg(long, value_enum, default_value_t = UndoCopy::Keep)]
    undo: UndoCopy,
    /// Leave the restored site in place though its page is not as it should be
    #[arg(long)]
    keep_unhealthy: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    ordering: Ordering,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UndoCopy {
    Keep,
    None,
}

impl Restore {
    /// Orders it, once it is confirmed.
    ///
    /// # Errors
    /// If nobody confirms it, or the server refuses or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        if !self.yes {
            must_ask(session)?;
        }
        let backup = match self.backup.as_str() {
            "latest" => session.latest_backup(self.scope.as_ref())?,
            named => session.backup(named)?,
        }
        .1;
        let mut what = format!(
            "Brings {} back to the backup of {} UTC, made of {} ({}).",
            session.customer()?,
            when::shown(&backup.created_at),
            backup.scope,
            backup.uuid
        );
        if let Some(scope) = &self.scope {
            what.push_str(&format!("\nOf it only: {scope}."));
        }
        if backup.incomplete {
            what.push_str(
                "\nThat backup is incomplete: files that could not be read are not in it.",
            );
        }
        let path = session.site(&format!("/backups/{}/restore", escaped(&backup.uuid)))?;
        let accepted = Confirmed { what, word: "RESTORE", path: &path, body: self.body() }
            .give(session, self.yes.into())?;
        follow_up(session, &accepted, (&self.ordering).into())
    }

    fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(scope) = &self.scope {
            body.insert("scope".into(), json!(scope));
        }
        if self.undo == UndoCopy::None {
            body.insert("undo".into(), "none".into());
        }
        if self.keep_unhealthy {
            body.insert("keep_unhealthy".into(), true.into());
        }
        if let Some(note) = &self.ordering.note {
            body.insert("note".into(), note.as_str().into());
        }
        body
    }
}
