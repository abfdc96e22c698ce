//! The catalogue of what can be restored.

use std::{str::FromStr, time::Duration};

use holdfast_job::{CustomerId, IdError, JobId, Moment, RepositoryName, SnapshotId, SourceResult};
use serde::{Deserialize, Serialize};
use sqlx::{MySql, QueryBuilder, Row, mysql::MySqlRow};

use crate::{Database, Page, PageLimit, StoreError, database::microseconds, page::push_window};

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its name: that of the job that made it.
    pub uuid: JobId,
    /// Whose.
    pub customer: CustomerId,
    /// In which repository it is.
    pub repository: RepositoryName,
    /// The snapshot there.
    pub snapshot: SnapshotId,
    /// Who asked for it.
    pub kind: BackupKind,
    /// `db`, `files`, `both` or `sources`.
    pub scope: String,
    /// What is in it.
    pub sources: Vec<SavedSource>,
    /// The bytes of all sources.
    pub bytes: u64,
    /// How it stands.
    pub state: BackupState,
    /// Whether some files could not be read.
    pub incomplete: bool,
    /// Those files, at most 100.
    pub unreadable: Vec<String>,
    /// Whether it is kept whatever the policy says.
    pub held: bool,
    /// When it was last seen whole.
    pub verified_at: Option<Moment>,
    /// Who asked for it.
    pub requested_by: Option<String>,
    /// What they wrote beside it.
    pub note: Option<String>,
    /// When it was made.
    pub created_at: Moment,
}

/// What a backup holds of one source: the part of the executor's result that stays true.
pub type SavedSource = SourceResult;

/// Who asked for a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    /// A person.
    Manual,
    /// A schedule.
    Daily,
}

/// How a backup stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// It can be restored.
    Active,
    /// A delete job has claimed it.
    Deleting,
    /// It is gone.
    Deleted,
}

impl BackupKind {
    /// The word in the table and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Daily => "daily",
        }
    }
}

impl BackupState {
    /// The word in the table and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }
}

/// What a backup is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupName {
    /// By the job that made it.
    Uuid(JobId),
    /// By its snapshot's full id.
    Snapshot(SnapshotId),
}

impl FromStr for BackupName {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        given.parse().map(Self::Uuid).or_else(|_| given.parse().map(Self::Snapshot))
    }
}

/// Which backups of a customer are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupFilter {
    /// Of this kind.
    pub kind: Option<BackupKind>,
    /// Of this scope: `db`, `files`, `both` or `sources`.
    pub scope: Option<&'static str>,
    /// In this state; those that are not gone if it is not said.
    pub state: Option<BackupState>,
    /// Made at or after this.
    pub since: Option<Moment>,
    /// Made before this.
    pub until: Option<Moment>,
    /// Behind this one.
    pub behind: Option<JobId>,
}

const SELECT: &str = "SELECT uuid, customer_id, repository, snapshot_id, kind, scope, sources, bytes, \
     state, incomplete, unreadable, held, requested_by, note, \
     CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', verified_at) AS UNSIGNED) AS verified, \
     CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', created_at) AS UNSIGNED) AS created \
     FROM customer_backups WHERE customer_id = ";

/// That a job of the customer's own has made the backup, and has completed.
const MADE: &str = "EXISTS (SELECT 1 FROM customer_backup_jobs j WHERE j.uuid = customer_backups.uuid \
     AND j.customer_id = customer_backups.customer_id AND j.job_type = 'backup' \
     AND j.status = 'completed')";

impl Database {
    /// A backup of this customer.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn backup(
        &self,
        customer: CustomerId,
        name: &BackupName,
    ) -> Result<Option<Backup>, StoreError> {
        let mut query = QueryBuilder::<MySql>::new(SELECT);
        query.push_bind(customer.number()).push(" AND ");
        match name {
            BackupName::Uuid(uuid) => query.push("uuid = ").push_bind(uuid.to_string()),
            BackupName::Snapshot(id) => query.push("snapshot_id = ").push_bind(id.as_str()),
        };
        query.push(" ORDER BY uuid DESC LIMIT 1");
        let found = query.build().fetch_optional(&self.pool()).await?;
        found.as_ref().map(read).transpose()
    }

    /// Backups of this customer, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn backups(
        &self,
        customer: CustomerId,
        filter: &BackupFilter,
        limit: PageLimit,
    ) -> Result<Page<Backup>, StoreError> {
        let mut query = QueryBuilder::<MySql>::new(SELECT);
        query.push_bind(customer.number());
        match filter.state {
            Some(state) => query.push(" AND state = ").push_bind(state.word()),
            None => query.push(" AND state <> 'deleted'"),
        };
        if let Some(kind) = filter.kind {
            query.push(" AND kind = ").push_bind(kind.word());
        }
        if let Some(scope) = filter.scope {
            query.push(" AND scope = ").push_bind(scope);
        }
        push_window(&mut query, (filter.since, filter.until), filter.behind, limit);
        let rows = query.build().fetch_all(&self.pool()).await?;
        let backups = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(backups, limit, |backup| backup.uuid))
    }

    /// Every active backup of this customer, newest first: what retention decides about. Those alone
    /// that a completed job of this customer's has made: a worker enters backups and cannot enter jobs,
    /// so none can crowd out another customer's with made-up ones.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn catalogue(&self, customer: CustomerId) -> Result<Vec<Backup>, StoreError> {
        let mut query = QueryBuilder::<MySql>::new(SELECT);
        query.push_bind(customer.number()).push(" AND state = 'active' AND ").push(MADE);
        query.push(" ORDER BY uuid DESC");
        query.build().fetch_all(&self.pool()).await?.iter().map(read).collect()
    }

    /// Whether a delete of this snapshot has failed within this time.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn delete_has_failed(
        &self,
        customer: CustomerId,
        snapshot: &SnapshotId,
        within: Duration,
    ) -> Result<bool, StoreError> {
        let failed: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM customer_backup_jobs WHERE snapshot_id = ? AND status = 'failed' \
             AND customer_id = ? AND job_type = 'delete' \
             AND completed_at > NOW(3) - INTERVAL ? MICROSECOND",
        )
        .bind(snapshot.as_str())
        .bind(customer.number())
        .bind(microseconds(within))
        .fetch_one(&self.pool())
        .await?;
        Ok(failed > 0)
    }

    /// The latest entry of the catalogue, and the customers of those behind `seen`.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn customers_with_backups_behind(
        &self,
        seen: u64,
    ) -> Result<(u64, Vec<CustomerId>), StoreError> {
        let latest: Option<u64> = sqlx::query_scalar("SELECT MAX(id) FROM customer_backups")
            .fetch_one(&self.pool())
            .await?;
        let select = "SELECT DISTINCT customer_id FROM customer_backups WHERE id > ?";
        let found = sqlx::query_scalar(select).bind(seen).fetch_all(&self.pool()).await?;
        Ok((latest.unwrap_or(0), found.into_iter().map(number).collect::<Result<_, _>>()?))
    }

    /// The customers who have more than `keep` active manual backups.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn customers_with_more_than(&self, keep: u32) -> Result<Vec<CustomerId>, StoreError> {
        let select = format!(
            "SELECT customer_id FROM customer_backups WHERE state = 'active' AND kind = 'manual' \
             AND {MADE} GROUP BY customer_id HAVING COUNT(*) > ?"
        );
        let found = sqlx::query_scalar(sqlx::AssertSqlSafe(select))
            .bind(keep)
            .fetch_all(&self.pool())
            .await?;
        found.into_iter().map(number).collect()
    }
}

fn number(id: i32) -> Result<CustomerId, StoreError> {
    id.to_string().parse().map_err(|error| StoreError::corrupt("customer", error))
}

fn read(row: &MySqlRow) -> Result<Backup, StoreError> {
    let text = |column: &str| -> Result<Option<String>, StoreError> { Ok(row.try_get(column)?) };
    let (uuid, snapshot, repository): (String, String, String) =
        (row.try_get("uuid")?, row.try_get("snapshot_id")?, row.try_get("repository")?);
    let corrupt = |error: serde_json::Error| StoreError::corrupt("backup", error);
    let word = |column: &'static str| -> Result<serde_json::Value, StoreError> {
        Ok(serde_json::Value::String(row.try_get(column)?))
    };
    let created: u64 = row.try_get("created")?;
    let verified: Option<u64> = row.try_get("verified")?;
    let sources: String = row.try_get("sources")?;
    let unreadable = text("unreadable")?.map(|text| serde_json::from_str(&text)).transpose();
    Ok(Backup {
        uuid: uuid.parse().map_err(|error| StoreError::corrupt("backup", error))?,
        customer: number(row.try_get("customer_id")?)?,
        repository: repository.parse().map_err(|error| StoreError::corrupt("repository", error))?,
        snapshot: snapshot.parse().map_err(|error| StoreError::corrupt("snapshot", error))?,
        kind: serde_json::from_value(word("kind")?).map_err(corrupt)?,
        scope: row.try_get("scope")?,
        sources: serde_json::from_str(&sources).map_err(corrupt)?,
        bytes: row.try_get("bytes")?,
        state: serde_json::from_value(word("state")?).map_err(corrupt)?,
        incomplete: row.try_get("incomplete")?,
        unreadable: unreadable.map_err(corrupt)?.unwrap_or_default(),
        held: row.try_get("held")?,
        verified_at: verified.map(Moment::from_unix_seconds),
        requested_by: text("requested_by")?,
        note: text("note")?,
        created_at: Moment::from_unix_seconds(created),
    })
}
