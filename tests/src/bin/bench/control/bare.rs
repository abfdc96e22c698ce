//! What that MariaDB bears: the two rows of an admission and their commit, by its own bare client
//! `mariadb-slap`, a transaction an order.

use std::process::Stdio;

use holdfast_tests::{Fleet, program};

use super::{CONNECTIONS, CUSTOMERS, begin_anew};

/// About as long as the ticket of a backup.
const TICKET_BYTES: usize = 600;

/// How many transactions a second, over as many connections as the client has.
pub fn insert_rate(fleet: &Fleet, orders: usize) -> f64 {
    begin_anew(fleet);
    fleet.query(&format!(
        "CREATE OR REPLACE SEQUENCE next_customer START WITH {} CACHE 1000",
        CUSTOMERS.start
    ));
    let (schema, ticket) = (Fleet::SCHEMA, "t".repeat(TICKET_BYTES));
    let sql = format!(
        "START TRANSACTION; INSERT INTO {schema}.customer_backup_jobs (uuid, customer_id, job_type, \
         backup_type, status, created_at, class, pool, repository, ticket, run_after, not_after, \
         requested_by) VALUES (UUID(), NEXTVAL({schema}.next_customer), 'backup', 'files', 'pending', \
         NOW(3), 'manual', 'default', 'main', '{ticket}', NOW(3), NOW(3) + INTERVAL 7 DAY, \
         'user:owner'); INSERT INTO {schema}.audit (actor, action, customer_id, job_uuid, detail) \
         VALUES ('user:owner', 'backup', LASTVAL({schema}.next_customer), UUID(), 'files'); COMMIT"
    );
    let mut slap = program("/usr/bin/mariadb-slap");
    slap.args(["--no-defaults", "--csv", "--delimiter=;", "--no-drop"]);
    slap.arg(format!("--create-schema={schema}"));
    slap.arg("--socket").arg(fleet.control.socket());
    slap.arg(format!("--concurrency={CONNECTIONS}"));
    // It counts statements.
    slap.arg(format!("--number-of-queries={}", 4 * orders)).arg(format!("--query={sql}"));
    let said = slap.stdin(Stdio::null()).output().expect("mariadb-slap");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{said:?}");
    let seconds: f64 =
        text.trim().split(',').nth(2).and_then(|word| word.parse().ok()).expect("a time");
    let written = fleet.query("SELECT COUNT(*) FROM customer_backup_jobs");
    assert_eq!(written, orders.to_string(), "{text}");
    orders as f64 / seconds
}
