//! One claimed job: the executor is started and heard, the lease kept, and the end recorded, once.

use std::{sync::Arc, time::Duration};

use holdfast_job::{Level, chain};
use holdfast_store::{Claimed, Database, Report, StoreError};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tracing::{error, info, warn};

use crate::{
    config::Config,
    executor::{Executor, Last},
    recovery::Recovery,
    stop::{Phase, Stop},
    verdict::{LetGo, Verdict, Waits, verdict},
};

/// How far a job is goes to the database twice a second at most.
const BETWEEN_REPORTS: Duration = Duration::from_millis(500);
/// How often it is looked whether somebody wants the job stopped.
const LOOK_FOR_STOP: Duration = Duration::from_secs(1);
/// The longest wait before a record is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So long at most does one write wait for its answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a worker that is ending tries to record: a later one reads it from the journal.
const LAST_TRY: Duration = Duration::from_secs(5);

/// A claimed job, and what it needs.
#[derive(Debug)]
pub struct Attempt {
    pub config: Arc<Config>,
    pub database: Database,
    pub stop: Stop,
    pub recovery: Recovery,
    pub claimed: Claimed,
}

impl Attempt {
    /// Carries the job out and records its end.
    pub async fn run(self) {
        let Claimed { job, verb, attempt, customer, .. } = &self.claimed;
        let verb = verb.word();
        info!(%job, %customer, verb, attempt, "job {job}: {verb} for customer {customer}");
        let (reports, seen) = watch::channel(None);
        let wish = watch::Sender::new(self.claimed.stopping);
        let last = {
            let executed = self.execute(&reports, &wish);
            let kept = self.keep(seen, &wish);
            tokio::pin!(executed, kept);
            tokio::select! {
                last = &mut executed => last,
                // There is nothing left to hear.
                () = &mut kept => executed.await,
            }
        };
        if last.result.is_none() {
            // What it left open is settled now, not when the job has its turn again.
            self.recovery.want();
        }
        let let_go = match (*wish.borrow(), self.stop.phase() >= Phase::Cancel) {
            (true, _) => LetGo::Person,
            (false, true) => LetGo::Worker,
            (false, false) => LetGo::Not,
        };
        let waits = Waits { busy: self.config.busy_retry, backoff: self.config.backoff };
        let verdict = verdict(&self.claimed, last, let_go, waits);
        self.tell(&verdict);
        self.record(&verdict).await;
    }

    async fn execute(
        &self,
        reports: &watch::Sender<Option<Report>>,
        wish: &watch::Sender<bool>,
    ) -> Last {
        let Claimed { job, verb, ticket, .. } = &self.claimed;
        let mut wish = wish.subscribe();
        let let_go = async {
            tokio::select! {
                () = self.stop.until(Phase::Cancel) => {}
                Ok(_) = wish.wait_for(|wanted| *wanted) => {
                    info!(%job, "job {job} is to be stopped");
                }
            }
        };
        let executed = async {
            let executor = Executor::start(&self.config.executor, *verb, ticket).await?;
            executor.until_end(*job, reports, let_go).await
        };
        executed.await.unwrap_or_else(|error| Last {
            // As a shell says of a program that it could not start.
            code: Some(127),
            heard: false,
            result: None,
            errors: error.to_string(),
        })
    }

    /// Keeps the lease and reports how far the job is, for as long as it is ours; and hears whether it is
    /// to be stopped, whosever it is: the executor that may be at work on it is here.
    async fn keep(&self, mut reports: watch::Receiver<Option<Report>>, wish: &watch::Sender<bool>) {
        let (job, mut ours) = (self.claimed.job, true);
        let mut heartbeat = interval(self.config.heartbeat);
        let mut look = interval(LOOK_FOR_STOP);
        for ticks in [&mut heartbeat, &mut look] {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let kept = tokio::select! {
                _ = heartbeat.tick(), if ours => self.renew().await,
                _ = look.tick(), if !*wish.borrow() => self.look_for_stop(wish).await,
                _ = reports.changed(), if ours => {
                    let report = reports.borrow_and_update().clone();
                    let told = self.report(report).await;
                    sleep(BETWEEN_REPORTS).await;
                    told
                }
                else => return,
            };
            match kept {
                Ok(true) => {}
                // The lease is lost: another worker reports, and the executor's lock is the fence.
                Ok(false) => {
                    ours = false;
                    warn!(%job, "job {job} has changed hands: its end is for another worker to record");
                }
                // The work goes on: whether it is still ours is seen when the database is back.
                Err(error) => self.complain("how it goes on", &error),
            }
        }
    }

    async fn renew(&self) -> Result<bool, StoreError> {
        self.database.in_time(self.database.renew(&self.claimed, self.config.lease)).await
    }

    /// Whether it has changed hands, the lease says, and not this.
    async fn look_for_stop(&self, wish: &watch::Sender<bool>) -> Result<bool, StoreError> {
        let wanted = self.database.in_time(self.database.is_to_be_stopped(&self.claimed)).await?;
        if wanted {
            wish.send_replace(true);
        }
        Ok(true)
    }

    async fn report(&self, report: Option<Report>) -> Result<bool, StoreError> {
        match report {
            Some(report) => {
                self.database.in_time(self.database.report(&self.claimed, &report)).await
            }
            None => Ok(true),
        }
    }

    /// Records the end, again and again until the database has taken it: the site is as it is, and the
    /// record must say so. A worker that was told to end soon leaves that to a later one, which hears of
    /// the end from the journal: systemd starts no database for as long as something is being stopped
    /// that is ordered behind it.
    async fn record(&self, verdict: &Verdict) {
        let job = self.claimed.job;
        let mut pause = Duration::from_millis(200);
        let mut deadline = None;
        loop {
            let ending = self.stop.phase() >= Phase::Quiet;
            let patience = if ending { LAST_TRY } else { ANSWER };
            let write = async {
                match verdict {
                    Verdict::End(ending) => self.database.end(&self.claimed, ending).await,
                    Verdict::Again(back) => self.database.put_back(&self.claimed, back).await,
                    Verdict::Unknown(_) => Ok(true),
                }
            };
            match self.database.within(patience, write).await {
                Ok(true) => return,
                Ok(false) => {
                    return warn!(%job, "job {job} has changed hands: its end is another's to record");
                }
                Err(error) => self.complain("its end", &error),
            }
            if ending && Instant::now() > *deadline.get_or_insert(Instant::now() + LAST_TRY) {
                return error!(%job, "job {job}: its end is left for a later worker to record");
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn tell(&self, verdict: &Verdict) {
        let job = self.claimed.job;
        let (word, text) = match verdict {
            Verdict::End(ending) => (ending.step.to().word(), &ending.operator_message),
            Verdict::Again(back) => ("pending", &back.operator_message),
            Verdict::Unknown(problem) => ("unknown", problem),
        };
        match verdict.level() {
            Level::Info => info!(%job, status = word, "job {job}: {word}: {text}"),
            Level::Warn => warn!(%job, status = word, "job {job}: {word}: {text}"),
        }
    }

    fn complain(&self, what: &str, error: &StoreError) {
        let job = self.claimed.job;
        warn!(%job, "job {job}: {what} could not be recorded yet: {}", chain(error));
    }
}
