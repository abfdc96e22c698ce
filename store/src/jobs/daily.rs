//! How many orders people gave for a customer in a day.

use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use holdfast_job::CustomerId;

use crate::{Database, StoreError};

/// The window.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// By so much at most do the clocks of the web sides, of which the names of jobs are made, and that of
/// the database differ.
const SLACK: Duration = Duration::from_secs(3600);

impl Database {
    /// If people gave this many orders, or more, for a customer in the last 24 hours: how long it takes
    /// until there is room for one more.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn wait_for_a_day(
        &self,
        customer: CustomerId,
        orders: NonZeroU32,
    ) -> Result<Option<Duration>, StoreError> {
        // The index is by name, and names begin with the time: that finds the few, and the time at
        // which they were written decides.
        let seconds: Option<u64> = sqlx::query_scalar(
            "SELECT CAST(GREATEST(1, ? - TIMESTAMPDIFF(SECOND, created_at, NOW(3))) AS UNSIGNED) \
             FROM customer_backup_jobs WHERE customer_id = ? AND uuid >= ? \
             AND requested_by LIKE 'user:%' AND created_at > NOW(3) - INTERVAL ? SECOND \
             ORDER BY uuid DESC LIMIT 1 OFFSET ?",
        )
        .bind(DAY.as_secs())
        .bind(customer.number())
        .bind(first_name_since(SystemTime::now() - DAY - SLACK))
        .bind(DAY.as_secs())
        .bind(orders.get() - 1)
        .fetch_optional(&self.pool())
        .await?;
        Ok(seconds.map(Duration::from_secs))
    }
}

/// No job made since then has a name that is less: UUIDs of version 7 begin with 48 bits of
/// milliseconds, RFC 9562.
pub(super) fn first_name_since(time: SystemTime) -> String {
    let ms = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{:08x}-{:04x}-0000-0000-000000000000", ms >> 16, ms & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_times() {
        // The example of RFC 9562, A.6: 2022-02-22T19:22:22Z.
        let example = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
        let at = |ms: u64| first_name_since(UNIX_EPOCH + Duration::from_millis(ms));
        assert_eq!(at(1_645_557_742_000), "017f22e2-79b0-0000-0000-000000000000");
        assert!(at(1_645_557_742_000).as_str() < example);
        assert!(at(1_645_557_742_001).as_str() > example);
    }
}
