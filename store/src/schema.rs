//! The schema's own history: migrations, and whether they have been run.

use sqlx::{
    MySqlConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{Database, StoreError, error::number};

/// The files of `migrations/`: number, the words of the name, and the statements. A list, since the macro
/// that reads the folder builds half of sqlx a second time; a test holds it against the folder.
const MIGRATIONS: [(i64, &str, &str); 7] = [
    (1, "customers", include_str!("../../migrations/0001_customers.sql")),
    (2, "jobs", include_str!("../../migrations/0002_jobs.sql")),
    (3, "backups", include_str!("../../migrations/0003_backups.sql")),
    (4, "nodes and audit", include_str!("../../migrations/0004_nodes_and_audit.sql")),
    (5, "handles", include_str!("../../migrations/0005_handles.sql")),
    (6, "changed jobs", include_str!("../../migrations/0006_changed_jobs.sql")),
    (7, "sessions", include_str!("../../migrations/0007_sessions.sql")),
];

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
    let listed = MIGRATIONS.iter().map(|&(version, description, sql)| {
        Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    let mut migrations = Migrator::with_migrations(listed.collect());
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

    /// True if the server takes no writes of this account's, as a replica or a server that is being moved.
    ///
    /// # Errors
    /// [`StoreError`] if the server does not say.
    pub async fn is_read_only(&self) -> Result<bool, StoreError> {
        let read_only = sqlx::query_scalar("SELECT @@GLOBAL.read_only NOT IN ('0', 'OFF')");
        Ok(read_only.fetch_one(&self.pool()).await?)
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::MIGRATIONS;

    #[test]
    fn every_numbered_file_of_the_folder_is_a_migration_under_its_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let names = fs::read_dir(folder)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
        let mut there: Vec<_> =
            names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit())).collect();
        there.sort();
        let listed = MIGRATIONS.map(|(version, description, _)| {
            format!("{version:04}_{}.sql", description.replace(' ', "_"))
        });
        assert_eq!(there, listed);
    }
}
