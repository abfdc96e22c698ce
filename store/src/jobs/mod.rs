//! Jobs: a row each, from admission to its end.

mod admit;
mod changes;
mod claim;
mod daily;
mod due;
mod end;
mod group;
mod job;
mod outcomes;
mod report;
mod reset;
mod stop;

use std::time::Duration;

use holdfast_job::Verb;

pub use admit::{AdmitError, Admitted, NewJob, OrderKey};
pub use changes::Change;
pub use claim::{Claimed, PutBack};
pub use due::{Idle, Place};
pub use end::Ending;
pub use group::Admissions;
pub use job::{CustomerJobs, Job, JobFilter};
pub use outcomes::BackupOutcome;
pub use report::Report;
pub use reset::{Reset, ResetOrder};
pub use stop::Stopping;

/// How soon a job has its turn among those that are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A restore or an undo: at once.
    Restore,
    /// A person's backup.
    Manual,
    /// A scheduled one.
    Daily,
    /// A delete.
    Housekeeping,
}

impl Class {
    /// The class of a person's order, or the planner's.
    pub fn of(verb: Verb) -> Self {
        match verb {
            Verb::Restore | Verb::Undo => Self::Restore,
            Verb::Backup => Self::Manual,
            Verb::Delete => Self::Housekeeping,
        }
    }

    /// By how much it stands behind a restore that is due at the same time: order and ageing in one.
    pub fn handicap(self) -> Duration {
        let minutes = match self {
            Self::Restore => 0,
            Self::Manual => 10,
            Self::Daily => 2 * 60,
            Self::Housekeeping => 6 * 60,
        };
        Duration::from_secs(minutes * 60)
    }

    /// The word in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restore => "restore",
            Self::Manual => "manual",
            Self::Daily => "daily",
            Self::Housekeeping => "housekeeping",
        }
    }

    fn read(word: &str) -> Option<Self> {
        [Self::Restore, Self::Manual, Self::Daily, Self::Housekeeping]
            .into_iter()
            .find(|class| class.word() == word)
    }
}

/// When a job has its turn, in SQL: `run_after` and the handicap of its class.
const TURN: &str = "run_after + INTERVAL CASE class WHEN 'restore' THEN 0 WHEN 'manual' THEN 10 \
     WHEN 'daily' THEN 120 ELSE 360 END MINUTE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_in_sql_has_the_handicaps() {
        for class in [Class::Restore, Class::Manual, Class::Daily, Class::Housekeeping] {
            let minutes = class.handicap().as_secs() / 60;
            let case = match class {
                Class::Housekeeping => format!("ELSE {minutes} "),
                other => format!("WHEN '{}' THEN {minutes} ", other.word()),
            };
            assert!(TURN.contains(&case), "{case}");
            assert_eq!(Class::read(class.word()), Some(class));
        }
    }
}
