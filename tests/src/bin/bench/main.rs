//! `scripts/bench restore|backup|neighbour|repositories|services|admission|dispatch|listing|memory|streams
//! [--json]`:
//! how long the site is closed, how long orders take beside the bare restic commands, what a neighbour
//! notices, what a shared repository costs; and how fast and how lean the control plane is beside the same
//! in other stacks, in one run on one machine.

mod closed;
mod control;
mod database;
mod figure;
mod neighbour;
mod repositories;
mod services;
mod streams;
mod tenant;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use holdfast_tests::{Node, restic};

use figure::Figure;

/// A size of site.
#[derive(Clone, Copy)]
struct Size {
    files: usize,
    bytes_each: usize,
    name: &'static str,
}

const SIZES: [Size; 2] = [
    Size { files: 10_000, bytes_each: 50_000, name: "0.5 GB in 10,000 files" },
    Size { files: 100_000, bytes_each: 50_000, name: "5 GB in 100,000 files" },
];

/// A customer may be closed out of the site for this long, files alone.
const DOWNTIME_LIMIT: Duration = Duration::from_millis(50);

/// So long may one order of a large site take.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Measures a site of files.
type OfFiles = fn(&Node, Size) -> Vec<Figure>;
/// Measures a site with a database.
type OfShops = fn(database::Shop) -> Vec<Figure>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let json = args.iter().any(|arg| arg == "--json");
    let what: Vec<&str> =
        args.iter().map(String::as_str).filter(|arg| !arg.starts_with("--")).collect();
    let peer = args.iter().find_map(|arg| arg.strip_prefix("--peer="));
    let peer = peer.map(|word| closed::Peer::parse(word).expect("<name>=<path of an executor>"));
    let (files, shops): (OfFiles, OfShops) = match what.as_slice() {
        ["neighbour"] => {
            print(&tenant::figures(), json);
            return print(&neighbour::figures(), json);
        }
        ["repositories"] => return print(&repositories::figures(), json),
        ["admission"] => return print(&control::admission::figures(), json),
        ["dispatch"] => return print(&control::dispatch::figures(), json),
        ["listing"] => return print(&control::listing::figures(), json),
        ["services"] => return print(&services::figures(), json),
        ["streams"] => return print(&streams::figures(), json),
        ["memory"] => return print(&control::memory::figures(), json),
        ["restore", ..] => (bench_restore, database::restores),
        ["backup", ..] => (bench_backup, database::backups),
        _ => {
            eprintln!(
                "usage: bench restore|backup [part of a size's name] [--peer=<name>=<executor>] [--json], or \
                 bench neighbour|repositories|services|admission|dispatch|listing|memory|streams \
                 [--json]"
            );
            return ExitCode::from(2);
        }
    };
    holdfast_tests::be_patient(PATIENCE);
    let schemas = closed::SIZES.into_iter().filter(|_| what[0] == "restore");
    // A whole name is that one alone.
    let whole = |part: &str| closed::SIZES.iter().any(|size| size.name == part);
    let wanted = |name: &str| match what.get(1) {
        Some(part) if whole(part) => name == *part,
        Some(part) => name.contains(part),
        None => true,
    };
    for size in SIZES.into_iter().filter(|size| wanted(size.name)) {
        eprintln!("making {} …", size.name);
        let node = Node::new();
        make_site(&node.live(), size);
        print(&files(&node, size), json);
    }
    for shop in database::SHOPS.into_iter().filter(|shop| wanted(shop.name())) {
        print(&shops(shop), json);
    }
    for size in schemas.filter(|size| wanted(size.name)) {
        print(&closed::figures(size, peer.as_ref()), json);
    }
    ExitCode::SUCCESS
}

fn print(figures: &[Figure], json: bool) -> ExitCode {
    figures.iter().for_each(|figure| figure.print(json));
    ExitCode::SUCCESS
}

/// Files of noise, a hundred to a folder, so that nothing compresses or repeats.
fn make_site(root: &Path, size: Size) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut content = vec![0; size.bytes_each];
    for number in 0..size.files {
        if number % 100 == 0 {
            fs::create_dir_all(root.join(format!("{}", number / 100))).expect("a folder");
        }
        for chunk in content.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.copy_from_slice(&state.to_le_bytes());
        }
        fs::write(root.join(format!("{}/{number}", number / 100)), &content).expect("a file");
    }
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let since = Instant::now();
    let done = act();
    (done, since.elapsed())
}

/// Bare restic on a repository of its own, with the cache that every restic has.
fn bare(node: &Node, args: &[&str]) -> Command {
    let mut command = holdfast_tests::program(restic());
    command
        .env("RESTIC_PASSWORD_FILE", node.root().join("etc/password"))
        .env("RESTIC_REPOSITORY", node.root().join("repositories/bare"))
        .arg("--cache-dir")
        .arg(node.root().join("bare-cache"))
        .args(args);
    command
}

fn run_bare(node: &Node, args: &[&str]) -> Duration {
    let (output, took) = timed(|| bare(node, args).output().expect("restic"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    took
}

/// Makes the bare repository a copy of ours: restic makes each key as hard as the machine is fast in
/// that moment, and each repository cuts files in places of its own.
fn like_ours(node: &Node) {
    let bare = node.root().join("repositories/bare");
    let _ = fs::remove_dir_all(&bare);
    let mut copy = holdfast_tests::program("/usr/bin/cp");
    let copied = copy.arg("-a").arg(node.repository()).arg(&bare).status();
    assert!(copied.expect("cp").success());
}

fn bench_backup(node: &Node, size: Size) -> Vec<Figure> {
    let live = node.live().display().to_string();
    // Both find the site in memory.
    holdfast_tests::Tree::read(&node.live());
    let bare_first = run_bare(node, &["init"]) + run_bare(node, &["backup", &live]);
    let (_, first) = timed(|| node.backed_up());
    like_ours(node);
    run_bare(node, &["backup", &live]);
    let bare_repeat =
        run_bare(node, &["backup", &live]) + run_bare(node, &["ls", "--no-lock", "latest", &live]);
    let (_, repeat) = timed(|| node.backed_up());
    vec![
        Figure::seconds("backup.first", size.name, first)
            .beside_duration("restic init + backup", bare_first),
        Figure::seconds("backup.repeat", size.name, repeat)
            .beside_duration("restic backup + ls", bare_repeat),
    ]
}

fn bench_restore(node: &Node, size: Size) -> Vec<Figure> {
    let live = node.live().display().to_string();
    let snapshot = node.backed_up();
    like_ours(node);
    run_bare(node, &["backup", &live]);
    let target = node.root().join("bare-target");
    let shown = target.display().to_string();
    let (_, bare_total) = timed(|| {
        run_bare(node, &["restore", "latest", "--target", &shown]);
        let synced = holdfast_tests::program("/usr/bin/sync").arg("-f").arg(&target).status();
        assert!(synced.expect("sync").success());
    });
    fs::remove_dir_all(&target).expect("the bare target");
    fs::write(node.live().join("hacked.php"), "evil").expect("a damage");
    let (ended, total) = timed(|| node.restore(&snapshot).run());
    ended.completed();
    node.recover();
    // Once more for the visitor, who looks so often that a core is busy with it.
    let visitor = Visitor::come(node);
    node.restore(&snapshot).run().completed();
    let downtime = visitor.leave();
    vec![
        Figure::milliseconds("restore.downtime", size.name, downtime)
            .beside_duration("the limit", DOWNTIME_LIMIT),
        Figure::seconds("restore.total", size.name, total)
            .beside_duration("restic restore + sync", bare_total),
    ]
}

/// A client that looks at the flag all the time, as nginx does for each request.
struct Visitor {
    gone: Arc<AtomicBool>,
    looking: thread::JoinHandle<Duration>,
}

impl Visitor {
    fn come(node: &Node) -> Self {
        let gone = Arc::new(AtomicBool::new(false));
        let (flag, leave) = (node.flag(), Arc::clone(&gone));
        let looking = thread::spawn(move || {
            let mut closed = Duration::ZERO;
            let mut since = None;
            while !leave.load(Ordering::Relaxed) {
                match (flag.exists(), since) {
                    (true, None) => since = Some(Instant::now()),
                    (false, Some(begin)) => {
                        closed += Instant::now() - begin;
                        since = None;
                    }
                    _ => {}
                }
            }
            closed
        });
        Self { gone, looking }
    }

    fn leave(self) -> Duration {
        self.gone.store(true, Ordering::Relaxed);
        self.looking.join().expect("a visitor")
    }
}
