//! What bells and workers forgot: due jobs, leases that have run out, orders that are void.

use holdfast_job::{CustomerId, JobId, Step};
use sqlx::{Row, mysql::MySqlRow};

use super::{Class, TURN, claim::event};
use crate::{Database, Ring, StoreError};

/// A job that nobody is at work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// Which.
    pub job: JobId,
    /// Whose.
    pub customer: CustomerId,
    /// The fence of its latest claim.
    pub fence: u32,
    /// How many attempts were counted.
    pub attempt: u32,
}

/// Where a pending job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How many jobs of its pool have their turn before it.
    pub ahead: u64,
    /// How many jobs of its pool are running.
    pub running: u64,
}

impl Database {
    /// Jobs that could be claimed: due, of this pool, and its node not draining or the job to be stopped;
    /// those first that have their turn first; `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn due(&self, pool: &str, limit: u32) -> Result<Vec<Ring>, StoreError> {
        let select = format!(
            "SELECT uuid, class, CAST(UNIX_TIMESTAMP(run_after) * 1000 AS UNSIGNED) AS due_ms \
             FROM customer_backup_jobs WHERE pool = ? AND status = 'pending' \
             AND run_after <= NOW(3) AND ticket IS NOT NULL \
             AND (stop_requested_at IS NOT NULL OR NOT EXISTS \
             (SELECT 1 FROM nodes WHERE nodes.pool = ? AND draining)) ORDER BY {TURN}, id LIMIT ?"
        );
        let select = sqlx::AssertSqlSafe(select);
        let rows =
            sqlx::query(select).bind(pool).bind(pool).bind(limit).fetch_all(&self.pool()).await?;
        rows.iter()
            .map(|row| {
                let (uuid, class): (String, String) = (row.try_get("uuid")?, row.try_get("class")?);
                Ok(Ring {
                    job: uuid.parse().map_err(|error| StoreError::corrupt("job", error))?,
                    class: Class::read(&class)
                        .ok_or_else(|| StoreError::corrupt("class", class))?,
                    due_ms: row.try_get("due_ms")?,
                })
            })
            .collect()
    }

    /// Jobs of this pool whose lease has run out.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn run_out(&self, pool: &str) -> Result<Vec<Idle>, StoreError> {
        self.idle(pool, "status = 'running' AND lease_until < NOW(3)").await
    }

    /// Jobs of this pool that a person has to decide about.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn stuck(&self, pool: &str) -> Result<Vec<Idle>, StoreError> {
        self.idle(pool, "status = 'stuck'").await
    }

    /// Jobs of this pool that are pending and void.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn expired(&self, pool: &str) -> Result<Vec<Idle>, StoreError> {
        self.idle(pool, "status = 'pending' AND not_after < NOW(3)").await
    }

    /// A hundred jobs of this pool that nobody is at work on, and that are so.
    async fn idle(&self, pool: &str, so: &'static str) -> Result<Vec<Idle>, StoreError> {
        let select = format!(
            "SELECT uuid, customer_id, fence, attempt FROM customer_backup_jobs WHERE pool = ? \
             AND {so} LIMIT 100"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(pool);
        query.fetch_all(&self.pool()).await?.iter().map(read).collect()
    }

    /// Takes a job from a worker whose lease has run out: it is pending again, and due. Says whether
    /// the lease had still run out.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn rescue(&self, lost: &Idle) -> Result<bool, StoreError> {
        let mut transaction = self.pool().begin().await?;
        let done = sqlx::query(
            "UPDATE customer_backup_jobs SET status = ?, fence = fence + 1, run_after = NOW(3), \
             leased_by = NULL, lease_until = NULL, stage = NULL, stage_number = NULL, \
             stage_count = NULL, progress = NULL, detail = NULL, updated_at = NOW(3), \
             waits_because = 'It was interrupted and goes on in a moment.' \
             WHERE uuid = ? AND fence = ? AND status = ? AND lease_until < NOW(3)",
        )
        .bind(Step::PUT_BACK.to().word())
        .bind(lost.job.to_string())
        .bind(lost.fence)
        .bind(Step::PUT_BACK.from().word())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let why = "the worker that had it gave no sign of life for longer than its lease";
        event(&mut transaction, (lost.job, lost.fence + 1), "rescued", None, why).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Where a pending job stands among those of its pool.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn place(&self, job: JobId) -> Result<Place, StoreError> {
        let select = format!(
            "SELECT (SELECT COUNT(*) FROM customer_backup_jobs o WHERE o.pool = j.pool \
             AND o.status = 'pending' AND o.run_after <= NOW(3) AND o.id <> j.id \
             AND ({}, o.id) < ({}, j.id)) AS ahead, \
             (SELECT COUNT(*) FROM customer_backup_jobs r WHERE r.pool = j.pool \
             AND r.status = 'running') AS running FROM customer_backup_jobs j WHERE j.uuid = ?",
            turn_of("o"),
            turn_of("j"),
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(job.to_string())
            .fetch_one(&self.pool())
            .await?;
        let (ahead, running): (i64, i64) = (row.try_get("ahead")?, row.try_get("running")?);
        Ok(Place { ahead: ahead.unsigned_abs(), running: running.unsigned_abs() })
    }
}

/// [`TURN`] of one of several tables.
fn turn_of(table: &str) -> String {
    TURN.replace("run_after", &format!("{table}.run_after"))
        .replace("CASE class", &format!("CASE {table}.class"))
}

fn read(row: &MySqlRow) -> Result<Idle, StoreError> {
    let (uuid, customer): (String, i32) = (row.try_get("uuid")?, row.try_get("customer_id")?);
    Ok(Idle {
        job: uuid.parse().map_err(|error| StoreError::corrupt("job", error))?,
        customer: customer
            .to_string()
            .parse()
            .map_err(|error| StoreError::corrupt("customer", error))?,
        fence: row.try_get("fence")?,
        attempt: row.try_get("attempt")?,
    })
}
