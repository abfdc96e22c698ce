//! The conductor: asks the driver what is next, writes it down, and has the plan do it.

use holdfast_job::{Outcome, SnapshotId, SourceResult, Stage, Verb, WorkResult, bounded};

use crate::{
    driver::{self, Move, Outline},
    failure::{Failure, FailureKind},
    journal::{JournalError, Record},
    note::Note,
    rehearsal::{Rehearsal, Step},
    work::Work,
};

/// A plan: stages that can be run and reverted, each any number of times.
pub trait Plan {
    /// Which plan this is.
    const VERB: Verb;

    /// Its stages in order, and where it turns.
    fn outline(&self) -> Outline;

    /// Does what the stage is for; done already, it does nothing.
    ///
    /// # Errors
    /// A [`Failure`], after which this stage too is reverted.
    async fn run(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure>;

    /// Takes back whatever the stage has done, were it only half.
    ///
    /// # Errors
    /// A [`Failure`] only for a reason that a person must see, or, [`FailureKind::Away`], for want
    /// of a server.
    async fn revert(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure>;

    /// Something could not be reverted: leaves the site as usable as it is safe to, and says what
    /// a person must do.
    async fn stuck(&self, failure: &Failure, work: &Work<'_>) -> String;

    /// How it ends when the executor died and everything was reverted.
    fn interrupted(&self) -> Failure {
        Failure::transient(
            "This was interrupted on our side, and everything is as it was. Try again.",
            "the executor died and everything was reverted",
        )
    }

    /// What there is to say at the end.
    fn report(&self, reached: Reached, work: &Work<'_>) -> Report;
}

/// How a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Every stage has run.
    Goal,
    /// Everything is as it was before.
    Start,
    /// Neither.
    Stuck,
}

/// What a plan says at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// For the customer, if it succeeded.
    pub done: String,
    /// Whether what was done is only a part: see [`Outcome::Incomplete`].
    pub unreadable: Vec<String>,
    /// Whether files were left out because they could not be read.
    pub incomplete: bool,
    /// What is to be known although it succeeded.
    pub notes: Vec<Note>,
    /// What happened to each source.
    pub sources: Vec<SourceResult>,
    /// The snapshot in question.
    pub snapshot: Option<SnapshotId>,
    /// How long the site was closed.
    pub closed_ms: Option<u64>,
    /// How much of that what runs on it took.
    pub services_ms: Option<u64>,
    /// Until when an undo is possible.
    pub undo_until: Option<holdfast_job::Moment>,
    /// Whether the site is well, if it can be asked.
    pub healthy: Option<bool>,
    /// For the operator, whatever came of it: what did not go as it should.
    pub warnings: Vec<String>,
}

impl Report {
    /// The operator's text, with the warnings behind it.
    fn with_warnings(&self, text: &str) -> String {
        let warnings = self.warnings.iter().map(|warning| format!("\nWarning: {warning}"));
        format!("{text}{}", warnings.collect::<String>())
    }
}

/// Why a plan came to no end. Its journal is open, and whoever takes the customer's lock next
/// settles it.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// The journal could not be written.
    #[error("the journal could not be written, and is settled by the next order or `recover`")]
    Journal(#[from] JournalError),
    /// What is half done cannot be put back while a server is away.
    #[error("{} cannot be taken back yet, and `recover` will: {}", .stage, .failure.operator)]
    Waiting {
        /// The stage.
        stage: Stage,
        /// What is missing.
        failure: Failure,
    },
}

/// Drives a plan from wherever its journal says it is to an end, which is written down.
///
/// # Errors
/// [`Unfinished`].
pub async fn conduct<P: Plan>(
    plan: &mut P,
    work: &mut Work<'_>,
    rehearsal: &mut dyn Rehearsal,
) -> Result<WorkResult, Unfinished> {
    // As the journal has it, which another version may have begun.
    let outline =
        work.journal.opened().map_or_else(|| plan.outline(), |opened| opened.outline.clone());
    loop {
        match driver::next(&outline, work.journal.records()) {
            Move::Run(stage) if work.stop.is_requested() && outline.may_stop_before(stage) => {
                let failure = Failure::stopped();
                work.journal.append(Record::Failed { stage, failure })?;
            }
            Move::Run(stage) => run(plan, stage, &outline, work, rehearsal).await?,
            Move::Revert(stage) => revert(plan, stage, &outline, work, rehearsal).await?,
            Move::Complete => {
                let report = plan.report(Reached::Goal, work);
                let outcome = match report.incomplete {
                    true => Outcome::Incomplete,
                    false => Outcome::Completed,
                };
                let (customer, operator) = Note::behind(&report.done, &report.notes);
                let texts = (customer, report.with_warnings(&operator));
                return Ok(end(work, result(work, outcome, texts, report))?);
            }
            Move::GiveUp(failure) => {
                let failure = failure.unwrap_or_else(|| plan.interrupted());
                let report = plan.report(Reached::Start, work);
                let texts = (failure.customer.clone(), report.with_warnings(&failure.operator));
                return Ok(end(work, result(work, failure.outcome(), texts, report))?);
            }
            Move::Wait(failure) => {
                let report = plan.report(Reached::Stuck, work);
                let texts = (failure.customer, failure.operator);
                return Ok(result(work, Outcome::Stuck, texts, report));
            }
            Move::Rest => {
                let last = work.journal.records().iter().rev().find_map(|record| match record {
                    Record::Ended { result } => Some(result.as_ref().clone()),
                    _ => None,
                });
                let none = || {
                    let failure = plan.interrupted();
                    let texts = (failure.customer.clone(), failure.operator.clone());
                    result(work, failure.outcome(), texts, Report::default())
                };
                return Ok(last.unwrap_or_else(none));
            }
        }
    }
}

async fn run<P: Plan>(
    plan: &mut P,
    stage: Stage,
    outline: &Outline,
    work: &mut Work<'_>,
    rehearsal: &mut dyn Rehearsal,
) -> Result<(), JournalError> {
    let number = outline.place(stage).unwrap_or_default() + 1;
    work.teller.stage(stage, number, outline.stages.len(), false);
    work.journal.append(Record::Started { stage })?;
    let step = Step::Run(stage);
    let mut done = rehearsal.enter(step, &work.stop);
    for _ in 0..rehearsal.times(step) {
        if done.is_ok() {
            done = plan.run(stage, work).await;
        }
    }
    let record = match done.and_then(|()| rehearsal.leave(step)) {
        Ok(()) => Record::Finished { stage },
        Err(failure) => Record::Failed { stage, failure },
    };
    work.journal.append(record)
}

async fn revert<P: Plan>(
    plan: &mut P,
    stage: Stage,
    outline: &Outline,
    work: &mut Work<'_>,
    rehearsal: &mut dyn Rehearsal,
) -> Result<(), Unfinished> {
    let number = outline.place(stage).unwrap_or_default() + 1;
    work.teller.stage(stage, number, outline.stages.len(), true);
    work.journal.append(Record::Reverting { stage })?;
    let step = Step::Revert(stage);
    let mut done = rehearsal.enter(step, &work.stop);
    for _ in 0..rehearsal.times(step) {
        if done.is_ok() {
            done = plan.revert(stage, work).await;
        }
    }
    let record = match done.and_then(|()| rehearsal.leave(step)) {
        Ok(()) => Record::Reverted { stage },
        Err(failure) if failure.kind == FailureKind::Away => {
            return Err(Unfinished::Waiting { stage, failure });
        }
        Err(mut failure) => {
            let advice = plan.stuck(&failure, work).await;
            failure.operator = format!("{}: {}\n{advice}", stage.name(), failure.operator);
            failure.customer = "Your site could not be put back by itself. Our support has been \
                                told and must look at it."
                .into();
            Record::Stuck { stage, failure }
        }
    };
    Ok(work.journal.append(record)?)
}

fn result(
    work: &Work<'_>,
    outcome: Outcome,
    (customer_message, operator_message): (String, String),
    report: Report,
) -> WorkResult {
    WorkResult {
        version: 1,
        job: Some(work.job),
        outcome,
        customer_message: bounded(customer_message),
        operator_message: bounded(operator_message),
        sources: report.sources,
        snapshot: report.snapshot,
        closed_ms: report.closed_ms,
        services_ms: report.services_ms,
        undo_until: report.undo_until,
        healthy: report.healthy,
        unreadable: report.unreadable.into_iter().map(bounded).collect(),
    }
}

fn end(work: &mut Work<'_>, result: WorkResult) -> Result<WorkResult, JournalError> {
    work.journal.append(Record::Ended { result: Box::new(result.clone()) })?;
    work.journal.trim()?;
    Ok(result)
}
