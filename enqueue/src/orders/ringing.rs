//! Rings for what was admitted, beside the answer: nobody waits for Redis, and what is not rung now the
//! workers' janitors find.

use std::collections::BTreeMap;

use holdfast_job::chain;
use holdfast_store::{Queue, Ring, Ringer};
use tokio::sync::mpsc;
use tracing::warn;

/// So many bells may wait while Redis is slow; further ones are left to the janitors.
const MAX_WAITING: usize = 4096;
/// So many are rung in one command.
const AT_ONCE: usize = 256;

/// Where bells are handed in.
#[derive(Debug, Clone)]
pub struct Bells {
    waiting: mpsc::Sender<(String, Ring)>,
}

impl Bells {
    /// Starts the task that rings.
    pub fn start(ringer: Ringer) -> Self {
        let (waiting, inbox) = mpsc::channel(MAX_WAITING);
        tokio::spawn(ring(ringer, inbox));
        Self { waiting }
    }

    /// Hands in the bell of a job that was just admitted.
    pub fn hand_in(&self, pool: &str, ring: Ring) {
        // Full only while Redis is away: the janitors ring then.
        let _ = self.waiting.try_send((pool.to_owned(), ring));
    }
}

async fn ring(ringer: Ringer, mut inbox: mpsc::Receiver<(String, Ring)>) {
    let mut handed_in = Vec::new();
    let mut was_away = false;
    while inbox.recv_many(&mut handed_in, AT_ONCE).await > 0 {
        let mut pools: BTreeMap<String, Vec<Ring>> = BTreeMap::new();
        for (pool, ring) in handed_in.drain(..) {
            pools.entry(pool).or_default().push(ring);
        }
        for (pool, rings) in pools {
            let rung = ringer.ring(&Queue::of(&pool), &rings).await;
            match &rung {
                Err(error) if !was_away => {
                    warn!("{}: the workers find what is due without a bell", chain(error));
                }
                _ => {}
            }
            was_away = rung.is_err();
        }
    }
}
