//! The web side's configuration: a TOML file, each key of which the environment may override
//! (`HOLDFAST_ENQUEUE_LISTEN`, `HOLDFAST_ENQUEUE_DATABASE__HOST`).

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use config::{Environment, File, FileFormat};
use holdfast_job::RepositoryName;
use holdfast_store::{DatabaseOptions, DatabaseTable};
use jsonwebtoken::Algorithm;
use serde::Deserialize;

use crate::{
    dashboard::{Dashboard, DashboardTable},
    limits::{Limits, LimitsTable},
};

/// How the web side is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the bell is.
    pub redis: String,
    /// The secret half of the key that signs orders.
    pub signing_key_file: PathBuf,
    /// The repository of manual backups, by its name in the executors' configuration.
    pub repository: RepositoryName,
    /// So many manual backups of a customer are kept.
    pub keep_manual: u32,
    /// For how long a restore can be taken back, as the executors' configuration has it.
    pub undo_hours: u64,
    /// How often the planner looks.
    pub plan_every: Duration,
    /// A worker that has been silent for longer is taken for dead.
    pub worker_silence: Duration,
    /// Whether customers that nobody has entered are entered by their number, which must then be what
    /// the host's tokens call them.
    pub enter_by_number: bool,
    /// Where the log goes, if not to stderr.
    pub log_file: Option<PathBuf>,
    /// How much is taken of whom.
    pub limits: Limits,
    /// How the pages are set up.
    pub dashboard: Dashboard,
    /// Whose tokens are believed.
    pub tokens: TokensTable,
    /// The control database.
    pub database: DatabaseOptions,
}

/// Whose tokens are believed: exactly one algorithm, one issuer, one audience.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensTable {
    /// The one algorithm.
    pub algorithm: Algorithm,
    /// The secret of an HS algorithm, or the public key, as PEM, of another.
    pub key_file: PathBuf,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    listen: SocketAddr,
    redis: String,
    signing_key_file: PathBuf,
    #[serde(default = "manual")]
    repository: String,
    #[serde(default = "five")]
    keep_manual: u32,
    #[serde(default = "a_day")]
    undo_hours: u64,
    #[serde(default = "five_seconds")]
    plan_every_seconds: f64,
    #[serde(default = "a_minute")]
    worker_silence_seconds: f64,
    #[serde(default)]
    enter_customers_by_number: bool,
    log_file: Option<PathBuf>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    dashboard: DashboardTable,
    tokens: TokensTable,
    database: DatabaseTable,
}

fn manual() -> String {
    "manual".into()
}

fn five() -> u32 {
    5
}

fn a_day() -> u64 {
    24
}

fn five_seconds() -> f64 {
    5.0
}

fn a_minute() -> f64 {
    60.0
}

/// Only the database: what `migrate` and `node` need, with an account of their own.
#[derive(Debug, Deserialize)]
struct DatabaseFile {
    database: DatabaseTable,
}

impl Config {
    /// Reads `file`.
    ///
    /// # Errors
    /// A sentence that names the file, the key and what is wrong.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let read: ConfigFile = read(file)?;
        let check = || -> anyhow::Result<Self> {
            anyhow::ensure!(read.keep_manual >= 1, "`keep_manual` must be at least 1");
            let duration = |key: &str, seconds: f64| {
                anyhow::ensure!(
                    (0.05..=86_400.0).contains(&seconds),
                    "`{key}` must be from 0.05 to 86400 seconds"
                );
                Ok(Duration::from_secs_f64(seconds))
            };
            Ok(Self {
                listen: read.listen,
                redis: read.redis,
                signing_key_file: read.signing_key_file,
                repository: read.repository.parse().context("`repository`")?,
                keep_manual: read.keep_manual,
                undo_hours: read.undo_hours,
                plan_every: duration("plan_every_seconds", read.plan_every_seconds)?,
                worker_silence: duration("worker_silence_seconds", read.worker_silence_seconds)?,
                enter_by_number: read.enter_customers_by_number,
                log_file: read.log_file,
                limits: read.limits.check()?,
                dashboard: read.dashboard.check(read.listen)?,
                tokens: read.tokens,
                database: database(read.database)?,
            })
        };
        check().with_context(|| file.display().to_string())
    }

    /// The control database in `file`, whatever else is there.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_database(file: &Path) -> anyhow::Result<DatabaseOptions> {
        let read: DatabaseFile = read(file)?;
        database(read.database).with_context(|| file.display().to_string())
    }
}

fn database(table: DatabaseTable) -> anyhow::Result<DatabaseOptions> {
    table.options(16, Duration::from_secs(2)).context("`database.password_file`")
}

fn read<T: serde::de::DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let environment = Environment::with_prefix("HOLDFAST_ENQUEUE")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true);
    config::Config::builder()
        .add_source(File::from(file).format(FileFormat::Toml))
        .add_source(environment)
        .build()
        .and_then(config::Config::try_deserialize)
        .with_context(|| {
            format!("{}: not a valid configuration; see enqueue.example.toml", file.display())
        })
}
