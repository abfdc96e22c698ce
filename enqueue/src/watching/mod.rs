//! What is watched of how customers' jobs stand, and by how many: once for all who watch the same, and
//! for as long as somebody does. `look` finds out what has changed; `api/events` tells it.

mod look;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use axum::body::Bytes;
use holdfast_job::CustomerId;
use holdfast_store::{Database, StoreError};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{
        self, Notify,
        broadcast::{self, error::RecvError},
        watch,
    },
    time::Instant,
};

use crate::{auth::Audience, limits::Limits, problem::Problem, view::status::Status};

/// When to ask again for a stream, if there are as many as there may be.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What is watched, and by how many.
#[derive(Debug)]
pub struct Watching {
    database: Database,
    worker_silence: Duration,
    streams: usize,
    streams_per_topic: usize,
    open: Mutex<Open>,
    /// Told when somebody watches where nobody did.
    begun: Notify,
    standing: watch::Sender<Standing>,
}

/// Whose jobs are watched, and by whom: operators see more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose jobs.
    pub customer: CustomerId,
    /// By whom.
    pub audience: Audience,
}

/// Whether there is anything to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The control database answers.
    Here,
    /// It does not, for the moment.
    Away,
    /// This process ends.
    Ending,
}

/// The streams that are open.
#[derive(Debug, Default)]
struct Open {
    streams: usize,
    topics: HashMap<Topic, (Arc<Watched>, usize)>,
}

/// One topic, as long as somebody watches it.
#[derive(Debug)]
struct Watched {
    topic: Topic,
    /// Each event that tells how it stands, until it is told to all.
    events: broadcast::Sender<Event>,
    /// The last look at it. Whoever looks holds it, so that what is read later is told later.
    look: sync::Mutex<Option<Look>>,
}

/// The bytes of an event: there once, whoever they are told, and no longer than they are being told.
#[derive(Debug, Clone)]
struct Event(Arc<Box<[u8]>>);

/// A look at a topic.
#[derive(Debug, Clone)]
struct Look {
    began: Instant,
    /// The event that told it.
    event: Weak<Box<[u8]>>,
    /// Its digest, to which the next one is compared.
    digest: [u8; 32],
    /// Whether it changes though no job of this customer's does: a place in the queue, a silent node.
    changes_by_itself: bool,
}

/// Somebody who watches, until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    _place: Place,
    /// How it stood at the beginning, as an event.
    pub first: Bytes,
    /// How it stands behind each change.
    pub changes: Changes,
    /// Whether there is anything to tell.
    pub standing: watch::Receiver<Standing>,
}

/// A place among those who watch, until it is dropped.
#[derive(Debug)]
struct Place {
    watching: Arc<Watching>,
    topic: Topic,
}

/// How a topic stands behind each change, as events.
#[derive(Debug)]
pub struct Changes(broadcast::Receiver<Event>);

impl Changes {
    /// The next; of several that nobody has waited for, the last. None when nobody looks any more.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event.into()),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Watching {
    /// Nobody watches yet.
    pub fn new(database: Database, worker_silence: Duration, limits: &Limits) -> Self {
        Self {
            database,
            worker_silence,
            streams: limits.streams,
            streams_per_topic: limits.streams_per_customer,
            open: Mutex::default(),
            begun: Notify::new(),
            standing: watch::Sender::new(Standing::Here),
        }
    }

    /// Watches a topic, which is read first.
    ///
    /// # Errors
    /// 429 if there are as many streams as there may be, 503 if the store is away.
    pub async fn subscribe(self: &Arc<Self>, topic: Topic) -> Result<Subscription, Problem> {
        let (watched, place) = self.enter(topic)?;
        let asked = Instant::now();
        let mut look = watched.look.lock().await;
        // Somebody who asked at the same time may have looked for all.
        let shared = look.as_ref().filter(|look| look.began > asked).and_then(Look::event);
        let first = match shared {
            Some(event) => event,
            None => self.read(&watched, &mut look).await?,
        };
        let (changes, standing) = (watched.events.subscribe(), self.standing.subscribe());
        Ok(Subscription { _place: place, first: first.into(), changes: Changes(changes), standing })
    }

    fn enter(self: &Arc<Self>, topic: Topic) -> Result<(Arc<Watched>, Place), Problem> {
        let mut open = self.open();
        let of_topic = open.topics.get(&topic).map_or(0, |(_, streams)| *streams);
        if open.streams >= self.streams || of_topic >= self.streams_per_topic {
            let detail = "As many pages as may be are watching this already. Close one of \
                          them, or ask for the status from time to time.";
            return Err(Problem::too_many("too-many-streams", detail, ASK_AGAIN));
        }
        open.streams += 1;
        if open.streams == 1 {
            self.begun.notify_one();
        }
        let entry = open.topics.entry(topic).or_insert_with(|| (Watched::new(topic), 0));
        entry.1 += 1;
        Ok((Arc::clone(&entry.0), Place { watching: Arc::clone(self), topic }))
    }

    /// Reads how a topic stands, and tells those who watch it if that is new to them.
    async fn read(&self, watched: &Watched, look: &mut Option<Look>) -> Result<Event, StoreError> {
        let began = Instant::now();
        let Topic { customer, audience } = watched.topic;
        let status = Status::of(&self.database, self.worker_silence, customer, audience).await?;
        let event = Event::of(&status)?;
        let digest = Sha256::digest(&event).into();
        let changes_by_itself = status.is_waiting();
        let now = Look { began, event: Arc::downgrade(&event.0), digest, changes_by_itself };
        let before = look.replace(now);
        if before.is_none_or(|before| before.digest != digest) {
            // If nobody is left who watches, nobody is told.
            let _ = watched.events.send(event.clone());
        }
        Ok(event)
    }

    /// Ends all streams, and each that is opened from now on after its first event.
    pub fn end(&self) {
        self.standing.send_replace(Standing::Ending);
    }

    /// Says how it stands with the database, unless this process ends; and whether that is new.
    fn say(&self, standing: Standing) -> bool {
        self.standing.send_if_modified(|now| {
            let is_new = *now != standing && *now != Standing::Ending;
            if is_new {
                *now = standing;
            }
            is_new
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    fn of(status: &Status) -> Result<Self, StoreError> {
        let mut event = b"event: status\ndata: ".to_vec();
        serde_json::to_writer(&mut event, status)
            .map_err(|error| StoreError::Corrupt { what: "status", problem: error.to_string() })?;
        event.extend_from_slice(b"\n\n");
        // Whoever reads slowly keeps it for long, and it takes no more room than it has bytes.
        Ok(Self(Arc::new(event.into_boxed_slice())))
    }
}

impl AsRef<[u8]> for Event {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Event> for Bytes {
    fn from(event: Event) -> Self {
        Self::from_owner(event)
    }
}

impl Look {
    /// The event that told it, if it is still being told.
    fn event(&self) -> Option<Event> {
        self.event.upgrade().map(Event)
    }
}

impl Watched {
    fn new(topic: Topic) -> Arc<Self> {
        let events = broadcast::Sender::new(1);
        Arc::new(Self { topic, events, look: sync::Mutex::default() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.watching.open();
        open.streams -= 1;
        if let Entry::Occupied(mut entry) = open.topics.entry(self.topic) {
            entry.get_mut().1 -= 1;
            if entry.get().1 == 0 {
                entry.remove();
            }
        }
    }
}
