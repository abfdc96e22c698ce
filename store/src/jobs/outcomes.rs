//! How the backups of the last days ended: what the strip of days shows, by one index.

use std::time::{Duration, UNIX_EPOCH};

use holdfast_job::{CustomerId, JobId, JobStatus, Moment};
use sqlx::Row;

use super::daily::first_name_since;
use crate::{Database, StoreError};

/// So many are read at most; a customer's people order a hundred a day.
const MOST: u32 = 4000;

/// How a backup ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupOutcome {
    /// The job.
    pub job: JobId,
    /// How it ended.
    pub status: JobStatus,
    /// When it was ordered.
    pub ordered_at: Moment,
    /// What the customer reads of it, if it was no success.
    pub customer_message: Option<String>,
}

impl Database {
    /// How this customer's backups ended that were ordered since then, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn backup_outcomes(
        &self,
        customer: CustomerId,
        since: Moment,
    ) -> Result<Vec<BackupOutcome>, StoreError> {
        let rows = sqlx::query(
            "SELECT uuid, status, error_message, \
             CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', created_at) AS UNSIGNED) AS created \
             FROM customer_backup_jobs WHERE customer_id = ? AND uuid >= ? \
             AND job_type = 'backup' AND status IN ('completed', 'failed', 'skipped') \
             AND created_at IS NOT NULL ORDER BY uuid DESC LIMIT ?",
        )
        .bind(customer.number())
        .bind(first_name_since(UNIX_EPOCH + Duration::from_secs(since.unix_seconds())))
        .bind(MOST)
        .fetch_all(&self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let (uuid, status): (String, String) =
                    (row.try_get("uuid")?, row.try_get("status")?);
                Ok(BackupOutcome {
                    job: uuid.parse().map_err(|error| StoreError::corrupt("job", error))?,
                    status: status.parse().map_err(|error| StoreError::corrupt("status", error))?,
                    ordered_at: Moment::from_unix_seconds(row.try_get("created")?),
                    customer_message: row.try_get("error_message")?,
                })
            })
            .collect()
    }
}
