//! A visitor of a site on a host, who asks for its page again and again and remembers what came.

use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Host, Leader};
use crate::{eventually, remains};

/// Longer than any test.
const VERY_LONG: Duration = Duration::from_secs(24 * 3600);
/// A page that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who asks all the while; until [`Visitor::leave`].
#[derive(Debug)]
pub struct Visitor {
    visits: Arc<Mutex<Visits>>,
    left: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A page, and what it says.
    Page(String),
    /// Another status than 200.
    Status(u16),
    /// No answer: the host is off, or its web server is.
    Nothing,
}

/// Everything that was seen, in order: the same answer again and again is one visit.
#[derive(Debug, Clone, Default)]
pub struct Visits(Vec<Visit>);

#[derive(Debug, Clone)]
struct Visit {
    seen: Seen,
    times: u32,
    lasted: Duration,
    since: Instant,
}

impl Host {
    /// Somebody who asks for the first page of this site from now on, and has had a first answer.
    pub fn visitor(&self, site: u32) -> Visitor {
        let visits = Arc::new(Mutex::new(Visits::default()));
        let left = Arc::new(AtomicBool::new(false));
        let (noted, ends, leader) = (Arc::clone(&visits), Arc::clone(&left), self.leader().clone());
        let thread = thread::spawn(move || {
            remains(VERY_LONG, || {
                let asked = Instant::now();
                let seen = look(&leader, site);
                noted.lock().expect("no poison").add(seen, asked);
                !ends.load(Ordering::Relaxed)
            });
        });
        let visitor = Visitor { visits, left, thread: Some(thread) };
        eventually("a first visit", || visitor.last());
        visitor
    }

    /// What the first page of a site says now.
    pub fn page(&self, site: u32) -> Seen {
        let leader = self.leader().clone();
        thread::spawn(move || look(&leader, site)).join().expect("a look")
    }
}

impl Visitor {
    /// What was seen last.
    fn last(&self) -> Option<Seen> {
        self.visits.lock().expect("no poison").0.last().map(|visit| visit.seen.clone())
    }

    /// Waits until this is seen.
    pub fn until(&self, wanted: &Seen) {
        eventually(&format!("{wanted:?}"), || (self.last().as_ref() == Some(wanted)).then_some(()));
    }

    /// Asks no more: everything that was seen.
    ///
    /// # Panics
    /// If the visitor has.
    pub fn leave(mut self) -> Visits {
        self.end();
        let mut visits = self.visits.lock().expect("no poison");
        std::mem::take(&mut *visits)
    }

    fn end(&mut self) {
        self.left.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the visitor");
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end();
        }
        self.left.store(true, Ordering::Relaxed);
    }
}

impl Visits {
    fn add(&mut self, seen: Seen, asked: Instant) {
        match self.0.last_mut() {
            Some(last) if last.seen == seen => {
                last.times += 1;
                last.lasted = last.since.elapsed();
            }
            _ => self.0.push(Visit { seen, times: 1, lasted: asked.elapsed(), since: asked }),
        }
    }

    /// What was seen, one after the other.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.iter().map(|visit| visit.seen.clone()).collect()
    }

    /// For how long the site was closed in all, from the first 503 of each time to the next page.
    pub fn closed(&self) -> Duration {
        let closed = |visit: &&[Visit]| visit[0].seen == Seen::Status(503);
        let times = self.0.windows(2).filter(closed);
        times.map(|pair| pair[1].since.duration_since(pair[0].since)).sum()
    }
}

fn look(leader: &Leader, site: u32) -> Seen {
    ask(leader, site).unwrap_or(Seen::Nothing)
}

/// HTTP/1.0, so that the answer ends where the connection does.
fn ask(leader: &Leader, site: u32) -> Option<Seen> {
    let mut stream = leader.connect(80).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET / HTTP/1.0\r\nHost: shop-{site}.test\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    match head.split_whitespace().nth(1)?.parse().ok()? {
        200 => Some(Seen::Page(body.trim().to_owned())),
        status => Some(Seen::Status(status)),
    }
}
