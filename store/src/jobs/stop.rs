//! A person wants a job stopped: what nobody has begun ends here; what somebody has, or had, they are
//! told about, and their executor says how it ended.

use holdfast_job::{CustomerId, JobId, JobStatus, Stage, Step, Verb};
use sqlx::Row;

use super::{Class, claim::read_verb, end::release_backup};
use crate::{Actor, Database, Ring, StoreError, audit};

/// What came of the wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopping {
    /// It is stopped.
    Stopped,
    /// Whoever has it is told.
    Told,
    /// It was begun before and waits: whoever claims it next is told. This is its bell.
    ToldNext(Ring),
    /// It has ended otherwise.
    Ended(JobStatus),
    /// The site is being switched, or was a moment ago; or a backup is being deleted.
    TooLate,
    /// A person has to look.
    Stuck,
    /// There is no such job.
    Unknown,
}

const CANCELLED: &str = "This was cancelled before it began.";

impl Database {
    /// Stops a job of this customer, or has it stopped. A second time changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer: then the wish was written down, or nothing.
    pub async fn stop(
        &self,
        customer: CustomerId,
        job: JobId,
        actor: &Actor,
    ) -> Result<Stopping, StoreError> {
        let mut transaction = self.pool().begin().await?;
        // The row is held to the end, so that no worker claims or ends it in between.
        let row = sqlx::query(
            "SELECT COALESCE(status, 'failed') AS status, job_type, fence, stage, class, \
             stop_requested_at IS NOT NULL AS told, \
             CAST(UNIX_TIMESTAMP() * 1000 AS UNSIGNED) AS now_ms \
             FROM customer_backup_jobs WHERE uuid = ? AND customer_id = ? FOR UPDATE",
        )
        .bind(job.to_string())
        .bind(customer.number())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(Stopping::Unknown) };
        let (status, class): (String, String) = (row.try_get("status")?, row.try_get("class")?);
        let status: JobStatus =
            status.parse().map_err(|error| StoreError::corrupt("status", error))?;
        let class = Class::read(&class).ok_or_else(|| StoreError::corrupt("class", &class))?;
        let verb: String = row.try_get("job_type")?;
        let verb = read_verb(&verb)?;
        let stage: Option<String> = row.try_get("stage")?;
        let stage: Option<Stage> = stage.and_then(|word| serde_json::from_value(word.into()).ok());
        let (fence, told): (u32, bool) = (row.try_get("fence")?, row.try_get("told")?);
        let ring = Ring { job, class, due_ms: row.try_get("now_ms")? };
        let stopping = decide((status, verb), fence, stage, ring);
        match &stopping {
            Stopping::Stopped if status == Step::CANCEL.from() => {
                let cancel = "UPDATE customer_backup_jobs SET status = ?, completed_at = NOW(3), \
                              updated_at = NOW(3), waits_because = NULL, error_message = ?, \
                              stop_requested_at = NOW(3), stop_requested_by = ? WHERE uuid = ?";
                sqlx::query(cancel)
                    .bind(Step::CANCEL.to().word())
                    .bind(CANCELLED)
                    .bind(actor.name())
                    .bind(job.to_string())
                    .execute(&mut *transaction)
                    .await?;
                release_backup(&mut transaction, job, false).await?;
            }
            Stopping::Told | Stopping::ToldNext(_) => {
                let tell = "UPDATE customer_backup_jobs SET \
                            updated_at = IF(stop_requested_at IS NULL, NOW(3), updated_at), \
                            run_after = IF(status = 'pending', NOW(3), run_after), \
                            stop_requested_at = COALESCE(stop_requested_at, NOW(3)), \
                            stop_requested_by = COALESCE(stop_requested_by, ?) WHERE uuid = ?";
                sqlx::query(tell)
                    .bind(actor.name())
                    .bind(job.to_string())
                    .execute(&mut *transaction)
                    .await?;
            }
            _ => return Ok(stopping),
        }
        if !told {
            audit::record(&mut transaction, actor, "stop", (customer, job), "").await?;
        }
        transaction.commit().await?;
        Ok(stopping)
    }
}

fn decide(
    (status, verb): (JobStatus, Verb),
    fence: u32,
    stage: Option<Stage>,
    ring: Ring,
) -> Stopping {
    match status {
        // Nobody has ever had it.
        JobStatus::Pending if fence == 0 => Stopping::Stopped,
        // What is forgotten in part is not as it was, and goes on to be forgotten.
        JobStatus::Pending | JobStatus::Running if verb == Verb::Delete => Stopping::TooLate,
        // What its last executor left behind the next one must say.
        JobStatus::Pending => Stopping::ToldNext(ring),
        JobStatus::Running if stage.is_some_and(Stage::is_past_stopping) => Stopping::TooLate,
        JobStatus::Running => Stopping::Told,
        JobStatus::Stuck => Stopping::Stuck,
        JobStatus::Stopped => Stopping::Stopped,
        ended @ (JobStatus::Completed | JobStatus::Failed | JobStatus::Skipped) => {
            Stopping::Ended(ended)
        }
    }
}
