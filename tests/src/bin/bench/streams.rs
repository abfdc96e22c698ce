//! Event streams: what 5,000 of them take of one web side's memory, and how soon after its commit a change
//! is told to all of them; as many pages of one customer, and one page of as many customers.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use holdfast_tests::{Fleet, Footprint};
use rustix::{
    event::epoll,
    process::{Resource, getrlimit, setrlimit},
};

use crate::figure::{Figure, quantile};

/// So many streams are open.
const STREAMS: u32 = 5_000;
/// The first of as many customers.
const FIRST: u32 = 1_000;
/// So many changes are told.
const CHANGES: u32 = 10;
/// What the web side may have resident meanwhile, in MB.
const MEMORY_LIMIT: f64 = 150.0;
/// What the page about the API says.
const SOON: Duration = Duration::from_secs(1);
/// So many pages are opened at the same time.
const AT_ONCE: usize = 50;
/// So long may it take until the last page knows of a change.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures it.
pub fn figures() -> Vec<Figure> {
    // A descriptor each, in this process and in the web side.
    let mut descriptors = getrlimit(Resource::Nofile);
    descriptors.current = descriptors.maximum;
    setrlimit(Resource::Nofile, descriptors).expect("descriptors");
    let last = FIRST + STREAMS - 1;
    let mut fleet = Fleet::recording_on(&format!(
        "CREATE DATABASE control CHARACTER SET utf8mb4; USE control;
         CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255));
         INSERT INTO customers (id) SELECT seq FROM seq_{FIRST}_to_{last};"
    ));
    // Each has a history, as its page shows it, and a job that is running.
    fleet.query(&format!(
        "INSERT INTO backup_customers (customer_id, uuid, external_id)
             SELECT id, UUID(), id FROM customers;
         INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, status,
             error_message, requested_by, updated_at)
         SELECT CONCAT('0193e5c0-0000-7000-8', LPAD(n.seq, 3, '0'), '-', LPAD(c.seq, 12, '0')), c.seq,
             'backup', 'both', IF(n.seq = 11, 'running', 'completed'), 'The backup is made.',
             'user:somebody', '2026-01-01 00:00:00'
         FROM seq_{FIRST}_to_{last} c, seq_1_to_11 n"
    ));
    let none = "requests_per_address_per_second = 0";
    fleet.reconfigure_web(none, &format!("{none}\nstreams_per_customer = {STREAMS}"));
    let mut figures = measure(&fleet, "5,000 pages of one customer", |_| FIRST);
    fleet.reconfigure_web(none, none);
    figures.extend(measure(&fleet, "a page of each of 5,000 customers", |number| FIRST + number));
    figures
}

fn measure(fleet: &Fleet, size: &'static str, customer: impl Fn(u32) -> u32) -> Vec<Figure> {
    fleet.web.get(&format!("/api/v1/customers/{FIRST}/status")).with(200);
    let without = resident(fleet);
    eprintln!("opening {size} …");
    let customers: Vec<u32> = (0..STREAMS).map(&customer).collect();
    let mut pages = Pages::open(fleet, &customers);
    let mut most = resident(fleet);
    let mut database = Session::open(fleet);
    let mut took = Vec::new();
    for number in 1..=CHANGES {
        // At any point between two looks of the web side.
        thread::park_timeout(Duration::from_millis(1000 + 137 * u64::from(number)));
        let detail = format!("Change {number} of {CHANGES}");
        database.say(&format!(
            "UPDATE customer_backup_jobs SET detail = '{detail}', updated_at = UTC_TIMESTAMP(3)
                 WHERE status = 'running';"
        ));
        took.extend(pages.all_told(&detail, Instant::now()));
        most = most.max(resident(fleet));
    }
    let told = |name, part| Figure::milliseconds(name, size, quantile(took.clone(), part));
    vec![
        Figure::new("streams.memory", size, most, "MB").beside("the limit", MEMORY_LIMIT),
        Figure::new("streams.memory", size, most, "MB").beside("no streams", without),
        told("streams.latency_p50", 0.5).beside_duration("what is said", SOON),
        told("streams.latency_p99", 0.99).beside_duration("what is said", SOON),
    ]
}

/// What the web side has resident, in MB.
fn resident(fleet: &Fleet) -> f64 {
    Footprint::of(fleet.web.pid()).resident_kib as f64 * 1024.0 / 1e6
}

/// Open pages, all read by one thread.
struct Pages {
    sockets: Vec<TcpStream>,
    epoll: rustix::fd::OwnedFd,
}

impl Pages {
    /// Opens a page of each of these, and waits until each shows something.
    fn open(fleet: &Fleet, customers: &[u32]) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
        let mut pages = Self { sockets: Vec::new(), epoll };
        for some in customers.chunks(AT_ONCE) {
            for customer in some {
                let mut socket = TcpStream::connect(fleet.web.address()).expect("a connection");
                let (path, token) = (format!("/api/v1/customers/{customer}"), fleet.web.token());
                let request = format!(
                    "GET {path}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
                );
                socket.write_all(request.as_bytes()).expect("a request");
                socket.set_nonblocking(true).expect("a mode");
                let place = epoll::EventData::new_u64(pages.sockets.len() as u64);
                epoll::add(&pages.epoll, &socket, place, epoll::EventFlags::IN).expect("a place");
                pages.sockets.push(socket);
            }
            pages.read_until("\"recent\":", some.len());
        }
        pages
    }

    /// How long after this it took until each was told of it.
    fn all_told(&mut self, what: &str, since: Instant) -> Vec<Duration> {
        let told = self.read_until(what, self.sockets.len());
        told.into_iter().map(|told| told.duration_since(since)).collect()
    }

    /// When each of so many has read this; what it reads beside it is passed over.
    fn read_until(&mut self, what: &str, many: usize) -> Vec<Instant> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = Vec::new();
        let mut is_told = vec![false; self.sockets.len()];
        // The end of what was read before, as what is looked for may come in two parts.
        let mut ends = vec![Vec::new(); self.sockets.len()];
        let (mut ready, mut chunk) = (Vec::with_capacity(256), vec![0; 256 * 1024]);
        let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        while told.len() < many {
            assert!(Instant::now() < deadline, "{} of {many} were told: {what}", told.len());
            ready.clear();
            let room = rustix::buffer::spare_capacity(&mut ready);
            epoll::wait(&self.epoll, room, Some(&second)).expect("epoll");
            for event in &ready {
                let place = event.data.u64() as usize;
                let read = match self.sockets[place].read(&mut chunk) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    read => read.expect("an open stream"),
                };
                assert!(read > 0, "a stream has ended");
                let end: &mut Vec<u8> = &mut ends[place];
                end.extend_from_slice(&chunk[..read]);
                let said = end.windows(what.len()).any(|window| window == what.as_bytes());
                if said && !std::mem::replace(&mut is_told[place], true) {
                    told.push(Instant::now());
                }
                end.drain(..end.len().saturating_sub(what.len()));
            }
        }
        told
    }
}

/// A session at the database that is open already: what it says is committed when it answers.
struct Session {
    client: Child,
    answers: BufReader<ChildStdout>,
}

impl Session {
    fn open(fleet: &Fleet) -> Self {
        let mut client = fleet.control.client();
        client.args(["--unbuffered", Fleet::SCHEMA]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = client.spawn().expect("mariadb");
        let answers = BufReader::new(client.stdout.take().expect("a pipe"));
        Self { client, answers }
    }

    fn say(&mut self, sql: &str) {
        let stdin = self.client.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{sql} SELECT 'done';\n").as_bytes()).expect("a statement");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        assert_eq!(answer, "done\n");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.client.stdin.take());
        let _ = self.client.wait();
    }
}
