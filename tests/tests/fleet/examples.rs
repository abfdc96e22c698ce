//! The documented examples: the real programs take them, as they are and with every key in use; they
//! leave no key out and say the right defaults. And the API does what its page shows.
//!
//! Needs: mariadb, redis, restic.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use holdfast_tests::{Fleet, MariaDb, Node, Worker, built, output_of, program};

const WORKER: &str = include_str!("../../../docs/worker.example.toml");
const ENQUEUE: &str = include_str!("../../../docs/enqueue.example.toml");
const API: &str = include_str!("../../../docs/API.md");
const SCHEMA: &str = include_str!("../../../migrations/README.md");

/// What reads the two, as its source has it.
const WORKER_SOURCE: &str = include_str!("../../../worker/src/config.rs");
const ENQUEUE_SOURCE: &str = include_str!("../../../enqueue/src/config.rs");
const LIMITS_SOURCE: &str = include_str!("../../../enqueue/src/limits.rs");
const DASHBOARD_SOURCE: &str = include_str!("../../../enqueue/src/dashboard.rs");
const DATABASE_SOURCE: &str = include_str!("../../../store/src/database.rs");

/// The key and the value of a line, if it is one, and whether it is commented out.
fn key(line: &str) -> Option<(&str, &str, bool)> {
    let (line, commented) = line.strip_prefix("# ").map_or((line, false), |line| (line, true));
    let (name, value) = line.split_once(" = ")?;
    let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_name.then_some((name, value, commented))
}

/// The example with every key in use that it only mentions.
fn with_all(example: &str) -> String {
    let used = |line| if key(line).is_some_and(|key| key.2) { &line[2..] } else { line };
    example.lines().map(used).collect::<Vec<&str>>().join("\n")
}

/// A folder with what the examples name, where nobody listens.
struct Place {
    node: Node,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let node = Node::new();
        let file = node.root().join("example.toml");
        fs::create_dir(node.root().join("web")).expect("a folder");
        for name in ["worker.password", "web/web.password"] {
            fs::write(node.root().join(name), "a password\n").expect("a file");
        }
        fs::write(node.root().join("web/tokens.secret"), "t".repeat(48)).expect("a secret");
        Self { node, file }
    }

    fn write(&self, example: &str) {
        let root = self.node.root().display().to_string();
        let text = example
            .replace("# socket = ", "socket = ")
            .replace("/run/mysqld/mysqld.sock", &format!("{root}/nobody.sock"))
            .replace("redis://127.0.0.1:6379/0", &format!("redis+unix://{root}/nobody.redis"))
            .replace("/etc/holdfast/", &format!("{root}/"));
        fs::write(&self.file, text).expect("a file");
    }

    fn worker(&self) -> Command {
        let mut worker = Worker::command(None, &self.file);
        worker.arg("doctor");
        worker
    }

    fn enqueue(&self) -> Command {
        let mut enqueue = program(built("holdfast-enqueue"));
        enqueue.arg("--config").arg(&self.file).args(["token", "--user", "someone"]);
        enqueue
    }
}

/// The exit code and what was said, on either side.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("a program");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_example_of_a_worker_is_a_configuration() {
    let place = Place::new();
    for example in [WORKER.to_owned(), with_all(WORKER)] {
        place.write(&example);
        let (code, said) = said(&mut place.worker());
        // It was read: what is wrong is that there are no servers.
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("good  the user: uid "), "{said}");
        assert!(said.contains("BAD   the control database: "), "{said}");
        assert!(said.contains("BAD   Redis: "), "{said}");
    }
}

#[test]
fn the_example_of_the_web_side_is_a_configuration() {
    let place = Place::new();
    for example in [ENQUEUE.to_owned(), with_all(ENQUEUE)] {
        place.write(&example);
        let token = output_of(&mut place.enqueue());
        assert_eq!(token.trim().split('.').count(), 3, "{token}");
    }
}

#[test]
fn an_unknown_key_is_refused_by_name_in_every_table() {
    let place = Place::new();
    for (example, table) in [
        (WORKER, ""),
        (WORKER, "[database]"),
        (ENQUEUE, "[limits]"),
        (ENQUEUE, "[dashboard]"),
        (ENQUEUE, "[tokens]"),
        (ENQUEUE, "[database]"),
    ] {
        let novel = match table {
            "" => format!("novel_key = 1\n{example}"),
            table => example.replace(table, &format!("{table}\nnovel_key = 1")),
        };
        place.write(&novel);
        let mut command = if example == WORKER { place.worker() } else { place.enqueue() };
        let (code, said) = said(&mut command);
        assert_eq!(code, Some(2), "{table}: {said}");
        assert!(said.contains("not a valid configuration") && said.contains("novel_key"), "{said}");
    }
}

#[test]
fn a_key_may_come_from_the_environment() {
    let place = Place::new();
    place.write(WORKER);
    let (code, text) = said(place.worker().env("HOLDFAST_WORKER_SLOTS", "65"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("`slots` must be from 1 to 64"), "{text}");
    let (code, text) = said(place.worker().env("HOLDFAST_WORKER_DATABASE__PORT", "many"));
    assert_eq!((code, text.contains("not a valid configuration")), (Some(2), true), "{text}");
    place.write(ENQUEUE);
    let (code, text) = said(place.enqueue().env("HOLDFAST_ENQUEUE_KEEP_MANUAL", "0"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("`keep_manual` must be at least 1"), "{text}");
}

/// The keys of a table, each with its default, if it has one; `source` declares them as `name`.
fn declared(source: &str, name: &str) -> BTreeMap<String, Option<String>> {
    let body = source.split(&format!("struct {name} {{\n")).nth(1).expect(name);
    let body = body.split("\n}").next().expect("an end");
    let mut keys = BTreeMap::new();
    let mut default = None;
    for line in body.lines().map(str::trim) {
        if let Some(function) = line.strip_prefix("#[serde(default = \"") {
            let function = function.trim_end_matches("\")]");
            let value = source.split(&format!("fn {function}() -> ")).nth(1).expect(function);
            let value = value.lines().nth(1).expect("a value").trim();
            default =
                Some(value.replace(".into()", "").replace(".map(str::to_owned).to_vec()", ""));
        } else if line == "#[serde(default)]" {
            default = Some("false".to_owned());
        } else if let Some((key, _)) = line.split_once(": ").filter(|_| !line.starts_with('/')) {
            keys.insert(key.trim_start_matches("pub ").to_owned(), default.take());
        }
    }
    keys
}

/// The keys of one table of an example, each with its value if it is commented out.
fn shown(example: &str, table: &str) -> BTreeMap<String, Option<String>> {
    let mut now = "";
    let mut keys = BTreeMap::new();
    for line in example.lines() {
        if line.starts_with('[') {
            now = line.trim_matches(['[', ']']);
        } else if let Some((name, value, commented)) = key(line).filter(|_| now == table) {
            keys.insert(name.to_owned(), commented.then(|| value.to_owned()));
        }
    }
    keys
}

#[test]
fn the_examples_leave_no_key_out_and_say_the_right_defaults() {
    for (example, table, source, name) in [
        (WORKER, "", WORKER_SOURCE, "ConfigFile"),
        (WORKER, "database", DATABASE_SOURCE, "DatabaseTable"),
        (ENQUEUE, "", ENQUEUE_SOURCE, "ConfigFile"),
        (ENQUEUE, "limits", LIMITS_SOURCE, "LimitsTable"),
        (ENQUEUE, "dashboard", DASHBOARD_SOURCE, "DashboardTable"),
        (ENQUEUE, "tokens", ENQUEUE_SOURCE, "TokensTable"),
        (ENQUEUE, "database", DATABASE_SOURCE, "DatabaseTable"),
    ] {
        let mut declared = declared(source, name);
        declared.retain(|key, _| {
            !["tokens", "database", "limits", "dashboard"].contains(&key.as_str())
        });
        let shown = shown(example, table);
        assert!(shown.keys().eq(declared.keys()), "[{table}]: {shown:#?}\n{declared:#?}");
        for (key, default) in declared {
            let (Some(default), said) = (default, &shown[&key]) else { continue };
            let said = said.as_deref().unwrap_or_else(|| panic!("{key} has a default"));
            let number = |text: &str| text.replace('_', "").parse::<f64>().ok();
            assert!(said == default || number(said) == number(&default), "{key}: {said} {default}");
        }
    }
}

#[test]
fn what_the_page_about_the_api_shows_works_as_it_stands() {
    let fleet = Fleet::new(Node::with_site());
    let _worker = fleet.worker("one", "");
    let before = fleet.node.tree();
    let script = blocks(API, "sh").join("\n");
    let mut shell = program("/bin/bash");
    shell.args(["-euo", "pipefail", "-c", &script]);
    shell.env("API", fleet.web.url("")).env("TOKEN", fleet.token(&["--operator"]));
    let said = output_of(&mut shell);
    for line in [
        "\"stage\"",
        "urn:holdfast:problem:not-confirmed",
        "backup: completed: The backup is made.",
        "restore: completed: Your site is restored.",
        "undo: completed: This was taken back: your site is as it was before it.",
        "delete: completed: The backup is deleted.",
        "null\n\"delete\"\n",
        "\"name\": \"test-1\",",
    ] {
        assert!(said.contains(line), "{line}:\n{said}");
    }
    let keyed = "SELECT COUNT(*) FROM customer_backup_jobs WHERE idempotency_key IS NOT NULL";
    assert_eq!(fleet.query(keyed), "1", "given twice: {said}");
    assert!(said.contains("retry: 2000\n\nevent: status\ndata: {"), "{said}");
    assert_eq!(fleet.node.tree(), before);
}

/// What stands in the blocks of this language on a page.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let begin = format!("```{language}\n");
    page.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// A table of the earlier design, as a host has it.
const EARLIER: &str = "
    CREATE DATABASE holdfast; USE holdfast;
    CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255));
    INSERT INTO customers VALUES (42, 'a@x');
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
    INSERT INTO customer_backup_jobs (customer_id, job_type, backup_type, status, created_at) VALUES
        (42, 'backup', 'both', 'completed', '2024-01-02 03:04:05'),
        (42, 'restore', 'db', 'running', '2024-01-03 03:04:05');
";

#[test]
fn the_accounts_and_the_way_back_on_the_page_about_the_schema_are_right() {
    let node = Node::new();
    let server = MariaDb::start(&node.root().join("control"));
    server.query(EARLIER);
    let all = "USE holdfast; SHOW TABLES; SHOW CREATE TABLE customer_backup_jobs;
               SELECT * FROM customer_backup_jobs; SELECT * FROM customers";
    let before = server.query(all);
    let mut dump = program("/usr/bin/mariadb-dump");
    dump.args(["--no-defaults", "--socket"]).arg(server.socket());
    let copy = output_of(dump.args(["holdfast", "customer_backup_jobs"]));

    let [accounts, drop] = blocks(SCHEMA, "sql")[..] else { panic!("two blocks of SQL") };
    server.query(accounts);
    let (config, password) = (node.root().join("admin.toml"), node.root().join("admin.password"));
    fs::write(&password, "one password\n").expect("a file");
    let database = format!(
        "[database]\nsocket = {:?}\nuser = \"holdfast_admin\"\nschema = \"holdfast\"\n\
         password_file = {password:?}\n",
        server.socket()
    );
    fs::write(&config, database).expect("a file");
    for words in
        [&["migrate"][..], &["migrate"], &["node", "add", "web-1"], &["customer", "add", "42"]]
    {
        output_of(program(built("holdfast-enqueue")).arg("--config").arg(&config).args(words));
    }
    let grants = include_bytes!("../../../migrations/grants.sql");
    server.load("holdfast", grants);
    server.load("holdfast", grants);
    let tables = server.query("USE holdfast; SHOW TABLES");
    let listed: Vec<_> = SCHEMA.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    for table in tables.lines() {
        assert!(listed.iter().any(|row| row.starts_with(&format!("{table}`"))), "{table}");
    }

    server.load("holdfast", drop.as_bytes());
    server.load("holdfast", copy.as_bytes());
    assert_eq!(server.query(all), before);
}
