//! What restic's end means: every exit code by name, and whether trying again may help.
//!
//! The codes are those of restic's manual, "Exit codes", as of 0.18.

use std::path::PathBuf;

use holdfast_job::SnapshotId;
use serde::Deserialize;

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
    /// Exit 1 of a restore for which the disk was too small after all.
    #[error("the disk of the site is full: {said}")]
    DiskFull {
        /// What it said.
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

/// A line that restic writes to stderr with `--json`.
#[derive(Deserialize)]
struct Complaint {
    message_type: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error: Option<Cause>,
    #[serde(default)]
    item: String,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    message: String,
}

impl ResticError {
    /// The error that this end means; `None` for exit 0 and exit 3, which the caller tells apart.
    pub(super) fn of(command: &'static str, url: &str, ended: &Ended) -> Option<Self> {
        let said = said(&ended.stderr);
        let url = url.to_owned();
        let full = ended.stderr.contains("no space left on device");
        match ended.status.code() {
            Some(1) if command == "restore" && full => Some(Self::DiskFull { said }),
            Some(0 | 3) => None,
            Some(1) => Some(Self::Failed { command, said }),
            Some(10) => Some(Self::NoRepository { url, said }),
            Some(11) => Some(Self::Locked { said }),
            Some(12) => Some(Self::WrongPassword { url }),
            Some(code) if code == i32::from(confine::FAILED) => Some(Self::NotConfined { said }),
            code => {
                let interrupted = code.is_none() || code == Some(130);
                Some(Self::Unknown { command, how: ended.how(), interrupted, said })
            }
        }
    }

    /// The failure of the stage in which this happened.
    pub fn into_failure(self) -> Failure {
        let operator = chain(&self);
        let later = "The backup storage could not be used just now. Nothing was changed; please \
                     try again later.";
        let support = "The backup storage could not be used. Nothing was changed; please contact \
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
            Self::DiskFull { .. } => Failure::transient(
                "There was not enough room to restore this backup. Nothing was changed; please make \
                 room, or contact support.",
                operator,
            ),
            Self::NoSnapshot(_) => Failure::permanent(
                "This backup does not exist any more. Please choose another one.",
                operator,
            ),
            Self::NoRepository { .. }
            | Self::RepositoryGone { .. }
            | Self::WrongPassword { .. }
            | Self::NotConfined { .. }
            | Self::Unknown { .. }
            | Self::Config(_)
            | Self::Process(ProcessError::Start { .. }) => Failure::permanent(support, operator),
        }
    }
}

/// The last complaint on stderr, in one line, without the JSON around it.
fn said(stderr: &str) -> String {
    let complaints: Vec<String> = stderr.lines().filter_map(complaint).collect();
    let fatal = complaints.iter().rev().find(|text| !text.is_empty());
    let first = complaints.iter().find(|text| !text.is_empty());
    let both = fatal.zip(first).filter(|(fatal, first)| fatal != first);
    let both = both.map(|(fatal, first)| format!("{}; the first: {first}", fatal.trim_end()));
    let plain = || stderr.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
    let text = both.or(fatal.cloned()).or_else(plain).unwrap_or_else(|| "it said nothing".into());
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.chars().take(600).collect()
}

fn complaint(line: &str) -> Option<String> {
    let complaint: Complaint = serde_json::from_str(line).ok()?;
    match (complaint.message_type.as_str(), complaint.error) {
        ("exit_error", _) => Some(complaint.message),
        ("error", Some(cause)) => Some(format!("{}: {}", complaint.item, cause.message)),
        _ => None,
    }
}

/// The items that a backup or restore could not read or write, as stderr names them; at most 100.
pub(super) fn unreadable(stderr: &str) -> Vec<String> {
    let item = |line| {
        let complaint: Complaint = serde_json::from_str(line).ok()?;
        let cause = complaint.error.map(|cause| cause.message).unwrap_or_default();
        let named = complaint.message_type == "error" && !complaint.item.is_empty();
        named.then(|| format!("{} ({cause})", complaint.item))
    };
    stderr.lines().filter_map(item).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_restic_is_found_among_garbage() {
        let stderr = "garbage \u{1}\n{\"message_type\":\"exit_error\",\"code\":11,\"message\":\"locked\\nby PID 7\"}\nmore\n";
        assert_eq!(said(stderr), "locked by PID 7");
        assert_eq!(said("\n\nplain words\n\n"), "plain words");
        assert_eq!(said(""), "it said nothing");
    }

    #[test]
    fn unreadable_items_are_listed() {
        let stderr = r#"{"message_type":"error","error":{"message":"denied"},"during":"archival","item":"/a"}"#;
        assert_eq!(unreadable(stderr), ["/a (denied)"]);
    }
}
