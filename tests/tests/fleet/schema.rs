//! The schema: made, adopted from a host that has an earlier one, and made again after a failure.
//!
//! Needs: mariadb, redis, restic.

use std::{fs, process::Command, thread};

use holdfast_tests::{Fleet, MariaDb, Node, built, program};
use serde_json::json;

/// A database server and nothing else.
struct Bare {
    server: MariaDb,
    node: Node,
}

impl Bare {
    fn new(host: &str) -> Self {
        let node = Node::new();
        let server = MariaDb::start(&node.root().join("control"));
        server.query(host);
        server.query(
            "CREATE USER admin@localhost IDENTIFIED BY 'secret';
             GRANT ALL ON control.* TO admin@localhost",
        );
        fs::write(node.root().join("admin.password"), "secret\n").expect("a file");
        let (socket, root) = (server.socket(), node.root().display());
        let config = format!(
            "[database]\nsocket = {socket:?}\nuser = \"admin\"\nschema = \"control\"\n\
             password_file = \"{root}/admin.password\"\n"
        );
        fs::write(node.root().join("admin.toml"), config).expect("a file");
        Self { server, node }
    }

    fn migrate(&self) -> Command {
        let mut enqueue = program(built("holdfast-enqueue"));
        enqueue.arg("--config").arg(self.node.root().join("admin.toml")).arg("migrate");
        enqueue
    }

    fn query(&self, sql: &str) -> String {
        self.server.query(&format!("USE control; {sql}")).trim_end().to_owned()
    }

    /// All tables, as the server would make them again, but for where their counting goes on.
    fn tables(&self) -> String {
        let names = self.query("SHOW TABLES");
        let tables = names.lines().map(|name| self.query(&format!("SHOW CREATE TABLE {name}")));
        tables.collect::<Vec<_>>().join("\n")
    }
}

fn migrated(command: &mut Command) -> String {
    MariaDb::run(command, b"").unwrap_or_else(|said| panic!("{said}"))
}

const EMPTY: &str = "CREATE DATABASE control";

#[test]
fn an_empty_schema_is_filled_and_a_second_time_changes_nothing() {
    let bare = Bare::new(EMPTY);
    let said = migrated(&mut bare.migrate());
    assert_eq!(said, "The schema is this version's. Rights: migrations/grants.sql.\n");
    let (tables, history) = (bare.tables(), bare.query("SELECT * FROM _sqlx_migrations"));
    for name in [
        "customers",
        "backup_customers",
        "customer_backup_jobs",
        "customer_backups",
        "job_events",
        "nodes",
        "audit",
        "web_sessions",
        "login_codes",
    ] {
        assert!(tables.contains(&format!("CREATE TABLE `{name}`")), "{name}");
    }
    migrated(&mut bare.migrate());
    assert_eq!(bare.tables(), tables);
    assert_eq!(bare.query("SELECT * FROM _sqlx_migrations"), history);
}

#[test]
fn two_that_fill_the_schema_at_once_do_no_harm() {
    let bare = Bare::new(EMPTY);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| migrated(&mut bare.migrate()));
        }
    });
    let tables = bare.tables();
    let failed = bare.query("SELECT COUNT(*), SUM(success) FROM _sqlx_migrations");
    let (all, good) = failed.split_once('\t').expect("two numbers");
    assert_eq!(all, good);
    let other = Bare::new(EMPTY);
    migrated(&mut other.migrate());
    assert_eq!(tables, other.tables());
}

/// A host of seed 004 that has used its backups for a while: an old character set, a time zone, more
/// columns of its own, and rows in every state.
const HOST: &str = "
    SET GLOBAL time_zone = '+02:00'; CREATE DATABASE control CHARACTER SET latin1; USE control;
    CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NOT NULL,
        plan ENUM('small', 'large') DEFAULT 'small', KEY (email));
    INSERT INTO customers (id, email) VALUES (41, 'a@x'), (42, 'b@x'), (43, 'c@x'), (44, 'd@x');
    CREATE TABLE customer_backup_jobs (
        id INT AUTO_INCREMENT PRIMARY KEY,
        customer_id INT NOT NULL,
        job_type ENUM('backup', 'restore') NOT NULL,
        backup_type ENUM('db', 'files', 'both') NOT NULL,
        snapshot_id VARCHAR(64) NULL,
        status ENUM('pending', 'running', 'completed', 'failed') DEFAULT 'pending',
        error_message TEXT NULL,
        created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
        completed_at DATETIME NULL,
        FOREIGN KEY (customer_id) REFERENCES customers(id)
    );
    INSERT INTO customer_backup_jobs VALUES
        (3, 42, 'backup', 'both', 'a1b2c3d4', 'completed', NULL,
            '2024-01-02 03:04:05', '2024-01-02 03:09:00'),
        (5, 42, 'restore', 'db', 'a1b2c3d4', 'failed', 'La base n''a pas pu être lue',
            '2024-01-03 03:04:05', '2024-01-03 03:05:00'),
        (6, 42, 'backup', 'files', NULL, 'pending', NULL, '2024-01-04 03:04:05', NULL),
        (7, 42, 'backup', 'db', NULL, 'pending', NULL, '2024-01-04 03:04:05', NULL),
        (8, 42, 'restore', 'both', 'a1b2c3d4', 'running', NULL, '2024-01-04 03:04:06', NULL),
        (9, 43, 'backup', 'both', NULL, 'pending', NULL, NULL, NULL),
        (10, 43, 'backup', 'both', NULL, NULL, NULL, '2024-01-01 00:00:00', NULL),
        (11, 43, 'backup', 'both', REPEAT('a', 64), 'completed', NULL, NULL,
            '2024-01-01 00:00:01'),
        (12, 44, 'restore', 'both', NULL, 'running', NULL, '2024-01-05 00:00:00', NULL);
";

#[test]
fn the_rows_of_a_host_that_had_jobs_before_survive() {
    let fleet = Fleet::recording_on(HOST);
    let columns = "id, customer_id, job_type, backup_type, COALESCE(snapshot_id, '-'), status,
                   created_at, completed_at IS NOT NULL";
    let rows = fleet.query(&format!("SELECT {columns} FROM customer_backup_jobs ORDER BY id"));
    let a64 = "a".repeat(64);
    let expected = [
        "3\t42\tbackup\tboth\ta1b2c3d4\tcompleted\t2024-01-02 01:04:05.000\t1",
        "5\t42\trestore\tdb\ta1b2c3d4\tfailed\t2024-01-03 01:04:05.000\t1",
        "6\t42\tbackup\tfiles\t-\tfailed\t2024-01-04 01:04:05.000\t1",
        "7\t42\tbackup\tdb\t-\tfailed\t2024-01-04 01:04:05.000\t1",
        "8\t42\trestore\tboth\ta1b2c3d4\tfailed\t2024-01-04 01:04:06.000\t1",
        "9\t43\tbackup\tboth\t-\tfailed\tNULL\t1",
        "10\t43\tbackup\tboth\t-\tfailed\t2023-12-31 22:00:00.000\t1",
        &format!("11\t43\tbackup\tboth\t{a64}\tcompleted\tNULL\t1"),
        "12\t44\trestore\tboth\t-\tfailed\t2024-01-04 22:00:00.000\t1",
    ];
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
    // By their UUIDs they stand in the order in which they were made.
    let by_uuid = fleet.query("SELECT id FROM customer_backup_jobs ORDER BY uuid");
    assert_eq!(
        by_uuid.lines().collect::<Vec<_>>(),
        ["10", "11", "3", "5", "6", "7", "8", "12", "9"]
    );
    let uuid = fleet.query("SELECT uuid FROM customer_backup_jobs WHERE id = 3");
    assert_eq!(uuid, "018cc7b2-fb88-7000-8000-000000000003");
    assert_eq!(fleet.query("SELECT completed_at FROM customer_backup_jobs WHERE id = 3"), {
        "2024-01-02 01:09:00.000"
    });
    let table = fleet.query("SHOW CREATE TABLE customers");
    assert!(table.contains("`plan` enum('small','large') DEFAULT 'small'"), "{table}");
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customers WHERE email LIKE '_@x'"), "4");
    assert_eq!(fleet.query("SELECT COUNT(*) FROM backup_customers"), "0");

    // A job is still somebody's.
    let keys = fleet.query(
        "SELECT column_name, referenced_table_name, referenced_column_name
         FROM information_schema.key_column_usage WHERE table_schema = 'control'
         AND table_name = 'customer_backup_jobs' AND referenced_table_name IS NOT NULL",
    );
    assert_eq!(keys, "customer_id\tcustomers\tid");
    for refused in [
        "INSERT INTO customer_backup_jobs SET uuid = 'x', customer_id = 99, job_type = 'backup',
             backup_type = 'db'",
        "DELETE FROM customers WHERE id = 42",
    ] {
        let said = fleet.control.try_query(&format!("USE control; {refused}"));
        assert!(said.is_err_and(|said| said.contains("foreign key")), "{refused}");
    }

    // All of it is shown, and new orders work in every language.
    let jobs = fleet.web.get("/api/v1/customers/42/jobs").with(200).body;
    let of = |at: usize, member: &str| jobs["items"][at][member].clone();
    let interrupted =
        "This was interrupted when the backup system was renewed. Please order it again.";
    assert_eq!((of(0, "status"), of(0, "message")), (json!("failed"), json!(interrupted)));
    assert_eq!(of(3, "message"), "La base n'a pas pu être lue");
    assert_eq!(of(4, "created_at"), "2024-01-02T01:04:05Z");
    assert_eq!(of(4, "snapshot_id"), json!(null));
    assert_eq!(jobs["items"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        fleet.web.get("/api/v1/customers/43/jobs").with(200).body["items"][2]["status"],
        "failed"
    );
    let note = "備份 🐦 Größe";
    let order = json!({ "scope": "both", "note": note });
    let job = fleet.web.post("/api/v1/customers/42/backups", &order).job();
    assert_eq!(fleet.column(job, "note"), note);
    let _worker = fleet.worker("one", "");
    fleet.web.until(42, job, "completed");
    assert_eq!(fleet.query("SELECT note FROM customer_backups"), note);
}

#[test]
fn a_migration_that_fails_half_way_can_be_run_again() {
    for theirs in ["job_events", "customer_backups", "nodes", "audit", "backup_customers"] {
        let bare = Bare::new(HOST);
        // The host has something of its own of this name.
        bare.query(&format!("CREATE TABLE {theirs} (id INT, what TEXT)"));
        let said = MariaDb::run(&mut bare.migrate(), b"").expect_err("a refusal");
        assert!(said.contains("migration") && said.contains(theirs), "{said}");
        let said_again = MariaDb::run(&mut bare.migrate(), b"").expect_err("a refusal");
        assert_eq!(said_again, said);
        bare.query(&format!("RENAME TABLE {theirs} TO of_the_host"));
        migrated(&mut bare.migrate());
        assert_eq!(bare.query("SELECT COUNT(*) FROM customer_backup_jobs"), "9");
        let failed = bare.query("SELECT COUNT(*) FROM _sqlx_migrations WHERE NOT success");
        assert_eq!(failed, "0");
        let other = Bare::new(HOST);
        migrated(&mut other.migrate());
        bare.query("DROP TABLE of_the_host");
        assert_eq!(bare.tables(), other.tables(), "{theirs}");
    }
}
