//! The schema's own history: migrations, and whether they have been run.

use sqlx::{
    MySqlConnection,
    migrate::{MigrateError, Migrator},
};

use crate::{Database, StoreError, error::number};

/// What the server says if there is no such table, or the account may not see it.
const NO_TABLE: [u16; 2] = [1146, 1142];

/// So long does one that brings the schema up to date wait for another that is about it.
const LOCK_WAIT_SECONDS: u32 = 600;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Somebody else has been about it for very long.
    #[error("another `migrate` is still under way: wait for its end, or end it, and repeat")]
    Busy,
    /// One of the migrations failed. Each may be run again: mend the cause and repeat.
    #[error("the schema could not be brought up to date")]
    Migrate(#[source] MigrateError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far the schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// All that this build needs is there, and perhaps more, from a later one.
    Ready,
    /// `holdfast-enqueue migrate` is needed, and the grants of `migrations/grants.sql`.
    Behind,
}

/// What is in `migrations/`, built in. Those of a later version are passed over: an older program may
/// run beside a newer one.
fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!("../migrations");
    migrations.set_ignore_missing(true);
    // We lock ourselves: its way of waiting for a lock is none on MariaDB.
    migrations.set_locking(false);
    migrations
}

impl Database {
    /// Runs the migrations that have not been run.
    ///
    /// # Errors
    /// [`SchemaError::Migrate`] names the migration that failed.
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        let mut connection = self.pool().acquire().await.map_err(StoreError::from)?;
        let lock = "SELECT GET_LOCK(CONCAT('holdfast migrate ', DATABASE()), ?)";
        let locked = sqlx::query_scalar::<_, Option<i64>>(lock).bind(LOCK_WAIT_SECONDS);
        let locked = locked.fetch_one(&mut *connection).await.map_err(StoreError::from)?;
        if locked != Some(1) {
            return Err(SchemaError::Busy);
        }
        let migrated = migrate(&mut connection).await;
        // With the connection the lock goes.
        let _ = connection.close().await;
        migrated
    }

    /// How far the schema is.
    ///
    /// # Errors
    /// [`StoreError`] if the server does not say.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        let latest = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
        let there: Option<i64> = match sqlx::query_scalar(latest).fetch_one(&self.pool()).await {
            Ok(there) => there,
            Err(error) if number(&error).is_some_and(|number| NO_TABLE.contains(&number)) => None,
            Err(error) => return Err(error.into()),
        };
        let needed = migrations().iter().map(|migration| migration.version).max();
        Ok(if there >= needed { Schema::Ready } else { Schema::Behind })
    }
}

async fn migrate(connection: &mut MySqlConnection) -> Result<(), SchemaError> {
    // One that failed half way is run again: each is written to bear it. Without the table there was
    // none.
    let forget = "DELETE FROM _sqlx_migrations WHERE success = FALSE";
    match sqlx::query(forget).execute(&mut *connection).await {
        Err(error) if !number(&error).is_some_and(|number| NO_TABLE.contains(&number)) => {
            return Err(SchemaError::Store(error.into()));
        }
        _ => {}
    }
    migrations().run(connection).await.map_err(SchemaError::Migrate)
}
