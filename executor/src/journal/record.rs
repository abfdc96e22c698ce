//! The records of a journal.

use holdfast_job::{KeyId, Moment, Request, Stage, Verb, WorkResult};
use serde::{Deserialize, Serialize};

use crate::{birth::Birth, driver::Outline, failure::Failure};

/// The version of the journal that this build writes and understands.
pub const JOURNAL_VERSION: u32 = 1;

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The job and its plan; always first.
    Opened(Box<Opened>),
    /// A further attempt begins: of what stands before, only its facts count.
    Attempt {
        /// From 2.
        number: u32,
        /// When.
        at: Moment,
    },
    /// A stage is about to run.
    Started {
        /// Which.
        stage: Stage,
    },
    /// What the plan knows so far, whole; written before anything is done on the strength of it.
    Facts {
        /// The plan's own form.
        facts: serde_json::Value,
    },
    /// A restic was started; its lock in the repository is ours to clear if it dies.
    Restic {
        /// Its process id.
        pid: u32,
        /// When.
        at: Moment,
        /// By which a process that has the same id one day is told from it.
        #[serde(default)]
        birth: Option<Birth>,
    },
    /// A stage has run.
    Finished {
        /// Which.
        stage: Stage,
    },
    /// A stage failed, or a stop came before it: from here on the plan is reverted.
    Failed {
        /// Which.
        stage: Stage,
        /// Why.
        failure: Failure,
    },
    /// The executor died here; found by whoever settles the journal.
    Interrupted {
        /// When it was found.
        at: Moment,
    },
    /// A stage is about to be reverted.
    Reverting {
        /// Which.
        stage: Stage,
    },
    /// A stage has been reverted.
    Reverted {
        /// Which.
        stage: Stage,
    },
    /// A stage could not be reverted: nothing is done until a person has settled it.
    Stuck {
        /// Which.
        stage: Stage,
        /// Why, and what a person must do.
        failure: Failure,
    },
    /// A person has said how the world is, and it was checked.
    Settled {
        /// What they said.
        #[serde(rename = "as")]
        as_: Settlement,
        /// When.
        at: Moment,
    },
    /// The end; always last but for a further attempt.
    Ended {
        /// What was answered, and is answered again if the same job is ordered again.
        result: Box<WorkResult>,
    },
}

/// The first record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// [`JOURNAL_VERSION`].
    pub version: u32,
    /// Which plan.
    pub plan: Verb,
    /// Its stages in order, and where it turns.
    pub outline: Outline,
    /// The order, as it came.
    pub request: Request,
    /// Who gave it.
    pub origin: Origin,
    /// When.
    pub at: Moment,
}

/// Who gave an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Root at a shell, unsigned.
    Root,
    /// The web side, by a ticket, whoever brought it.
    Web {
        /// The key that signed it; the same order may come again, signed by another.
        key: KeyId,
    },
}

/// How a person says that a stuck site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// As it was before the order.
    Old,
    /// As the order wanted it.
    New,
}
