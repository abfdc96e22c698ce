//! Customers: the numbers that paths, tags and tickets have, and the names that tokens and addresses
//! have for them.

use holdfast_job::{CustomerId, NodeName};
use sqlx::{Row, mysql::MySqlRow};

use crate::{Database, StoreError};

/// A customer, and where its site is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its number.
    pub id: CustomerId,
    /// Its UUID.
    pub uuid: String,
    /// Its name in the host's own tokens.
    pub external_id: String,
    /// The pool whose workers take its jobs.
    pub pool: String,
    /// The pool's node, if one is registered.
    pub node: Option<NodeName>,
}

const SELECT: &str = "SELECT c.customer_id, c.uuid, c.external_id, c.pool, n.name \
     FROM backup_customers c LEFT JOIN nodes n ON n.pool = c.pool WHERE ";

impl Database {
    /// The customer of this `external_id` or UUID.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn customer(&self, name: &str) -> Result<Option<Customer>, StoreError> {
        let select = format!(
            "{SELECT} c.external_id = ? OR c.uuid = ? ORDER BY c.external_id = ? DESC LIMIT 1"
        );
        // The server compares no UUID with what cannot be one.
        let uuid = name.is_ascii().then_some(name);
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(name).bind(uuid).bind(name);
        query.fetch_optional(&self.pool()).await?.as_ref().map(read).transpose()
    }

    /// The customer of this number.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn customer_of(&self, id: CustomerId) -> Result<Option<Customer>, StoreError> {
        let select = format!("{SELECT} c.customer_id = ?");
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(id.number());
        query.fetch_optional(&self.pool()).await?.as_ref().map(read).transpose()
    }

    /// Enters a customer that the host knows, in the pool `default`, unless it is known already. Says
    /// whether it is known now.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn enter_customer(
        &self,
        id: CustomerId,
        external_id: &str,
    ) -> Result<bool, StoreError> {
        let enter = "INSERT IGNORE INTO backup_customers (customer_id, uuid, external_id) \
                     SELECT id, UUID(), ? FROM customers WHERE id = ?";
        sqlx::query(enter).bind(external_id).bind(id.number()).execute(&self.pool()).await?;
        Ok(self.customer_of(id).await?.is_some_and(|known| known.external_id == external_id))
    }

    /// Says where a customer's site is.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn move_customer(&self, id: CustomerId, pool: &str) -> Result<bool, StoreError> {
        let update = "UPDATE backup_customers SET pool = ? WHERE customer_id = ?";
        let done = sqlx::query(update).bind(pool).bind(id.number()).execute(&self.pool()).await?;
        Ok(done.rows_affected() > 0)
    }
}

fn read(row: &MySqlRow) -> Result<Customer, StoreError> {
    let id: i32 = row.try_get("customer_id")?;
    let node: Option<String> = row.try_get("name")?;
    let node = node.map(|name| name.parse()).transpose();
    Ok(Customer {
        id: id.to_string().parse().map_err(|error| StoreError::corrupt("customer", error))?,
        uuid: row.try_get("uuid")?,
        external_id: row.try_get("external_id")?,
        pool: row.try_get("pool")?,
        node: node.map_err(|error| StoreError::corrupt("node", error))?,
    })
}
