//! A site with a database, beside the bare commands and beside the script that a host would write by
//! hand. Restore: maintenance on, restore, move, import, maintenance off. Backup: dump into a temporary
//! directory, save, keep five of the customer's.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use holdfast_tests::{MariaDb, Node, program};

use super::{
    Visitor, bare,
    figure::{Figure, median},
    like_ours, make_site, run_bare, timed,
};

/// A size of site with a database.
#[derive(Clone, Copy)]
pub struct Shop {
    files: super::Size,
    rows: usize,
    tables: usize,
    name: &'static str,
}

impl Shop {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

const FILES: super::Size = super::SIZES[0];
const NO_FILES: super::Size = super::Size { files: 100, bytes_each: 1000, name: "0.1 MB" };

/// What is measured; the first is the size that the promises name.
pub const SHOPS: [Shop; 4] = [
    Shop { files: FILES, rows: 300_000, tables: 12, name: "0.5 GB, 300,000 rows, 12 tables" },
    Shop { files: NO_FILES, rows: 300_000, tables: 100, name: "300,000 rows, 100 tables" },
    Shop { files: NO_FILES, rows: 300_000, tables: 400, name: "300,000 rows, 400 tables" },
    Shop {
        files: super::SIZES[1],
        rows: 3_000_000,
        tables: 12,
        name: "5 GB, 3,000,000 rows, 12 tables",
    },
];

/// So many backups of a customer a host's own script keeps.
const KEPT: usize = 5;
/// How often each way of backing up has its turn.
const ROUNDS: usize = 7;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A site with a database may be closed for this long, up to 100 tables.
const DOWNTIME_LIMIT: Duration = Duration::from_millis(500);

/// The server, and the node whose site it has; the server ends first.
struct Scene {
    server: MariaDb,
    node: Node,
}

fn make(shop: Shop) -> Scene {
    eprintln!("making {} …", shop.name);
    let node = Node::new();
    let server = MariaDb::with_tenants(&node.root().join("db"));
    make_site(&node.live(), shop.files);
    node.configure_database(&server.socket(), "");
    let mut sql = String::new();
    for table in 0..shop.tables {
        sql.push_str(&format!(
            "CREATE TABLE shop_{table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80), \
             price DECIMAL(10,2), made DATETIME, text VARCHAR(200), KEY (name), KEY (made));\n\
             INSERT INTO shop_{table} SELECT NULL, SHA1(seq), seq % 1000, \
             '2024-01-01' + INTERVAL seq SECOND, CONCAT(SHA2(seq, 256), MD5(seq)) \
             FROM seq_1_to_{};\n",
            shop.rows / shop.tables
        ));
    }
    sql.push_str(
        "CREATE VIEW dear AS SELECT id, name FROM shop_0 WHERE price > 900;\n\
         CREATE TRIGGER named BEFORE INSERT ON shop_0 FOR EACH ROW SET NEW.name = TRIM(NEW.name);\n",
    );
    server.load(MariaDb::SCHEMA, sql.as_bytes());
    Scene { server, node }
}

impl Scene {
    fn dump(&self) -> Command {
        let mut dump = program("/usr/bin/mariadb-dump");
        dump.arg("--no-defaults").arg("--socket").arg(self.server.socket());
        dump.args(["--single-transaction", "--quick", "--hex-blob", "--no-tablespaces"]);
        dump.args(["--default-character-set=utf8mb4", "--routines", "--events", MariaDb::SCHEMA]);
        dump
    }

    /// A bare dump into a file.
    fn dump_into(&self, path: &Path) -> Duration {
        let file = File::create(path).expect("a file");
        let (status, took) = timed(|| self.dump().stdout(file).status().expect("mariadb-dump"));
        assert!(status.success(), "{status}");
        took
    }

    /// What a host's own script does for a backup: a dump in a temporary directory, one snapshot of that
    /// and the site, a look how many the customer has, and of more than five the oldest pruned. Returns
    /// where the dump was.
    fn backup_by_hand(&self) -> (PathBuf, Duration) {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = self.node.root().join(format!("customer-backup-{number}"));
        fs::create_dir(&folder).expect("a folder");
        let dump = folder.join("database.sql");
        let (live, shown) = (self.node.live().display().to_string(), dump.display().to_string());
        let mut took = self.dump_into(&dump)
            + run_bare(&self.node, &["backup", "--tag", "customer-42", &live, &shown]);
        let mut look = bare(&self.node, &["snapshots", "--json", "--tag", "customer-42"]);
        let (output, looked) = timed(|| look.output().expect("restic"));
        assert!(output.status.success(), "{output:?}");
        took += looked;
        let snapshots: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let snapshots = snapshots.as_array().expect("snapshots");
        if snapshots.len() > KEPT {
            let oldest = snapshots.iter().min_by_key(|one| one["time"].as_str());
            let oldest = oldest.and_then(|one| one["id"].as_str()).expect("a snapshot");
            took += run_bare(&self.node, &["forget", "--prune", oldest]);
        }
        fs::remove_dir_all(&folder).expect("the folder");
        (dump, took)
    }

    /// What a host's own script does for a restore; all of it behind the closed door.
    fn restore_by_hand(&self, dump: &Path) -> Duration {
        let (live, dump) = (self.node.live().display().to_string(), dump.display().to_string());
        let target = self.node.root().join("by-hand");
        let inside = |path: &str| format!("{}{path}", target.display());
        let (_, took) = timed(|| {
            fs::write(self.node.flag(), "").expect("the flag");
            let shown = target.display().to_string();
            run_bare(
                &self.node,
                &["restore", "latest", "--tag", "customer-42", "--target", &shown],
            );
            fs::rename(&live, format!("{live}.old")).expect("the live tree");
            fs::rename(inside(&live), &live).expect("the restored tree");
            let import = File::open(inside(&dump)).expect("the dump");
            let mut client = self.server.client();
            let status = client.arg(MariaDb::SCHEMA).stdin(Stdio::from(import)).status();
            assert!(status.expect("mariadb").success());
            fs::remove_file(self.node.flag()).expect("the flag");
        });
        fs::remove_dir_all(format!("{live}.old")).expect("the old tree");
        fs::remove_dir_all(&target).expect("the target");
        took
    }
}

/// Restores of each size.
pub fn restores(shop: Shop) -> Vec<Figure> {
    let scene = make(shop);
    let snapshot = scene.node.backed_up();
    like_ours(&scene.node);
    let (dump, _) = scene.backup_by_hand();
    let by_hand = scene.restore_by_hand(&dump);
    scene.server.query("DELETE FROM customer_42.shop_0 WHERE id % 2 = 0");
    let (ended, total) = timed(|| scene.node.restore(&snapshot).run());
    ended.completed();
    scene.node.recover();
    let visitor = Visitor::come(&scene.node);
    scene.node.restore(&snapshot).run().completed();
    let downtime = visitor.leave();
    vec![
        Figure::milliseconds("restore.downtime", shop.name, downtime)
            .beside_duration("the limit up to 100 tables", DOWNTIME_LIMIT),
        Figure::milliseconds("restore.downtime", shop.name, downtime)
            .beside_duration("the script by hand", by_hand),
        Figure::seconds("restore.total", shop.name, total)
            .beside_duration("the script by hand", by_hand),
        Figure::fdatasync(shop.name, scene.node.root()),
    ]
}

/// Repeated backups of the size that the promises name: the median of some rounds, in each of which
/// every one has its turn.
pub fn backups(shop: Shop) -> Vec<Figure> {
    let scene = make(shop);
    scene.node.backed_up();
    like_ours(&scene.node);
    // As it is every day: as many as are kept are there already.
    (0..KEPT).for_each(|_| drop(scene.backup_by_hand()));
    let dump = scene.node.root().join("bare-dump.sql");
    let (live, shown) = (scene.node.live().display().to_string(), dump.display().to_string());
    let commands = || {
        scene.dump_into(&dump)
            + run_bare(&scene.node, &["backup", &live, &shown])
            + run_bare(&scene.node, &["ls", "--no-lock", "latest", &live])
    };
    commands();
    let (mut ours, mut scripts, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        scripts.push(scene.backup_by_hand().1);
        bares.push(commands());
        ours.push(timed(|| scene.node.backed_up()).1);
    }
    let [repeat, by_hand, commands] = [ours, scripts, bares].map(median);
    vec![
        Figure::seconds("backup.repeat", shop.name, repeat)
            .beside_duration("the script by hand", by_hand),
        Figure::seconds("backup.repeat", shop.name, repeat)
            .beside_duration("dump + restic backup + ls", commands),
    ]
}
