//! Takes what is due: a free slot, a bell, a claim, an attempt. While Redis is away the rows themselves
//! say what is due.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use holdfast_job::{JobId, chain};
use holdfast_store::{Claimed, Database, Listener, Popped, StoreError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tracing::{error, warn};

use crate::{
    attempt::Attempt,
    config::Config,
    pulse::Beat,
    recovery::Recovery,
    stop::{Phase, Stop},
};

/// How long is waited after a server did not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes jobs of one pool.
#[derive(Debug)]
pub struct Taker {
    config: Arc<Config>,
    database: Database,
    pool: String,
    /// What the claims are made as: the node, and this process on it.
    name: String,
    stop: Stop,
    slots: Arc<Semaphore>,
    recovery: Recovery,
    under_way: UnderWay,
    beat: Beat,
    garbage: u64,
}

/// The jobs that this process has in hand, whatever their rows say while the database is away.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Mutex<BTreeSet<JobId>>>);

impl UnderWay {
    /// Whether this job is in hand.
    pub fn has(&self, job: JobId) -> bool {
        self.jobs().contains(&job)
    }

    /// The job is in hand until this is dropped.
    fn take(&self, job: JobId) -> InHand {
        self.jobs().insert(job);
        InHand { job, under_way: self.clone() }
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeSet<JobId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct InHand {
    job: JobId,
    under_way: UnderWay,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.under_way.jobs().remove(&self.job);
    }
}

impl Taker {
    /// A taker with as many slots as are configured.
    pub fn new(
        config: Arc<Config>,
        database: Database,
        pool: &str,
        stop: Stop,
        recovery: Recovery,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(config.slots));
        let name = format!("{}/{}", config.node, std::process::id());
        let (pool, under_way) = (pool.to_owned(), UnderWay::default());
        let beat = Beat::new();
        Self { config, database, pool, name, stop, slots, recovery, under_way, beat, garbage: 0 }
    }

    /// The pulse of its loop.
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// The jobs in hand.
    pub fn under_way(&self) -> UnderWay {
        self.under_way.clone()
    }

    /// Works until the end is in sight and the last job has ended.
    pub async fn run(mut self, mut listener: Listener) {
        let mut redis_is_away = false;
        while let Some(slot) = self.free_slot().await {
            self.beat.round();
            // Not to be left before it returns: an entry that it has taken would be lost.
            let popped = listener.pop().await;
            let was_away = std::mem::replace(&mut redis_is_away, popped.is_err());
            match popped {
                // Rung in the moment in which the end came in sight.
                Ok(Popped::Job(job, place)) if self.stop.phase() > Phase::Work => {
                    // Not put back, it is rung for by another worker's janitor.
                    let _ = listener.put_back(job, place).await;
                }
                Ok(Popped::Job(job, _)) => self.take(job, slot).await,
                Ok(Popped::Nothing) => {}
                Ok(Popped::Garbage(problem)) => {
                    self.garbage += 1;
                    warn!(
                        dropped = self.garbage,
                        "an entry in the queue of {} is dropped: {problem}", self.pool
                    );
                }
                Err(error) => {
                    if !was_away {
                        warn!("{}: the rows say what is due until it is back", chain(&error));
                    }
                    self.take_from_rows(slot).await;
                }
            }
        }
        let all = u32::try_from(self.config.slots).unwrap_or(u32::MAX);
        // All slots are free when the last job has ended.
        let _ = self.slots.acquire_many(all).await;
    }

    /// A free slot; none if the end is in sight.
    async fn free_slot(&self) -> Option<OwnedSemaphorePermit> {
        self.beat.rest();
        let slot = tokio::select! {
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok(),
            () = self.stop.until(Phase::Quiet) => None,
        };
        slot.filter(|_| self.stop.phase() == Phase::Work)
    }

    async fn take_from_rows(&self, slot: OwnedSemaphorePermit) {
        match self.database.in_time(self.database.due(&self.pool, 1)).await {
            Ok(due) => match due.first() {
                Some(ring) => self.take(ring.job, slot).await,
                None => sleep(PAUSE).await,
            },
            Err(error) => rest(&error).await,
        }
    }

    /// Claims the job and begins it in this slot. One that is not ours to claim is passed over: it was
    /// rung twice, or is not due any more.
    async fn take(&self, job: JobId, slot: OwnedSemaphorePermit) {
        match self.claim(job).await {
            Ok(Some(claimed)) => {
                let in_hand = self.under_way.take(job);
                let attempt = self.attempt(claimed);
                tokio::spawn(async move {
                    attempt.run().await;
                    drop((in_hand, slot));
                });
            }
            Ok(None) => {}
            Err(error) => rest(&error).await,
        }
    }

    async fn claim(&self, job: JobId) -> Result<Option<Claimed>, StoreError> {
        self.database
            .in_time(self.database.claim(job, &self.pool, &self.name, self.config.lease))
            .await
    }

    fn attempt(&self, claimed: Claimed) -> Attempt {
        Attempt {
            config: Arc::clone(&self.config),
            database: self.database.clone(),
            stop: self.stop.clone(),
            recovery: self.recovery.clone(),
            claimed,
        }
    }
}

async fn rest(error: &StoreError) {
    error!("nothing can be taken: {}", chain(error));
    sleep(PAUSE).await;
}

/// Carries out what is due in this pool, one job after the other, until nothing is.
///
/// # Errors
/// [`StoreError`] if the database does not answer.
pub async fn work_off(
    config: &Arc<Config>,
    database: &Database,
    pool: &str,
    stop: &Stop,
    recovery: &Recovery,
) -> anyhow::Result<()> {
    let (stop_too, recovery) = (stop.clone(), recovery.clone());
    let taker = Taker::new(Arc::clone(config), database.clone(), pool, stop_too, recovery);
    while stop.phase() == Phase::Work {
        let due = database.in_time(database.due(pool, 1)).await?;
        let Some(ring) = due.into_iter().next() else { break };
        if let Some(claimed) = taker.claim(ring.job).await? {
            taker.attempt(claimed).run().await;
        }
    }
    Ok(())
}
