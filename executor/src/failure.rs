//! Why a stage failed: for the driver a kind, for the customer one text, for the operator another.

use std::error::Error;

use holdfast_job::Outcome;
pub use holdfast_job::chain;
use serde::{Deserialize, Serialize};

/// Why a stage failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What follows from it.
    pub kind: FailureKind,
    /// For the customer: no path, no secret, and what to do next.
    pub customer: String,
    /// For the operator: the whole chain of causes, and what to do next.
    pub operator: String,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The same order may succeed later.
    Transient,
    /// A server that is needed is not there: what cannot be put back without it waits until it is.
    Away,
    /// The site's host says that this is not the moment: no attempt is counted.
    NotNow,
    /// The same order would fail again.
    Permanent,
    /// Somebody asked to stop.
    Stopped,
}

impl Failure {
    /// A failure that the same order may not meet again.
    pub fn transient(customer: impl Into<String>, operator: impl Into<String>) -> Self {
        Self { kind: FailureKind::Transient, customer: customer.into(), operator: operator.into() }
    }

    /// A failure for want of a server that may soon be back.
    pub fn away(customer: impl Into<String>, operator: impl Into<String>) -> Self {
        Self { kind: FailureKind::Away, customer: customer.into(), operator: operator.into() }
    }

    /// Not a failure of anything: the same order is to come again.
    pub fn not_now(customer: impl Into<String>, operator: impl Into<String>) -> Self {
        Self { kind: FailureKind::NotNow, customer: customer.into(), operator: operator.into() }
    }

    /// A failure that the same order would meet again.
    pub fn permanent(customer: impl Into<String>, operator: impl Into<String>) -> Self {
        Self { kind: FailureKind::Permanent, customer: customer.into(), operator: operator.into() }
    }

    /// What a stop is told as.
    pub fn stopped() -> Self {
        Self {
            kind: FailureKind::Stopped,
            customer: "This was stopped before it changed anything.".into(),
            operator: "stopped: the lifeline was closed or a signal came".into(),
        }
    }

    /// The system refused something that has nothing to do with the order itself.
    pub fn system(doing: impl std::fmt::Display, cause: &dyn Error) -> Self {
        Self::transient(
            "Something went wrong on our side. Nothing was changed. Try again later.",
            format!("{doing}: {}", chain(cause)),
        )
    }

    /// How an order ends that failed so, everything having been put back.
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            FailureKind::Transient | FailureKind::Away => Outcome::FailedForNow,
            FailureKind::NotNow => Outcome::Busy,
            FailureKind::Permanent => Outcome::Failed,
            FailureKind::Stopped => Outcome::Stopped,
        }
    }
}
