//! The end of a job: once, and with everything that it changes in the catalogue.

use holdfast_job::{JobId, JobStatus, Outcome, SnapshotId, SourceResult, Step, Verb, WorkResult};
use sqlx::MySqlConnection;

use super::{
    Claimed,
    claim::{LONGEST_TEXT, cut, event},
};
use crate::{Database, StoreError, error::violates};

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// From where to where.
    pub step: Step,
    /// What the customer reads, if it was no success.
    pub customer_message: Option<String>,
    /// What the operator reads.
    pub operator_message: String,
    /// What the executor said, if it said something.
    pub result: Option<WorkResult>,
}

impl Database {
    /// Records the end. Says whether the job was still ours to end.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer: then nothing was recorded, or all of it.
    pub async fn end(&self, claimed: &Claimed, ending: &Ending) -> Result<bool, StoreError> {
        let mut transaction = self.pool().begin().await?;
        let whose = (claimed.job, claimed.fence);
        if !record(&mut transaction, whose, ending).await? {
            return Ok(false);
        }
        let completed = ending.step.to() == JobStatus::Completed;
        if let (Verb::Backup, true, Some(result)) = (claimed.verb, completed, &ending.result) {
            enter_backup(&mut transaction, claimed.job, result).await?;
        }
        if claimed.verb == Verb::Delete {
            release_backup(&mut transaction, claimed.job, completed).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Records the end of a job that nobody runs: expired, tried too often, or settled by hand. Says
    /// whether it still stood as the step says, at this fence.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn end_idle(&self, whose: (JobId, u32), ending: &Ending) -> Result<bool, StoreError> {
        let mut transaction = self.pool().begin().await?;
        if !record(&mut transaction, whose, ending).await? {
            return Ok(false);
        }
        release_backup(&mut transaction, whose.0, false).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

async fn record(
    connection: &mut MySqlConnection,
    (job, fence): (JobId, u32),
    ending: &Ending,
) -> Result<bool, StoreError> {
    let result = ending.result.as_ref().map(serde_json::to_string).transpose();
    let result = result.map_err(|error| StoreError::corrupt("result", error))?;
    let snapshot = ending.result.as_ref().and_then(|result| result.snapshot.as_ref());
    let done = sqlx::query(
        "UPDATE customer_backup_jobs SET status = ?, error_message = ?, operator_message = ?, \
         result = COALESCE(?, result), snapshot_id = COALESCE(snapshot_id, ?), \
         completed_at = IF(? = 'stuck', NULL, NOW(3)), updated_at = NOW(3), leased_by = NULL, lease_until = NULL, \
         waits_because = NULL WHERE uuid = ? AND fence = ? AND status = ?",
    )
    .bind(ending.step.to().word())
    .bind(ending.customer_message.as_deref().map(|text| cut(text, LONGEST_TEXT)))
    .bind(cut(&ending.operator_message, LONGEST_TEXT))
    .bind(result)
    .bind(snapshot.map(SnapshotId::as_str))
    .bind(ending.step.to().word())
    .bind(job.to_string())
    .bind(fence)
    .bind(ending.step.from().word())
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let word = ending.step.to().word();
    event(connection, (job, fence), word, None, &cut(&ending.operator_message, 4000)).await?;
    Ok(true)
}

/// Enters what was saved into the catalogue. A second time changes nothing.
async fn enter_backup(
    connection: &mut MySqlConnection,
    job: JobId,
    result: &WorkResult,
) -> Result<(), StoreError> {
    let corrupt = |error| StoreError::corrupt("result", error);
    let sources = serde_json::to_string(&result.sources).map_err(corrupt)?;
    let unreadable = match result.unreadable.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&result.unreadable).map_err(corrupt)?),
    };
    let bytes = |source: &SourceResult| source.bytes;
    let entered = sqlx::query(
        "INSERT INTO customer_backups (uuid, customer_id, repository, snapshot_id, kind, scope, \
         sources, bytes, incomplete, unreadable, verified_at, requested_by, note) \
         SELECT uuid, customer_id, repository, ?, IF(class = 'daily', 'daily', 'manual'), \
         backup_type, ?, ?, ?, ?, NOW(3), requested_by, note \
         FROM customer_backup_jobs WHERE uuid = ?",
    )
    .bind(result.snapshot.as_ref().map(SnapshotId::as_str))
    .bind(sources)
    .bind(result.sources.iter().map(bytes).sum::<u64>())
    .bind(result.outcome == Outcome::Incomplete)
    .bind(unreadable)
    .bind(job.to_string())
    .execute(connection)
    .await;
    match entered {
        Err(error) if violates(&error, "backup_uuid") || violates(&error, "backup_snapshot") => {
            Ok(())
        }
        entered => Ok(entered.map(|_| ())?),
    }
}

/// The backup that a delete job has claimed is gone, or free again.
pub(super) async fn release_backup(
    connection: &mut MySqlConnection,
    job: JobId,
    deleted: bool,
) -> Result<(), StoreError> {
    let release = match deleted {
        true => {
            "UPDATE customer_backups SET state = 'deleted', deleted_at = NOW(3) \
             WHERE deleting_job = ? AND state = 'deleting'"
        }
        false => {
            "UPDATE customer_backups SET state = 'active', deleting_job = NULL \
             WHERE deleting_job = ? AND state = 'deleting'"
        }
    };
    sqlx::query(release).bind(job.to_string()).execute(connection).await?;
    Ok(())
}
