//! What a site notices of its neighbours' orders: how long its page takes while four of them are saved
//! or restored at once, beside four bare restics.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use holdfast_job::{Label, Order, SnapshotId};
use holdfast_tests::{Call, Nginx, Node, program, restic};

use super::{Size, figure::Figure, make_site};

/// The sites that are saved and restored meanwhile; the neighbour is another.
const CUSTOMERS: [u32; 4] = [43, 44, 45, 46];
const SITE: Size =
    Size { files: 4_000, bytes_each: 50_000, name: "a page beside four sites of 0.2 GB" };
/// The page of the neighbour.
const PAGE_BYTES: usize = 20_000;
/// How long the quiet is listened to.
const QUIET: Duration = Duration::from_secs(5);

/// Measures it.
pub fn figures() -> Vec<Figure> {
    let node = Node::new();
    node.configure_all(&restic(), "max_orders = 4\n", "", "[limits]\ncpu_weight = 50\n");
    make_site(&node.live(), Size { files: 1, bytes_each: PAGE_BYTES, name: "the page" });
    for customer in CUSTOMERS {
        let base = node.root().join(format!("customers/customer-{customer}"));
        fs::create_dir(&base).expect("a base");
        make_site(&base.join("public"), SITE);
    }
    let nginx = Nginx::start(&node.root().join("nginx"), (&node.base(), &node.live()), "none");
    let visit = |what: &mut dyn FnMut()| {
        let visitor = Visitor::come(nginx.port());
        what();
        visitor.leave()
    };
    let quiet = visit(&mut || thread::park_timeout(QUIET));
    let mut snapshots = Vec::new();
    let saving = visit(&mut || snapshots = all(|customer| of(customer, node.backup())));
    let restoring = visit(&mut || {
        let mut saved = snapshots.iter();
        all(|customer| {
            let snapshot = saved.next().expect("a snapshot");
            of(customer, node.restore(snapshot))
        });
    });
    let bare = visit(&mut || bare(&node));
    node.recover();
    vec![
        figure("neighbour.p99.backup", saving, "nobody beside it", quiet),
        figure("neighbour.p99.backup", saving, "four bare restics beside it", bare),
        figure("neighbour.p99.restore", restoring, "nobody beside it", quiet),
    ]
}

fn figure(name: &'static str, p99: Duration, peer: &'static str, peer_p99: Duration) -> Figure {
    Figure::milliseconds(name, SITE.name, p99).beside_duration(peer, peer_p99)
}

fn of(customer: u32, mut call: Call) -> Call {
    call.request.customer = customer.to_string().parse().expect("an id");
    if let Order::Backup(order) = &mut call.request.order {
        order.label = Label::Daily;
    }
    call
}

/// All four at once, to their end.
fn all(mut order: impl FnMut(u32) -> Call) -> Vec<SnapshotId> {
    let running: Vec<_> = CUSTOMERS.map(|customer| order(customer).start()).into_iter().collect();
    let ended = running.into_iter().map(|running| running.wait().completed());
    ended.filter_map(|result| result.snapshot).collect()
}

/// Four restics as they come, each with a repository of its own.
fn bare(node: &Node) {
    let restics = CUSTOMERS.map(|customer| {
        let repository = node.root().join(format!("repositories/bare-{customer}"));
        let command = |args: &[&str]| {
            let mut command = program(restic());
            command
                .env("RESTIC_PASSWORD_FILE", node.root().join("etc/password"))
                .env("RESTIC_REPOSITORY", &repository)
                .arg("--cache-dir")
                .arg(node.root().join("bare-cache"))
                .args(args)
                .stdout(Stdio::null());
            command
        };
        assert!(command(&["init"]).status().expect("restic").success());
        let site = node.root().join(format!("customers/customer-{customer}/public"));
        command(&["backup", &site.display().to_string()]).spawn().expect("restic")
    });
    for mut restic in restics {
        assert!(restic.wait().expect("restic").success());
    }
}

/// A client that asks for the page all the time.
struct Visitor {
    gone: Arc<AtomicBool>,
    asking: thread::JoinHandle<Vec<Duration>>,
}

impl Visitor {
    fn come(port: u16) -> Self {
        let gone = Arc::new(AtomicBool::new(false));
        let leave = Arc::clone(&gone);
        let asking = thread::spawn(move || {
            let mut took = Vec::new();
            while !leave.load(Ordering::Relaxed) {
                let since = Instant::now();
                ask(port);
                took.push(since.elapsed());
                // A visitor every five milliseconds.
                thread::park_timeout(Duration::from_millis(5));
            }
            took
        });
        Self { gone, asking }
    }

    /// The time within which 99 of a hundred pages were there.
    fn leave(self) -> Duration {
        self.gone.store(true, Ordering::Relaxed);
        let mut took = self.asking.join().expect("a visitor");
        took.sort();
        took[took.len() * 99 / 100]
    }
}

fn ask(port: u16) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("nginx");
    let request = "GET /0/0 HTTP/1.0\r\nHost: shop\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("a request");
    let mut page = Vec::new();
    stream.read_to_end(&mut page).expect("a page");
    assert!(page.len() > PAGE_BYTES, "{}", String::from_utf8_lossy(&page));
}
