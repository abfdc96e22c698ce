//! The connection to the control database.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use holdfast_job::Moment;
use serde::Deserialize;
use sqlx::{
    MySql, MySqlPool, QueryBuilder,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
};
use tokio::time::timeout;

use crate::{Secret, StoreError, read_secret};

/// How long a statement waits for a row that another transaction holds.
const LOCK_WAIT_SECONDS: u32 = 3;

/// How long the server keeps a transaction in which nothing is said any more, as of a node that has lost
/// its power: what it holds, others wait for.
const IDLE_TRANSACTION_SECONDS: u32 = 60;

/// So long at most does a call wait for its answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long at most does the end of the connections take.
const LEAVE_TAKING: Duration = Duration::from_secs(5);

/// How the control database is reached, as configurations have it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseTable {
    socket: Option<PathBuf>,
    #[serde(default = "localhost")]
    host: String,
    #[serde(default = "usual_port")]
    port: u16,
    user: String,
    password_file: Option<PathBuf>,
    schema: String,
    connections: Option<u32>,
}

fn localhost() -> String {
    "127.0.0.1".into()
}

fn usual_port() -> u16 {
    3306
}

impl DatabaseTable {
    /// The options, with the password read from its file; `connections` if the table does not say.
    ///
    /// # Errors
    /// What reading the password's file said.
    pub fn options(self, connections: u32, patience: Duration) -> io::Result<DatabaseOptions> {
        let read = |file: PathBuf| {
            read_secret(&file).and_then(Secret::text).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", file.display()))
            })
        };
        let password = self.password_file.map(read).transpose()?;
        Ok(DatabaseOptions {
            socket: self.socket,
            host: self.host,
            port: self.port,
            user: self.user,
            password: password.map(|text| text.trim_end_matches('\n').to_owned()),
            schema: self.schema,
            connections: self.connections.unwrap_or(connections),
            patience,
        })
    }
}

/// How the control database is reached.
#[derive(Clone)]
pub struct DatabaseOptions {
    /// The unix socket; goes before host and port.
    pub socket: Option<PathBuf>,
    /// The host, if there is no socket.
    pub host: String,
    /// The port, if there is no socket.
    pub port: u16,
    /// The account.
    pub user: String,
    /// Its password, if it has one.
    pub password: Option<String>,
    /// The schema.
    pub schema: String,
    /// So many connections at most.
    pub connections: u32,
    /// How long a call waits for a connection before it says that the server is away.
    pub patience: Duration,
}

/// The password is never shown.
impl std::fmt::Debug for DatabaseOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.user, self.schema)
    }
}

/// The control database. Cheap to clone; connections are made when they are needed.
#[derive(Debug, Clone)]
pub struct Database {
    connections: Arc<RwLock<Connections>>,
}

/// The connections, and how often they were begun anew.
#[derive(Debug)]
struct Connections {
    options: DatabaseOptions,
    pool: MySqlPool,
    generation: u64,
}

impl Database {
    /// Nothing is connected yet: a server that is away is an error of the first call.
    pub fn new(options: &DatabaseOptions) -> Self {
        let (options, pool) = (options.clone(), connect(options));
        Self { connections: Arc::new(RwLock::new(Connections { options, pool, generation: 0 })) }
    }

    /// The connections of now.
    pub(crate) fn pool(&self) -> MySqlPool {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    fn generation(&self) -> u64 {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Leaves the connections of this generation behind: one on which nothing is answered any more
    /// would be waited for by whoever needs it next, for ever.
    fn begin_anew(&self, generation: u64) {
        let mut now = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        if now.generation == generation {
            now.pool = connect(&now.options);
            now.generation += 1;
        }
    }

    /// The answer of a call, or [`StoreError::Silent`] after 30 seconds without one. What it has
    /// written is then written or not.
    ///
    /// # Errors
    /// As the call, and that.
    pub async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.within(PATIENCE, call).await
    }

    /// The same with a patience of the caller's own.
    ///
    /// # Errors
    /// As the call, and [`StoreError::Silent`].
    pub async fn within<T>(
        &self,
        patience: Duration,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let generation = self.generation();
        timeout(patience, call).await.unwrap_or_else(|_| {
            self.begin_anew(generation);
            Err(StoreError::Silent(patience))
        })
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// [`StoreError`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool()).await?;
        Ok(())
    }

    /// Ends all connections, after what is under way on them, and waits five seconds for that at most.
    pub async fn close(&self) {
        // Who leaves in haste is not heard, and that is all.
        let _ = timeout(LEAVE_TAKING, self.pool().close()).await;
    }
}

fn connect(options: &DatabaseOptions) -> MySqlPool {
    let mut connect = MySqlConnectOptions::new()
        .username(&options.user)
        .database(&options.schema)
        .charset("utf8mb4");
    connect = match &options.socket {
        Some(socket) => connect.socket(socket),
        None => connect.host(&options.host).port(options.port),
    };
    if let Some(password) = &options.password {
        connect = connect.password(password);
    }
    MySqlPoolOptions::new()
        .max_connections(options.connections)
        .min_connections(0)
        .acquire_timeout(options.patience)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // What each statement sees is what is committed, so that a duplicate is told
                // from the row it found.
                let settings = format!(
                    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                     SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}; \
                     SET SESSION idle_transaction_timeout = {IDLE_TRANSACTION_SECONDS}"
                );
                sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(connect)
}

/// The microseconds of a duration, as `INTERVAL ? MICROSECOND` wants them.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A moment, as the columns have it. FROM_UNIXTIME() knows none after 2038.
pub(crate) fn push_moment(query: &mut QueryBuilder<MySql>, moment: Moment) {
    query.push("'1970-01-01' + INTERVAL ").push_bind(moment.unix_seconds()).push(" SECOND");
}
