//! Who ordered what: a row for each order, added in the order's own transaction, never changed.

use holdfast_job::{CustomerId, JobId, NodeName};
use sqlx::MySqlConnection;

use crate::{Database, StoreError};

/// Who gave an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    side: Side,
}

/// On whose side they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Customer,
}

impl Actor {
    /// The planner, which orders what the policies say.
    pub fn planner() -> Self {
        Self { name: "planner".into(), side: Side::Ours }
    }

    /// A user of the host's own login, by the name that their token has; cut to 128 characters.
    pub fn user(subject: &str) -> Self {
        let name = format!("user:{subject}").chars().take(128).collect();
        Self { name, side: Side::Customer }
    }

    /// The same of an operator.
    pub fn operator(subject: &str) -> Self {
        Self { side: Side::Ours, ..Self::user(subject) }
    }

    /// Whether it is one of a customer's people: not an operator, and not the planner.
    pub fn is_of_customer(&self) -> bool {
        self.side == Side::Customer
    }

    /// The name in the tables.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Database {
    /// Notes that somebody has made a token for a subject, with these scopes.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be noted.
    pub async fn note_token(
        &self,
        actor: &Actor,
        subject: &str,
        scopes: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO audit (actor, action, detail) VALUES (?, 'token', ?)")
            .bind(actor.name())
            .bind(format!("for {subject}: {scopes}"))
            .execute(&self.pool())
            .await?;
        Ok(())
    }
}

/// What each row about a job says; the values follow.
pub(crate) const INSERT: &str = "INSERT INTO audit (actor, action, customer_id, job_uuid, detail) ";

/// Adds a row.
pub(crate) async fn record(
    connection: &mut MySqlConnection,
    actor: &Actor,
    action: &str,
    (customer, job): (CustomerId, JobId),
    detail: &str,
) -> Result<(), StoreError> {
    sqlx::query(sqlx::AssertSqlSafe(format!("{INSERT}VALUES (?, ?, ?, ?, ?)")))
        .bind(actor.name())
        .bind(action)
        .bind(customer.number())
        .bind(job.to_string())
        .bind(detail)
        .execute(connection)
        .await?;
    Ok(())
}

/// Adds a row about a node.
pub(crate) async fn record_node(
    connection: &mut MySqlConnection,
    actor: &Actor,
    action: &str,
    node: &NodeName,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit (actor, action, detail) VALUES (?, ?, ?)")
        .bind(actor.name())
        .bind(action)
        .bind(node.as_str())
        .execute(connection)
        .await?;
    Ok(())
}
