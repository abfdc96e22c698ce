//! "Throw this backup away."
//!
//! | stage | run | revert |
//! |---|---|---|
//! | `Check` | each snapshot is there and is this customer's | – |
//! | `Forget` | `restic forget` of exactly these full ids | – (what is forgotten is forgotten) |
//! | `ReadBack` | the repository's own list does not hold them any more | – |

use holdfast_job::{Delete as Order, SnapshotId, Stage, Verb};
use serde::{Deserialize, Serialize};

use super::{SiteOrError, foreign_stage, preconditions::restic};
use crate::{
    conductor::{Plan, Reached, Report},
    driver::Outline,
    failure::{Failure, FailureKind},
    journal::Origin,
    restic::ResticError,
    work::Work,
};

/// The plan.
#[derive(Debug)]
pub struct Delete {
    order: Order,
    site: SiteOrError,
    facts: Facts,
}

/// What the journal keeps of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    /// All of them were there and this customer's: what is missing from now on, we have forgotten.
    checked: bool,
}

impl Delete {
    /// The plan of an order, from whatever facts its journal holds.
    ///
    /// # Errors
    /// If the facts are of another form.
    pub fn new(
        order: Order,
        site: SiteOrError,
        facts: Option<&serde_json::Value>,
    ) -> serde_json::Result<Self> {
        let facts = facts.map(Facts::deserialize).transpose()?.unwrap_or_default();
        Ok(Self { order, site, facts })
    }

    async fn check(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let (customer, site) = (work.customer(), self.site.get()?);
        let restic = restic(site, &self.order.repository, Stage::Check, work.node)?;
        let mut watch = work.watching(Stage::Check, "Read");
        let heads = restic
            .heads(&self.order.snapshots, &mut watch)
            .await
            .map_err(ResticError::into_failure)?;
        // The web side knows what there was: what is gone behind its back is as it should be. Root may
        // have mistyped it.
        let signed = matches!(work.origin(), Some(Origin::Web { .. }));
        for snapshot in &self.order.snapshots {
            let head = heads.iter().find(|head| head.id == *snapshot);
            let ours = head.map_or(self.facts.checked || signed, |head| head.belongs_to(customer));
            if !ours {
                return Err(no_such_backup(snapshot));
            }
        }
        self.facts.checked = true;
        work.note(&self.facts)
    }

    async fn forget(&self, work: &mut Work<'_>) -> Result<(), Failure> {
        let remaining = self.remaining(Stage::Forget, work).await?;
        if remaining.is_empty() {
            return Ok(());
        }
        let site = self.site.get()?;
        let restic = restic(site, &self.order.repository, Stage::Forget, work.node)?;
        let mut watch = work.watching(Stage::Forget, "Forgot");
        restic.forget(&remaining, &mut watch).await.map_err(half_way)
    }

    async fn read_back(&self, work: &mut Work<'_>) -> Result<(), Failure> {
        let remaining = self.remaining(Stage::ReadBack, work).await?;
        if remaining.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = remaining.iter().map(SnapshotId::as_str).collect();
        Err(Failure::permanent(
            "The backup could not be deleted: its storage does not allow it. Contact \
             support.",
            format!(
                "restic forgot without an error, and the repository still holds {}: is it \
                 append-only?",
                ids.join(", ")
            ),
        ))
    }

    async fn remaining(
        &self,
        stage: Stage,
        work: &mut Work<'_>,
    ) -> Result<Vec<SnapshotId>, Failure> {
        let site = self.site.get()?;
        let restic = restic(site, &self.order.repository, stage, work.node)?;
        let mut watch = work.watching(stage, "Read");
        restic.remaining(&self.order.snapshots, &mut watch).await.map_err(half_way)
    }
}

/// Once forgetting has begun, nobody can say that nothing was changed.
fn half_way(error: ResticError) -> Failure {
    let failure = error.into_failure();
    let kind = match failure.kind {
        FailureKind::Stopped => FailureKind::Transient,
        kind => kind,
    };
    unfinished(kind, failure.operator)
}

fn unfinished(kind: FailureKind, operator: String) -> Failure {
    let customer = "The deletion was not finished. Order it again.".into();
    Failure { kind, customer, operator }
}

fn no_such_backup(snapshot: &SnapshotId) -> Failure {
    Failure::permanent(
        "There is no such backup of this site. Nothing was deleted.",
        format!("snapshot {snapshot} is not there, or is not this customer's"),
    )
}

impl Plan for Delete {
    const VERB: Verb = Verb::Delete;

    fn outline(&self) -> Outline {
        Outline {
            stages: vec![Stage::Check, Stage::Forget, Stage::ReadBack],
            unstoppable_from: Stage::Forget,
            committed_by: Stage::ReadBack,
        }
    }

    async fn run(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check => self.check(work).await,
            Stage::Forget => self.forget(work).await,
            Stage::ReadBack => self.read_back(work).await,
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    async fn revert(&mut self, stage: Stage, _: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            // What is forgotten cannot be remembered; ordered again, the rest is forgotten too.
            Stage::Check | Stage::Forget | Stage::ReadBack => Ok(()),
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    async fn stuck(&self, _: &Failure, work: &Work<'_>) -> String {
        let customer = work.customer();
        format!("Nothing of the site was touched: `holdfast-executor settle {customer} --as old`.")
    }

    fn interrupted(&self) -> Failure {
        unfinished(FailureKind::Transient, "the executor died on the way".into())
    }

    fn report(&self, reached: Reached, _: &Work<'_>) -> Report {
        let done = match self.order.snapshots.len() {
            1 => "The backup is deleted.".to_owned(),
            count => format!("{count} backups are deleted."),
        };
        let snapshot = match self.order.snapshots.as_slice() {
            [one] if reached == Reached::Goal => Some(one.clone()),
            _ => None,
        };
        Report { done, snapshot, ..Report::default() }
    }
}
