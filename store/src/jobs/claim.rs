//! A job changes hands: claimed by a worker, kept while it reports, given back.

use std::time::Duration;

use holdfast_job::{CustomerId, JobId, Step, Verb};
use sqlx::{MySqlConnection, Row};

use crate::{Database, StoreError, database::microseconds};

/// A job that is ours while the fence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Which.
    pub job: JobId,
    /// Whose.
    pub customer: CustomerId,
    /// The verb of the executor that it needs.
    pub verb: Verb,
    /// The signed order.
    pub ticket: String,
    /// Every later write names this number, and does nothing if the job has changed hands since.
    pub fence: u32,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Whether somebody wants it stopped: it is claimed for the answer.
    pub stopping: bool,
}

/// Why and how a job goes back, to be tried later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// From now, when it is due again.
    pub after: Duration,
    /// What the customer reads while it waits.
    pub because: String,
    /// What the operator reads.
    pub operator_message: String,
    /// Whether this was no attempt: nothing was begun.
    pub uncounted: bool,
}

impl Database {
    /// Claims a job for `worker`, if it is pending, due, of this pool and the pool's node not draining,
    /// or the job to be stopped. The lease runs for `lease`.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer: then it is pending, or claimed and rescued later.
    pub async fn claim(
        &self,
        job: JobId,
        pool: &str,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claimed>, StoreError> {
        let mut transaction = self.pool().begin().await?;
        // The node's row is held to the end: once a drain is answered, nothing is claimed any more.
        let claimed = sqlx::query(
            "UPDATE customer_backup_jobs SET status = ?, fence = fence + 1, attempt = attempt + 1, \
             leased_by = ?, lease_until = NOW(3) + INTERVAL ? MICROSECOND, \
             started_at = COALESCE(started_at, NOW(3)), updated_at = NOW(3), waits_because = NULL, \
             stage = NULL, stage_number = NULL, stage_count = NULL, reverting = FALSE, \
             progress = NULL, detail = NULL, bytes_done = NULL, bytes_total = NULL \
             WHERE uuid = ? AND status = ? AND pool = ? AND run_after <= NOW(3) \
             AND ticket IS NOT NULL AND (stop_requested_at IS NOT NULL \
             OR (SELECT COUNT(IF(draining, 1, NULL)) FROM nodes WHERE nodes.pool = ? \
             LOCK IN SHARE MODE) = 0)",
        )
        .bind(Step::CLAIM.to().word())
        .bind(worker)
        .bind(microseconds(lease))
        .bind(job.to_string())
        .bind(Step::CLAIM.from().word())
        .bind(pool)
        .bind(pool)
        .execute(&mut *transaction)
        .await?;
        if claimed.rows_affected() == 0 {
            return Ok(None);
        }
        let row = sqlx::query(
            "SELECT customer_id, job_type, ticket, fence, attempt, \
             stop_requested_at IS NOT NULL AS stopping FROM customer_backup_jobs WHERE uuid = ?",
        )
        .bind(job.to_string())
        .fetch_one(&mut *transaction)
        .await?;
        let (customer, verb): (i32, String) =
            (row.try_get("customer_id")?, row.try_get("job_type")?);
        let claimed = Claimed {
            job,
            customer: customer
                .to_string()
                .parse()
                .map_err(|error| StoreError::corrupt("customer", error))?,
            verb: read_verb(&verb)?,
            ticket: row.try_get("ticket")?,
            fence: row.try_get("fence")?,
            attempt: row.try_get("attempt")?,
            stopping: row.try_get("stopping")?,
        };
        let detail = format!("attempt {}", claimed.attempt);
        event(&mut transaction, (job, claimed.fence), "claimed", Some(worker), &detail).await?;
        transaction.commit().await?;
        Ok(Some(claimed))
    }

    /// Keeps the lease. Says whether the job is still ours.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn renew(&self, claimed: &Claimed, lease: Duration) -> Result<bool, StoreError> {
        let renewed = sqlx::query(
            "UPDATE customer_backup_jobs SET lease_until = NOW(3) + INTERVAL ? MICROSECOND \
             WHERE uuid = ? AND fence = ? AND status = 'running'",
        )
        .bind(microseconds(lease))
        .bind(claimed.job.to_string())
        .bind(claimed.fence)
        .execute(&self.pool())
        .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Whether somebody wants it stopped, or it has ended without us: as stopped by another worker, or by
    /// an operator's hand.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn is_to_be_stopped(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        let select = "SELECT stop_requested_at IS NOT NULL \
                      OR COALESCE(status, 'failed') NOT IN ('pending', 'running', 'stuck') \
                      FROM customer_backup_jobs WHERE uuid = ?";
        let query = sqlx::query_scalar(select).bind(claimed.job.to_string());
        Ok(query.fetch_one(&self.pool()).await?)
    }

    /// Gives the job back. Says whether it was still ours to give.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn put_back(&self, claimed: &Claimed, back: &PutBack) -> Result<bool, StoreError> {
        let mut transaction = self.pool().begin().await?;
        let done = sqlx::query(
            "UPDATE customer_backup_jobs SET status = ?, run_after = NOW(3) + INTERVAL ? MICROSECOND, \
             attempt = attempt - ?, leased_by = NULL, lease_until = NULL, waits_because = ?, \
             operator_message = ?, stage = NULL, stage_number = NULL, stage_count = NULL, \
             reverting = FALSE, progress = NULL, detail = NULL, bytes_done = NULL, \
             bytes_total = NULL, updated_at = NOW(3) WHERE uuid = ? AND fence = ? AND status = ?",
        )
        .bind(Step::PUT_BACK.to().word())
        .bind(microseconds(back.after))
        .bind(u8::from(back.uncounted))
        .bind(cut(&back.because, 500))
        .bind(cut(&back.operator_message, LONGEST_TEXT))
        .bind(claimed.job.to_string())
        .bind(claimed.fence)
        .bind(Step::PUT_BACK.from().word())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let whose = (claimed.job, claimed.fence);
        event(&mut transaction, whose, "put_back", None, &back.operator_message).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Adds an event of a job.
pub(super) async fn event(
    connection: &mut MySqlConnection,
    (job, fence): (JobId, u32),
    event: &str,
    node: Option<&str>,
    detail: &str,
) -> Result<(), sqlx::Error> {
    let insert =
        "INSERT INTO job_events (job_uuid, event, node, fence, detail) VALUES (?, ?, ?, ?, ?)";
    sqlx::query(insert)
        .bind(job.to_string())
        .bind(event)
        .bind(node)
        .bind(fence)
        .bind(cut(detail, 4000))
        .execute(connection)
        .await?;
    Ok(())
}

/// The verb of this word in the table.
pub(super) fn read_verb(word: &str) -> Result<Verb, StoreError> {
    [Verb::Backup, Verb::Restore, Verb::Undo, Verb::Delete]
        .into_iter()
        .find(|verb| verb.word() == word)
        .ok_or_else(|| StoreError::corrupt("kind of job", word))
}

/// So many characters fit a column of 65,535 bytes, however many bytes each has.
pub(super) const LONGEST_TEXT: usize = 16_000;

/// A text that fits its column.
pub(super) fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
