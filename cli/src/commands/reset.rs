//! `reset`: for operators, gives up on a job that does not end by itself.

use clap::Args;
use holdfast_job::JobId;
use serde_json::json;

use crate::{ending::Ending, failure::Failure, session::Session};

/// Gives up on a job.
#[derive(Debug, Args)]
pub struct Reset {
    /// The job
    job: JobId,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The node is lost and does not come back, so that it cannot say how the site stands. Be sure that
    /// the machine is off: if it does come back, it ends what it had begun, and the record does not know
    /// of it: a restore is done there while its job says failed, and its undo can be taken by root at the
    /// node's shell alone, not by the customer
    #[arg(long)]
    node_is_gone: bool,
}

impl Reset {
    /// Makes it a failed one.
    ///
    /// # Errors
    /// If its site is not settled, its worker is alive, or the server does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let mut body = json!({ "reason": self.reason });
        if self.node_is_gone {
            body["node_is_gone"] = true.into();
        }
        let path = session.site(&format!("/jobs/{}/reset", self.job))?;
        let answer = session.client.post(&path, &body)?.body;
        match session.voice.is_json() {
            true => session.voice.json(&answer)?,
            false => session
                .voice
                .line(&format!("Job {} is failed now; its customer may order again.", self.job))?,
        }
        Ok(Ending::Done)
    }
}
