//! Why something was not done, for people and, with --json, for programs; and the exit code that goes
//! with it. No token ever stands in one.

use std::{io, time::Duration};

use holdfast_job::JobId;
use serde_json::{Value, json};

use crate::{ending::Ending, problem::Problem};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The call or the configuration is wrong; the text says what to change.
    #[error("{0}")]
    Misuse(String),
    /// There is nothing that it could be done with.
    #[error("{0}")]
    Nothing(String),
    /// The word was not typed.
    #[error("Not confirmed: nothing was ordered.")]
    Declined,
    /// The server refused.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// Nobody answers, or nobody who speaks as the API does.
    #[error("{0}")]
    Silent(String),
    /// An order was sent, and nobody knows whether it was taken; the text says how to look.
    #[error("{0}")]
    Unanswered(String),
    /// Nobody reads what is said.
    #[error("the answer cannot be written to stdout: {0}")]
    Output(io::Error),
    /// The same beside a job that was ordered and goes on.
    #[error("{text}")]
    Beside {
        /// The job.
        job: JobId,
        /// What happened, and how the job is watched on.
        text: String,
        /// The end of the call.
        ending: Ending,
    },
}

impl Failure {
    /// What came between us and a job that was ordered: it goes on, and nobody should order it again.
    pub fn beside(self, job: JobId, holdfast: &str) -> Self {
        match self {
            Self::Silent(_) | Self::Output(_) => Self::Beside {
                job,
                ending: self.ending(),
                text: format!(
                    "{self}\nThe job was ordered and goes on. Watch on: {holdfast} watch {job}"
                ),
            },
            other => other,
        }
    }

    /// The same, and of which of the things that somebody has named.
    pub fn about(mut self, name: &str) -> Self {
        if let Self::Refused(problem) = &mut self
            && problem.kind == "not-found"
        {
            problem.detail = format!("{name}: {}", problem.detail);
        }
        self
    }

    /// After what time the same may be answered otherwise, if it may.
    pub fn passes_after(&self) -> Option<Duration> {
        match self {
            Self::Silent(_) => Some(Duration::ZERO),
            Self::Refused(problem) if problem.may_pass() || problem.status >= 500 => {
                Some(problem.retry_after.unwrap_or_default())
            }
            _ => None,
        }
    }

    /// The end of the call.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Misuse(_) => Ending::Misused,
            Self::Output(_) => Ending::Unsaid,
            Self::Nothing(_) => Ending::Refused,
            Self::Declined => Ending::Stopped,
            Self::Silent(_) | Self::Unanswered(_) => Ending::Silent,
            Self::Beside { ending, .. } => *ending,
            Self::Refused(problem) => match (problem.status, problem.kind.as_str()) {
                (500.., _) => Ending::Silent,
                (_, "active-job") => Ending::Busy,
                _ => Ending::Refused,
            },
        }
    }

    /// For people: what happened and what to do next; `holdfast` is how this program is called.
    pub fn text(&self, holdfast: &str) -> String {
        let Self::Refused(problem) = self else { return self.to_string() };
        let mut text = problem.detail.clone();
        if let Some(advice) = problem.advice(holdfast) {
            text.push('\n');
            text.push_str(&advice);
        }
        if let Some(id) = &problem.request_id {
            text.push_str(&format!("\n(request {id})"));
        }
        text
    }

    /// For programs: `type`, `status`, `detail` and `exit`, and what else the server said.
    pub fn json(&self) -> Value {
        let own = |word: &str| {
            json!({ "type": format!("urn:holdfast:cli:{word}"), "status": null,
                    "detail": self.to_string() })
        };
        let mut value = match self {
            Self::Misuse(_) => own("misuse"),
            Self::Nothing(_) => own("nothing"),
            Self::Declined => own("declined"),
            Self::Silent(_) => own("no-answer"),
            Self::Unanswered(_) => own("order-unknown"),
            Self::Output(_) => own("output"),
            Self::Beside { job, .. } => {
                let mut value = own("not-watched");
                value["job"] = job.to_string().into();
                value
            }
            Self::Refused(problem) => {
                let mut value = match problem.body.is_object() {
                    true => problem.body.clone(),
                    false => json!({ "type": "about:blank" }),
                };
                value["status"] = problem.status.into();
                value["detail"] = problem.detail.clone().into();
                if let Some(id) = &problem.request_id {
                    value["request_id"] = id.clone().into();
                }
                value
            }
        };
        value["exit"] = self.ending().code().into();
        value
    }
}
