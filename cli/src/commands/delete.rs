//! `delete`: deletes backups for good.

use clap::Args;
use ureq::http::Method;

use crate::{
    client::escaped,
    confirm::must_ask,
    ending::Ending,
    failure::Failure,
    order::{Wait, follow_up},
    session::Session,
    shown::Backup,
    units, when,
};

/// Deletes backups for good.
#[derive(Debug, Args)]
pub struct Delete {
    /// The backups, by their ids or their snapshots'
    #[arg(required = true, value_name = "BACKUP")]
    backups: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Wait for the end of each job, and exit by how the first ended that was no success
    #[arg(long)]
    wait: bool,
}

impl Delete {
    /// Orders it, once it is confirmed. All are looked up before the first is deleted; one that is
    /// refused then keeps no other.
    ///
    /// # Errors
    /// If nobody confirms it, or the server refuses or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        if !self.yes {
            must_ask(session)?;
        }
        let mut backups = Vec::new();
        for name in &self.backups {
            backups.push(session.backup(name)?.1);
        }
        if !self.yes && !session.voice.typed(&question(&backups), "DELETE") {
            return Err(Failure::Declined);
        }
        let wait = if self.wait { Wait::Watch } else { Wait::Leave };
        let mut endings = Vec::new();
        for backup in backups {
            let path = session.site(&format!("/backups/{}", escaped(&backup.uuid)))?;
            let done = session
                .client
                .order(Method::DELETE, &path, None)
                .and_then(|accepted| follow_up(session, &accepted, wait));
            endings.push(done.unwrap_or_else(|failure| {
                session.voice.failure(&failure, &session.holdfast());
                failure.ending()
            }));
        }
        Ok(endings.into_iter().find(|&ending| ending != Ending::Done).unwrap_or(Ending::Done))
    }
}

fn question(backups: &[Backup]) -> String {
    let mut lines: Vec<_> = backups
        .iter()
        .map(|backup| {
            let made = when::shown(&backup.created_at);
            format!("  {}  {made} UTC, {}", backup.uuid, units::bytes(backup.bytes))
        })
        .collect();
    lines.insert(0, "Deletes for good, with no way back:".into());
    lines.join("\n")
}
