//! The bell: a sorted set in Redis for each pool, in which the jobs that are due stand in the order in
//! which they have their turn. Losing it changes nothing but latency: the rows are the truth.
//!
//! The only place that speaks with Redis.

use std::time::Duration;

use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts};
use holdfast_job::{Bell, JobId};
use redis::{AsyncConnectionConfig, Client, RedisError, Value, aio::MultiplexedConnection};

use crate::{Class, StoreError};

/// How long a ring may take: nobody waits for it but the bell-ringer itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// The queue of a pool: `backups` is the pool `default`'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue(String);

impl Queue {
    /// The queue of this pool.
    pub fn of(pool: &str) -> Self {
        match pool {
            "default" => Self("backups".into()),
            other => Self(format!("backups:{other}")),
        }
    }

    /// The key in Redis.
    pub fn key(&self) -> &str {
        &self.0
    }
}

/// Rings for jobs that are due.
#[derive(Clone)]
pub struct Ringer {
    pool: Pool,
}

impl std::fmt::Debug for Ringer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ringer")
    }
}

/// A bell for one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Which job.
    pub job: JobId,
    /// How soon it has its turn among those that are due.
    pub class: Class,
    /// When it was due, in milliseconds since 1970.
    pub due_ms: u64,
}

impl Ringer {
    /// For the Redis at this URL (`redis://host:port/db` or `redis+unix:///path`); nothing is
    /// connected yet.
    ///
    /// # Errors
    /// [`StoreError::Redis`] if the URL is none.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        Client::open(url)?;
        let mut config = Config::from_url(url);
        config.pool = Some(PoolConfig {
            max_size: 2,
            timeouts: Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            },
            ..PoolConfig::default()
        });
        let pool = config.create_pool(Some(Runtime::Tokio1)).map_err(|error| unusable(&error))?;
        Ok(Self { pool })
    }

    /// Rings for these jobs, in the queue of their pool. Ringing again for a job adds nothing.
    ///
    /// # Errors
    /// [`StoreError::Redis`] if Redis does not answer within two seconds.
    pub async fn ring(&self, queue: &Queue, rings: &[Ring]) -> Result<(), StoreError> {
        if rings.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("ZADD");
        command.arg(queue.key()).arg("NX");
        for Ring { job, class, due_ms } in rings {
            let handicap = class.handicap().as_millis() as u64;
            command.arg(due_ms.saturating_add(handicap)).arg(Bell::of(*job).text());
        }
        let mut connection = self.pool.get().await.map_err(|error| unusable(&error))?;
        let rung = command.query_async::<()>(&mut connection);
        tokio::time::timeout(PATIENCE, rung).await.map_err(|error| unusable(&error))??;
        Ok(())
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// [`StoreError::Redis`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.get().await.map_err(|error| unusable(&error))?;
        let ping = redis::cmd("PING");
        let answer = ping.query_async::<()>(&mut connection);
        Ok(tokio::time::timeout(PATIENCE, answer).await.map_err(|error| unusable(&error))??)
    }
}

/// Hears the bells of one pool, on a connection of its own: a blocking pop holds up every other
/// command on the connection it is on.
pub struct Listener {
    client: Client,
    queue: Queue,
    block: Duration,
    connection: Option<MultiplexedConnection>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listener({})", self.queue.key())
    }
}

/// What a pop brought.
#[derive(Debug)]
pub enum Popped {
    /// A job is due: which, and its place in the queue.
    Job(JobId, f64),
    /// Nothing, for as long as it blocked.
    Nothing,
    /// Something that is no entry of ours, and is gone now: what is wrong with it.
    Garbage(String),
}

impl Listener {
    /// For the queue of a pool in the Redis at this URL. A pop blocks for `block` at most, and must not
    /// be dropped before it has returned: what it had taken would be lost.
    ///
    /// # Errors
    /// [`StoreError::Redis`] if the URL is none.
    pub fn new(url: &str, queue: Queue, block: Duration) -> Result<Self, StoreError> {
        Ok(Self { client: Client::open(url)?, queue, block, connection: None })
    }

    /// Takes the first entry.
    ///
    /// # Errors
    /// [`StoreError::Redis`] if Redis does not answer; the next call connects anew.
    pub async fn pop(&mut self) -> Result<Popped, StoreError> {
        let popped = self.try_pop().await;
        if popped.is_err() {
            self.connection = None;
        }
        Ok(popped?)
    }

    /// Puts an entry back in its place that is not to be acted on here.
    ///
    /// # Errors
    /// [`StoreError::Redis`] if Redis does not answer: then the janitors ring for the job.
    pub async fn put_back(&mut self, job: JobId, place: f64) -> Result<(), StoreError> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let mut command = redis::cmd("ZADD");
        command.arg(self.queue.key()).arg("NX").arg(place).arg(Bell::of(job).text());
        Ok(command.query_async::<()>(connection).await?)
    }

    async fn try_pop(&mut self) -> Result<Popped, RedisError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&self.client, self.block).await?),
        };
        let mut command = redis::cmd("BZPOPMIN");
        command.arg(self.queue.key()).arg(self.block.as_secs_f64());
        Ok(read(command.query_async(connection).await?))
    }
}

async fn connect(client: &Client, block: Duration) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(block + PATIENCE));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Key, member and score; or nothing.
fn read(answer: Value) -> Popped {
    if answer == Value::Nil {
        return Popped::Nothing;
    }
    match redis::from_redis_value::<(Value, Vec<u8>, f64)>(answer) {
        Ok((_, member, place)) => match Bell::parse(&member) {
            Ok(bell) => Popped::Job(bell.job(), place),
            Err(problem) => Popped::Garbage(problem.to_string()),
        },
        Err(problem) => Popped::Garbage(format!("Redis answered in another form: {problem}")),
    }
}

fn unusable(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Redis(RedisError::from((redis::ErrorKind::Io, "no connection", error.to_string())))
}
