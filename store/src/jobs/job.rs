//! A job as it is shown: read by pages, the API and the status.

use std::cmp::Reverse;

use holdfast_job::{
    CustomerId, JobId, JobStatus, Moment, RepositoryName, Scope, SnapshotId, Stage, Verb,
    WorkResult,
};
use sqlx::{MySql, QueryBuilder, Row, mysql::MySqlRow};

use super::claim::read_verb;
use crate::{Database, Page, PageLimit, StoreError, page::push_window};

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub job: JobId,
    /// Whose.
    pub customer: CustomerId,
    /// What is to be done.
    pub verb: Verb,
    /// What part of the site it is about; none for a job from before Holdfast that named sources we do
    /// not know.
    pub scope: Scope,
    /// How it stands.
    pub status: JobStatus,
    /// In which repository.
    pub repository: Option<RepositoryName>,
    /// The snapshot that it made, restores or deletes.
    pub snapshot: Option<SnapshotId>,
    /// What an undo takes back.
    pub undo_of: Option<JobId>,
    /// The job whose order this one has, if that did not do it.
    pub retry_of: Option<JobId>,
    /// Whether somebody wanted it stopped.
    pub stop_requested: bool,
    /// The pool whose workers take it.
    pub pool: String,
    /// Which attempt it is in, or had.
    pub attempt: u32,
    /// Why it waits, if it was put back.
    pub waits_because: Option<String>,
    /// Which stage it is in, its place and how many there are.
    pub stage: Option<(Stage, u8, u8)>,
    /// Whether the stage is being taken back.
    pub reverting: bool,
    /// How far the stage is, from 0 to 100.
    pub percent: Option<u8>,
    /// The same for people.
    pub detail: Option<String>,
    /// Bytes done and in all.
    pub bytes: Option<(u64, u64)>,
    /// What the customer reads of a job that was no success.
    pub customer_message: Option<String>,
    /// What the operator reads.
    pub operator_message: Option<String>,
    /// What the executor said at the end.
    pub result: Option<WorkResult>,
    /// Who ordered it.
    pub requested_by: Option<String>,
    /// What they wrote beside it.
    pub note: Option<String>,
    /// When it was admitted.
    pub created_at: Moment,
    /// From when on it is due.
    pub run_after: Moment,
    /// When it was first claimed.
    pub started_at: Option<Moment>,
    /// When it last changed.
    pub updated_at: Moment,
    /// When it ended.
    pub completed_at: Option<Moment>,
}

/// Which jobs of a customer are listed; all that are not said are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this kind.
    pub verb: Option<Verb>,
    /// Of this status.
    pub status: Option<JobStatus>,
    /// Admitted at or after this.
    pub since: Option<Moment>,
    /// Admitted before this.
    pub until: Option<Moment>,
    /// Behind this one.
    pub behind: Option<JobId>,
}

const SELECT: &str = "SELECT uuid, customer_id, job_type, backup_type, source_ids, \
     COALESCE(status, 'failed') AS status, repository, snapshot_id, undo_of, retry_of, \
     stop_requested_at IS NOT NULL AS stop_requested, pool, attempt, \
     waits_because, stage, stage_number, stage_count, reverting, progress, detail, bytes_done, \
     bytes_total, error_message, operator_message, result, requested_by, note, \
     CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', COALESCE(created_at, completed_at, run_after)) \
     AS UNSIGNED) AS created, \
     CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', run_after) AS UNSIGNED) AS due, \
     CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', started_at) AS UNSIGNED) AS started, \
     CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', updated_at) AS UNSIGNED) AS updated, \
     CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', completed_at) AS UNSIGNED) AS completed \
     FROM customer_backup_jobs WHERE ";

/// How a customer's jobs stand, all of it at the same moment.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerJobs {
    /// The job that holds the customer.
    pub active: Option<Job>,
    /// The latest that have ended, newest first.
    pub ended: Vec<Job>,
}

impl Database {
    /// A job of this customer.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn job(&self, customer: CustomerId, job: JobId) -> Result<Option<Job>, StoreError> {
        let mut query = QueryBuilder::<MySql>::new(SELECT);
        query.push("customer_id = ").push_bind(customer.number());
        query.push(" AND uuid = ").push_bind(job.to_string());
        let found = query.build().fetch_optional(&self.pool()).await?;
        found.as_ref().map(read).transpose()
    }

    /// Jobs of this customer, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn jobs(
        &self,
        customer: CustomerId,
        filter: &JobFilter,
        limit: PageLimit,
    ) -> Result<Page<Job>, StoreError> {
        let mut query = QueryBuilder::<MySql>::new(SELECT);
        query.push("customer_id = ").push_bind(customer.number());
        if let Some(verb) = filter.verb {
            query.push(" AND job_type = ").push_bind(verb.word());
        }
        if let Some(status) = filter.status {
            query.push(" AND status = ").push_bind(status.word());
        }
        push_window(&mut query, (filter.since, filter.until), filter.behind, limit);
        let rows = query.build().fetch_all(&self.pool()).await?;
        let jobs = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(jobs, limit, |job| job.job))
    }

    /// The signed order of a job of this customer; none if it was ordered before Holdfast.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn ticket(
        &self,
        customer: CustomerId,
        job: JobId,
    ) -> Result<Option<String>, StoreError> {
        let select = "SELECT ticket FROM customer_backup_jobs WHERE customer_id = ? AND uuid = ?";
        let query = sqlx::query_scalar::<_, Option<String>>(select);
        let query = query.bind(customer.number()).bind(job.to_string());
        Ok(query.fetch_optional(&self.pool()).await?.flatten())
    }

    /// Whether an undo of this job was done.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn was_taken_back(
        &self,
        customer: CustomerId,
        job: JobId,
    ) -> Result<bool, StoreError> {
        let undone: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM customer_backup_jobs WHERE customer_id = ? AND undo_of = ? \
             AND status = 'completed'",
        )
        .bind(customer.number())
        .bind(job.to_string())
        .fetch_one(&self.pool())
        .await?;
        Ok(undone > 0)
    }

    /// The job that holds this customer, with all that is known of it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn active(&self, customer: CustomerId) -> Result<Option<Job>, StoreError> {
        let mut query = QueryBuilder::<MySql>::new(SELECT);
        query.push("active_customer = ").push_bind(customer.number());
        let found = query.build().fetch_optional(&self.pool()).await?;
        found.as_ref().map(read).transpose()
    }

    /// How this customer's jobs stand, with so many of those that have ended.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn jobs_now(
        &self,
        customer: CustomerId,
        ended: u32,
    ) -> Result<CustomerJobs, StoreError> {
        let mut query = QueryBuilder::<MySql>::new("(");
        query.push(SELECT).push("active_customer = ").push_bind(customer.number());
        query.push(") UNION ALL (").push(SELECT);
        query.push("customer_id = ").push_bind(customer.number());
        query.push(" AND status NOT IN ('pending', 'running', 'stuck') ORDER BY uuid DESC LIMIT ");
        query.push_bind(ended).push(")");
        let rows = query.build().fetch_all(&self.pool()).await?;
        let jobs = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let (mut active, mut ended): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|job| job.status.is_active());
        // A union has no order of its own.
        ended.sort_unstable_by_key(|job| Reverse(job.job));
        Ok(CustomerJobs { active: active.pop(), ended })
    }
}

fn read(row: &MySqlRow) -> Result<Job, StoreError> {
    let moment = |column: &str| -> Result<Option<Moment>, StoreError> {
        let seconds: Option<u64> = row.try_get(column)?;
        Ok(seconds.map(Moment::from_unix_seconds))
    };
    let text = |column: &str| -> Result<Option<String>, StoreError> { Ok(row.try_get(column)?) };
    let required = |column: &'static str| -> Result<Moment, StoreError> {
        moment(column)?.ok_or_else(|| StoreError::corrupt(column, "there is no time"))
    };
    let (uuid, customer): (String, i32) = (row.try_get("uuid")?, row.try_get("customer_id")?);
    let scope = match text("source_ids")? {
        Some(sources) => sources,
        None => row.try_get("backup_type")?,
    };
    let stage: Option<Stage> =
        text("stage")?.and_then(|word| serde_json::from_value(word.into()).ok());
    let (number, count): (Option<u8>, Option<u8>) =
        (row.try_get("stage_number")?, row.try_get("stage_count")?);
    let (done, total): (Option<u64>, Option<u64>) =
        (row.try_get("bytes_done")?, row.try_get("bytes_total")?);
    let verb: String = row.try_get("job_type")?;
    let status: String = row.try_get("status")?;
    Ok(Job {
        job: uuid.parse().map_err(|error| StoreError::corrupt("job", error))?,
        customer: customer
            .to_string()
            .parse()
            .map_err(|error| StoreError::corrupt("customer", error))?,
        verb: read_verb(&verb)?,
        scope: scope.parse().map_err(|error| StoreError::corrupt("scope", error))?,
        status: status.parse().map_err(|error| StoreError::corrupt("status", error))?,
        repository: text("repository")?.and_then(|name| name.parse().ok()),
        // A short id from before Holdfast names no snapshot that could be restored.
        snapshot: text("snapshot_id")?.and_then(|id| id.parse().ok()),
        undo_of: text("undo_of")?.and_then(|id| id.parse().ok()),
        retry_of: text("retry_of")?.and_then(|id| id.parse().ok()),
        stop_requested: row.try_get("stop_requested")?,
        pool: row.try_get("pool")?,
        attempt: row.try_get("attempt")?,
        waits_because: text("waits_because")?,
        stage: stage.zip(number.zip(count)).map(|(stage, (number, count))| (stage, number, count)),
        reverting: row.try_get("reverting")?,
        percent: row.try_get("progress")?,
        detail: text("detail")?,
        bytes: done.zip(total),
        customer_message: text("error_message")?,
        operator_message: text("operator_message")?,
        result: text("result")?.and_then(|result| serde_json::from_str(&result).ok()),
        requested_by: text("requested_by")?,
        note: text("note")?,
        created_at: required("created")?,
        run_after: required("due")?,
        started_at: moment("started")?,
        updated_at: required("updated")?,
        completed_at: moment("completed")?,
    })
}
