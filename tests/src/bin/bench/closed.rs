//! The time for which a database keeps its site closed, by the number of its tables and programs, beside
//! another build of the executor in the same run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use holdfast_job::{Outcome, Scope, SnapshotId, UndoCopy};
use holdfast_tests::{Call, MariaDb, Node, executor};

use super::figure::{Figure, median};

/// Another build of the executor.
#[derive(Clone)]
pub struct Peer {
    name: String,
    executor: PathBuf,
}

impl Peer {
    /// Reads `<name>=<path>`.
    pub fn parse(word: &str) -> Option<Self> {
        let (name, path) = word.split_once('=')?;
        Some(Self { name: name.to_owned(), executor: path.into() })
    }
}

/// A schema that changes places.
#[derive(Clone, Copy)]
pub struct Size {
    /// Its name.
    pub name: &'static str,
    tables: usize,
    /// The rows of each table.
    rows: usize,
    /// Procedures that came after the backup.
    programs: usize,
    rounds: usize,
}

/// What is measured.
pub const SIZES: [Size; 7] = [
    Size { name: "12 tables", tables: 12, rows: 100, programs: 0, rounds: 5 },
    Size { name: "100 tables", tables: 100, rows: 100, programs: 0, rounds: 5 },
    Size { name: "400 tables", tables: 400, rows: 100, programs: 0, rounds: 3 },
    Size { name: "1500 tables", tables: 1500, rows: 10, programs: 0, rounds: 1 },
    Size { name: "6000 tables", tables: 6000, rows: 10, programs: 0, rounds: 1 },
    Size { name: "100 programs", tables: 12, rows: 100, programs: 100, rounds: 5 },
    Size { name: "4000 programs", tables: 12, rows: 100, programs: 4000, rounds: 1 },
];

/// A peer that keeps its site closed for longer than that is ended.
const PEER_ENDS_AFTER: Duration = Duration::from_secs(600);

/// How a measurement came out.
enum Closed {
    For(Duration),
    /// It had not come to its end by then.
    NotDone(Duration),
}

/// The closed time of one size, in some rounds in which both builds have their turns.
pub fn figures(size: Size, peer: Option<&Peer>) -> Vec<Figure> {
    let scene = Scene::make(size, executor());
    let fdatasync = Figure::fdatasync(size.name, scene.node.root());
    let other = peer.map(|peer| (peer, Scene::make(size, peer.executor.clone())));
    let (mut ours, mut undone, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut not_done = None;
    for _ in 0..size.rounds {
        match scene.restore(None) {
            Closed::For(took) => ours.push(took),
            Closed::NotDone(_) => unreachable!("it is waited for"),
        }
        if size.programs > 0
            && let Closed::For(took) = scene.undo()
        {
            undone.push(took);
        }
        if let (Some((_, scene)), None) = (&other, not_done) {
            match scene.restore(Some(PEER_ENDS_AFTER)) {
                Closed::For(took) => theirs.push(took),
                Closed::NotDone(after) => not_done = Some(after),
            }
            if size.programs > 0 && not_done.is_none() {
                scene.undo();
            }
        }
    }
    let downtime = Figure::milliseconds("restore.downtime", size.name, median(ours));
    let mut figures = vec![match (&other, not_done) {
        (None, _) => downtime,
        (Some((peer, _)), None) => downtime.beside_duration(&peer.name, median(theirs)),
        (Some((peer, _)), Some(after)) => {
            downtime.beside_duration(format!("{}, not done by then", peer.name), after)
        }
    }];
    if !undone.is_empty() {
        figures.push(Figure::milliseconds("undo.downtime", size.name, median(undone)));
    }
    figures.push(fdatasync);
    scene.end();
    if let Some((_, scene)) = other {
        scene.end();
    }
    figures
}

/// A site with a database, its backup, and what carries its orders out; the server ends first.
struct Scene {
    server: MariaDb,
    node: Node,
    snapshot: SnapshotId,
}

impl Scene {
    fn make(size: Size, executor: PathBuf) -> Self {
        eprintln!("making {} …", size.name);
        let node = Node::new().carried_out_by(executor);
        let server = MariaDb::with_tenants(&node.root().join("db"));
        fs::create_dir(node.live()).expect("the site");
        node.configure_database(&server.socket(), "");
        server.load(MariaDb::SCHEMA, tables(size.tables, size.rows).as_bytes());
        let ended = node.backup_of("db").run();
        let snapshot = ended.completed().snapshot.expect("a snapshot");
        let procedures: String = (0..size.programs).map(procedure).collect();
        server.load(MariaDb::SCHEMA, procedures.as_bytes());
        Self { server, node, snapshot }
    }

    fn restore(&self, bound: Option<Duration>) -> Closed {
        let call = self.node.restore_with(&self.snapshot, Scope::Db, UndoCopy::Keep);
        self.closed(&call, bound)
    }

    fn undo(&self) -> Closed {
        self.closed(&self.node.undo(), None)
    }

    /// The time for which an order closes the site. Without a bound it must complete.
    fn closed(&self, call: &Call, bound: Option<Duration>) -> Closed {
        let visitor = Visitor::come(&self.node.flag());
        let mut running = call.start();
        while !running.has_ended() {
            if bound.is_some_and(|bound| visitor.closed() > bound) {
                running.kill();
                running.wait();
                return Closed::NotDone(visitor.leave());
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        let ended = running.wait();
        let took = visitor.leave();
        if bound.is_some() && ended.result().outcome != Outcome::Completed {
            return Closed::NotDone(took);
        }
        ended.completed();
        self.node.recover();
        Closed::For(took)
    }

    /// Whatever has become of it.
    fn end(mut self) {
        self.node.expect_left_overs();
        self.server.kill();
        self.node.quiet();
    }
}

/// Statements that make so many tables, each with so many rows.
pub fn tables(count: usize, rows: usize) -> String {
    let table = |table: usize| {
        let mut sql = format!(
            "CREATE TABLE shop_{table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80), \
             price DECIMAL(10,2), made DATETIME, text VARCHAR(200), KEY (name), KEY (made));\n"
        );
        if rows > 0 {
            sql.push_str(&format!(
                "INSERT INTO shop_{table} SELECT NULL, SHA1(seq), seq % 1000, \
                 '2024-01-01' + INTERVAL seq SECOND, CONCAT(SHA2(seq, 256), MD5(seq)) \
                 FROM seq_1_to_{rows};\n"
            ));
        }
        sql
    };
    (0..count).map(table).collect()
}

fn procedure(number: usize) -> String {
    format!(
        "CREATE PROCEDURE planted_{number}(IN amount INT) COMMENT 'no. {number}' \
         SELECT amount + {number}, COUNT(*) FROM shop_0;\n"
    )
}

/// A client that looks at the flag each half a millisecond, and leaves the processors to the others.
pub struct Visitor {
    gone: Arc<AtomicBool>,
    closed: Arc<Mutex<Duration>>,
    looking: thread::JoinHandle<()>,
}

impl Visitor {
    /// It begins to look.
    pub fn come(flag: &Path) -> Self {
        let gone = Arc::new(AtomicBool::new(false));
        let closed = Arc::new(Mutex::new(Duration::ZERO));
        let (flag, leave, sum) = (flag.to_owned(), Arc::clone(&gone), Arc::clone(&closed));
        let looking = thread::spawn(move || {
            let mut last = Instant::now();
            let mut was_closed = false;
            while !leave.load(Ordering::Relaxed) {
                let (now, is_closed) = (Instant::now(), flag.exists());
                if was_closed || is_closed {
                    let mut sum = sum.lock().expect("a sum");
                    *sum += now - last;
                }
                (last, was_closed) = (now, is_closed);
                thread::park_timeout(Duration::from_micros(500));
            }
        });
        Self { gone, closed, looking }
    }

    /// For how long it has found the site closed so far.
    fn closed(&self) -> Duration {
        *self.closed.lock().expect("a sum")
    }

    /// For how long it has found the site closed.
    pub fn leave(self) -> Duration {
        self.gone.store(true, Ordering::Relaxed);
        self.looking.join().expect("a visitor");
        *self.closed.lock().expect("a sum")
    }
}
