//! A backup that its owner, or whoever has the repository, has made over: plain restic takes it out
//! and puts it in again, and its manifest is made to fit.

use std::{fs, os::unix::fs::DirBuilderExt, path::PathBuf};

use holdfast_job::SnapshotId;
use holdfast_tests::{DatabaseSite, Node, output_of, program};
use serde_json::{Value, json};

/// The content of a backup of the database `shop`.
#[derive(Debug, Clone)]
pub struct Forgery {
    /// The dump.
    pub tables: String,
    /// The programs, as data.
    pub programs: Vec<Value>,
    /// The manifest.
    pub manifest: Value,
}

/// Where every backup has its dumps.
pub fn spool(node: &Node) -> PathBuf {
    node.root().join("state/spool/customer-42")
}

impl Forgery {
    /// Takes a good backup out of the repository.
    pub fn of(node: &Node, snapshot: &SnapshotId) -> Self {
        let spool = spool(node);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&spool).expect("a spool");
        let from = format!("{snapshot}:{}", spool.display());
        output_of(node.restic(&["restore", &from, "--target"]).arg(&spool));
        let read = |file: &str| fs::read_to_string(spool.join(file)).expect(file);
        let parsed = |text: &str| serde_json::from_str(text).expect("JSON");
        let forgery = Self {
            tables: read("shop/tables.sql"),
            programs: read("shop/programs.jsonl").lines().map(parsed).collect(),
            manifest: parsed(&read("manifest.json")),
        };
        fs::remove_dir_all(spool).expect("removed");
        forgery
    }

    /// What the manifest says of the database.
    pub fn database(&mut self) -> &mut Value {
        &mut self.manifest["databases"][0]
    }

    /// The same with more at the end of the dump.
    pub fn with_dump(&self, more: &str) -> Self {
        let tables = format!("{}{more}\n", self.tables);
        Self { tables, ..self.clone() }
    }

    /// The same with another table in the manifest.
    pub fn with_table(mut self, name: &str, engine: &str, rows: usize) -> Self {
        let table = json!({"name": name, "kind": "table", "engine": engine, "rows": rows});
        self.database()["tables"].as_array_mut().expect("tables").push(table);
        self
    }

    /// The same with only these programs.
    pub fn with_programs(&self, programs: &[Value]) -> Self {
        Self { programs: programs.to_vec(), ..self.clone() }
    }

    /// Writes it into the spool, its manifest fitting, without saving it.
    pub fn laid_out(&self, node: &Node) -> PathBuf {
        let (spool, mut manifest) = (spool(node), self.manifest.clone());
        let folder = spool.join("shop");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).expect("a spool");
        let lines: String = self.programs.iter().map(|program| format!("{program}\n")).collect();
        fs::write(folder.join("tables.sql"), &self.tables).expect("a dump");
        fs::write(folder.join("programs.jsonl"), lines).expect("programs");
        fs::write(folder.join("programs.sql"), "").expect("programs");
        let sum = output_of(program("/usr/bin/sha256sum").arg(folder.join("tables.sql")));
        let database = &mut manifest["databases"][0];
        database["dump_bytes"] = self.tables.len().into();
        database["dump_sha256"] = sum[..64].into();
        database["programs"] = self.programs.len().into();
        fs::write(spool.join("manifest.json"), manifest.to_string()).expect("a manifest");
        spool
    }

    /// Saves it as if it were the customer's: the snapshot.
    pub fn saved(&self, node: &Node) -> SnapshotId {
        self.laid_out(node);
        saved_as_it_is(node)
    }
}

/// Saves the spool as it stands, and removes it.
pub fn saved_as_it_is(node: &Node) -> SnapshotId {
    let tags = "customer-42,manual,db";
    let mut backup = node.restic(&["backup", "--json", "--host", "customer-42", "--tag", tags]);
    let said = output_of(backup.arg(spool(node)));
    let summary: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("JSON");
    fs::remove_dir_all(spool(node)).expect("removed");
    summary["snapshot_id"].as_str().expect("an id").parse().expect("an id")
}

/// A program as a backup has it, made by the site's own account.
pub fn a_program(kind: &str, name: &str, text: &str) -> Value {
    let bound = (kind == "trigger")
        .then(|| json!({"timing": "BEFORE", "event": "INSERT", "table": "pages"}));
    json!({
        "kind": kind, "name": name, "bound": bound, "definer": "root@localhost",
        "sql_mode": "NO_ENGINE_SUBSTITUTION", "character_set_client": "utf8mb4",
        "collation_connection": "utf8mb4_general_ci", "database_collation": "utf8mb4_unicode_ci",
        "time_zone": (kind == "event").then_some("SYSTEM"), "text": text,
    })
}

/// A site with two tables and a program of each kind; and its backup, taken out.
pub fn small_site() -> (DatabaseSite, Forgery) {
    let site = DatabaseSite::new();
    site.server.load(
        holdfast_tests::MariaDb::SCHEMA,
        b"CREATE TABLE pages (id INT PRIMARY KEY, title VARCHAR(40));
          INSERT INTO pages VALUES (1, 'one'), (2, 'two');
          CREATE TABLE links (page INT, FOREIGN KEY (page) REFERENCES pages (id));
          CREATE DEFINER = 'customer_42'@'localhost' PROCEDURE kept() SELECT 'kept';
          CREATE DEFINER = 'root'@'localhost' PROCEDURE of_root() SELECT 'of root';",
    );
    let snapshot = site.backed_up();
    let forgery = Forgery::of(&site.node, &snapshot);
    site.server.load(
        holdfast_tests::MariaDb::SCHEMA,
        b"DELETE FROM pages WHERE id = 2; DROP PROCEDURE kept",
    );
    (site, forgery)
}
