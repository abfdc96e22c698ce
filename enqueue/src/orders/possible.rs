//! What can be restored, undone and ordered again: decided from the catalogue and the jobs.

use std::time::SystemTime;

use holdfast_job::{JobStatus, Moment, Order, Request, Scope, SourceId, Ticket, WhatHappened};
use holdfast_store::{Backup, BackupState, Database, Job};
use tracing::error;

use super::refusal::{Lacks, NotRetryable, Refusal};

/// The scope of a restore: what was asked for, if the backup holds it, or all that the backup holds.
///
/// # Errors
/// [`Refusal::BackupGone`], [`Refusal::NotInBackup`].
pub fn restorable(backup: &Backup, asked: Option<Scope>) -> Result<Scope, Refusal> {
    if backup.state != BackupState::Active {
        return Err(Refusal::BackupGone);
    }
    let saved = |id: &SourceId| {
        backup.sources.iter().any(|source| source.id == *id && source.what == WhatHappened::Saved)
    };
    let without = |lacks| Err(Refusal::NotInBackup { lacks, scope: backup.scope.clone() });
    match asked {
        None => Ok(match backup.scope.as_str() {
            "db" => Scope::Db,
            "files" => Scope::Files,
            _ => Scope::Both,
        }),
        Some(Scope::Db | Scope::Both) if !holds(backup, "db") => without(Lacks::Database),
        Some(Scope::Files | Scope::Both) if !holds(backup, "files") => without(Lacks::Files),
        Some(Scope::Sources(named)) => match named.iter().find(|id| !saved(id)) {
            Some(missing) => without(Lacks::Source(missing.clone())),
            None => Ok(Scope::Sources(named)),
        },
        Some(scope) => Ok(scope),
    }
}

/// True if the backup may hold this part of a site, `db` or `files`.
pub fn holds(backup: &Backup, word: &str) -> bool {
    match backup.scope.as_str() {
        "db" | "files" => backup.scope == word,
        _ => true,
    }
}

/// Until when this job can be taken back.
///
/// # Errors
/// [`Refusal::NothingToUndo`], [`Refusal::UndoExpired`], [`Refusal::UndoneAlready`],
/// [`Refusal::Store`].
pub async fn undoable(database: &Database, taken_back: &Job) -> Result<Moment, Refusal> {
    let until = taken_back.result.as_ref().and_then(|result| result.undo_until);
    let until = until.filter(|_| taken_back.status == JobStatus::Completed);
    let until = until.ok_or(Refusal::NothingToUndo)?;
    if until < Moment::of(SystemTime::now()) {
        return Err(Refusal::UndoExpired(until));
    }
    match database.was_taken_back(taken_back.customer, taken_back.job).await? {
        true => Err(Refusal::UndoneAlready),
        false => Ok(until),
    }
}

/// The order of a job that was not done, by its ticket: no worker can have altered that.
///
/// # Errors
/// [`Refusal::NotRetryable`], [`Refusal::Store`].
pub async fn order_again(database: &Database, job: &Job) -> Result<Order, Refusal> {
    if let Some(why) = NotRetryable::of(job.status) {
        return Err(Refusal::NotRetryable(why));
    }
    let ticket = database.ticket(job.customer, job.job).await?;
    let ticket = ticket.ok_or(Refusal::NotRetryable(NotRetryable::BeforeHoldfast))?;
    let request =
        Ticket::parse(ticket.as_bytes()).map_err(|error| error.to_string()).and_then(|ticket| {
            Request::parse(ticket.request().as_bytes()).map_err(|error| error.to_string())
        });
    match request {
        Ok(request) if request.customer == job.customer && request.job == job.job => {
            Ok(request.order)
        }
        other => {
            let job = job.job;
            error!(%job, ?other, "the ticket of job {job} is not its own");
            Err(Refusal::NotRetryable(NotRetryable::Unreadable))
        }
    }
}
