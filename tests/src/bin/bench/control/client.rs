//! The client: prepared requests over connections that are kept, by HTTP/1.1 and nothing more. It is so
//! lean because it shares the machine with what it measures.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A connection.
pub struct Client {
    port: u16,
    stream: TcpStream,
    read: Vec<u8>,
}

/// What was answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// Connects.
    pub fn new(port: u16) -> Self {
        Self { port, stream: connect(port), read: Vec::new() }
    }

    /// Sends a request and reads the answer to its end.
    pub fn ask(&mut self, request: &[u8]) -> Answer {
        self.stream.write_all(request).expect("a request");
        self.read.clear();
        let head = self.until(|read| {
            read.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 4)
        });
        let text = String::from_utf8_lossy(&self.read[..head]).to_ascii_lowercase();
        let header = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim_start_matches(':').trim().to_owned())
        };
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        let length: usize =
            header("content-length").and_then(|text| text.parse().ok()).expect("a length");
        self.until(|read| (read.len() >= head + length).then_some(0));
        let body = self.read[head..].to_vec();
        if header("connection").is_some_and(|value| value == "close") {
            self.stream = connect(self.port);
        }
        Answer { status, body }
    }

    /// Reads on until this finds what it looks for.
    fn until(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> usize {
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some(found) = find(&self.read) {
                return found;
            }
            let read = self.stream.read(&mut piece).expect("an answer");
            assert!(read > 0, "the connection ended: {}", String::from_utf8_lossy(&self.read));
            self.read.extend_from_slice(&piece[..read]);
        }
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a deadline");
    stream
}

/// So many connections, each of which asks the next thing when it has its answer: how many answers a
/// second. All must have this status.
pub fn rate(port: u16, requests: &[Vec<u8>], connections: usize, status: u16) -> f64 {
    let since = Instant::now();
    all(port, requests, connections, status, |_| since);
    requests.len() as f64 / since.elapsed().as_secs_f64()
}

/// So many requests a second, whether answers come or not: how long each took from the moment in which it
/// was to be sent. One that had to wait for a connection has waited.
pub fn latencies(
    port: u16,
    requests: &[Vec<u8>],
    connections: usize,
    status: u16,
    per_second: u32,
) -> Vec<Duration> {
    let begin = Instant::now() + Duration::from_millis(50);
    let apart = Duration::from_secs(1) / per_second;
    all(port, requests, connections, status, |number| {
        let due = begin + apart * u32::try_from(number).expect("a small number");
        wait_until(due);
        due
    })
}

/// Waits for a moment.
pub fn wait_until(due: Instant) {
    while let Some(left) = due.checked_duration_since(Instant::now()).filter(|l| !l.is_zero()) {
        thread::park_timeout(left);
    }
}

/// Sends all, each by the next connection that is free, when `due` returns; how long each took since
/// what that said.
fn all(
    port: u16,
    requests: &[Vec<u8>],
    connections: usize,
    status: u16,
    due: impl Fn(usize) -> Instant + Sync,
) -> Vec<Duration> {
    let next = AtomicUsize::new(0);
    let ask = || {
        let mut client = Client::new(port);
        let mut took = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = requests.get(number) else { return took };
            let since = due(number);
            let answer = client.ask(request);
            took.push(since.elapsed());
            let Answer { status: said, body } = answer;
            assert_eq!(said, status, "{}", String::from_utf8_lossy(&body));
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}
