//! From a journal to the plan it names, and that plan to its end.

use holdfast_job::{Order, Outcome, WorkResult};

use crate::{
    conductor::{Plan, Unfinished, conduct},
    config::{ConfigError, Node, Site},
    driver::Outline,
    failure::{Failure, chain},
    hooks::{self, Occasion},
    journal::{Journal, Record},
    lock::CustomerLock,
    plans::{Backup, Delete, Restore, SiteOrError, Undo},
    rehearsal::Rehearsal,
    stop::Stop,
    teller::Teller,
    work::{Work, no_stop},
};

/// What a plan is performed with.
#[derive(Debug)]
pub struct Performance<'a> {
    /// This node.
    pub node: &'a Node,
    /// The customer's lock.
    pub lock: &'a CustomerLock,
    /// The voice.
    pub teller: &'a Teller,
    /// The wish to stop.
    pub stop: Stop,
}

/// Why a plan came to no end.
#[derive(Debug, thiserror::Error)]
pub enum PerformError {
    /// It could not be carried on; the journal is open.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// The journal holds no job.
    #[error("the journal does not say what it is for")]
    Empty,
    /// The facts in the journal are of another form than this version's.
    #[error("the facts in the journal are not understood")]
    Facts(#[from] serde_json::Error),
}

impl PerformError {
    /// Whether what is half done waits for a server, and is settled when that is there.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Unfinished(Unfinished::Waiting { .. }))
    }

    /// What is answered to whoever waits.
    pub fn into_failure(self) -> Failure {
        Failure::transient(
            "Something went wrong on our side. Your site is being looked after. Try again \
             later.",
            chain(&self),
        )
    }
}

/// What changes places in the plan of a journal: see [`crate::plans::Switch`].
///
/// # Errors
/// [`PerformError`] if the journal is not understood.
pub fn switch_of(journal: &Journal) -> Result<Option<crate::plans::Switch>, PerformError> {
    let facts = Work::facts(journal.records());
    let site = SiteOrError(Err(ConfigError::not_needed()));
    let order = &journal.opened().ok_or(PerformError::Empty)?.request.order;
    Ok(match order.clone() {
        Order::Restore(order) => Some(Restore::new(order, site, facts)?.switch().clone()),
        Order::Undo(order) => Some(Undo::new(order, site, facts)?.switch().clone()),
        Order::Backup(_) | Order::Delete(_) => None,
    })
}

/// The outline that an order's plan begins with.
pub fn outline_of(order: &Order, site: &Site) -> Outline {
    let site = SiteOrError(Ok(site.clone()));
    let outline = match order.clone() {
        Order::Backup(order) => Backup::new(order, site, 1, None).map(|plan| plan.outline()),
        Order::Restore(order) => Restore::new(order, site, None).map(|plan| plan.outline()),
        Order::Undo(order) => Undo::new(order, site, None).map(|plan| plan.outline()),
        Order::Delete(order) => Delete::new(order, site, None).map(|plan| plan.outline()),
    };
    // Without facts there is nothing to misread.
    outline.unwrap_or_else(|error| unreachable!("a plan without facts: {error}"))
}

/// Performs the plan of a journal from wherever it stands.
///
/// # Errors
/// [`PerformError`]; the journal is then open.
pub async fn perform(
    performance: &Performance<'_>,
    journal: Journal,
    site: Result<Site, ConfigError>,
    rehearsal: &mut dyn Rehearsal,
) -> Result<WorkResult, PerformError> {
    let Performance { node, lock, teller, stop } = performance;
    let request = journal.opened().ok_or(PerformError::Empty)?.request.clone();
    let attempt = journal.attempts();
    let facts = Work::facts(journal.records()).cloned();
    let facts = facts.as_ref();
    let stop = stop.clone();
    let hook = site.as_ref().ok().and_then(|site| site.hooks.stuck.clone());
    let was_stuck = matches!(journal.records().last(), Some(Record::Stuck { .. }));
    let site = SiteOrError(site);
    let mut work = Work { job: request.job, node, lock, journal, teller, stop };
    let result = match request.order {
        Order::Backup(order) => {
            conduct(&mut Backup::new(order, site, attempt, facts)?, &mut work, rehearsal).await
        }
        Order::Restore(order) => {
            conduct(&mut Restore::new(order, site, facts)?, &mut work, rehearsal).await
        }
        Order::Undo(order) => {
            conduct(&mut Undo::new(order, site, facts)?, &mut work, rehearsal).await
        }
        Order::Delete(order) => {
            conduct(&mut Delete::new(order, site, facts)?, &mut work, rehearsal).await
        }
    };
    let result = result?;
    if result.outcome == Outcome::Stuck && !was_stuck {
        let what = (Some(result.outcome), Some(result.operator_message.as_str()));
        hooks::tell(hook.as_deref(), Occasion::Stuck, what, &work, &no_stop()).await;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn the_plan_of_a_released_journal_is_understood() {
        let released = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
        let journal = Journal::open(&released.join("0.1.0-restore.journal")).unwrap();
        let switch = switch_of(&journal).unwrap().unwrap();
        assert_eq!(switch.base, PathBuf::from("/var/customers/customer-42"));
        assert!(switch.looked && switch.parts.len() == 1);
    }
}
