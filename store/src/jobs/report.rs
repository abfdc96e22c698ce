//! How far a job is, as the customer sees it move.

use holdfast_job::{Progress, Stage};

use super::Claimed;
use crate::{Database, StoreError};

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which stage.
    pub stage: Stage,
    /// Its place in the plan, from 1.
    pub number: usize,
    /// How many stages the plan has.
    pub of: usize,
    /// Whether it is being taken back.
    pub reverting: bool,
    /// How far the stage is, if it says so.
    pub progress: Option<Progress>,
}

impl Database {
    /// Writes down how far the job is. Says whether it is still ours.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer; the next report makes up for it.
    pub async fn report(&self, claimed: &Claimed, report: &Report) -> Result<bool, StoreError> {
        let progress = report.progress.as_ref();
        let done = sqlx::query(
            "UPDATE customer_backup_jobs SET stage = ?, stage_number = ?, stage_count = ?, \
             reverting = ?, progress = ?, detail = ?, bytes_done = ?, bytes_total = ?, \
             updated_at = NOW(3) WHERE uuid = ? AND fence = ? AND status = 'running'",
        )
        .bind(report.stage.name())
        .bind(u8::try_from(report.number).unwrap_or(u8::MAX))
        .bind(u8::try_from(report.of).unwrap_or(u8::MAX))
        .bind(report.reverting)
        .bind(progress.map(|progress| progress.percent.min(100)))
        .bind(progress.map(|progress| super::claim::cut(&progress.detail, 500)))
        .bind(progress.map(|progress| progress.bytes_done))
        .bind(progress.map(|progress| progress.bytes_total))
        .bind(claimed.job.to_string())
        .bind(claimed.fence)
        .execute(&self.pool())
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
