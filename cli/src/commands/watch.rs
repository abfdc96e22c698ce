//! `watch`: how a job goes, until it has ended.

use clap::Args;
use holdfast_job::JobId;

use crate::{
    ending::Ending,
    failure::Failure,
    order::{advise, tell_end, watch_job},
    session::Session,
    watching::{self, News},
};

/// Watches a job.
#[derive(Debug, Args)]
pub struct Watch {
    /// The job; the backup, restore or undo under way, if left out
    job: Option<JobId>,
}

impl Watch {
    /// Watches it: with a bar, or with --json by a line for each change.
    ///
    /// # Errors
    /// If there is no such job, or the server does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let job = match self.job {
            Some(job) => job,
            None => match session.active()? {
                Some(active) => active.uuid,
                None => {
                    let customer = session.customer()?;
                    session
                        .voice
                        .note(&format!("No backup, restore or undo of {customer} is under way."));
                    return Ok(Ending::Done);
                }
            },
        };
        if !session.voice.is_json() {
            return watch_job(session, job);
        }
        advise(session, job);
        let (_, ended) = watching::follow(session, job, |news| match news {
            News::Changed(value, _) => session.voice.json(value),
            // Programs hear of it if it lasts.
            News::Away(_) | News::Back => Ok(()),
        })?;
        tell_end(session, &ended)
    }
}
