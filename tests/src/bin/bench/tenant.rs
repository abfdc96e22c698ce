//! What another tenant of the same database server adds to the time for which a site is closed: one that
//! holds locks, one that has many tables, and one that asks all the time.

use std::{
    fs,
    io::Write,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use holdfast_job::{Scope, UndoCopy};
use holdfast_tests::{MariaDb, Node, eventually};

use super::{
    closed::{Visitor, tables},
    figure::{Figure, median},
};

/// The tables of the site.
const TABLES: usize = 60;
/// Those of a neighbour that has many.
const MANY: usize = 4_000;
/// How often the site changes places with a neighbour beside it and without, by turns.
const ROUNDS: usize = 9;
/// Statements that a flood sends at once.
const WAVE: usize = 200;

/// Measures each kind of neighbour.
pub fn figures() -> Vec<Figure> {
    let scene = Scene::make();
    let mut figures = vec![
        scene.beside("a neighbour holds locks", || scene.holds_locks()),
        scene.beside("a neighbour floods the server", || scene.floods()),
    ];
    // Those stay, so it is the last.
    let before = scene.rounds(ROUNDS);
    scene.server.query("CREATE DATABASE customer_44");
    scene.server.load("customer_44", tables(MANY, 0).as_bytes());
    let beside = scene.rounds(ROUNDS);
    figures.push(figure("a neighbour has 4000 tables", beside, before));
    figures.push(Figure::fdatasync("the server's disk", scene.node.root()));
    figures
}

fn figure(size: &'static str, beside: Vec<Duration>, alone: Vec<Duration>) -> Figure {
    Figure::milliseconds("neighbour.closed", size, median(beside))
        .beside_duration("nobody beside it", median(alone))
}

/// The server ends first.
struct Scene {
    server: MariaDb,
    node: Node,
}

impl Scene {
    /// A site with an undo copy.
    fn make() -> Self {
        eprintln!("making {TABLES} tables …");
        let node = Node::new();
        let server = MariaDb::with_tenants(&node.root().join("db"));
        fs::create_dir(node.live()).expect("the site");
        node.configure_database(&server.socket(), "");
        server.load(MariaDb::SCHEMA, tables(TABLES, 100).as_bytes());
        let saved = node.backup_of("db").run().completed().snapshot.expect("a snapshot");
        node.restore_with(&saved, Scope::Db, UndoCopy::Keep).run().completed();
        let scene = Self { server, node };
        scene.rounds(2);
        scene
    }

    /// The times for which the site is closed while it changes places so often.
    fn rounds(&self, rounds: usize) -> Vec<Duration> {
        let round = |_| {
            let visitor = Visitor::come(&self.node.flag());
            self.node.undo().run().completed();
            let closed = visitor.leave();
            self.node.recover();
            closed
        };
        (0..rounds).map(round).collect()
    }

    /// The closed time with a neighbour beside it and without, by turns.
    fn beside<N>(&self, size: &'static str, come: impl Fn() -> N) -> Figure {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.extend(self.rounds(1));
            let neighbour = come();
            beside.extend(self.rounds(1));
            drop(neighbour);
        }
        figure(size, beside, alone)
    }

    /// Sessions each of which holds a table that it makes for itself alone, and one that holds another
    /// against all writers.
    fn holds_locks(&self) -> Locks<'_> {
        let make = |n| format!("CREATE TABLE customer_43.slow_{n} AS SELECT SLEEP(3600) AS s");
        let mut held: Vec<String> = (0..4).map(make).collect();
        held.push("LOCK TABLES customer_43.birds WRITE; SELECT SLEEP(3600)".into());
        let begin = |statement: &String| {
            let mut client = self.server.client();
            client.arg("-e").arg(statement).stdin(Stdio::null()).stdout(Stdio::null());
            client.stderr(Stdio::null()).spawn().expect("mariadb")
        };
        let locks = Locks { server: &self.server, clients: held.iter().map(begin).collect() };
        eventually("the locks", || (locks.held() == held.len()).then_some(()));
        locks
    }

    /// Two connections that ask as fast as they are answered.
    fn floods(&self) -> Vec<Flood> {
        (0..2).map(|_| Flood::begin(&self.server)).collect()
    }
}

/// Clients whose statements go on until they are ended.
struct Locks<'a> {
    server: &'a MariaDb,
    clients: Vec<Child>,
}

/// Those statements on the server.
const SLEEPING: &str = "FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'";

impl Locks<'_> {
    fn held(&self) -> usize {
        let count = self.server.query(&format!("SELECT COUNT(*) {SLEEPING}"));
        count.trim().parse().expect("a number")
    }
}

impl Drop for Locks<'_> {
    fn drop(&mut self) {
        let kill = self.server.query(&format!("SELECT CONCAT('KILL ', ID, ';') {SLEEPING}"));
        self.server.query(&kill);
        for client in &mut self.clients {
            client.wait().expect("its end");
        }
        eventually("the end of the locks", || (self.held() == 0).then_some(()));
    }
}

/// A client that is given short questions all the time.
struct Flood {
    gone: Arc<AtomicBool>,
    asking: Option<thread::JoinHandle<()>>,
}

impl Flood {
    fn begin(server: &MariaDb) -> Self {
        let mut client = server.client();
        client.arg("--unbuffered").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut client = client.spawn().expect("mariadb");
        let mut stdin = client.stdin.take().expect("a pipe");
        let gone = Arc::new(AtomicBool::new(false));
        let leave = Arc::clone(&gone);
        let wave = "SELECT name FROM customer_43.birds WHERE id = 2;\n".repeat(WAVE);
        let asking = thread::spawn(move || {
            while !leave.load(Ordering::Relaxed) && stdin.write_all(wave.as_bytes()).is_ok() {}
            drop(stdin);
            let _ = client.wait();
        });
        Self { gone, asking: Some(asking) }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        if let Some(asking) = self.asking.take() {
            let _ = asking.join();
        }
    }
}
