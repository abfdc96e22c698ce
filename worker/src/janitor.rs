//! The janitor: behind each bell there is a scan, behind each lease a look whether it has run out.
//!
//! Every worker has one. What two of them do at once, the rows' own conditions let one of them do.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use holdfast_job::{JobId, Standing, Step, chain};
use holdfast_store::{Database, Ending, Idle, Queue, Ringer, StoreError};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::{info, warn};

use crate::{
    config::Config,
    preflight::cannot_start,
    pulse::Beat,
    recovery::Recovery,
    stop::{Phase, Stop},
    taker::UnderWay,
    verdict::MAX_CLAIMS,
};

/// So many bells are rung in one look.
const RINGS: u32 = 1000;
/// How often `recover` tidies up though nothing is known to be open.
const TIDY_EVERY: Duration = Duration::from_secs(600);
/// The longest wait before what could not be settled is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Repairs what bells and workers forgot.
#[derive(Debug)]
pub struct Janitor {
    config: Arc<Config>,
    database: Database,
    ringer: Ringer,
    pool: String,
    recovery: Recovery,
    in_hand: UnderWay,
    beat: Beat,
    under_way: Option<JoinHandle<io::Result<bool>>>,
    wait: Duration,
    next_recovery: Instant,
    /// Whether `recover` was wanted while one was under way, which may have passed that customer.
    again: bool,
    /// Jobs that end when their site is settled, and how many recoveries had begun when they were first
    /// seen: an earlier one says nothing about them.
    awaiting: BTreeMap<JobId, u64>,
}

impl Janitor {
    /// For this pool.
    pub fn new(
        config: Arc<Config>,
        database: Database,
        ringer: Ringer,
        recovery: Recovery,
        pool: &str,
        in_hand: UnderWay,
    ) -> Self {
        let wait = config.scan;
        let next_recovery = Instant::now() + wait;
        let (pool, awaiting) = (pool.to_owned(), BTreeMap::new());
        Self {
            config,
            database,
            ringer,
            pool,
            recovery,
            in_hand,
            beat: Beat::new(),
            under_way: None,
            wait,
            next_recovery,
            again: false,
            awaiting,
        }
    }

    /// The pulse of its loop.
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// Works until the last job has ended.
    pub async fn run(mut self, stop: Stop) {
        let recovery = self.recovery.clone();
        let mut scan = interval(self.config.scan);
        let mut heartbeat = interval(self.config.heartbeat);
        for ticks in [&mut scan, &mut heartbeat] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            self.beat.round();
            let database = self.database.clone();
            let done = tokio::select! {
                () = stop.until(Phase::Done) => return,
                _ = heartbeat.tick() => database.in_time(self.heartbeat()).await,
                _ = scan.tick() => database.in_time(self.look()).await,
                () = recovery.wanted() => {
                    self.hasten();
                    self.recover(true).await;
                    Ok(())
                }
            };
            if let Err(error) = done {
                warn!("the janitor could not do all it has to: {}", chain(&error));
            }
        }
    }

    async fn heartbeat(&self) -> Result<(), StoreError> {
        let node = &self.config.node;
        if !self.database.heartbeat(node, env!("CARGO_PKG_VERSION")).await? {
            warn!("node {node} is not registered any more: `holdfast-enqueue node add {node}`");
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let mut open = false;
        for lost in self.database.run_out(&self.pool).await? {
            // Its lease ran out while the database was away: it is renewed in a moment.
            if self.in_hand.has(lost.job) {
                continue;
            }
            open = true;
            self.take_back(&lost).await?;
        }
        for void in self.database.expired(&self.pool).await? {
            self.end(&void, Step::EXPIRE, VOID, "it was not begun before its order was void")
                .await?;
        }
        for stuck in self.database.stuck(&self.pool).await? {
            open = true;
            if self.is_settled(&stuck) {
                self.end(&stuck, Step::SETTLE, SETTLED, "a person has settled the site").await?;
            }
        }
        self.recover(open).await;
        self.ring().await
    }

    async fn ring(&self) -> Result<(), StoreError> {
        let due = self.database.due(&self.pool, RINGS).await?;
        match self.ringer.ring(&Queue::of(&self.pool), &due).await {
            // The taker says so, once, and takes from the rows meanwhile.
            Err(StoreError::Redis(_)) => Ok(()),
            rung => rung,
        }
    }

    /// A lease has run out: the job is pending again, or has been that too often.
    async fn take_back(&mut self, lost: &Idle) -> Result<(), StoreError> {
        let job = lost.job;
        if lost.attempt < MAX_CLAIMS {
            if self.database.rescue(lost).await? {
                info!(%job, "job {job} is taken from a worker that gives no sign of life");
            }
            return Ok(());
        }
        // What the last executor left open is settled first: the job holds the customer until then.
        match self.is_settled(lost) {
            true => self.end(lost, Step::FAIL, POISON, "its worker died in each attempt").await,
            false => Ok(()),
        }
    }

    /// Whether a `recover` that began after this job was first seen here found its site settled.
    fn is_settled(&mut self, seen: &Idle) -> bool {
        if !self.awaiting.contains_key(&seen.job) {
            // It does not wait as long as others that have waited for days.
            self.hasten();
        }
        let earlier = *self.awaiting.entry(seen.job).or_insert(self.recovery.begun());
        let settled =
            self.recovery.standing_after(earlier, seen.customer) == Some(Standing::Settled);
        if settled {
            self.awaiting.remove(&seen.job);
        }
        settled
    }

    async fn end(
        &self,
        idle: &Idle,
        step: Step,
        customer: &str,
        operator: &str,
    ) -> Result<(), StoreError> {
        let ending = Ending {
            step,
            customer_message: Some(customer.into()),
            operator_message: operator.into(),
            result: None,
        };
        if self.database.end_idle((idle.job, idle.fence), &ending).await? {
            warn!(job = %idle.job, "job {}: {}: {operator}", idle.job, step.to());
        }
        Ok(())
    }

    /// The next `recover` comes at the next look, or at the end of the one under way.
    fn hasten(&mut self) {
        self.wait = self.config.scan;
        self.next_recovery = Instant::now();
        self.again = self.under_way.is_some();
    }

    /// Runs `recover` beside the looks, when something is open, and now and then to tidy up. What could
    /// not be settled is tried again, after twice as long each time.
    async fn recover(&mut self, open: bool) {
        if let Some(run) = self.under_way.take_if(|run| run.is_finished()) {
            let settled = run.await.unwrap_or_else(|panic| Err(panic.into()));
            let settled = settled.unwrap_or_else(|error| {
                warn!("`recover` could not be run: {}", cannot_start(&self.config, &error));
                false
            });
            self.wait = match settled && !open {
                true => TIDY_EVERY,
                false => (self.wait.min(LONGEST_WAIT / 2) * 2).max(self.config.scan),
            };
            self.next_recovery = Instant::now() + self.wait;
            if std::mem::take(&mut self.again) {
                self.hasten();
            }
        }
        if open && self.wait == TIDY_EVERY {
            self.hasten();
        }
        if self.under_way.is_none() && Instant::now() >= self.next_recovery {
            let recovery = self.recovery.clone();
            self.under_way = Some(tokio::spawn(async move { recovery.run().await }));
        }
    }
}

const VOID: &str = "This could not be begun in time, and nothing was changed. Order it again.";
const POISON: &str = "This could not be done: it was interrupted each time. Contact support.";
const SETTLED: &str = "Our support has looked at your site and settled how it stands.";
