//! How a call of the program ends: the exit codes, on which scripts rely. A number that was given once
//! keeps its meaning.

use holdfast_job::JobStatus;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Done, or ordered if nobody waited.
    Done,
    /// The job failed.
    Failed,
    /// The call or the configuration is wrong.
    Misused,
    /// The backup is made, and something is missing in it.
    Incomplete,
    /// The server refused.
    Refused,
    /// Something else is under way.
    Busy,
    /// A person must look.
    Stuck,
    /// Cancelled, or not done on purpose.
    Stopped,
    /// No answer.
    Silent,
    /// Nobody reads what was said.
    Unsaid,
    /// Ctrl-C.
    Interrupted,
}

impl Ending {
    /// Every ending, each with what it means.
    pub const ALL: [(Self, &str); 11] = [
        (Self::Done, "done; without --wait: ordered"),
        (Self::Failed, "the job failed; of doctor: something is not as it should be"),
        (Self::Misused, "the call or the configuration is wrong; nothing was asked for"),
        (Self::Incomplete, "the backup is made, but files that could not be read are not in it"),
        (Self::Refused, "the server refused, or there is nothing that it could be done with"),
        (Self::Busy, "another order of this customer is under way"),
        (Self::Stuck, "something could not be put back: a person must look"),
        (Self::Stopped, "the job was stopped or skipped, or you did not confirm"),
        (Self::Silent, "the server or the network does not answer, after several tries"),
        (Self::Unsaid, "the answer could not be written to stdout; what was ordered goes on"),
        (Self::Interrupted, "interrupted by Ctrl-C; a job that was ordered goes on"),
    ];

    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Misused => 2,
            Self::Incomplete => 3,
            Self::Refused => 4,
            Self::Busy => 5,
            Self::Stuck => 6,
            Self::Stopped => 7,
            Self::Silent => 8,
            Self::Unsaid => 9,
            Self::Interrupted => 130,
        }
    }

    /// The end of a call that has waited for a job; none if the job goes on. Whether a backup is
    /// complete does not stand in its status.
    pub fn of(status: JobStatus) -> Option<Self> {
        match status {
            JobStatus::Pending | JobStatus::Running => None,
            JobStatus::Completed => Some(Self::Done),
            JobStatus::Failed => Some(Self::Failed),
            JobStatus::Stopped | JobStatus::Skipped => Some(Self::Stopped),
            JobStatus::Stuck => Some(Self::Stuck),
        }
    }
}

/// All of them, a line each, for the help.
pub fn exit_codes() -> String {
    let lines = Ending::ALL.map(|(ending, means)| format!("  {:>3}  {means}", ending.code()));
    format!("Exit codes:\n{}", lines.join("\n"))
}
