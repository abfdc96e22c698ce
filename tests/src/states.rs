//! The states of a site and its orders that the pages can show, each a customer of its own: one list for
//! tests and pictures.

use serde_json::{Value, json};

use crate::Fleet;

/// A job's columns as a worker leaves them, in a state that would be hard to catch.
const JOBS: [(u32, &str, &str, &str, &str); 12] = [
    (45, "backup-waiting", "Your backup is waiting", "status = 'pending'", "backup"),
    (
        46,
        "backup-files",
        "Your site is being saved",
        "status = 'running', fence = 1, stage = 'snapshot', stage_number = 3, stage_count = 5,
         progress = 41, bytes_done = 412000000, bytes_total = 1003000000",
        "backup",
    ),
    (
        47,
        "restore-fetch",
        "Your site is being restored",
        "status = 'running', fence = 1, stage = 'fetch', stage_number = 2, stage_count = 10,
         progress = 67, bytes_done = 804000000, bytes_total = 1200000000",
        "restore",
    ),
    (
        48,
        "restore-switch",
        "Your site is being restored",
        "status = 'running', fence = 1, stage = 'swap_files', stage_number = 7, stage_count = 10",
        "restore",
    ),
    (
        49,
        "restore-stopping",
        "Your site is being restored",
        "status = 'running', fence = 1, stage = 'fetch', stage_number = 2, stage_count = 10,
         reverting = TRUE, stop_requested_at = UTC_TIMESTAMP(3)",
        "restore",
    ),
    (
        50,
        "restore-done",
        "Your site is restored",
        "status = 'completed', completed_at = UTC_TIMESTAMP(3), result = RESULT(TRUE)",
        "restore",
    ),
    (
        51,
        "restore-unhealthy",
        "Your site is restored",
        "status = 'completed', completed_at = UTC_TIMESTAMP(3), result = RESULT(FALSE)",
        "restore",
    ),
    (
        52,
        "restore-failed",
        "The restore was not done",
        "status = 'failed', completed_at = UTC_TIMESTAMP(3), error_message = 'There was not enough
         space for the restore: 1.3 GB more are needed. Delete files that you do not need.'",
        "restore",
    ),
    (
        53,
        "restore-stopped",
        "The restore was stopped",
        "status = 'stopped', completed_at = UTC_TIMESTAMP(3),
         error_message = 'This was cancelled before it began.'",
        "restore",
    ),
    (
        54,
        "restore-stuck",
        "The restore needs our support",
        "status = 'stuck', pool = 'elsewhere', error_message = 'A folder could not be put back.'",
        "restore",
    ),
    (
        55,
        "backup-failed",
        "The backup was not done",
        "status = 'failed', completed_at = UTC_TIMESTAMP(3),
         error_message = 'Your database did not answer.'",
        "backup",
    ),
    (
        56,
        "undo-done",
        "The restore is undone",
        "status = 'completed', completed_at = UTC_TIMESTAMP(3), result = RESULT(TRUE)",
        "undo",
    ),
];

/// What the executor says of a restore.
const RESULT: &str = "JSON_OBJECT('version', 1, 'job', uuid, 'outcome', 'completed',
    'customer_message', '', 'operator_message', '', 'closed_ms', 170, 'healthy', HEALTHY,
    'undo_until', UNIX_TIMESTAMP() + 86400, 'sources', JSON_ARRAY(
        JSON_OBJECT('id', 'web', 'name', 'Website', 'what', 'restored', 'bytes', 1200000000,
            'entries', 10502),
        JSON_OBJECT('id', 'main', 'name', 'Shop', 'what', 'restored', 'bytes', 41000000,
            'entries', 300118)))";

/// What a backup of a shop holds.
const SOURCES: &str = r#"[{"id":"web","name":"Website","what":"saved","bytes":1200000000,"entries":10502},{"id":"main","name":"Shop","what":"saved","bytes":41000000,"entries":300118}]"#;
const LATER: &str = r#"[{"id":"web","name":"Website","what":"saved","bytes":1210000000,"entries":10716},{"id":"main","name":"Shop","what":"saved","bytes":41300000,"entries":300840}]"#;

impl Fleet {
    /// Enters every state; returns a list of its name, customer, address and heading.
    ///
    /// # Panics
    /// If one cannot be entered.
    pub fn enter_states(&self) -> Value {
        self.enter_customers(45..=60);
        self.query(
            "INSERT INTO backup_customers (customer_id, uuid, external_id)
                 SELECT id, UUID(), CONCAT('shop-', id) FROM customers WHERE id >= 45",
        );
        self.query("UPDATE nodes SET heartbeat_at = UTC_TIMESTAMP(3) + INTERVAL 1 DAY");
        let mut states = Vec::new();
        let mut state = |name: &str, customer: Option<u32>, path: &str, heading: &str| {
            let customer = customer.map(|customer| format!("shop-{customer}"));
            states.push(json!({
                "name": name, "customer": customer, "path": path, "heading": heading,
            }));
        };
        for (customer, name, heading, columns, kind) in JOBS {
            let (_, snapshot) =
                self.enter_shop_backup(customer, 1, SOURCES, 2, "note = 'before the sale'");
            // The worker of the tests takes nothing that has no ticket.
            let job = format!("0193e5c1-0000-7000-8{customer:03}-000000000001");
            let columns = columns
                .replace("RESULT(TRUE)", &RESULT.replace("HEALTHY", "TRUE"))
                .replace("RESULT(FALSE)", &RESULT.replace("HEALTHY", "FALSE"));
            let about = match kind {
                "restore" => format!(", repository = 'manual', snapshot_id = '{snapshot}'"),
                _ => String::new(),
            };
            self.query(&format!(
                "INSERT INTO customer_backup_jobs SET uuid = '{job}', customer_id = {customer},
                     job_type = '{kind}', backup_type = 'both', requested_by = 'user:alice',
                     started_at = UTC_TIMESTAMP(3) {about};
                 UPDATE customer_backup_jobs SET {columns} WHERE uuid = '{job}'"
            ));
            state(name, Some(customer), &format!("/backups/jobs/{job}"), heading);
            if ["restore-fetch", "restore-done", "backup-failed", "restore-stuck"].contains(&name) {
                state(&format!("list-{name}"), Some(customer), "/backups", "Backups of");
            }
            if name == "restore-done" {
                let undo = format!("/backups/jobs/{job}/undo");
                state("undo", Some(customer), &undo, "Undo the restore of today");
            }
        }
        let (_, old) = self.enter_shop_backup(58, 1, SOURCES, 3, "note = 'before the sale'");
        for (number, ago, more) in [
            (2, 2, "scope = 'db', bytes = 41000000"),
            (3, 1, "held = TRUE, note = 'kept for the tax office'"),
        ] {
            self.enter_shop_backup(58, number, SOURCES, ago, more);
        }
        self.enter_shop_backup(58, 4, LATER, 0, "");
        self.enter_days(58);
        let (_, holed) = self.enter_shop_backup(
            57,
            1,
            SOURCES,
            0,
            "incomplete = TRUE, unreadable = '[\"public/wp-content/uploads/2026/11/a very long name of a \
             picture that somebody has uploaded from a telephone.jpg\", \"public/.user.ini\"]'",
        );
        state("list", Some(58), "/backups", "Backups of");
        state("history", Some(58), "/backups/history", "History of");
        state("backup", Some(58), &format!("/backups/{old}"), "Backup of");
        state("restore", Some(58), &format!("/backups/{old}?restore=all"), "Restore shop-58 to");
        state("delete", Some(58), &format!("/backups/{old}/delete"), "Delete the backup of");
        state("not-found", Some(58), "/backups/none", "There is no such page");
        state("incomplete", Some(57), &format!("/backups/{holed}"), "Backup of");
        state("list-incomplete", Some(57), "/backups", "Backups of");
        state("empty", Some(60), "/backups", "Backups of");
        state("login", None, "/login/x", "Open your backups");
        state("logged-out", None, "/backups", "You are logged out");
        let wrong = json!({
            "name": "restore-wrong-word", "customer": "shop-58", "word": "restor",
            "path": format!("/backups/{old}?restore=all"), "heading": "Restore shop-58 to",
        });
        states.retain(|state| state["name"] != "login");
        states.push(wrong);
        json!(states)
    }

    /// The jobs of a month of backups, one of which has failed, under names of those days.
    fn enter_days(&self, customer: u32) {
        let jobs = (1..29).filter(|day| day % 7 != 6).map(|day| {
            let end = match day {
                12 => "'failed', 'Your database did not answer.'",
                _ => "'completed', NULL",
            };
            let at = format!("UTC_TIMESTAMP(3) - INTERVAL {day} DAY");
            let ms = format!("LPAD(HEX(FLOOR(UNIX_TIMESTAMP({at}) * 1000)), 12, '0')");
            format!(
                "(LOWER(CONCAT(SUBSTR({ms}, 1, 8), '-', SUBSTR({ms}, 9, 4), '-7000-8000-', \
                 LPAD({day}, 12, '0'))), {customer}, 'backup', 'both', {at}, {at}, 'user:alice', {end})"
            )
        });
        let jobs: Vec<_> = jobs.collect();
        self.query(&format!(
            "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, created_at,
                 completed_at, requested_by, status, error_message) VALUES {}",
            jobs.join(",")
        ));
    }

    /// A backup of so many days ago, with its job.
    fn enter_shop_backup(
        &self,
        customer: u32,
        number: u32,
        sources: &str,
        days: u32,
        more: &str,
    ) -> (holdfast_job::JobId, holdfast_job::SnapshotId) {
        let more = if more.is_empty() { String::new() } else { format!(", {more}") };
        let columns = format!(
            "sources = '{sources}', bytes = 1241000000, requested_by = 'user:alice',
             created_at = UTC_TIMESTAMP(3) - INTERVAL {days} DAY,
             verified_at = UTC_TIMESTAMP(3) - INTERVAL {days} DAY {more}"
        );
        let entered = self.enter_made_backup(customer, number, &columns);
        self.query(&format!(
            "UPDATE customer_backup_jobs SET created_at = completed_at, requested_by = 'user:alice'
             WHERE uuid = '{}'",
            entered.0
        ));
        entered
    }
}
