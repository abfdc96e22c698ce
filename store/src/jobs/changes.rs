//! Which jobs have changed lately, for those who watch them.

use std::time::Duration;

use holdfast_job::CustomerId;
use sqlx::Row;

use crate::{Database, StoreError, database::microseconds};

/// A job may change twice within this, and look the same by its time: the columns have milliseconds.
const SAME_MOMENT: Duration = Duration::from_millis(20);

/// That a job has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    /// Whose job.
    pub customer: CustomerId,
    /// What is another with each change: the row, and when it changed, in microseconds since 1970.
    /// While that was just now, it may stand for one more change.
    pub mark: (i32, i64),
    /// Whether that was just now.
    pub just_now: bool,
}

impl Database {
    /// What has changed within the last `lately`, as far as it is committed.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn changes(&self, lately: Duration) -> Result<Vec<Change>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, customer_id, \
             CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', updated_at) AS SIGNED) AS at, \
             CAST(updated_at > NOW(3) - INTERVAL ? MICROSECOND AS SIGNED) AS just_now \
             FROM customer_backup_jobs WHERE updated_at > NOW(3) - INTERVAL ? MICROSECOND",
        )
        .bind(microseconds(SAME_MOMENT))
        .bind(microseconds(lately))
        .fetch_all(&self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                let (id, customer): (i32, i32) = (row.try_get("id")?, row.try_get("customer_id")?);
                let (at, just_now): (i64, i64) = (row.try_get("at")?, row.try_get("just_now")?);
                let customer = customer.to_string().parse();
                Ok(Change {
                    customer: customer.map_err(|error| StoreError::corrupt("customer", error))?,
                    mark: (id, at),
                    just_now: just_now != 0,
                })
            })
            .collect()
    }
}
