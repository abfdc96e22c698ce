//! `undo`: takes back a restore, or an undo.

use std::collections::BTreeSet;

use clap::Args;
use holdfast_job::{JobId, JobStatus};
use serde_json::Map;

use crate::{
    confirm::{Confirmed, must_ask},
    ending::Ending,
    failure::Failure,
    order::{Ordering, follow_up},
    session::Session,
    shown::{self, Job},
    when,
};

/// Takes a restore or an undo back.
#[derive(Debug, Args)]
pub struct Undo {
    /// The job that is taken back; the latest one that can be, if left out
    job: Option<JobId>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    ordering: Ordering,
}

impl Undo {
    /// Orders it, once it is confirmed.
    ///
    /// # Errors
    /// If nobody confirms it, or the server refuses or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        if !self.yes {
            must_ask(session)?;
        }
        let taken_back: Job = match self.job {
            Some(job) => shown::read(&session.job(job)?)?,
            None => latest(session)?,
        };
        let ended = taken_back.completed_at.as_ref().unwrap_or(&taken_back.created_at);
        let what = format!(
            "Takes back the {} of {} UTC (job {}).",
            taken_back.kind,
            when::shown(ended),
            taken_back.uuid
        );
        let mut body = Map::new();
        if let Some(note) = &self.ordering.note {
            body.insert("note".into(), note.as_str().into());
        }
        let path = session.site(&format!("/jobs/{}/undo", taken_back.uuid))?;
        let accepted =
            Confirmed { what, word: "UNDO", path: &path, body }.give(session, self.yes.into())?;
        follow_up(session, &accepted, (&self.ordering).into())
    }
}

/// The latest restore or undo that can be taken back.
fn latest(session: &Session) -> Result<Job, Failure> {
    let mut switches = Vec::new();
    for kind in ["restore", "undo"] {
        for item in session.items("jobs", &format!("kind={kind}&status=completed&limit=100"))? {
            switches.push(shown::read::<Job>(&item)?);
        }
    }
    newest_left(switches).ok_or_else(|| {
        Failure::Nothing("there is no restore that can be taken back, or not any more".into())
    })
}

/// What ended last of what can be taken back and has not been.
fn newest_left(switches: Vec<Job>) -> Option<Job> {
    let undone: BTreeSet<JobId> = switches
        .iter()
        .filter(|job| job.status == JobStatus::Completed)
        .filter_map(|job| job.undo_of)
        .collect();
    let left =
        switches.into_iter().filter(|job| job.can_be_undone() && !undone.contains(&job.uuid));
    left.max_by(|one, other| (&one.completed_at, one.uuid).cmp(&(&other.completed_at, other.uuid)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A switch whose number is also the minute of its end.
    fn switch(number: u8, undo_of: Option<u8>, until: &str) -> Job {
        let id = |number: u8| format!("0193e5c0-0000-7000-8000-0000000000{number:02}");
        let job = json!({
            "uuid": id(number), "kind": "restore", "scope": "both", "status": "completed",
            "created_at": "2026-11-20T19:00:00Z", "started_at": null, "undo_of": undo_of.map(id),
            "completed_at": format!("2026-11-20T19:{number:02}:00Z"), "undo_until": until,
        });
        shown::read(&job).unwrap()
    }

    #[test]
    fn what_is_taken_back_is_the_latest_that_was_not_yet() {
        let (past, ahead) = ("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z");
        let chosen = |switches: Vec<Job>| {
            newest_left(switches).map(|job| job.completed_at.unwrap()[14..16].to_owned())
        };
        assert_eq!(chosen(vec![]), None);
        assert_eq!(chosen(vec![switch(1, None, past)]), None);
        let restores = || vec![switch(1, None, ahead), switch(2, None, ahead)];
        assert_eq!(chosen(restores()).as_deref(), Some("02"));
        let mut undone = restores();
        undone.push(switch(3, Some(2), ahead));
        assert_eq!(chosen(undone).as_deref(), Some("03"), "an undo can be undone");
        let mut undone = restores();
        undone.push(switch(3, Some(2), past));
        assert_eq!(chosen(undone).as_deref(), Some("01"));
    }
}
