//! Orders that arrive together are written together: one transaction and one wait for the disk for all
//! that came while the one before was written. An order that comes alone is written at once.
//!
//! Each caller has an answer of their own, and none hears of a job before its commit. What stands in the
//! way of one order stands in the way of no other: where the server refuses a group, each of it is written
//! by itself, by [`Database::admit`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use holdfast_job::CustomerId;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::admit::{AdmitError, Admitted, NewJob, insert};
use crate::{Database, StoreError};

/// So many at most are written together. Each number of them is another statement to prepare.
const AT_ONCE: usize = 16;
/// So many groups are written side by side: while one is made durable, the next is written.
const GROUPS: usize = 2;
/// So many may wait to be written; whoever comes then waits to be taken down.
const MAX_WAITING: usize = 1024;
/// How long a group waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Admits jobs, those together that come together.
#[derive(Debug, Clone)]
pub struct Admissions {
    database: Database,
    inbox: mpsc::Sender<Waiting>,
}

type Answer = Result<Admitted, AdmitError>;

/// An order, and who waits for its answer.
#[derive(Debug)]
struct Waiting {
    job: NewJob,
    caller: oneshot::Sender<Answer>,
}

impl Admissions {
    /// Starts the tasks that write.
    pub fn start(database: Database) -> Self {
        let (inbox, waiting) = mpsc::channel(MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..GROUPS {
            tokio::spawn(write(database.clone(), Arc::clone(&waiting)));
        }
        Self { database, inbox }
    }

    /// Admits a job: it exists when this returns.
    ///
    /// # Errors
    /// As [`Database::admit`]; nothing was written then, unless it says that it does not know.
    pub async fn admit(&self, job: NewJob) -> Answer {
        // One that is about a backup holds that one's row, which no group does.
        if job.snapshot.is_some() {
            return self.database.admit(&job).await;
        }
        let (caller, answer) = oneshot::channel();
        // If nobody takes it, nobody answers.
        let _ = self.inbox.send(Waiting { job, caller }).await;
        let gone = |_| AdmitError::Unknown(StoreError::Away(sqlx::Error::WorkerCrashed));
        answer.await.map_err(gone)?
    }
}

async fn write(database: Database, waiting: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    let mut group = Vec::new();
    // One gathers at a time; whoever has something to write lets the next one gather.
    while waiting.lock().await.recv_many(&mut group, AT_ONCE).await > 0 {
        // Whoever has left was told to look whether it was ordered, and may have looked.
        group.retain(|waiting| !waiting.caller.is_closed());
        let (together, alone) = part(std::mem::take(&mut group));
        alone.into_iter().for_each(|waiting| write_alone(database.clone(), waiting));
        write_together(&database, together).await;
    }
}

/// The first of each customer, in the order of the customers, so that no two groups wait for each other;
/// and the others, which would stand in the way of those.
fn part(group: Vec<Waiting>) -> (Vec<Waiting>, Vec<Waiting>) {
    let (mut together, mut alone) = (BTreeMap::<CustomerId, Waiting>::new(), Vec::new());
    for waiting in group {
        match together.contains_key(&waiting.job.customer) {
            true => alone.push(waiting),
            false => drop(together.insert(waiting.job.customer, waiting)),
        }
    }
    (together.into_values().collect(), alone)
}

/// Until the caller leaves: nobody else waits for it.
fn write_alone(database: Database, Waiting { job, mut caller }: Waiting) {
    tokio::spawn(async move {
        let answer = tokio::select! {
            answer = database.admit(&job) => answer,
            () = caller.closed() => return,
        };
        let _ = caller.send(answer);
    });
}

async fn write_together(database: &Database, group: Vec<Waiting>) {
    let jobs: Vec<&NewJob> = group.iter().map(|waiting| &waiting.job).collect();
    let written = async { Ok(database.insert_together(&jobs).await) };
    let written = database.within(PATIENCE, written).await;
    let written = written.unwrap_or_else(|silent| Err(AdmitError::Unknown(silent)));
    for waiting in group {
        let answer = match &written {
            Ok(()) => Ok(Admitted::Now),
            Err(AdmitError::Unknown(error)) => Err(AdmitError::Unknown(error.again())),
            Err(AdmitError::Store(error)) if !error.is_of_server() => {
                Err(AdmitError::Store(error.again()))
            }
            // The server has taken none of them. What stands in the way of which is seen when each is
            // written by itself.
            Err(_) => {
                write_alone(database.clone(), waiting);
                continue;
            }
        };
        // Who leaves in this moment finds the job when they look.
        let _ = waiting.caller.send(answer);
    }
}

impl Database {
    /// All of them, or none. Whether a customer is held, the unique key says.
    async fn insert_together(&self, jobs: &[&NewJob]) -> Result<(), AdmitError> {
        let Some(any) = jobs.first() else { return Ok(()) };
        let mut transaction = self.pool().begin().await?;
        insert(&mut transaction, jobs).await?;
        match transaction.commit().await {
            Err(error) => self.after_lost_commit(any.job, error).await,
            Ok(()) => Ok(()),
        }
    }
}
