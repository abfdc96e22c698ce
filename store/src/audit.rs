//! Who ordered what: a row for each order, added in the order's own transaction, never changed.

use holdfast_job::{CustomerId, JobId};
use sqlx::MySqlConnection;

use crate::StoreError;

/// Who gave an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(String);

impl Actor {
    /// The planner, which orders what the policies say.
    pub fn planner() -> Self {
        Self("planner".into())
    }

    /// A user of the host's own login, by the name that their token has; cut to 128 characters.
    pub fn user(subject: &str) -> Self {
        Self(format!("user:{subject}").chars().take(128).collect())
    }

    /// The name in the tables.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Adds a row.
pub(crate) async fn record(
    connection: &mut MySqlConnection,
    actor: &Actor,
    action: &str,
    (customer, job): (CustomerId, JobId),
    detail: &str,
) -> Result<(), StoreError> {
    let insert =
        "INSERT INTO audit (actor, action, customer_id, job_uuid, detail) VALUES (?, ?, ?, ?, ?)";
    sqlx::query(insert)
        .bind(actor.name())
        .bind(action)
        .bind(customer.number())
        .bind(job.to_string())
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}
