//! A job, as it is shown.

use holdfast_job::{JobStatus, Verb};
use holdfast_store::Job;
use serde::Serialize;

use super::time;
use crate::auth::Audience;

/// What is said of a job that was done although somebody wanted it stopped.
const TOO_LATE: &str = "It could not be stopped any more.";

/// A job, as it is shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    uuid: String,
    kind: Verb,
    scope: String,
    status: JobStatus,
    created_at: String,
    started_at: Option<String>,
    updated_at: String,
    completed_at: Option<String>,
    snapshot_id: Option<String>,
    undo_of: Option<String>,
    retry_of: Option<String>,
    /// Whether somebody wants it stopped, and it has not ended.
    stopping: bool,
    /// What happened, or why nothing did, for the customer.
    message: Option<String>,
    stage: Option<ShownStage>,
    percent: Option<u8>,
    detail: Option<String>,
    bytes_done: Option<u64>,
    bytes_total: Option<u64>,
    closed_ms: Option<u64>,
    services_ms: Option<u64>,
    healthy: Option<bool>,
    undo_until: Option<String>,
    requested_by: Option<String>,
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<ForOperators>,
}

#[derive(Debug, Serialize)]
struct ShownStage {
    name: &'static str,
    number: u8,
    of: u8,
    reverting: bool,
}

/// What is not for customers.
#[derive(Debug, Serialize)]
struct ForOperators {
    message: Option<String>,
    attempt: u32,
    pool: String,
}

impl Shown {
    /// The job, as these may see it.
    pub fn of(job: Job, audience: Audience) -> Self {
        let result = job.result.as_ref();
        let running = job.status == JobStatus::Running;
        let message = match job.status {
            JobStatus::Pending => job.waits_because.clone(),
            _ => job
                .customer_message
                .clone()
                .or_else(|| result.map(|result| result.customer_message.clone()))
                .map(|message| match (job.stop_requested, job.status) {
                    (true, JobStatus::Completed) => format!("{message} {TOO_LATE}"),
                    _ => message,
                }),
        };
        Self {
            uuid: job.job.to_string(),
            kind: job.verb,
            scope: job.scope.to_string(),
            status: job.status,
            created_at: time(job.created_at),
            started_at: job.started_at.map(time),
            updated_at: time(job.updated_at),
            completed_at: job.completed_at.map(time),
            snapshot_id: job.snapshot.as_ref().map(ToString::to_string),
            undo_of: job.undo_of.map(|of| of.to_string()),
            retry_of: job.retry_of.map(|of| of.to_string()),
            stopping: job.stop_requested && job.status.is_active(),
            message,
            stage: job.stage.filter(|_| running).map(|(stage, number, of)| ShownStage {
                name: stage.name(),
                number,
                of,
                reverting: job.reverting,
            }),
            percent: job.percent.filter(|_| running),
            detail: job.detail.filter(|_| running),
            bytes_done: job.bytes.filter(|_| running).map(|(done, _)| done),
            bytes_total: job.bytes.filter(|_| running).map(|(_, total)| total),
            closed_ms: result.and_then(|result| result.closed_ms),
            services_ms: result.and_then(|result| result.services_ms),
            healthy: result.and_then(|result| result.healthy),
            undo_until: result.and_then(|result| result.undo_until).map(time),
            requested_by: job.requested_by,
            note: job.note,
            operator: (audience == Audience::Operators).then_some(ForOperators {
                message: job.operator_message,
                attempt: job.attempt,
                pool: job.pool,
            }),
        }
    }
}
