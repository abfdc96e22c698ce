//! The states of a job, and which may follow which. The table is the design's; every change of a row
//! filters on the state that it comes from.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Put here by admission, by a failure that may pass, and by a rescue; taken out by a claim once
    /// it is due, or by the janitor when it has expired.
    Pending,
    /// Put here by a worker's claim; taken out by its end, or by a rescue when the lease has run out.
    Running,
    /// Done, with evidence.
    Completed,
    /// Not done: a text for the customer says why, one for the operator says it all.
    Failed,
    /// Cancelled by a person; everything is as it was.
    Stopped,
    /// Not done on purpose, with the reason.
    Skipped,
    /// Something could not be put back: a person decides, and then it is [`JobStatus::Failed`].
    Stuck,
}

/// One legal change of a job's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    from: JobStatus,
    to: JobStatus,
}

impl JobStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Stopped,
        Self::Skipped,
        Self::Stuck,
    ];

    /// Which states it may follow.
    pub fn predecessors(self) -> &'static [Self] {
        match self {
            Self::Pending | Self::Completed | Self::Stuck => &[Self::Running],
            Self::Running => &[Self::Pending],
            Self::Failed => &[Self::Pending, Self::Running, Self::Stuck],
            Self::Stopped | Self::Skipped => &[Self::Pending, Self::Running],
        }
    }

    /// The change to this status from `from`; none if that is not legal.
    pub fn after(self, from: Self) -> Option<Step> {
        self.predecessors().contains(&from).then_some(Step { from, to: self })
    }

    /// Whether the job holds its customer: no other backup, restore or undo of it is admitted.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Stuck)
    }

    /// The word in the table and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Skipped => "skipped",
            Self::Stuck => "stuck",
        }
    }
}

impl Step {
    /// A worker's claim.
    pub const CLAIM: Self = Self { from: JobStatus::Pending, to: JobStatus::Running };
    /// Back, to be tried later; and what a rescue does.
    pub const PUT_BACK: Self = Self { from: JobStatus::Running, to: JobStatus::Pending };
    /// Never begun in time, or begun too often.
    pub const EXPIRE: Self = Self { from: JobStatus::Pending, to: JobStatus::Failed };
    /// Cancelled before a worker had it.
    pub const CANCEL: Self = Self { from: JobStatus::Pending, to: JobStatus::Stopped };
    /// Cancelled while a worker had it, and everything is as it was.
    pub const STOP: Self = Self { from: JobStatus::Running, to: JobStatus::Stopped };
    /// A running job that came to no good end.
    pub const FAIL: Self = Self { from: JobStatus::Running, to: JobStatus::Failed };
    /// A person has decided how a stuck site stands.
    pub const SETTLE: Self = Self { from: JobStatus::Stuck, to: JobStatus::Failed };

    /// An operator ends by hand what stands like this; none if it has ended.
    pub fn reset(from: JobStatus) -> Option<Self> {
        JobStatus::Failed.after(from)
    }

    /// The end of a running job, by how its order ended; none if that is no end.
    pub fn end(outcome: Outcome) -> Option<Self> {
        let to = match outcome {
            Outcome::Completed | Outcome::Incomplete => JobStatus::Completed,
            Outcome::Failed | Outcome::Refused | Outcome::FailedForNow => JobStatus::Failed,
            Outcome::Stuck => JobStatus::Stuck,
            Outcome::Stopped => JobStatus::Stopped,
            Outcome::Busy => return None,
        };
        Some(Self { from: JobStatus::Running, to })
    }

    /// Where it comes from.
    pub fn from(self) -> JobStatus {
        self.from
    }

    /// Where it goes.
    pub fn to(self) -> JobStatus {
        self.to
    }
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no status: use pending, running, completed, failed, stopped, skipped or stuck")]
pub struct StatusError(String);

impl FromStr for JobStatus {
    type Err = StatusError;

    fn from_str(given: &str) -> Result<Self, StatusError> {
        let named = |status: &Self| status.word() == given;
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| StatusError(given.chars().take(40).collect()))
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_that_has_a_name_is_legal() {
        let outcomes = [
            Outcome::Completed,
            Outcome::Failed,
            Outcome::Refused,
            Outcome::Incomplete,
            Outcome::FailedForNow,
            Outcome::Stuck,
            Outcome::Stopped,
        ];
        let ends = outcomes.into_iter().filter_map(Step::end);
        for step in ends
            .chain([Step::CLAIM, Step::PUT_BACK, Step::EXPIRE, Step::FAIL, Step::SETTLE])
            .chain([Step::CANCEL, Step::STOP])
        {
            assert_eq!(step.to().after(step.from()), Some(step));
        }
        assert_eq!(Step::end(Outcome::Busy), None);
    }

    #[test]
    fn what_has_ended_is_followed_by_nothing() {
        let ended =
            [JobStatus::Completed, JobStatus::Failed, JobStatus::Stopped, JobStatus::Skipped];
        for (from, to) in ended.into_iter().flat_map(|from| JobStatus::ALL.map(|to| (from, to))) {
            assert_eq!(to.after(from), None, "{from} to {to}");
        }
    }

    #[test]
    fn a_status_reads_back_as_it_was_written() {
        for status in JobStatus::ALL {
            assert_eq!(status.word().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
        assert!("PENDING".parse::<JobStatus>().is_err());
    }
}
