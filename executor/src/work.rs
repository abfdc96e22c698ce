//! One order being carried out: its lock, its journal, its voice, and the wish to stop it.

use std::time::SystemTime;

use holdfast_job::{CustomerId, JobId, Moment, Progress, Stage};

use crate::{
    birth::Birth,
    config::Node,
    failure::Failure,
    journal::{Journal, Origin, Record},
    lock::CustomerLock,
    restic::{ResticError, Tally, Watch},
    stop::Stop,
    teller::{Teller, megabytes},
};

/// What every stage of every plan is given.
#[derive(Debug)]
pub struct Work<'a> {
    /// The job.
    pub job: JobId,
    /// This node.
    pub node: &'a Node,
    /// Proof that nobody else acts on this customer's site.
    pub lock: &'a CustomerLock,
    /// What was meant so far.
    pub journal: Journal,
    /// The voice.
    pub teller: &'a Teller,
    /// The wish to stop.
    pub stop: Stop,
}

impl Work<'_> {
    /// Who gave the order.
    pub fn origin(&self) -> Option<&Origin> {
        self.journal.opened().map(|opened| &opened.origin)
    }

    /// Whose site.
    pub fn customer(&self) -> CustomerId {
        self.lock.customer()
    }

    /// Writes down what a plan knows, before anything is done on the strength of it.
    ///
    /// # Errors
    /// A [`Failure`], since a stage whose facts are not durable must not go on.
    pub fn note(&mut self, facts: &impl serde::Serialize) -> Result<(), Failure> {
        let facts = serde_json::to_value(facts)
            .map_err(|error| Failure::system("note the facts of the plan", &error))?;
        self.journal
            .append(Record::Facts { facts })
            .map_err(|error| Failure::system("write the journal", &error))
    }

    /// The facts that were noted last.
    pub fn facts(records: &[Record]) -> Option<&serde_json::Value> {
        records.iter().rev().find_map(|record| match record {
            Record::Facts { facts } => Some(facts),
            _ => None,
        })
    }

    /// This moment.
    pub fn now() -> Moment {
        Moment::of(SystemTime::now())
    }

    /// What watches a restic that runs for this stage: "Fetched 412 of 511 MB".
    pub fn watching(&mut self, stage: Stage, done: &'static str) -> Watching<'_> {
        let Self { journal, teller, stop, .. } = self;
        Watching { journal, teller, stop: stop.clone(), stage, done }
    }
}

/// See [`Work::watching`].
#[derive(Debug)]
pub struct Watching<'a> {
    journal: &'a mut Journal,
    teller: &'a Teller,
    stop: Stop,
    stage: Stage,
    done: &'static str,
}

impl Watch for Watching<'_> {
    fn started(&mut self, pid: u32) -> Result<(), ResticError> {
        let record = Record::Restic { pid, at: Work::now(), birth: Birth::of(pid) };
        Ok(self.journal.append(record)?)
    }

    fn tally(&mut self, tally: Tally) {
        let Tally { bytes_done, bytes_total, files_done, files_total } = tally;
        // restic counts some things twice: a hundred is said when the stage is over.
        let percent = (bytes_done.saturating_mul(100) / bytes_total.max(1)).min(99) as u8;
        let of = megabytes(bytes_total);
        let done = megabytes(bytes_done.min(bytes_total));
        let detail = format!("{} {} of {of}", self.done, done.trim_end_matches(" MB"));
        self.teller.progress(Progress {
            stage: self.stage,
            percent,
            bytes_done,
            bytes_total,
            files_done,
            files_total,
            detail,
        });
    }

    fn stop(&self) -> &Stop {
        &self.stop
    }
}

/// A stop that is never wished: for what must be finished.
pub fn no_stop() -> Stop {
    Stop::default()
}
