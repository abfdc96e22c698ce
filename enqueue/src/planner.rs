//! The planner: looks at what was saved since it last looked, and orders what retention says, as jobs
//! that are signed and admitted like any other.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use holdfast_job::{CustomerId, Delete, JobId, Order, chain};
use holdfast_store::{Database, StoreError};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::{
    orders::{
        admission::{Admission, NewOrder},
        refusal::{Course, Refusal},
    },
    retention::{Fate, decide},
};

/// How often all customers are looked at, whatever was saved lately.
const LOOK_AT_ALL: Duration = Duration::from_secs(600);

/// A delete that has failed is ordered again after so long: what stands in its way is an operator's to
/// mend.
const AFTER_FAILURE: Duration = Duration::from_secs(24 * 3600);

/// Orders what the policies say. Several at once do no harm: a backup's row is claimed once.
#[derive(Debug)]
pub struct Planner {
    /// Where it looks.
    pub database: Database,
    /// Where it orders.
    pub admission: Arc<Admission>,
    /// So many manual backups of a customer are kept.
    pub keep: u32,
    /// How often it looks.
    pub every: Duration,
}

impl Planner {
    /// Works for ever.
    pub async fn run(self) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = None;
        let mut all_seen = Instant::now();
        let mut waiting = BTreeSet::new();
        loop {
            ticks.tick().await;
            let since = seen.filter(|_| all_seen.elapsed() < LOOK_AT_ALL);
            match self.database.in_time(self.look(since, &mut waiting)).await {
                Ok(latest) => {
                    if since.is_none() {
                        all_seen = Instant::now();
                    }
                    seen = Some(latest);
                }
                Err(error) => warn!("the planner looks again later: {}", chain(&error)),
            }
        }
    }

    /// Looks at the customers with backups behind `seen` and at those who wait, or at all; returns the
    /// latest backup. Those wait of whom a backup would go that is being restored.
    async fn look(
        &self,
        seen: Option<u64>,
        waiting: &mut BTreeSet<CustomerId>,
    ) -> Result<u64, StoreError> {
        let (latest, touched) =
            self.database.customers_with_backups_behind(seen.unwrap_or(u64::MAX)).await?;
        let mut customers: BTreeSet<_> = match seen {
            Some(_) => touched,
            None => self.database.customers_with_more_than(self.keep).await?,
        }
        .into_iter()
        .collect();
        customers.extend(waiting.iter());
        for customer in customers {
            let waits = match self.prune(customer).await {
                Err(error) if error.is_away() => return Err(error),
                // No reason to pass over the others.
                Err(error) => {
                    warn!(%customer, "retention passes over {customer}: {}", chain(&error));
                    false
                }
                Ok(waits) => waits,
            };
            if waits {
                waiting.insert(customer);
            } else {
                waiting.remove(&customer);
            }
        }
        Ok(latest)
    }

    /// Orders what goes of this customer's; says whether something only waits for a restore to end.
    async fn prune(&self, customer: CustomerId) -> Result<bool, StoreError> {
        let backups = self.database.catalogue(customer).await?;
        let active = self.database.active(customer).await?;
        let restored = active.and_then(|job| job.snapshot);
        let being_restored: BTreeSet<_> = backups
            .iter()
            .filter(|backup| Some(&backup.snapshot) == restored.as_ref())
            .map(|backup| backup.uuid)
            .collect();
        let decisions = decide(&backups, self.keep, &being_restored);
        let waits = decisions.iter().any(|decision| decision.fate == Fate::KeepForNow);
        for (backup, decision) in backups.iter().zip(decisions) {
            if decision.fate != Fate::Delete {
                continue;
            }
            if self.database.delete_has_failed(customer, &backup.snapshot, AFTER_FAILURE).await? {
                continue;
            }
            let Some(whose) = self.database.customer_of(customer).await? else { continue };
            let order = Order::Delete(Delete {
                repository: backup.repository.clone(),
                snapshots: vec![backup.snapshot.clone()],
            });
            let order = NewOrder::planned(order, decision.reason);
            match self.admission.admit(&whose, order).await {
                Ok(_) => info!(%customer, backup = %backup.uuid, "retention deletes a backup"),
                Err(refusal) => put_off(customer, backup.uuid, &refusal),
            }
        }
        Ok(waits)
    }
}

/// Says why a backup is not deleted yet. Whatever the course, the next look sees it again.
fn put_off(customer: CustomerId, backup: JobId, refusal: &Refusal) {
    match refusal.course() {
        // Another planner was first, or it is being restored since.
        Course::Skip => info!(%customer, %backup, "retention leaves a backup to others"),
        Course::Later => info!(%customer, %backup, ?refusal, "retention has to wait"),
        Course::Alarm => {
            error!(%customer, %backup, ?refusal, "retention cannot delete backup {backup}")
        }
    }
}
