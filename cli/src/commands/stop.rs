//! `stop`: cancels a job; what it has done is put back.

use clap::Args;
use holdfast_job::{JobId, JobStatus};
use serde_json::json;

use crate::{
    ending::Ending,
    failure::Failure,
    order::{tell_end, wait_for},
    session::Session,
};

/// Stops a job.
#[derive(Debug, Args)]
pub struct Stop {
    /// The job; the backup, restore or undo under way, if left out
    job: Option<JobId>,
    /// Wait until it has ended: 0 if it was stopped, 4 if it was done before that
    #[arg(long)]
    wait: bool,
}

impl Stop {
    /// Stops it.
    ///
    /// # Errors
    /// If it cannot be stopped any more, or the server does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let job = match self.job {
            Some(job) => job,
            None => match session.active()? {
                Some(active) => active.uuid,
                None => {
                    let customer = session.customer()?;
                    return Err(Failure::Nothing(format!(
                        "no backup, restore or undo of {customer} is under way"
                    )));
                }
            },
        };
        let path = session.site(&format!("/jobs/{job}/stop"))?;
        let answer = session.client.post(&path, &json!({}))?;
        if self.wait {
            let (value, ended) = wait_for(session, job)?;
            if session.voice.is_json() {
                session.voice.json(&value)?;
            }
            let ending = tell_end(session, &ended)?;
            return Ok(match ended.status {
                JobStatus::Stopped | JobStatus::Skipped => Ending::Done,
                JobStatus::Completed => Ending::Refused,
                _ => ending,
            });
        }
        if session.voice.is_json() {
            session.voice.json(&answer.body)?;
        } else if answer.body["status"] == "stopped" {
            session.voice.line(&format!("Stopped: job {job}"))?;
        } else {
            session.voice.line(&format!("Being stopped: job {job}"))?;
            session.voice.note(&format!("Watch it: {} watch {job}", session.holdfast()));
        }
        Ok(Ending::Done)
    }
}
