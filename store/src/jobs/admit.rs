//! Admission: the row, its audit and, for a delete, the claim on its backup, in one transaction.

use std::time::Duration;

use holdfast_job::{CustomerId, JobId, RepositoryName, Scope, SnapshotId, Verb};
use sqlx::{MySql, MySqlConnection, QueryBuilder, Row};

use super::Class;
use crate::{
    Actor, Database, StoreError, audit,
    database::microseconds,
    error::{is_deadlock, violates},
};

/// How often it is tried to admit a job.
const TRIES: u32 = 5;

/// A job that is to be admitted.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its name, made before it is admitted.
    pub job: JobId,
    /// Whose.
    pub customer: CustomerId,
    /// What is to be done.
    pub verb: Verb,
    /// How soon it has its turn.
    pub class: Class,
    /// What part of the site it is about.
    pub scope: Scope,
    /// In which repository, if it is about one.
    pub repository: Option<RepositoryName>,
    /// The snapshot that is restored or deleted.
    pub snapshot: Option<SnapshotId>,
    /// What an undo takes back.
    pub undo_of: Option<JobId>,
    /// The job that had the same order and did not do it.
    pub retry_of: Option<JobId>,
    /// What the caller calls the request, if they may give it again.
    pub key: Option<OrderKey>,
    /// The pool whose workers take it.
    pub pool: String,
    /// The signed order.
    pub ticket: String,
    /// From now, when the order is void.
    pub void_after: Duration,
    /// Who gave it.
    pub actor: Actor,
    /// What they wrote beside it.
    pub note: Option<String>,
}

/// The name that a caller gave to a request: given again, it is the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderKey {
    /// The name: 1 to 64 visible ASCII characters.
    pub key: String,
    /// The SHA-256, in hexadecimal digits, of what was asked for and by whom.
    pub request_hash: String,
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// The job exists since now.
    Now,
    /// The same request was admitted before, as this job.
    Before(JobId),
}

/// Why a job was not admitted; nothing was written, if it is known.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The customer has another active job.
    #[error("job {0} of this customer is still under way")]
    Active(JobId),
    /// The backup is being deleted, or is gone.
    #[error("this backup is being deleted or is gone")]
    BackupGone,
    /// The backup is being restored, or is held.
    #[error("this backup is being restored or is held")]
    BackupInUse,
    /// The customer's key was used for another request.
    #[error("this key was used for another request, whose job is {0}")]
    KeyReused(JobId),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The connection was lost in the commit, and nobody could be asked since whether it was done.
    #[error("it is not known whether this job was written")]
    Unknown(#[source] StoreError),
}

impl From<sqlx::Error> for AdmitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Database {
    /// Admits a job: it exists when this returns. If its key has admitted the same request before, that
    /// one's job is the answer.
    ///
    /// # Errors
    /// [`AdmitError`]; nothing was written then, unless it says that it does not know.
    pub async fn admit(&self, job: &NewJob) -> Result<Admitted, AdmitError> {
        let mut tries = 1;
        loop {
            match self.try_admit(job).await {
                Err(AdmitError::Store(error)) if passes(&error) && tries < TRIES => tries += 1,
                admitted => return admitted,
            }
        }
    }

    async fn try_admit(&self, job: &NewJob) -> Result<Admitted, AdmitError> {
        // Nearly always the answer, and without a lock; the unique key decides.
        if job.verb != Verb::Delete
            && let Some(active) = self.active_job(job.customer).await?
        {
            return self.before_or(job, AdmitError::Active(active)).await;
        }
        let mut transaction = self.pool().begin().await?;
        if let (Some(snapshot), Some(repository)) = (&job.snapshot, &job.repository) {
            match claim_backup(&mut transaction, job, snapshot, repository).await {
                Err(error @ AdmitError::Store(_)) => return Err(error),
                Err(refused) => {
                    drop(transaction);
                    return self.before_or(job, refused).await;
                }
                Ok(()) => {}
            }
        }
        match insert(&mut transaction, &[job]).await {
            Err(error) if violates(&error, "one_active_job") => {
                drop(transaction);
                // It may have ended since: then the next try may be admitted.
                return match self.active_job(job.customer).await? {
                    Some(active) => self.before_or(job, AdmitError::Active(active)).await,
                    None => Err(AdmitError::Store(StoreError::Away(error))),
                };
            }
            // The same request, in the same moment, was first.
            Err(error) if violates(&error, "one_job_a_key") => {
                drop(transaction);
                return self.before_or(job, error.into()).await;
            }
            inserted => inserted?,
        }
        match transaction.commit().await {
            Err(error) => self.after_lost_commit(job.job, error).await,
            Ok(()) => Ok(()),
        }?;
        Ok(Admitted::Now)
    }

    /// What stands in the way, unless that is the same request, given in the same moment.
    async fn before_or(&self, job: &NewJob, refused: AdmitError) -> Result<Admitted, AdmitError> {
        let before = match &job.key {
            Some(key) => self.admitted_before(job.customer, key).await?,
            None => None,
        };
        before.map(Admitted::Before).ok_or(refused)
    }

    /// The job that this key has admitted for the customer, if there is one.
    ///
    /// # Errors
    /// [`AdmitError::KeyReused`] if that was another request, [`AdmitError::Store`].
    pub async fn admitted_before(
        &self,
        customer: CustomerId,
        key: &OrderKey,
    ) -> Result<Option<JobId>, AdmitError> {
        let select = "SELECT uuid, request_hash FROM customer_backup_jobs \
                      WHERE customer_id = ? AND idempotency_key = ?";
        let query = sqlx::query_as::<_, (String, Option<String>)>(select);
        let found =
            query.bind(customer.number()).bind(&key.key).fetch_optional(&self.pool()).await?;
        let Some((uuid, hash)) = found else { return Ok(None) };
        let job = uuid.parse().map_err(|error| StoreError::corrupt("job", error))?;
        match hash.as_deref() == Some(&key.request_hash) {
            true => Ok(Some(job)),
            false => Err(AdmitError::KeyReused(job)),
        }
    }

    /// Whether a job is there whose commit was not answered.
    pub(super) async fn after_lost_commit(
        &self,
        job: JobId,
        error: sqlx::Error,
    ) -> Result<(), AdmitError> {
        // If the server is still about it, this waits for it.
        let select = "SELECT 1 FROM customer_backup_jobs WHERE uuid = ? LOCK IN SHARE MODE";
        let found = sqlx::query(select).bind(job.to_string()).fetch_optional(&self.pool()).await;
        match found {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(error.into()),
            Err(_) => Err(AdmitError::Unknown(error.into())),
        }
    }

    /// The job that holds this customer, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn active_job(&self, customer: CustomerId) -> Result<Option<JobId>, StoreError> {
        let select = "SELECT uuid FROM customer_backup_jobs WHERE active_customer = ?";
        let found: Option<String> =
            sqlx::query_scalar(select).bind(customer.number()).fetch_optional(&self.pool()).await?;
        let job = found.map(|uuid| uuid.parse()).transpose();
        job.map_err(|error| StoreError::corrupt("job", error))
    }
}

/// Whether the next try may do: the server took this one back for another's sake, or the job that stood
/// in its way has ended.
fn passes(error: &StoreError) -> bool {
    let stood = |error| violates(error, "one_active_job");
    is_deadlock(error) || matches!(error, StoreError::Away(error) if stood(error))
}

/// The rows of jobs, and of their audit.
pub(super) async fn insert(
    connection: &mut MySqlConnection,
    jobs: &[&NewJob],
) -> Result<(), sqlx::Error> {
    let mut rows = QueryBuilder::<MySql>::new(
        "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, snapshot_id, \
         status, created_at, class, pool, repository, source_ids, undo_of, retry_of, \
         idempotency_key, request_hash, ticket, run_after, not_after, requested_by, note) ",
    );
    rows.push_values(jobs, |mut row, job| {
        let source_ids = match &job.scope {
            Scope::Sources(_) => Some(job.scope.to_string()),
            Scope::Db | Scope::Files | Scope::Both => None,
        };
        row.push_bind(job.job.to_string())
            .push_bind(job.customer.number())
            .push_bind(job.verb.word())
            .push_bind(job.scope.word())
            .push_bind(job.snapshot.as_ref().map(SnapshotId::as_str))
            .push("'pending'")
            .push("NOW(3)")
            .push_bind(job.class.word())
            .push_bind(&job.pool)
            .push_bind(job.repository.as_ref().map(RepositoryName::as_str))
            .push_bind(source_ids)
            .push_bind(job.undo_of.map(|of| of.to_string()))
            .push_bind(job.retry_of.map(|of| of.to_string()))
            .push_bind(job.key.as_ref().map(|key| &key.key))
            .push_bind(job.key.as_ref().map(|key| &key.request_hash))
            .push_bind(&job.ticket)
            .push("NOW(3)")
            .push("NOW(3) + INTERVAL ")
            .push_bind_unseparated(microseconds(job.void_after))
            .push_unseparated(" MICROSECOND")
            .push_bind(job.actor.name())
            .push_bind(job.note.as_deref());
    });
    rows.build().execute(&mut *connection).await?;
    let mut entries = QueryBuilder::<MySql>::new(audit::INSERT);
    entries.push_values(jobs, |mut row, job| {
        row.push_bind(job.actor.name())
            .push_bind(job.verb.word())
            .push_bind(job.customer.number())
            .push_bind(job.job.to_string())
            .push_bind(job.scope.to_string());
    });
    entries.build().execute(connection).await?;
    Ok(())
}

/// Holds the backup's row until the transaction ends, and looks whether the order may have it: what is
/// being restored is not deleted, and the reverse.
async fn claim_backup(
    connection: &mut MySqlConnection,
    job: &NewJob,
    snapshot: &SnapshotId,
    repository: &RepositoryName,
) -> Result<(), AdmitError> {
    let select = "SELECT id, state, held FROM customer_backups \
                  WHERE snapshot_id = ? AND repository = ? AND customer_id = ? FOR UPDATE";
    let found = sqlx::query(select)
        .bind(snapshot.as_str())
        .bind(repository.as_str())
        .bind(job.customer.number())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = found else { return Err(AdmitError::BackupGone) };
    let (id, state, held): (u64, String, bool) =
        (row.try_get("id")?, row.try_get("state")?, row.try_get("held")?);
    if state != "active" {
        return Err(AdmitError::BackupGone);
    }
    if job.verb != Verb::Delete {
        return Ok(());
    }
    let restored: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM customer_backup_jobs WHERE snapshot_id = ? AND customer_id = ? \
         AND job_type = 'restore' AND status IN ('pending', 'running', 'stuck')",
    )
    .bind(snapshot.as_str())
    .bind(job.customer.number())
    .fetch_one(&mut *connection)
    .await?;
    if held || restored > 0 {
        return Err(AdmitError::BackupInUse);
    }
    sqlx::query(
        "UPDATE customer_backups SET state = 'deleting', deleting_job = ? \
         WHERE id = ? AND state = 'active'",
    )
    .bind(job.job.to_string())
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}
