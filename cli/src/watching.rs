//! Watching a job to its end: by the stream of events where the server has one, else by looking each
//! second. The stream is a bell and no more: what it does not tell, such as a deletion under way, is
//! looked for all the same.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use holdfast_job::{JobId, JobStatus};
use serde_json::Value;

use crate::{client::pause, events, failure::Failure, session::Session, shown, shown::Job};

/// So often is looked where there is no stream.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So often is looked though a stream says nothing.
const LOOK_ANYWAY_AFTER: Duration = Duration::from_secs(5);
/// So often is looked for a job of which the stream does not tell.
const LOOK_ASIDE_AFTER: Duration = Duration::from_secs(1);

/// So long may the server be away in the middle, such as while a new version of it is started.
const AWAY: Duration = Duration::from_secs(60);

/// What there is to tell of a job that is watched.
#[derive(Debug)]
pub enum News<'a> {
    /// It has changed: as the server shows it, and as this program reads it.
    Changed(&'a Value, &'a Job),
    /// The server does not answer any more.
    Away(&'a Failure),
    /// It answers again.
    Back,
}

/// Tells each change of a job, and returns it as it is when it has ended. That the server is away is told
/// once, and so is that it is back.
///
/// # Errors
/// If there is no such job, or the server does not answer, after several tries.
pub fn follow(
    session: &Session,
    job: JobId,
    mut tell: impl FnMut(News<'_>) -> Result<(), Failure>,
) -> Result<(Value, Job), Failure> {
    let mut stream = Stream::open(session);
    let mut last = Value::Null;
    let mut now = session.job(job)?;
    let (mut heard, mut away) = (Instant::now(), false);
    loop {
        if now != last {
            let seen: Job = shown::read(&now)?;
            tell(News::Changed(&now, &seen))?;
            if !matches!(seen.status, JobStatus::Pending | JobStatus::Running) {
                return Ok((now, seen));
            }
            last.clone_from(&now);
        }
        match stream.next(session, job) {
            Ok(next) => {
                (now, heard) = (next, Instant::now());
                if std::mem::take(&mut away) {
                    tell(News::Back)?;
                    stream = Stream::open(session);
                }
            }
            Err(failure) => {
                let Some(wait) = failure.passes_after().filter(|_| heard.elapsed() < AWAY) else {
                    return Err(failure);
                };
                if !std::mem::replace(&mut away, true) {
                    tell(News::Away(&failure))?;
                }
                pause(wait.max(LOOK_AGAIN_AFTER));
            }
        }
    }
}

/// Where the next state of a job is learned from.
#[derive(Debug)]
struct Stream {
    statuses: Option<Receiver<Value>>,
    opened: Instant,
    /// Whether the last status told of the job.
    tells: bool,
}

impl Stream {
    fn open(session: &Session) -> Self {
        // Whatever is wrong with it, there is the other way; what is wrong there too is told then.
        Self { statuses: events::statuses(session).ok(), opened: Instant::now(), tells: true }
    }

    /// The job as it is next.
    fn next(&mut self, session: &Session, job: JobId) -> Result<Value, Failure> {
        let Some(statuses) = &self.statuses else {
            pause(LOOK_AGAIN_AFTER);
            return session.look(job);
        };
        let patience = if self.tells { LOOK_ANYWAY_AFTER } else { LOOK_ASIDE_AFTER };
        match statuses.recv_timeout(patience) {
            Ok(status) => {
                let told = found(&status, job);
                self.tells = told.is_some();
                match told {
                    Some(told) => Ok(told),
                    None => session.look(job),
                }
            }
            Err(RecvTimeoutError::Timeout) => session.look(job),
            Err(RecvTimeoutError::Disconnected) => {
                // One that ends at once each time is none.
                self.statuses = match self.opened.elapsed() > LOOK_ANYWAY_AFTER {
                    true => Self::open(session).statuses,
                    false => None,
                };
                self.opened = Instant::now();
                session.look(job)
            }
        }
    }
}

/// The job in a status, if that tells of it.
fn found(status: &Value, job: JobId) -> Option<Value> {
    let recent = status["recent"].as_array().map_or(&[][..], Vec::as_slice);
    let is_it = |shown: &&Value| shown["uuid"] == job.to_string();
    std::iter::once(&status["active"]).chain(recent).find(is_it).cloned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_found_under_way_and_among_those_that_have_ended() {
        let job = |last: char| format!("0193e5c0-0000-7000-8000-00000000000{last}");
        let status = json!({ "active": { "uuid": job('1') }, "recent": [{ "uuid": job('2') }] });
        for last in ['1', '2'] {
            assert!(found(&status, job(last).parse().unwrap()).is_some());
        }
        assert!(found(&status, job('3').parse().unwrap()).is_none());
        let idle = json!({ "active": null, "recent": [] });
        assert!(found(&idle, job('1').parse().unwrap()).is_none());
    }
}
