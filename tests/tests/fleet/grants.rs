//! What the accounts of `grants.sql` may not do. That what they may do is enough, the other tests show.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::Fleet;

/// What an account is refused, in a schema with one row in each table and another schema beside it.
fn refused(account: &str, orders: &[&str]) {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    fleet.enter_backup(42, 1, "");
    fleet.query(&format!("INSERT INTO job_events SET job_uuid = '{job}', event = 'claimed'"));
    fleet.query("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT)");
    let everything = || {
        let names = fleet.query("SHOW TABLES");
        let select = |name: &str| format!("SHOW CREATE TABLE {name}; SELECT * FROM {name}");
        fleet.query(&names.lines().map(select).collect::<Vec<_>>().join(";"))
    };
    let before = everything();
    for order in orders.iter().chain(NOBODY) {
        let said = fleet.query_as(account, order).expect_err(order);
        assert!(said.contains("denied"), "{order}: {said}");
    }
    assert_eq!(everything(), before);
    fleet.query("DROP DATABASE shop");
}

/// What neither may.
const NOBODY: &[&str] = &[
    "DELETE FROM customers",
    "DELETE FROM backup_customers",
    "DELETE FROM customer_backup_jobs",
    "DELETE FROM job_events",
    "DELETE FROM customer_backups",
    "DELETE FROM nodes",
    "DELETE FROM audit",
    "DELETE FROM _sqlx_migrations",
    "TRUNCATE TABLE audit",
    "TRUNCATE TABLE job_events",
    "UPDATE customer_backup_jobs SET ticket = 'x'",
    "UPDATE customer_backup_jobs SET customer_id = 43",
    "UPDATE customer_backup_jobs SET uuid = UUID()",
    "UPDATE customer_backup_jobs SET job_type = 'restore'",
    "UPDATE customer_backup_jobs SET backup_type = 'db'",
    "UPDATE customer_backup_jobs SET pool = 'far'",
    "UPDATE customer_backup_jobs SET class = 'restore'",
    "UPDATE customer_backup_jobs SET not_after = NOW()",
    "UPDATE customer_backup_jobs SET requested_by = 'user:eve'",
    "UPDATE customer_backup_jobs SET created_at = NOW()",
    "UPDATE customer_backup_jobs SET idempotency_key = 'x'",
    "UPDATE customer_backup_jobs SET request_hash = 'x'",
    "UPDATE customer_backup_jobs SET retry_of = NULL",
    "UPDATE customer_backup_jobs SET status = 'completed', ticket = 'x'",
    "REPLACE INTO customer_backup_jobs SET id = 1, uuid = UUID(), customer_id = 42,
         job_type = 'backup', backup_type = 'db'",
    "UPDATE customer_backups SET snapshot_id = 'x'",
    "UPDATE customer_backups SET customer_id = 43",
    "UPDATE customer_backups SET repository = 'x'",
    "UPDATE customer_backups SET held = TRUE",
    "UPDATE customer_backups SET uuid = UUID()",
    "UPDATE backup_customers SET pool = 'far'",
    "UPDATE backup_customers SET customer_id = 43",
    "UPDATE backup_customers SET external_id = 'x'",
    "INSERT INTO customers SET id = 99",
    "UPDATE customers SET email = 'x'",
    "INSERT INTO nodes SET name = 'x', pool = 'x'",
    "UPDATE nodes SET pool = 'far'",
    "UPDATE nodes SET name = 'x'",
    "UPDATE nodes SET heartbeat_at = NOW(), draining = FALSE",
    "UPDATE audit SET actor = 'user:eve'",
    "UPDATE audit SET detail = NULL WHERE FALSE",
    "UPDATE job_events SET detail = 'x'",
    "INSERT INTO _sqlx_migrations SELECT * FROM _sqlx_migrations",
    "UPDATE _sqlx_migrations SET success = FALSE",
    "CREATE TABLE mine (id INT)",
    "CREATE TEMPORARY TABLE mine (id INT)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE TRIGGER mine BEFORE INSERT ON audit FOR EACH ROW SET NEW.actor = 'x'",
    "CREATE PROCEDURE mine() SELECT 1",
    "CREATE EVENT mine ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    "DROP TABLE audit",
    "DROP DATABASE control",
    "CREATE DATABASE mine",
    "ALTER TABLE audit ADD COLUMN x INT",
    "CREATE INDEX mine ON audit (at)",
    "RENAME TABLE audit TO mine",
    "LOCK TABLES customer_backup_jobs WRITE",
    "SELECT * FROM shop.orders",
    "INSERT INTO shop.orders VALUES (1)",
    "USE shop",
    "SELECT * FROM mysql.global_priv",
    "SELECT * FROM mysql.db",
    "SELECT 'x' INTO OUTFILE '/tmp/holdfast-never'",
    "CREATE USER mallory",
    "SET PASSWORD FOR root@localhost = PASSWORD('x')",
    "GRANT SELECT ON nodes TO holdfast_web@localhost",
    "SET GLOBAL max_connections = 1",
    "FLUSH TABLES",
    "SHUTDOWN",
];

#[test]
fn the_web_side_says_of_no_job_what_it_did_and_changes_nothing_of_what_was_saved() {
    refused(
        "web",
        &[
            "INSERT INTO job_events SET job_uuid = UUID(), event = 'completed'",
            "UPDATE customer_backup_jobs SET snapshot_id = 'x'",
            "UPDATE customer_backup_jobs SET attempt = 0",
            "UPDATE customer_backup_jobs SET result = NULL",
            "UPDATE customer_backup_jobs SET started_at = NOW()",
            "UPDATE customer_backup_jobs SET progress = 100",
            "INSERT INTO customer_backups SET uuid = UUID(), customer_id = 42,
                 repository = 'manual', snapshot_id = 'x', kind = 'manual', scope = 'db',
                 sources = '[]', bytes = 1",
            "UPDATE customer_backups SET verified_at = NOW()",
            "UPDATE customer_backups SET deleted_at = NOW()",
            "UPDATE nodes SET heartbeat_at = NOW()",
            "UPDATE nodes SET unsettled = NULL",
            "UPDATE nodes SET recovered_at = NOW()",
            "UPDATE web_sessions SET customers = '[\"43\"]'",
            "UPDATE web_sessions SET role = 'operator'",
            "UPDATE web_sessions SET expires_at = NOW() + INTERVAL 1 YEAR",
            "UPDATE login_codes SET customers = '[\"43\"]'",
        ],
    );
}

#[test]
fn a_worker_orders_nothing_and_sees_neither_audit_nor_customers() {
    refused(
        "worker",
        &[
            "INSERT INTO customer_backup_jobs SET uuid = UUID(), customer_id = 42,
                 job_type = 'backup', backup_type = 'db', ticket = 'x'",
            "INSERT INTO customer_backup_jobs SELECT * FROM customer_backup_jobs",
            "UPDATE customer_backup_jobs SET note = 'x'",
            "UPDATE customer_backup_jobs SET undo_of = NULL",
            "UPDATE customer_backup_jobs SET stop_requested_at = NULL",
            "UPDATE customer_backup_jobs SET stop_requested_by = 'user:eve'",
            "UPDATE nodes SET draining = TRUE",
            "UPDATE customer_backup_jobs SET repository = 'x'",
            "UPDATE customer_backup_jobs SET source_ids = 'x'",
            "SELECT * FROM audit",
            "SELECT * FROM web_sessions",
            "SELECT * FROM login_codes",
            "INSERT INTO audit SET actor = 'planner', action = 'delete'",
            "SELECT * FROM customers",
            "SELECT * FROM backup_customers",
            "INSERT INTO backup_customers SET customer_id = 43, uuid = UUID(), external_id = 'x'",
            "UPDATE customer_backups SET sources = '[]'",
            "UPDATE customer_backups SET incomplete = FALSE",
        ],
    );
}
