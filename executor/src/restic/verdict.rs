//! What restic's end means: every exit code by name, and whether trying again may help.
//!
//! The codes are those of restic's manual, "Exit codes", as of 0.18.

use std::path::PathBuf;

use holdfast_job::SnapshotId;

use super::{
    cause::{Cause, Places, cause},
    said::Said,
};
use crate::{
    config::ConfigError,
    confine,
    failure::{Failure, chain},
    journal::JournalError,
    process::{Ended, ProcessError},
};

/// Why restic did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum ResticError {
    /// Exit 1, whose cause may be anything, often the network.
    #[error("restic {command} failed: {said}")]
    Failed {
        /// The command.
        command: &'static str,
        /// What it said.
        said: String,
    },
    /// Any end whose cause is known.
    #[error("{cause}; restic {command}: {said}")]
    Known {
        /// The command.
        command: &'static str,
        /// The cause.
        cause: Cause,
        /// What restic and ssh said.
        said: String,
    },
    /// Exit 10.
    #[error("there is no repository at {url}: {said}")]
    NoRepository {
        /// Where.
        url: String,
        /// What it said.
        said: String,
    },
    /// There was a repository and it is gone: a disk that is not mounted looks like this.
    #[error(
        "the repository at {url} is gone; it was used before: is its disk mounted? If it was given \
         up on purpose, remove {} and the next backup makes a new one", .marker.display()
    )]
    RepositoryGone {
        /// Where.
        url: String,
        /// The file that remembers it.
        marker: PathBuf,
    },
    /// The configuration says where its disk is mounted, and none is.
    #[error(
        "the repository's disk is not mounted at {}, as its `mount_point` says: mount it",
        .place.display()
    )]
    NotMounted {
        /// Where.
        place: PathBuf,
    },
    /// Exit 11.
    #[error("the repository is locked by somebody else: {said}")]
    Locked {
        /// By whom.
        said: String,
    },
    /// Exit 12.
    #[error(
        "the password of the repository at {url} is not ours: was the master secret or the \
         password file replaced? Put the old one back"
    )]
    WrongPassword {
        /// Where.
        url: String,
    },
    /// restic was not even started: its namespace could not be made.
    #[error("restic could not be confined: {said}; `holdfast-executor doctor` looks closer")]
    NotConfined {
        /// What `confine` said.
        said: String,
    },
    /// Any other exit code, or a signal.
    #[error("restic {command} ended with {how}: {said}")]
    Unknown {
        /// The command.
        command: &'static str,
        /// Code or signal.
        how: String,
        /// Whether a signal or an interruption ended it, so that trying again may help.
        interrupted: bool,
        /// What it said.
        said: String,
    },
    /// It said something that is not what it says.
    #[error("restic {command} gave no usable answer: {problem}")]
    Answer {
        /// The command.
        command: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such snapshot in this repository.
    #[error("there is no snapshot {0} in the repository")]
    NoSnapshot(SnapshotId),
    /// It was not started, or was ended by us.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its process id could not be written down.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its password or node configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl ResticError {
    /// The error that this end means; `None` for exit 0 and exit 3, which the caller tells apart.
    pub(super) fn of(
        command: &'static str,
        places: &Places<'_>,
        (ended, ssh): (&Ended, &str),
    ) -> Option<Self> {
        if let Some(0 | 3) = ended.status.code() {
            return None;
        }
        let heard = Said::of(&ended.stderr, ssh);
        let said = heard.text();
        let url = places.url.to_owned();
        let known = cause(heard.lines(), places);
        Some(match (ended.status.code(), known) {
            (Some(10), _) => Self::NoRepository { url, said },
            (Some(11), _) => Self::Locked { said },
            (Some(12), _) => Self::WrongPassword { url },
            (Some(code), _) if code == i32::from(confine::FAILED) => Self::NotConfined { said },
            (Some(_), Some(cause)) => Self::Known { command, cause, said },
            (Some(1), None) => Self::Failed { command, said },
            (code, _) => {
                let interrupted = code.is_none() || code == Some(130);
                Self::Unknown { command, how: ended.how(), interrupted, said }
            }
        })
    }

    /// The error of one that came to no end of its own: one that was ended for lack of progress may have
    /// said why.
    pub(super) fn of_no_end(
        command: &'static str,
        places: &Places<'_>,
        (error, ssh): (ProcessError, &str),
    ) -> Self {
        let ProcessError::NoProgress { stderr, .. } = &error else { return error.into() };
        let heard = Said::of(stderr, ssh);
        match cause(heard.lines(), places) {
            Some(cause) => {
                let said = format!("{}; {}", chain(&error), heard.text());
                Self::Known { command, cause, said }
            }
            None => error.into(),
        }
    }

    /// Whether restic could not put its lock into the repository, which reading does without.
    pub(super) fn is_of_the_lock(&self) -> bool {
        let (Self::Known { said, .. } | Self::Failed { said, .. }) = self else { return false };
        said.contains("unable to create lock in backend")
    }

    /// The failure of the stage in which this happened.
    pub fn into_failure(self) -> Failure {
        let operator = chain(&self);
        let later = "The backup storage could not be used just now. Nothing was changed. \
                     Try again later.";
        let support = "The backup storage could not be used. Nothing was changed. Contact \
                       support.";
        match self {
            Self::Failed { .. }
            | Self::Locked { .. }
            | Self::Answer { .. }
            | Self::Journal(_)
            | Self::Unknown { interrupted: true, .. }
            | Self::Process(
                ProcessError::Lost { .. }
                | ProcessError::Keep { .. }
                | ProcessError::NoProgress { .. },
            ) => Failure::transient(later, operator),
            Self::Process(ProcessError::Stopped { .. }) => Failure::stopped(),
            Self::Known { cause, .. } => match cause.is_passing() {
                true => Failure::transient(cause.customer(), operator),
                false => Failure::permanent(cause.customer(), operator),
            },
            Self::NoSnapshot(_) => Failure::permanent(
                "This backup does not exist any more. Choose another one.",
                operator,
            ),
            Self::NoRepository { .. }
            | Self::NotMounted { .. }
            | Self::RepositoryGone { .. }
            | Self::WrongPassword { .. }
            | Self::NotConfined { .. }
            | Self::Unknown { .. }
            | Self::Config(_)
            | Self::Process(ProcessError::Start { .. }) => Failure::permanent(support, operator),
        }
    }
}
