//! An operator ends a job by hand that does not move any more: only when it is known that nothing of it
//! is left open on its node.

use std::time::Duration;

use holdfast_job::{CustomerId, JobId, JobStatus, Step};
use sqlx::{MySqlConnection, Row};

use super::end::release_backup;
use crate::{Actor, Database, Node, StoreError, audit, nodes::node_of};

/// What the operator says.
#[derive(Debug, Clone)]
pub struct ResetOrder {
    /// Who it is.
    pub actor: Actor,
    /// Why.
    pub reason: String,
    /// The node is gone for good: what it says does not count.
    pub node_is_gone: bool,
    /// A node that has been silent for longer does not count as alive.
    pub silence: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reset {
    /// The job has failed.
    Done,
    /// Its worker is alive.
    UnderWay,
    /// Its node does not say that the site is settled, or has not looked since: why.
    NotSettled(String),
    /// It has ended otherwise.
    Ended(JobStatus),
    /// There is no such job.
    Unknown,
}

const ENDED_BY_HAND: &str =
    "Our support has ended this. Look at your site, and order it again if you need it.";

/// A job as it must be known here.
struct Halted {
    step: Step,
    fence: u32,
    pool: String,
    leased: bool,
    /// Whether the node's last look at its sites began after the job was last touched.
    looked_since: bool,
}

impl Database {
    /// Ends a job of this customer as failed.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer: then it is done, or nothing is.
    pub async fn reset(
        &self,
        customer: CustomerId,
        job: JobId,
        order: &ResetOrder,
    ) -> Result<Reset, StoreError> {
        let mut transaction = self.pool().begin().await?;
        let halted = match look(&mut transaction, customer, job).await? {
            Ok(halted) => halted,
            Err(refused) => return Ok(refused),
        };
        if halted.leased {
            return Ok(Reset::UnderWay);
        }
        let node = node_of(&mut transaction, &halted.pool).await?;
        if let Some(why) = unsettled(node.as_ref(), &halted, customer, order) {
            return Ok(Reset::NotSettled(why));
        }
        let update = "UPDATE customer_backup_jobs SET status = ?, fence = fence + 1, \
                      completed_at = NOW(3), updated_at = NOW(3), leased_by = NULL, \
                      lease_until = NULL, waits_because = NULL, error_message = ?, \
                      operator_message = ? WHERE uuid = ? AND status = ?";
        sqlx::query(update)
            .bind(halted.step.to().word())
            .bind(ENDED_BY_HAND)
            .bind(format!("reset by {}: {}", order.actor.name(), order.reason))
            .bind(job.to_string())
            .bind(halted.step.from().word())
            .execute(&mut *transaction)
            .await?;
        release_backup(&mut transaction, job, false).await?;
        let whose = (customer, job);
        audit::record(&mut transaction, &order.actor, "reset", whose, &order.reason).await?;
        transaction.commit().await?;
        Ok(Reset::Done)
    }
}

/// The job, held until the transaction ends, or why there is nothing to reset.
async fn look(
    connection: &mut MySqlConnection,
    customer: CustomerId,
    job: JobId,
) -> Result<Result<Halted, Reset>, StoreError> {
    let row = sqlx::query(
        "SELECT COALESCE(status, 'failed') AS status, fence, pool, \
         status = 'running' AND lease_until >= NOW(3) AS leased \
         FROM customer_backup_jobs WHERE uuid = ? AND customer_id = ? FOR UPDATE",
    )
    .bind(job.to_string())
    .bind(customer.number())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(Err(Reset::Unknown)) };
    let status: String = row.try_get("status")?;
    let status: JobStatus = status.parse().map_err(|error| StoreError::corrupt("status", error))?;
    let Some(step) = Step::reset(status) else { return Ok(Err(Reset::Ended(status))) };
    // Its node is read and not held: a claim holds the node first, and then the job.
    let looked_since: Option<bool> = sqlx::query_scalar(
        "SELECT n.recovered_at > GREATEST(j.updated_at, COALESCE(j.lease_until, j.updated_at)) \
         FROM customer_backup_jobs j JOIN nodes n ON n.pool = j.pool WHERE j.uuid = ?",
    )
    .bind(job.to_string())
    .fetch_optional(connection)
    .await?
    .flatten();
    Ok(Ok(Halted {
        step,
        fence: row.try_get("fence")?,
        pool: row.try_get("pool")?,
        leased: row.try_get::<Option<bool>, _>("leased")?.unwrap_or_default(),
        looked_since: looked_since.unwrap_or_default(),
    }))
}

/// Why it is not known that the site is settled.
fn unsettled(
    node: Option<&Node>,
    halted: &Halted,
    customer: CustomerId,
    order: &ResetOrder,
) -> Option<String> {
    // No executor has ever seen it.
    if halted.fence == 0 {
        return None;
    }
    let gone =
        "if it is gone for good, say so with `node_is_gone`, of the command `--node-is-gone`";
    let Some(node) = node else {
        let none = format!("no node serves the pool `{}` any more; {gone}", halted.pool);
        return (!order.node_is_gone).then_some(none);
    };
    let name = &node.name;
    let alive = node.silent_for.is_some_and(|silent| silent <= order.silence);
    if !alive {
        let silent = format!("node {name} has not reported for too long; {gone}");
        return (!order.node_is_gone).then_some(silent);
    }
    if order.node_is_gone {
        return Some(format!("node {name} is not gone: its worker reports"));
    }
    if let Some(open) = node.unsettled.iter().find(|open| open.customer == customer) {
        return Some(format!("node {name} says of this site: {}", open.detail));
    }
    let when = "its worker does within ten minutes: try again then";
    (!halted.looked_since).then(|| {
        format!("node {name} has not looked at its sites since this job was touched: {when}")
    })
}
