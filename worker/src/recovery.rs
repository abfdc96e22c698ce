//! `recover` of this node: what an executor left open is finished or taken back, and the operators see
//! whose sites are not settled.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use holdfast_job::{CustomerId, Outcome, Recovered, Standing, chain};
use holdfast_store::{Database, Unsettled};
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout},
};
use tracing::{info, warn};

use crate::{config::Config, executor::ask};

/// So long at most does a worker wait for `recover` before it begins to work: a server that is away
/// holds up its own customers, not all.
const PATIENCE: Duration = Duration::from_secs(60);

/// How `recover` ends if it has looked at every customer.
const WHOLE: [Outcome; 3] = [Outcome::Completed, Outcome::FailedForNow, Outcome::Stuck];

/// Runs `recover`, one at a time.
#[derive(Debug, Clone)]
pub struct Recovery {
    config: Arc<Config>,
    database: Database,
    last: Arc<Mutex<LastRun>>,
    begun: Arc<AtomicU64>,
    wanted: Arc<Notify>,
}

/// What the last whole run found.
#[derive(Debug, Default)]
struct LastRun {
    number: u64,
    standings: BTreeMap<CustomerId, Standing>,
}

impl Recovery {
    /// For the node of this configuration.
    pub fn new(config: Arc<Config>, database: Database) -> Self {
        Self {
            config,
            database,
            last: Arc::default(),
            begun: Arc::default(),
            wanted: Arc::default(),
        }
    }

    /// Before the first job is taken.
    ///
    /// # Errors
    /// If the executor cannot be started.
    pub async fn before_work(&self) -> io::Result<()> {
        let recovery = self.clone();
        let run = tokio::spawn(async move { recovery.run().await });
        match timeout(PATIENCE, run).await {
            Ok(done) => done?.map(|_| ()),
            Err(_) => {
                warn!("`recover` goes on beside the work: a server of some site does not answer");
                Ok(())
            }
        }
    }

    /// Runs it, and notes whose sites are not settled. Says whether all are.
    ///
    /// # Errors
    /// If the executor cannot be started.
    pub async fn run(&self) -> io::Result<bool> {
        // One at a time: the second waits.
        let mut last = self.last.lock().await;
        let (number, began) = (self.begun.fetch_add(1, Ordering::Relaxed) + 1, Instant::now());
        let said = ask(&self.config.executor, "recover", &WHOLE).await?;
        let mut standings = BTreeMap::new();
        let (mut unsettled, mut all_settled) = (Vec::new(), true);
        for line in said {
            // A customer who is not understood would pass for one who never had an order.
            let recovered: Recovered = serde_json::from_str(&line)?;
            let Recovered { version, customer, standing, detail } = recovered;
            if version != 1 {
                return Err(io::Error::other(format!("`recover` speaks version {version}")));
            }
            standings.insert(customer, standing);
            match standing {
                Standing::Settled => info!(%customer, "recover: {detail}"),
                Standing::Busy => {
                    info!(%customer, "recover: {detail}");
                    unsettled.push(Unsettled { customer, standing, detail });
                }
                Standing::Unsettled | Standing::Stuck => {
                    warn!(%customer, ?standing, "recover: customer {customer}: {detail}");
                    all_settled = false;
                    unsettled.push(Unsettled { customer, standing, detail });
                }
            }
        }
        *last = LastRun { number, standings };
        let noted = self
            .database
            .in_time(self.database.note_unsettled(&self.config.node, &unsettled, began.elapsed()))
            .await;
        if let Err(error) = noted {
            warn!("whose sites are not settled could not be noted: {}", chain(&error));
        }
        Ok(all_settled)
    }

    /// Says that an executor may have left something open.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// Waits until somebody says so.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// How many runs have begun.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How this customer stands by a run that began after `earlier` ones had; none if there was none
    /// yet. Whoever never had an order on this node is settled.
    pub fn standing_after(&self, earlier: u64, customer: CustomerId) -> Option<Standing> {
        // Held by a run under way: its answer comes.
        let last = self.last.try_lock().ok()?;
        let found = last.standings.get(&customer).copied();
        (last.number > earlier).then_some(found.unwrap_or(Standing::Settled))
    }
}
