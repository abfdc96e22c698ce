//! From an order to an admitted job: judged, signed, written down, rung for. The one way in, for people
//! and for the planner.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_job::{JobId, Moment, Order, REQUEST_VERSION, Request, Restore, Scope, Verb};
use holdfast_store::{
    Actor, Admissions, AdmitError, Admitted, Class, Customer, Database, NewJob, OrderKey, Ring,
};
use tracing::{error, info};
use uuid::Uuid;

use super::{daily::DailyLimit, keys::Signer, refusal::Refusal, ringing::Bells};

/// How long after it is due an order is void.
pub const VOID_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// An order, and what is known beside it.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// What is to be done.
    pub order: Order,
    /// Who gives it.
    pub actor: Actor,
    /// What they wrote beside it.
    pub note: Option<String>,
    /// The job that had the same order and did not do it.
    pub retry_of: Option<JobId>,
    /// What the caller calls the request.
    pub key: Option<OrderKey>,
}

impl NewOrder {
    /// An order of the planner's, with its reason.
    pub fn planned(order: Order, reason: &str) -> Self {
        let note = Some(reason.to_owned());
        Self { order, actor: Actor::planner(), note, retry_of: None, key: None }
    }
}

/// The job of an order.
#[derive(Debug, Clone, Copy)]
pub enum Given {
    /// It is new.
    Now(JobId),
    /// The same request was given before.
    Before(JobId),
}

/// Admits jobs.
#[derive(Debug)]
pub struct Admission {
    /// Where they are written down.
    pub database: Database,
    /// By whom.
    pub admissions: Admissions,
    /// Who signs them.
    pub signer: Signer,
    /// Who rings for them.
    pub bells: Bells,
    /// How many a customer may give in a day.
    pub daily: DailyLimit,
}

impl Admission {
    /// Admits an order of this customer; it exists when this returns.
    ///
    /// # Errors
    /// [`Refusal`]: nothing is left of the order then, unless it says that it does not know.
    pub async fn admit(&self, customer: &Customer, order: NewOrder) -> Result<Given, Refusal> {
        let NewOrder { order, actor, note, retry_of, key } = order;
        let Some(node) = &customer.node else { return Err(Refusal::NoNode) };
        if let Err(refusal) = self.daily.check(customer.id, &actor).await {
            // The same request at the same time may have been the last for which there was room.
            let before = match &key {
                Some(key) => self.database.admitted_before(customer.id, key).await,
                None => Ok(None),
            };
            return before?.map(Given::Before).ok_or(refusal);
        }
        let job = JobId::from(Uuid::now_v7());
        let issued_at = Moment::of(SystemTime::now());
        let (verb, class) = (order.verb(), Class::of(order.verb()));
        let about = About::of(&order);
        let request = Request {
            version: REQUEST_VERSION,
            job,
            node: Some(node.clone()),
            customer: customer.id,
            issued_at,
            not_after: issued_at.plus(VOID_AFTER),
            order,
        };
        let ticket = self.signer.sign(&request).map_err(|error| {
            error!("job {job} could not be signed: {error}");
            Refusal::Unsigned
        })?;
        let new = NewJob {
            job,
            customer: customer.id,
            verb,
            class,
            scope: about.scope,
            repository: about.repository,
            snapshot: about.snapshot,
            undo_of: about.undo_of,
            retry_of,
            key,
            pool: customer.pool.clone(),
            ticket,
            void_after: VOID_AFTER,
            actor,
            note,
        };
        let actor = new.actor.clone();
        match self.admissions.admit(new).await {
            Ok(Admitted::Now) => {}
            Ok(Admitted::Before(job)) => return Ok(Given::Before(job)),
            Err(AdmitError::BackupInUse) if verb == Verb::Delete => {
                return Err(Refusal::BackupKept);
            }
            Err(error) => return Err(error.into()),
        }
        let due_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let due_ms = u64::try_from(due_ms).unwrap_or(u64::MAX);
        self.bells.hand_in(&customer.pool, Ring { job, class, due_ms });
        let (verb, number) = (verb.word(), customer.id);
        info!(%job, customer = %number, verb, actor = actor.name(), "job {job} is admitted");
        Ok(Given::Now(job))
    }
}

/// What of an order stands in columns of its own.
struct About {
    scope: Scope,
    repository: Option<holdfast_job::RepositoryName>,
    snapshot: Option<holdfast_job::SnapshotId>,
    undo_of: Option<JobId>,
}

impl About {
    fn of(order: &Order) -> Self {
        let whole = Self { scope: Scope::Both, repository: None, snapshot: None, undo_of: None };
        match order {
            Order::Backup(backup) => Self {
                scope: backup.scope.clone(),
                repository: Some(backup.repository.clone()),
                ..whole
            },
            Order::Restore(Restore { repository, snapshot, scope, .. }) => Self {
                scope: scope.clone(),
                repository: Some(repository.clone()),
                snapshot: Some(snapshot.clone()),
                ..whole
            },
            Order::Undo(undo) => Self { undo_of: undo.of, ..whole },
            // One snapshot a job: its backup's row is what the job claims.
            Order::Delete(delete) => Self {
                repository: Some(delete.repository.clone()),
                snapshot: delete.snapshots.first().cloned(),
                ..whole
            },
        }
    }
}
