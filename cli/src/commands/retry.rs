//! `retry`: orders a job again that came to no good end.

use clap::Args;
use holdfast_job::JobId;
use serde_json::{Map, Value};
use ureq::http::Method;

use crate::{
    confirm::{Confirmed, must_ask},
    ending::Ending,
    failure::Failure,
    order::{Ordering, follow_up},
    session::Session,
    shown::{self, Job},
    when,
};

/// Orders a job again.
#[derive(Debug, Args)]
pub struct Retry {
    /// The job; the latest that failed, if left out
    job: Option<JobId>,
    /// Do not ask, if it is a restore or an undo
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    ordering: Ordering,
}

impl Retry {
    /// Orders it again; a restore or an undo once it is confirmed.
    ///
    /// # Errors
    /// If nobody confirms it, or the server refuses or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let failed: Job = match self.job {
            Some(job) => shown::read(&session.job(job)?)?,
            None => latest_failed(session)?,
        };
        let word = match failed.kind.as_str() {
            "restore" => Some("RESTORE"),
            "undo" => Some("UNDO"),
            _ => None,
        };
        let mut body = Map::new();
        if let Some(note) = &self.ordering.note {
            body.insert("note".into(), note.as_str().into());
        }
        let path = session.site(&format!("/jobs/{}/retry", failed.uuid))?;
        let accepted = match word {
            None => session.client.order(Method::POST, &path, Some(&Value::Object(body)))?,
            Some(word) => {
                if !self.yes {
                    must_ask(session)?;
                }
                let ordered = when::shown(&failed.created_at);
                let (kind, job) = (&failed.kind, failed.uuid);
                let what = format!("Orders the {kind} of {ordered} UTC again (job {job}).");
                Confirmed { what, word, path: &path, body }.give(session, self.yes.into())?
            }
        };
        follow_up(session, &accepted, (&self.ordering).into())
    }
}

fn latest_failed(session: &Session) -> Result<Job, Failure> {
    match session.items("jobs", "status=failed&limit=1")?.first() {
        Some(failed) => shown::read(failed),
        None => {
            let customer = session.customer()?;
            Err(Failure::Nothing(format!("no job of {customer} has failed")))
        }
    }
}
