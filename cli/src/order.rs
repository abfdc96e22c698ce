//! From an order that was accepted to the end of the call: told at once, or watched to its end.

use clap::Args;
use holdfast_job::JobId;
use serde_json::Value;

use crate::{
    bar::Bar,
    ending::Ending,
    failure::Failure,
    interrupt,
    session::Session,
    shown::{self, Job},
    units,
    watching::{self, News},
    when,
};

/// What may be said with every order.
#[derive(Debug, Clone, Args)]
pub struct Ordering {
    /// Wait for the end of the job, and exit by how it ended.
    #[arg(long)]
    pub wait: bool,
    /// A line that stands beside the order.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// Tells of an accepted order, and watches it if that is wanted.
///
/// # Errors
/// If the server does not answer while it is watched.
pub fn follow_up(session: &Session, accepted: &Value, wait: Wait) -> Result<Ending, Failure> {
    let job: JobId = shown::read(&accepted["job"])?;
    let told = tell(session, accepted, job, wait);
    told.map_err(|failure| failure.beside(job, &session.holdfast()))
}

fn tell(session: &Session, accepted: &Value, job: JobId, wait: Wait) -> Result<Ending, Failure> {
    if wait == Wait::Watch && session.voice.is_quiet() && !session.voice.is_json() {
        session.voice.line(&job.to_string())?;
        let (_, ended) = wait_for(session, job)?;
        let (lines, ending) = end(session, &ended)?;
        if let (Some(line), true) = (lines.first(), ending != Ending::Done) {
            session.voice.complain(line);
        }
        return Ok(ending);
    }
    if wait == Wait::Watch {
        session.voice.note(&format!("Ordered: job {job}"));
        return watch_job(session, job);
    }
    if session.voice.is_json() {
        session.voice.json(accepted)?;
    } else if session.voice.is_quiet() {
        session.voice.line(&job.to_string())?;
    } else {
        session.voice.line(&format!("Ordered: job {job}"))?;
        session.voice.note(&format!("Watch it: {} watch {job}", session.holdfast()));
    }
    Ok(Ending::Done)
}

/// Whether somebody waits for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Until it has ended.
    Watch,
    /// Not.
    Leave,
}

impl From<&Ordering> for Wait {
    fn from(ordering: &Ordering) -> Self {
        if ordering.wait { Self::Watch } else { Self::Leave }
    }
}

/// Watches a job to its end and says how it ended.
///
/// # Errors
/// If there is no such job, or the server does not answer.
pub fn watch_job(session: &Session, job: JobId) -> Result<Ending, Failure> {
    let (value, ended) = wait_for(session, job)?;
    if session.voice.is_json() {
        session.voice.json(&value)?;
    }
    tell_end(session, &ended)
}

/// Waits for the end of a job, with a bar.
///
/// # Errors
/// If there is no such job, or the server does not answer.
pub fn wait_for(session: &Session, job: JobId) -> Result<(Value, Job), Failure> {
    advise(session, job);
    let mut bar = Bar::new(session.voice);
    let ended = watching::follow(session, job, |news| {
        match news {
            News::Changed(_, job) => bar.show(job),
            News::Away(failure) => {
                bar.say(&format!("{failure} Trying again; the job goes on."));
            }
            News::Back => bar.say("The server answers again."),
        }
        Ok(())
    });
    bar.end();
    ended
}

/// Says what Ctrl-C says from now on.
pub fn advise(session: &Session, job: JobId) {
    let holdfast = session.holdfast();
    let advice = format!(
        "No longer watched; the job goes on.\nWatch on: {holdfast} watch {job}\n\
         Stop it:  {holdfast} stop {job}"
    );
    interrupt::says(session.voice, &advice);
}

/// Says how a job ended, for people, and by which exit code.
///
/// # Errors
/// If the server does not say whether a backup is complete.
pub fn tell_end(session: &Session, job: &Job) -> Result<Ending, Failure> {
    let (mut lines, ending) = end(session, job)?;
    if session.voice.is_quiet() {
        lines.truncate(1);
    }
    if !session.voice.is_json() {
        session.voice.line(&lines.join("\n"))?;
    }
    Ok(ending)
}

/// What there is to say of how a job ended, the most important first.
fn end(session: &Session, job: &Job) -> Result<(Vec<String>, Ending), Failure> {
    let ending = Ending::of(job.status).unwrap_or(Ending::Done);
    let mut lines = vec![match &job.message {
        Some(message) => message.clone(),
        None => format!("The {} is {}.", job.kind, job.status),
    }];
    let operator = job.operator.as_ref().and_then(|operator| operator.message.as_ref());
    lines.extend(operator.filter(|_| ending != Ending::Done).cloned());
    let mut made = None;
    if ending == Ending::Done && job.kind == "backup" {
        made = Some(session.backup(&job.uuid.to_string())?.1);
    }
    if let Some(backup) = &made {
        for source in &backup.sources {
            let size = units::bytes(source.bytes);
            lines.push(format!(
                "  {} ({}): {size}, {} entries",
                source.name, source.id, source.entries
            ));
        }
        if backup.incomplete {
            lines.push("  NOT in it, since they could not be read:".into());
            lines.extend(backup.unreadable.iter().map(|file| format!("    {file}")));
        }
        lines.push(format!("  backup {}", backup.uuid));
    }
    if let Some(closed) = job.closed_ms {
        let closed = units::duration(std::time::Duration::from_millis(closed));
        lines.push(format!("  the site was closed for {closed}"));
    }
    if job.healthy == Some(false) {
        lines.push("  the site's page is NOT as it should be".into());
    }
    if let Some(until) = &job.undo_until {
        let (until, holdfast) = (when::shown(until), session.holdfast());
        lines.push(format!(
            "  until {until} UTC it can be taken back: {holdfast} undo {}",
            job.uuid
        ));
    }
    let incomplete = made.is_some_and(|backup| backup.incomplete);
    Ok((lines, if incomplete { Ending::Incomplete } else { ending }))
}
