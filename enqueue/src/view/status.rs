//! How a customer's jobs stand: the one under way, and the last that ended. This is what programs poll,
//! and what event streams tell.

use std::time::Duration;

use holdfast_job::{CustomerId, JobStatus};
use holdfast_store::{CustomerJobs, Database, Job, StoreError};
use serde::Serialize;

use super::job::Shown;
use crate::{auth::Audience, spoken::past};

/// So many ended jobs are told.
const RECENT: u32 = 10;

/// How a customer's jobs stand.
#[derive(Debug, Serialize)]
pub struct Status {
    active: Option<Active>,
    recent: Vec<Shown>,
}

#[derive(Debug, Serialize)]
struct Active {
    #[serde(flatten)]
    job: Shown,
    waiting: Option<Waiting>,
}

/// Why a job has not begun.
#[derive(Debug, Serialize)]
pub struct Waiting {
    /// How many jobs have their turn before it.
    pub ahead: u64,
    /// Why, for people.
    pub because: String,
}

impl Status {
    /// How this customer's jobs stand, as these may see it; a worker that has been silent for longer
    /// than `silence` is taken for dead.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn of(
        database: &Database,
        silence: Duration,
        customer: CustomerId,
        audience: Audience,
    ) -> Result<Self, StoreError> {
        let CustomerJobs { active, ended } = database.jobs_now(customer, RECENT).await?;
        let active = match active {
            None => None,
            Some(job) => {
                let waiting = match job.status {
                    JobStatus::Pending => Some(waiting(database, silence, &job).await?),
                    _ => None,
                };
                Some(Active { job: Shown::of(job, audience), waiting })
            }
        };
        let recent = ended.into_iter().map(|job| Shown::of(job, audience)).collect();
        Ok(Self { active, recent })
    }

    /// Whether it says what changes though none of these jobs does: a place in the queue, a silent node.
    pub fn is_waiting(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.waiting.is_some())
    }
}

/// The first reason that holds, the one that lasts longest first.
///
/// # Errors
/// [`StoreError`] if the store cannot say.
pub async fn waiting(
    database: &Database,
    silence: Duration,
    job: &Job,
) -> Result<Waiting, StoreError> {
    let place = database.place(job.job).await?;
    let node = database.node_of_pool(&job.pool).await?;
    let ahead = place.ahead;
    let because = match node {
        None => "No server is registered for the place where this site is.".to_owned(),
        Some(node) if node.silent_for.is_none() => {
            "No worker has reported yet from the server where this site is.".to_owned()
        }
        Some(node) if node.silent_for.is_some_and(|silent| silent > silence) => {
            let silent = node.silent_for.unwrap_or_default();
            format!(
                "No worker has reported from the server where this site is for {}.",
                past(silent)
            )
        }
        Some(node) if node.draining => {
            "The server where this site is takes nothing new for the moment: it is being looked \
             after."
                .to_owned()
        }
        Some(_) => match (&job.waits_because, ahead, place.running) {
            (Some(because), ..) => because.clone(),
            (None, 0, 0) => "It begins in a moment.".to_owned(),
            (None, 0, _) => "It is the next, as soon as another order has ended.".to_owned(),
            (None, 1, _) => "One other order has its turn before it.".to_owned(),
            (None, ahead, _) => format!("{ahead} other orders have their turn before it."),
        },
    };
    Ok(Waiting { ahead, because })
}
