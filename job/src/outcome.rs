//! How an order ended, and the exit code that says so.

use serde::{Deserialize, Serialize};

/// How an order ended. The exit codes are stable: scripts depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done, with evidence.
    Completed,
    /// Not done; everything is as it was; the same order would fail again.
    Failed,
    /// The order itself is wrong: nothing was looked at.
    Refused,
    /// The snapshot is written, and some files could not be read: the list is in the result.
    Incomplete,
    /// Not done; everything is as it was; the same order may succeed later.
    FailedForNow,
    /// Another order of this customer is under way: nothing was begun.
    Busy,
    /// Something could not be put back: a person must look.
    Stuck,
    /// Cancelled by a person or a closed lifeline; everything is as it was.
    Stopped,
}

impl Outcome {
    /// The exit code of the executor.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::Failed => 1,
            Self::Refused => 2,
            Self::Incomplete => 3,
            Self::FailedForNow => 4,
            Self::Busy => 5,
            Self::Stuck => 6,
            Self::Stopped => 7,
        }
    }

    /// Whether the order did what it was to do.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Completed | Self::Incomplete)
    }
}
