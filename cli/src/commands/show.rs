//! `show`: one backup, with all that is known of it.

use clap::Args;

use crate::{ending::Ending, failure::Failure, session::Session, units, when};

/// Shows a backup.
#[derive(Debug, Args)]
pub struct Show {
    /// The backup, by its id or its snapshot's, or `latest`
    backup: String,
}

impl Show {
    /// Shows it.
    ///
    /// # Errors
    /// If there is none, or the server does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let (value, backup) = match self.backup.as_str() {
            "latest" => session.latest_backup(None)?,
            named => session.backup(named)?,
        };
        if session.voice.is_json() {
            session.voice.json(&value)?;
            return Ok(Ending::Done);
        }
        let mut lines = vec![
            format!("backup    {}", backup.uuid),
            format!("snapshot  {}", backup.snapshot_id),
            format!(
                "made      {} UTC, {} of {}",
                when::shown(&backup.created_at),
                backup.kind,
                backup.scope
            ),
            format!("state     {}", backup.standing()),
            format!("size      {}", units::bytes(backup.bytes)),
        ];
        for source in &backup.sources {
            let size = units::bytes(source.bytes);
            lines.push(format!(
                "  {} ({}): {size}, {} entries",
                source.name, source.id, source.entries
            ));
        }
        lines.extend(backup.verified_at.map(|at| format!("verified  {} UTC", when::shown(&at))));
        lines.extend(backup.requested_by.map(|by| format!("ordered   by {by}")));
        lines.extend(backup.note.map(|note| format!("note      {note}")));
        if backup.incomplete {
            lines.push("NOT in it, since they could not be read:".into());
            lines.extend(backup.unreadable.iter().map(|file| format!("  {file}")));
        }
        session.voice.line(&lines.join("\n"))?;
        Ok(Ending::Done)
    }
}
