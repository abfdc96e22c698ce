//! The driver: what the records of a journal say is to be done next. Pure.
//!
//! Forward: the first stage that has not finished. Backward: the last stage that was touched and
//! not reverted, the failed one included. A crash turns the plan backward unless the stage that
//! commits it had finished. This module does nothing and knows no plan.

use holdfast_job::Stage;
use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    journal::{Record, Settlement},
};

/// A plan's shape, written into its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// Once this stage has begun, a stop is not heeded: the plan is soon at its end.
    pub unstoppable_from: Stage,
    /// When this stage has finished, a crash is answered by finishing; before, by reverting.
    pub committed_by: Stage,
}

impl Outline {
    /// The place of a stage, from 0.
    pub fn place(&self, stage: Stage) -> Option<usize> {
        self.stages.iter().position(|other| *other == stage)
    }

    /// Whether a stop that has come before this stage is heeded.
    pub fn may_stop_before(&self, stage: Stage) -> bool {
        self.place(stage) <= self.place(self.unstoppable_from)
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Run this stage.
    Run(Stage),
    /// Revert this stage.
    Revert(Stage),
    /// Every stage has finished.
    Complete,
    /// Every stage that was touched is reverted; the failure that began it, absent after a crash.
    GiveUp(Option<Failure>),
    /// Nothing, until a person has settled it.
    Wait(Failure),
    /// Nothing: it has ended.
    Rest,
}

/// How far one stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Untouched,
    Started,
    Finished,
    Reverted,
}

/// Reads the records of the last attempt and says what to do next.
pub fn next(outline: &Outline, records: &[Record]) -> Move {
    let attempt = records
        .iter()
        .rposition(|record| matches!(record, Record::Attempt { .. }))
        .map_or(records, |at| &records[at..]);
    let mut stages = vec![Progress::Untouched; outline.stages.len()];
    let mut backward = false;
    let mut cause = None;
    let mut stuck = None;
    let mut ended = false;
    for record in attempt {
        let mut mark = |stage: &Stage, progress| {
            if let Some(place) = outline.place(*stage) {
                stages[place] = progress;
            }
        };
        match record {
            Record::Started { stage } => mark(stage, Progress::Started),
            Record::Finished { stage } => mark(stage, Progress::Finished),
            Record::Reverted { stage } => mark(stage, Progress::Reverted),
            Record::Failed { failure, .. } => {
                backward = true;
                cause = Some(failure.clone());
            }
            Record::Interrupted { .. } => {
                let committed = outline.place(outline.committed_by);
                let committed = committed.and_then(|place| stages.get(place));
                backward |= committed != Some(&Progress::Finished);
            }
            Record::Stuck { failure, .. } => stuck = Some(failure.clone()),
            Record::Settled { as_, .. } => {
                stuck = None;
                backward = *as_ == Settlement::Old;
                settle(outline, &mut stages, *as_);
            }
            Record::Ended { .. } => ended = true,
            Record::Opened(_)
            | Record::Attempt { .. }
            | Record::Facts { .. }
            | Record::Restic { .. }
            | Record::Reverting { .. } => {}
        }
    }
    match (ended, stuck) {
        (true, _) => Move::Rest,
        (false, Some(failure)) => Move::Wait(failure),
        (false, None) if backward => {
            let touched = |p: &Progress| matches!(p, Progress::Started | Progress::Finished);
            match stages.iter().rposition(touched) {
                Some(place) => Move::Revert(outline.stages[place]),
                None => Move::GiveUp(cause),
            }
        }
        (false, None) => match stages.iter().position(|p| *p != Progress::Finished) {
            Some(place) => Move::Run(outline.stages[place]),
            None => Move::Complete,
        },
    }
}

/// A person has put the world into one of its two states: the stages up to the one that commits
/// are then all done, or that one is not done at all.
fn settle(outline: &Outline, stages: &mut [Progress], settlement: Settlement) {
    let Some(commit) = outline.place(outline.committed_by) else { return };
    match settlement {
        Settlement::New => {
            stages[..=commit].fill(Progress::Finished);
            // What comes after may have been reverted on the way to being stuck: it runs again.
            stages[commit + 1..].fill(Progress::Untouched);
        }
        Settlement::Old => stages[commit..].fill(Progress::Reverted),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_job::Moment;

    use super::*;

    const STAGES: [Stage; 4] = [Stage::Check, Stage::Close, Stage::SwapFiles, Stage::Open];

    fn outline() -> Outline {
        Outline {
            stages: STAGES.to_vec(),
            unstoppable_from: Stage::SwapFiles,
            committed_by: Stage::SwapFiles,
        }
    }

    fn failed(stage: Stage) -> Record {
        Record::Failed { stage, failure: Failure::stopped() }
    }

    /// Plays the driver to its end; the stage that fails, and how, is given.
    fn play(mut records: Vec<Record>, fails: Option<Stage>) -> (Vec<Move>, Vec<Record>) {
        let mut moves = Vec::new();
        loop {
            let next = next(&outline(), &records);
            moves.push(next.clone());
            match next {
                Move::Run(stage) => {
                    records.push(Record::Started { stage });
                    records.push(match fails == Some(stage) {
                        true => failed(stage),
                        false => Record::Finished { stage },
                    });
                }
                Move::Revert(stage) => {
                    records.push(Record::Reverting { stage });
                    records.push(Record::Reverted { stage });
                }
                _ => return (moves, records),
            }
        }
    }

    #[test]
    fn stages_run_in_order_to_completion() {
        let (moves, _) = play(vec![], None);
        let mut expected: Vec<_> = STAGES.map(Move::Run).to_vec();
        expected.push(Move::Complete);
        assert_eq!(moves, expected);
    }

    #[test]
    fn reverting_starts_at_the_stage_that_failed() {
        for (place, stage) in STAGES.into_iter().enumerate() {
            let (moves, _) = play(vec![], Some(stage));
            let mut expected: Vec<_> = STAGES[..=place].iter().copied().map(Move::Run).collect();
            expected.extend(STAGES[..=place].iter().rev().copied().map(Move::Revert));
            expected.push(Move::GiveUp(Some(Failure::stopped())));
            assert_eq!(moves, expected);
        }
    }

    #[test]
    fn a_crash_anywhere_ends_on_one_side() {
        for fails in [None].into_iter().chain(STAGES.map(Some)) {
            let (_, all) = play(vec![], fails);
            for cut in 0..=all.len() {
                let mut records = all[..cut].to_vec();
                let committed = records.contains(&Record::Finished { stage: Stage::SwapFiles });
                let turned = records.iter().any(|record| matches!(record, Record::Failed { .. }));
                records.push(Record::Interrupted { at: Moment::from_unix_seconds(0) });
                let (moves, _) = play(records, None);
                match moves.last() {
                    Some(Move::Complete) => assert!(committed && !turned, "cut at {cut}"),
                    Some(Move::GiveUp(_)) => assert!(!committed || turned, "cut at {cut}"),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn stuck_waits_until_it_is_settled() {
        let stage = Stage::SwapFiles;
        let (_, mut records) = play(vec![], Some(stage));
        records
            .truncate(records.iter().position(|r| matches!(r, Record::Reverted { .. })).unwrap());
        records.push(Record::Stuck { stage, failure: Failure::stopped() });
        assert!(matches!(next(&outline(), &records), Move::Wait(_)));
        let settled = |as_| {
            let mut records = records.clone();
            records.push(Record::Settled { as_, at: Moment::from_unix_seconds(0) });
            play(records, None).0
        };
        assert_eq!(settled(Settlement::New), [Move::Run(Stage::Open), Move::Complete]);
        assert_eq!(settled(Settlement::Old)[..2], [Stage::Close, Stage::Check].map(Move::Revert));
    }

    #[test]
    fn a_further_attempt_begins_at_the_beginning() {
        let (_, mut records) = play(vec![], Some(Stage::Close));
        records.push(Record::Attempt { number: 2, at: Moment::from_unix_seconds(0) });
        assert_eq!(next(&outline(), &records), Move::Run(Stage::Check));
    }
}
