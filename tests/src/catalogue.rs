//! Rows of the control database as workers leave them, for tests that need no worker.

use holdfast_job::{JobId, SnapshotId};

use crate::{Fleet, MariaDb};

/// The uuid and the snapshot of a customer's backup of this number.
fn names(customer: u32, number: u32) -> (String, String) {
    let uuid = format!("0193e5c0-0000-7000-8{customer:03}-{number:012}");
    (uuid, format!("{customer:08x}{number:056x}"))
}

impl Fleet {
    /// Enters a backup of everything, of the source `web`; `more` is what it has instead, as in
    /// `held = TRUE`. Of two of one customer, that with the higher number is newer.
    pub fn enter_backup(&self, customer: u32, number: u32, more: &str) -> (JobId, SnapshotId) {
        self.enter(customer, number, more, "")
    }

    /// The same, made by a job of that customer's.
    pub fn enter_made_backup(&self, customer: u32, number: u32, more: &str) -> (JobId, SnapshotId) {
        let job =
            "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, status,
                       snapshot_id, completed_at)
                   SELECT uuid, customer_id, 'backup', 'both', 'completed', snapshot_id, created_at
                       FROM customer_backups";
        self.enter(customer, number, more, job)
    }

    /// In one transaction, since the planner looks at any time.
    fn enter(&self, customer: u32, number: u32, more: &str, job: &str) -> (JobId, SnapshotId) {
        let (uuid, snapshot) = names(customer, number);
        let this = format!("WHERE uuid = '{uuid}';");
        let more = if more.is_empty() { "uuid = uuid" } else { more };
        let job = if job.is_empty() { String::new() } else { format!("{job} {this}") };
        self.query(&format!(
            "START TRANSACTION;
             INSERT INTO customer_backups SET uuid = '{uuid}', customer_id = {customer},
                 repository = 'manual', snapshot_id = '{snapshot}', kind = 'manual', scope = 'both',
                 bytes = 100, sources = '[{{\"id\":\"web\",\"name\":\"Website\",\"what\":\"saved\",
                     \"bytes\":100,\"entries\":10}}]';
             UPDATE customer_backups SET {more} {this} {job} COMMIT"
        ));
        (uuid.parse().expect("a job id"), snapshot.parse().expect("a snapshot"))
    }

    /// Ends every job that is pending or running, as completed.
    pub fn end_jobs(&self) {
        self.query(
            "UPDATE customer_backup_jobs SET status = 'completed', completed_at = UTC_TIMESTAMP(3)
             WHERE status IN ('pending', 'running')",
        );
    }

    /// Everything that an order writes, for a comparison.
    pub fn written(&self) -> String {
        self.query(
            "SELECT uuid, status FROM customer_backup_jobs ORDER BY id; SELECT * FROM audit;
             SELECT * FROM job_events; SELECT uuid, state, deleting_job FROM customer_backups",
        )
    }

    /// What one of the accounts of `grants.sql`, `web` or `worker`, is told in the schema.
    ///
    /// # Errors
    /// What the server says if it refuses.
    pub fn query_as(&self, name: &str, sql: &str) -> Result<String, String> {
        let mut client = self.control.client();
        client.env("MYSQL_PWD", format!("the password of {name}"));
        client.arg(format!("--user=holdfast_{name}")).arg(Self::SCHEMA);
        MariaDb::run(&mut client, sql.as_bytes())
    }
}
