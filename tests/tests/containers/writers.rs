//! A site that is written to all through its restore: files by its container, rows by a connection that
//! is kept. What was written before the site was closed is in the undo copy, and nothing is mixed.
//!
//! Needs: docker, mariadb, restic, strace.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use holdfast_tests::{MariaDb, eventually};

use super::Scene;

/// Writes a file with what generation the site is of, again and again, and says its name.
const WRITER: &str = "trap 'exit 0' TERM; read id </proc/sys/kernel/random/uuid; n=0; \
                      while :; do n=$((n+1)); cat /site/generation >/site/log/$id-$n && \
                      echo $id-$n; sleep 0.01; done";

/// What somebody has written, so far.
type Written = Arc<Mutex<Vec<String>>>;

/// A client of the site's own that inserts rows through one connection for as long as it lives, and
/// then through another.
struct RowWriter {
    written: Written,
    gone: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl RowWriter {
    fn start(server: &MariaDb) -> Self {
        let (written, gone) = (Written::default(), Arc::new(AtomicBool::new(false)));
        let (says, leave) = (Arc::clone(&written), Arc::clone(&gone));
        let (account, password) = MariaDb::ACCOUNT;
        let mut client = server.client();
        client.env("MYSQL_PWD", password).arg(format!("--user={account}")).arg("--unbuffered");
        client.arg(MariaDb::SCHEMA).stdin(Stdio::piped()).stdout(Stdio::piped());
        client.stderr(Stdio::null());
        let thread = thread::spawn(move || {
            let mut number = 0;
            while !leave.load(Ordering::SeqCst) {
                let mut child = client.spawn().expect("mariadb");
                let mut stdin = child.stdin.take().expect("a pipe");
                let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
                while !leave.load(Ordering::SeqCst) {
                    number += 1;
                    let insert = format!(
                        "INSERT INTO log SELECT {number}, name FROM generation;\nSELECT {number};\n"
                    );
                    if stdin.write_all(insert.as_bytes()).is_err() {
                        break;
                    }
                    let Some(Ok(row)) = said.next() else { break };
                    says.lock().expect("no poison").push(row);
                }
                drop(stdin);
                child.wait().expect("its end");
            }
        });
        Self { written, gone, thread }
    }

    fn so_far(&self) -> Vec<String> {
        self.written.lock().expect("no poison").clone()
    }

    fn leave(self) {
        self.gone.store(true, Ordering::SeqCst);
        self.thread.join().expect("a writer");
    }
}

#[test]
fn what_is_written_all_through_a_restore_is_on_one_side_or_the_other() {
    let scene = Scene::open();
    let server = MariaDb::with_tenants(&scene.node.root().join("db"));
    scene.node.secret("etc/mariadb.toml", "user = \"root\"");
    let (root, socket) = (scene.node.root().display(), server.socket());
    scene.configure(
        "",
        &format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\nsocket = \"{}\"\n\
             credentials_file = \"{root}/etc/mariadb.toml\"\n",
            socket.display()
        ),
    );
    let live = scene.node.live();
    fs::create_dir(live.join("log")).expect("a folder");
    fs::write(live.join("generation"), "old\n").expect("a generation");
    server.load(
        MariaDb::SCHEMA,
        b"CREATE TABLE log (id INT, generation VARCHAR(9));
          CREATE TABLE generation (name VARCHAR(9)); INSERT INTO generation VALUES ('old');",
    );
    let snapshot = scene.node.backed_up();
    fs::write(live.join("generation"), "new\n").expect("a generation");
    server.query("UPDATE customer_42.generation SET name = 'new'");
    scene.container("web", &[], WRITER);
    let rows = RowWriter::start(&server);
    let files = || -> Vec<String> {
        let said = scene.engine.command(&["logs", "web"]).output().expect("docker");
        String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect()
    };
    eventually("some writing", || (files().len() > 20 && rows.so_far().len() > 20).then_some(()));
    let (mut files_before, mut rows_before) = (files(), rows.so_far());
    let mut running = scene.node.restore(&snapshot).start();
    while !running.has_ended() {
        let seen = (files(), rows.so_far());
        if scene.node.flag().exists() {
            break;
        }
        // Looked at afterwards, the site is open: all of this was written before it was closed.
        (files_before, rows_before) = seen;
    }
    running.wait().completed();
    eventually("more writing", || (rows.so_far().len() > rows_before.len() + 20).then_some(()));
    let generations = || {
        let entries = fs::read_dir(live.join("log")).expect("a folder").flatten();
        let of_file = |path| fs::read_to_string(path).expect("a file").trim().to_owned();
        // The last one may just be being written.
        let files = entries.map(|entry| of_file(entry.path())).filter(|text| !text.is_empty());
        let files: BTreeSet<String> = files.collect();
        let table = server.query("SELECT DISTINCT generation FROM customer_42.log ORDER BY 1");
        (files, table.lines().map(str::to_owned).collect::<BTreeSet<_>>())
    };
    let only = |generation: &str| BTreeSet::from([generation.to_owned()]);
    eventually("writing on the restored site", || (!generations().0.is_empty()).then_some(()));
    assert_eq!(generations(), (only("old"), only("old")), "nothing of before is mixed in");
    scene.node.undo().run().completed();
    rows.leave();
    assert_eq!(generations(), (only("new"), only("new")), "nothing of the restored site is");
    for file in files_before {
        assert!(live.join("log").join(&file).exists(), "{file} was written and is lost");
    }
    let kept = server.query("SELECT id FROM customer_42.log");
    let kept: BTreeSet<&str> = kept.lines().collect();
    for row in rows_before {
        assert!(kept.contains(row.as_str()), "row {row} was written and is lost");
    }
    // It would write on while its site is removed.
    scene.engine.run(&["kill", "web"]);
    scene.node.recover();
}
