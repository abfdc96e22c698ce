//! `jobs`: the jobs of a customer, or one of them.

use clap::{Args, ValueEnum};
use holdfast_job::{JobId, JobStatus};

use super::list::{Extent, push};
use crate::{
    ending::Ending,
    failure::Failure,
    session::Session,
    shown::{self, Job},
    table::Table,
    when,
};

/// Lists jobs, or shows one.
#[derive(Debug, Args)]
pub struct Jobs {
    /// Show this one, with all that is known of it
    #[arg(conflicts_with_all = ["kind", "status", "since", "until", "limit", "all"])]
    job: Option<JobId>,
    /// Only those of this kind
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only those that stand so: pending, running, completed, failed, stopped, skipped, stuck
    #[arg(long)]
    status: Option<JobStatus>,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Backup,
    Restore,
    Undo,
    Delete,
}

impl Jobs {
    /// Lists them, or shows the one.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        if let Some(job) = self.job {
            let value = session.job(job)?;
            match session.voice.is_json() {
                true => session.voice.json(&value)?,
                false => session.voice.line(&shown::read::<Job>(&value)?.lines().join("\n"))?,
            }
            return Ok(Ending::Done);
        }
        let mut filter = Vec::new();
        push(&mut filter, "kind", self.kind);
        filter.extend(self.status.map(|status| ("status", status.word().to_owned())));
        let mut table =
            Table::new(["JOB", "ORDERED (UTC)", "KIND", "SCOPE", "STATUS", "TOOK", "NOTE"]);
        let found = self.extent.read(session, "jobs", &filter, |item| {
            let job: Job = shown::read(item)?;
            table.row([
                job.uuid.to_string(),
                when::shown(&job.created_at),
                job.kind.clone(),
                job.scope.clone(),
                job.status.to_string(),
                job.took().unwrap_or_default(),
                job.note.clone().unwrap_or_default(),
            ]);
            Ok(())
        })?;
        if !session.voice.is_json() {
            found.tell(session, "job", &table.text())?;
        }
        Ok(Ending::Done)
    }
}
