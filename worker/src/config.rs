//! The worker's configuration: a TOML file, each key of which the environment may override
//! (`HOLDFAST_WORKER_SLOTS`, `HOLDFAST_WORKER_DATABASE__HOST`).

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use config::{Environment, File, FileFormat};
use holdfast_job::NodeName;
use holdfast_store::{DatabaseOptions, DatabaseTable};
use serde::Deserialize;

/// What this worker is.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node it works on.
    pub node: NodeName,
    /// So many jobs at once.
    pub slots: usize,
    /// Where the bell is.
    pub redis: String,
    /// How the executor is started; the verb is added.
    pub executor: Vec<String>,
    /// How long a job stays ours without a sign of life.
    pub lease: Duration,
    /// How often a sign of life is given.
    pub heartbeat: Duration,
    /// How often the janitor looks.
    pub scan: Duration,
    /// How long a job that found its site busy waits.
    pub busy_retry: Duration,
    /// How long a job waits after its first failure that may pass; twice as long after each further.
    pub backoff: Duration,
    /// How long what is under way may go on after SIGTERM.
    pub grace: Duration,
    /// Where the log goes, if not to stderr.
    pub log_file: Option<PathBuf>,
    /// The control database.
    pub database: DatabaseOptions,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    node: NodeName,
    #[serde(default = "two")]
    slots: usize,
    redis: String,
    #[serde(default = "usual_executor")]
    executor: Vec<String>,
    #[serde(default = "a_minute")]
    lease_seconds: f64,
    #[serde(default = "a_quarter")]
    heartbeat_seconds: f64,
    #[serde(default = "ten")]
    scan_seconds: f64,
    #[serde(default = "ten")]
    busy_retry_seconds: f64,
    #[serde(default = "half_a_minute")]
    backoff_seconds: f64,
    #[serde(default = "ten_minutes")]
    grace_seconds: f64,
    log_file: Option<PathBuf>,
    database: DatabaseTable,
}

fn two() -> usize {
    2
}

fn usual_executor() -> Vec<String> {
    ["/usr/bin/sudo", "-n", "/opt/holdfast/bin/holdfast-executor"].map(str::to_owned).to_vec()
}

fn a_minute() -> f64 {
    60.0
}

fn a_quarter() -> f64 {
    15.0
}

fn ten() -> f64 {
    10.0
}

fn half_a_minute() -> f64 {
    30.0
}

fn ten_minutes() -> f64 {
    600.0
}

impl Config {
    /// Reads `file`.
    ///
    /// # Errors
    /// A sentence that names the file, the key and what to write there.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let environment = Environment::with_prefix("HOLDFAST_WORKER")
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true);
        let read = config::Config::builder()
            .add_source(File::from(file).format(FileFormat::Toml))
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize::<ConfigFile>)
            .with_context(|| {
                format!("{}: not a valid configuration; see worker.example.toml", file.display())
            })?;
        Self::check(read).with_context(|| file.display().to_string())
    }

    fn check(read: ConfigFile) -> anyhow::Result<Self> {
        ensure!((1..=64).contains(&read.slots), "`slots` must be from 1 to 64");
        let program = read.executor.first().context("`executor` is empty")?;
        ensure!(program.starts_with('/'), "`executor` must begin with an absolute path");
        let duration = |key: &str, seconds: f64| {
            ensure!(
                (0.05..=86_400.0).contains(&seconds),
                "`{key}` must be from 0.05 to 86400 seconds"
            );
            Ok(Duration::from_secs_f64(seconds))
        };
        let (lease, heartbeat) = (
            duration("lease_seconds", read.lease_seconds)?,
            duration("heartbeat_seconds", read.heartbeat_seconds)?,
        );
        ensure!(
            heartbeat * 2 <= lease,
            "`lease_seconds` must be at least twice `heartbeat_seconds`, or a slow answer of the \
             database costs a job its worker"
        );
        // Slots, janitor and node each want one now and then.
        let connections = u32::try_from(read.slots).unwrap_or(u32::MAX).saturating_add(2);
        Ok(Self {
            node: read.node,
            slots: read.slots,
            redis: read.redis,
            executor: read.executor,
            lease,
            heartbeat,
            scan: duration("scan_seconds", read.scan_seconds)?,
            busy_retry: duration("busy_retry_seconds", read.busy_retry_seconds)?,
            backoff: duration("backoff_seconds", read.backoff_seconds)?,
            grace: duration("grace_seconds", read.grace_seconds)?,
            log_file: read.log_file,
            database: read
                .database
                .options(connections, Duration::from_secs(5))
                .context("`database.password_file`")?,
        })
    }
}
