//! Why an order is not taken, as values. The API makes a problem of it, a page a page, the planner a
//! course to take. It knows no HTTP and no text.

use std::{num::NonZeroU32, time::Duration};

use holdfast_job::{JobId, JobStatus, Moment, SourceId};
use holdfast_store::{AdmitError, StoreError};

use super::confirm::SetsAside;

/// Why an order is not taken. Nothing was written, but for [`Refusal::Unknown`].
#[derive(Debug)]
pub enum Refusal {
    /// No node serves the customer's pool.
    NoNode,
    /// The customer's people have ordered enough for today.
    Daily {
        /// So many orders are taken in 24 hours.
        orders: NonZeroU32,
        /// After so long there is room for one more.
        wait: Duration,
    },
    /// Another job holds the customer.
    Active(JobId),
    /// The backup is being deleted, or is gone.
    BackupGone,
    /// The backup is in use.
    BackupInUse,
    /// The backup that is to be deleted is being restored, or is held.
    BackupKept,
    /// The backup does not hold what is asked for.
    NotInBackup {
        /// What it lacks.
        lacks: Lacks,
        /// The scope that it was made of.
        scope: String,
    },
    /// The word was not given.
    NotConfirmed {
        /// The word.
        word: &'static str,
        /// What would be set aside.
        aside: SetsAside,
    },
    /// The job is no restore that was done and has an undo copy.
    NothingToUndo,
    /// The undo copy was kept until then.
    UndoExpired(Moment),
    /// The job was taken back already.
    UndoneAlready,
    /// The job to be ordered again is not one that was not done.
    NotRetryable(NotRetryable),
    /// The idempotency key was used for another request, whose job this is.
    KeyReused(JobId),
    /// The order could not be signed.
    Unsigned,
    /// Nobody knows whether the order was written.
    Unknown(StoreError),
    /// The store could not answer.
    Store(StoreError),
}

/// What a backup lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lacks {
    /// The database.
    Database,
    /// The files.
    Files,
    /// This source.
    Source(SourceId),
}

/// Why a job is not ordered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRetryable {
    /// It was done.
    Done,
    /// It has not ended.
    UnderWay,
    /// A person has to look first.
    Stuck,
    /// It has no ticket, since it was ordered before Holdfast was here.
    BeforeHoldfast,
    /// Its ticket is not its own.
    Unreadable,
}

/// What the planner does about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Somebody else was first, or it is not wanted any more.
    Skip,
    /// The next look tries again.
    Later,
    /// A person has to mend something.
    Alarm,
}

impl Refusal {
    /// The planner's course.
    pub fn course(&self) -> Course {
        match self {
            Self::Active(_)
            | Self::BackupGone
            | Self::BackupInUse
            | Self::BackupKept
            | Self::NotInBackup { .. }
            | Self::NothingToUndo
            | Self::UndoExpired(_)
            | Self::UndoneAlready
            | Self::NotRetryable(_) => Course::Skip,
            Self::Unknown(_) | Self::Daily { .. } => Course::Later,
            Self::Store(error) if error.is_away() => Course::Later,
            Self::NoNode
            | Self::NotConfirmed { .. }
            | Self::KeyReused(_)
            | Self::Unsigned
            | Self::Store(_) => Course::Alarm,
        }
    }
}

impl NotRetryable {
    /// Why a job that stands so is not ordered again; none if it may be.
    pub fn of(status: JobStatus) -> Option<Self> {
        match status {
            JobStatus::Failed | JobStatus::Stopped | JobStatus::Skipped => None,
            JobStatus::Completed => Some(Self::Done),
            JobStatus::Pending | JobStatus::Running => Some(Self::UnderWay),
            JobStatus::Stuck => Some(Self::Stuck),
        }
    }
}

impl From<AdmitError> for Refusal {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Active(job) => Self::Active(job),
            AdmitError::BackupGone => Self::BackupGone,
            AdmitError::BackupInUse => Self::BackupInUse,
            AdmitError::KeyReused(job) => Self::KeyReused(job),
            AdmitError::Store(error) => Self::Store(error),
            AdmitError::Unknown(error) => Self::Unknown(error),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
