//! The connection to the control database.

use std::{io, path::PathBuf, time::Duration};

use serde::Deserialize;
use sqlx::{
    MySqlPool,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
};

use crate::StoreError;

/// How long a statement waits for a row that another transaction holds.
const LOCK_WAIT_SECONDS: u32 = 3;

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
            std::fs::read_to_string(&file).map_err(|error| {
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
    pub(crate) pool: MySqlPool,
}

impl Database {
    /// Nothing is connected yet: a server that is away is an error of the first call.
    pub fn new(options: &DatabaseOptions) -> Self {
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
        let pool = MySqlPoolOptions::new()
            .max_connections(options.connections)
            .min_connections(0)
            .acquire_timeout(options.patience)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // What each statement sees is what is committed, so that a duplicate is told
                    // from the row it found.
                    let settings = format!(
                        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                         SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}"
                    );
                    sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(connection).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(connect);
        Self { pool }
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// [`StoreError`] if it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Ends all connections, after what is under way on them.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The microseconds of a duration, as `INTERVAL ? MICROSECOND` wants them.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
