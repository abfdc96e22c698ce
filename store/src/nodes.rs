//! The nodes: registered by the operator, alive as long as their workers say so.

use std::time::Duration;

use holdfast_job::{CustomerId, NodeName, Standing};
use serde::{Deserialize, Serialize};
use sqlx::{MySqlConnection, Row, mysql::MySqlRow};

use crate::{Actor, Database, StoreError, audit, database::microseconds};

/// A registered node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// The pool that it serves.
    pub pool: String,
    /// Whether it takes nothing new.
    pub draining: bool,
    /// How long ago one of its workers gave a sign of life, if ever.
    pub silent_for: Option<Duration>,
    /// The version of that worker.
    pub version: Option<String>,
    /// The customers whose sites are not settled, or have an order under way.
    pub unsettled: Vec<Unsettled>,
}

/// A customer whose site is not settled on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// Whose site.
    pub customer: CustomerId,
    /// How it stands.
    pub standing: Standing,
    /// Why, for the operator.
    pub detail: String,
}

/// How much a pool has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// So many jobs wait.
    pub pending: u64,
    /// So many have a worker.
    pub running: u64,
}

/// What becomes of a node's taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// Nothing new is taken; what runs ends.
    Begin,
    /// It takes again.
    End,
}

const SELECT: &str = "SELECT name, pool, draining, version, unsettled, \
     CAST(TIMESTAMPDIFF(SECOND, heartbeat_at, NOW(3)) AS SIGNED) AS silent_for FROM nodes";

impl Database {
    /// Registers a node for a pool, or moves it there, unless the pool has another: that one's name.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn register_node(
        &self,
        name: &NodeName,
        pool: &str,
    ) -> Result<Option<String>, StoreError> {
        let insert = "INSERT INTO nodes (name, pool) VALUES (?, ?) ON DUPLICATE KEY UPDATE pool = VALUES(pool)";
        let other = sqlx::query_scalar::<_, String>("SELECT name FROM nodes WHERE pool = ?");
        match other.bind(pool).fetch_optional(&self.pool()).await? {
            Some(other) if other != name.as_str() => Ok(Some(other)),
            _ => {
                sqlx::query(insert).bind(name.as_str()).bind(pool).execute(&self.pool()).await?;
                Ok(None)
            }
        }
    }

    /// The node of this name.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn node(&self, name: &NodeName) -> Result<Option<Node>, StoreError> {
        let select = sqlx::AssertSqlSafe(format!("{SELECT} WHERE name = ?"));
        let found = sqlx::query(select).bind(name.as_str()).fetch_optional(&self.pool()).await?;
        found.as_ref().map(read).transpose()
    }

    /// The node of this pool.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn node_of_pool(&self, pool: &str) -> Result<Option<Node>, StoreError> {
        let mut connection = self.pool().acquire().await?;
        node_of(&mut connection, pool).await
    }

    /// Every node, by name.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        let select = sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY name"));
        sqlx::query(select).fetch_all(&self.pool()).await?.iter().map(read).collect()
    }

    /// How much a pool has to do.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn load(&self, pool: &str) -> Result<Load, StoreError> {
        let select = "SELECT (SELECT COUNT(*) FROM customer_backup_jobs \
                      WHERE pool = ? AND status = 'pending') AS pending, \
                      (SELECT COUNT(*) FROM customer_backup_jobs \
                      WHERE pool = ? AND status = 'running') AS running";
        let row = sqlx::query(select).bind(pool).bind(pool).fetch_one(&self.pool()).await?;
        let (pending, running): (i64, i64) = (row.try_get("pending")?, row.try_get("running")?);
        Ok(Load { pending: pending.unsigned_abs(), running: running.unsigned_abs() })
    }

    /// Says whether a node takes anything new. Returns whether there is such a node.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer: then it is written, or nothing is.
    pub async fn drain(
        &self,
        name: &NodeName,
        drain: Drain,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.pool().begin().await?;
        let draining = drain == Drain::Begin;
        let select = "SELECT draining FROM nodes WHERE name = ? FOR UPDATE";
        let found: Option<bool> = sqlx::query_scalar(select)
            .bind(name.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(before) = found else { return Ok(false) };
        if before != draining {
            sqlx::query("UPDATE nodes SET draining = ? WHERE name = ?")
                .bind(draining)
                .bind(name.as_str())
                .execute(&mut *transaction)
                .await?;
            let action = if draining { "drain" } else { "resume" };
            audit::record_node(&mut transaction, actor, action, name).await?;
            transaction.commit().await?;
        }
        Ok(true)
    }

    /// A sign of life of one of the node's workers. Says whether the node is registered.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub async fn heartbeat(&self, name: &NodeName, version: &str) -> Result<bool, StoreError> {
        let update = "UPDATE nodes SET heartbeat_at = NOW(3), version = ? WHERE name = ?";
        let done =
            sqlx::query(update).bind(version).bind(name.as_str()).execute(&self.pool()).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Writes down whose sites are not settled, by a `recover` that began so long ago.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub async fn note_unsettled(
        &self,
        name: &NodeName,
        unsettled: &[Unsettled],
        began_ago: Duration,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(unsettled)
            .map_err(|error| StoreError::corrupt("list of customers", error))?;
        let update = "UPDATE nodes SET unsettled = ?, \
                      recovered_at = NOW(3) - INTERVAL ? MICROSECOND WHERE name = ?";
        sqlx::query(update)
            .bind(text)
            .bind(microseconds(began_ago))
            .bind(name.as_str())
            .execute(&self.pool())
            .await?;
        Ok(())
    }
}

/// The node of this pool.
pub(crate) async fn node_of(
    connection: &mut MySqlConnection,
    pool: &str,
) -> Result<Option<Node>, StoreError> {
    let select = sqlx::AssertSqlSafe(format!("{SELECT} WHERE pool = ?"));
    let found = sqlx::query(select).bind(pool).fetch_optional(connection).await?;
    found.as_ref().map(read).transpose()
}

fn read(row: &MySqlRow) -> Result<Node, StoreError> {
    let name: String = row.try_get("name")?;
    let silent_for: Option<i64> = row.try_get("silent_for")?;
    let unsettled: Option<String> = row.try_get("unsettled")?;
    let unsettled = unsettled.map(|text| serde_json::from_str(&text)).transpose();
    Ok(Node {
        name: name.parse().map_err(|error| StoreError::corrupt("node", error))?,
        pool: row.try_get("pool")?,
        draining: row.try_get("draining")?,
        silent_for: silent_for
            .map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
        version: row.try_get("version")?,
        unsettled: unsettled
            .map_err(|error| StoreError::corrupt("list of customers", error))?
            .unwrap_or_default(),
    })
}
