//! `recover` of this node: what an executor left open is finished or taken back, and the operators see
//! whose sites are not settled.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use holdfast_job::{CustomerId, Recovered, Standing};
use holdfast_store::{Database, Unsettled};
use tokio::{sync::Mutex, time::timeout};
use tracing::{info, warn};

use crate::{attempt::chain, config::Config, executor::ask};

/// So long at most does a worker wait for `recover` before it begins to work: a server that is away
/// holds up its own customers, not all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `recover`, one at a time.
#[derive(Debug, Clone)]
pub struct Recovery {
    config: Arc<Config>,
    database: Database,
    last: Arc<Mutex<LastRun>>,
    begun: Arc<AtomicU64>,
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
        Self { config, database, last: Arc::default(), begun: Arc::default() }
    }

    /// Before the first job is taken.
    pub async fn before_work(&self) {
        let recovery = self.clone();
        let run = tokio::spawn(async move { recovery.run().await });
        if timeout(PATIENCE, run).await.is_err() {
            warn!("`recover` goes on beside the work: a server of some site does not answer");
        }
    }

    /// Runs it, and notes whose sites are not settled. Says whether all are.
    pub async fn run(&self) -> bool {
        // One at a time: the second waits.
        let mut last = self.last.lock().await;
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let said = match ask(&self.config.executor, "recover").await {
            Ok(said) => said,
            Err(error) => {
                warn!("`recover` could not be run: {error}");
                return false;
            }
        };
        *last = LastRun { number, standings: BTreeMap::new() };
        let mut unsettled = Vec::new();
        for line in said {
            let Ok(recovered) = serde_json::from_str::<Recovered>(&line) else {
                warn!("`recover` said what is not understood: {line}");
                continue;
            };
            let Recovered { customer, standing, detail, .. } = recovered;
            last.standings.insert(customer, standing);
            match standing {
                Standing::Settled | Standing::Busy => info!(%customer, "recover: {detail}"),
                Standing::Unsettled | Standing::Stuck => {
                    warn!(%customer, ?standing, "recover: customer {customer}: {detail}");
                    unsettled.push(Unsettled { customer, standing, detail });
                }
            }
        }
        if let Err(error) = self.database.note_unsettled(&self.config.node, &unsettled).await {
            warn!("whose sites are not settled could not be noted: {}", chain(&error));
        }
        unsettled.is_empty()
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
