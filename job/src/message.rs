//! What the executor says on stdout: JSON lines, each with a type, the last one the result.

use serde::{Deserialize, Serialize};

use crate::{CustomerId, JobId, Moment, Outcome, SnapshotId, SourceId, Stage};

/// One line on the executor's stdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// A stage begins.
    Stage {
        /// Which.
        stage: Stage,
        /// Its place in the plan, from 1.
        number: usize,
        /// How many stages the plan has.
        of: usize,
        /// Whether the stage is being taken back.
        reverting: bool,
    },
    /// How far the stage is.
    Progress(Progress),
    /// Something worth knowing that is no failure.
    Log {
        /// How much it matters.
        level: Level,
        /// The sentence.
        text: String,
    },
    /// The end: exactly one, the last line.
    Result(Box<WorkResult>),
}

/// What `recover` says of one customer: a JSON line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// The version of this message: 1.
    pub version: u32,
    /// Whose site.
    pub customer: CustomerId,
    /// How it stands.
    pub standing: Standing,
    /// What was done or is to be done, for the operator.
    pub detail: String,
}

/// How a customer's site stands after `recover` has looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing is open.
    Settled,
    /// An order is under way: it was left alone.
    Busy,
    /// Something is open that could not be settled yet: try again later.
    Unsettled,
    /// A person must look.
    Stuck,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For the record.
    Info,
    /// Someone should look one day.
    Warn,
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// 0 to 100.
    pub percent: u8,
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes in all, as far as is known.
    pub bytes_total: u64,
    /// Files done.
    pub files_done: u64,
    /// Files in all, as far as is known.
    pub files_total: u64,
    /// The same for people: "Fetched 412 of 511 MB".
    pub detail: String,
}

/// The one result of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkResult {
    /// The version of this message: 1.
    pub version: u32,
    /// The job; absent only when the request could not be read.
    pub job: Option<JobId>,
    /// How it ended.
    pub outcome: Outcome,
    /// What the customer reads: no path, no secret, and what to do next.
    pub customer_message: String,
    /// What the operator reads, with the whole chain of causes.
    pub operator_message: String,
    /// What happened to each source that the order was about.
    pub sources: Vec<SourceResult>,
    /// The snapshot that was written or restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotId>,
    /// How long the site was closed, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_ms: Option<u64>,
    /// How much of that its own containers, units and hooks took to stop and to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services_ms: Option<u64>,
    /// Until when an undo is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_until: Option<Moment>,
    /// Whether the site answered as it should afterwards, if it can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
    /// Files that could not be read, at most 100 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

/// What happened to one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceResult {
    /// Its stable id.
    pub id: SourceId,
    /// Its name for people.
    pub name: String,
    /// What happened to it.
    pub what: WhatHappened,
    /// Its size in bytes, where it was measured.
    pub bytes: u64,
    /// Its files, directories and links, or its rows, where they were counted.
    pub entries: u64,
}

/// What happened to one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhatHappened {
    /// It is in the snapshot.
    Saved,
    /// It is live, as the snapshot has it.
    Restored,
    /// It is live again, as it was before the restore that was undone.
    Undone,
    /// Nothing was changed.
    Untouched,
    /// The site has it, and the backup does not hold it.
    NotInBackup,
}
