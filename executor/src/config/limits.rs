//! What one order may use: bytes, bandwidth, priorities, and patience.

use std::{collections::BTreeMap, path::Path, time::Duration};

use holdfast_job::Stage;
use serde::Deserialize;

use super::ConfigError;

/// With less memory restic does not get through a site.
const LEAST_MEMORY: u64 = 256 << 20;

/// So many tables move in one statement, and more by several sessions side by side. For fewer, starting
/// these takes longer than they save.
const TABLES_AT_ONCE: usize = 25;

/// No site is to be closed for longer than that unless its operator says so.
const CLOSED_SECONDS: u64 = 600;

/// The limits of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A site with more bytes than this is not backed up.
    pub max_source_bytes: Option<u64>,
    /// restic's `--limit-upload`, KiB a second.
    pub upload_kib_per_second: Option<u32>,
    /// restic's `--limit-download`, KiB a second.
    pub download_kib_per_second: Option<u32>,
    /// The niceness of restic, 0 to 19.
    pub nice: u8,
    /// The I/O class of restic.
    pub ionice: IoClass,
    /// The memory of an order and all that it starts.
    pub memory_bytes: Option<u64>,
    /// Its share of the processors where others want them too: 100 is everybody's, 1 to 10,000.
    pub cpu_weight: Option<u32>,
    /// The same of the disks.
    pub io_weight: Option<u32>,
    /// The longest time for which the databases of a site may keep it closed: as estimated beforehand, and
    /// as it is.
    pub closed: Duration,
    /// The number of tables that change places in one statement, about.
    pub tables_at_once: usize,
    /// How long a stage may go on without progress.
    patience: Duration,
    patience_of: BTreeMap<Stage, Duration>,
}

impl Limits {
    /// Whether there are limits that only a control group can keep.
    pub fn need_a_group(&self) -> bool {
        self.memory_bytes.is_some() || self.cpu_weight.is_some() || self.io_weight.is_some()
    }

    /// How long this stage may go on without progress before it is given up.
    pub fn patience(&self, stage: Stage) -> Duration {
        self.patience_of.get(&stage).copied().unwrap_or(self.patience)
    }
}

/// The I/O scheduling class of restic, as `ionice` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoClass {
    /// Best effort at its lowest level: behind the sites, but never starved.
    #[default]
    BestEffort,
    /// Only when nobody else wants the disk.
    Idle,
    /// As every other process.
    Normal,
}

/// `[limits]`, in the template or an override.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsTable {
    max_source_bytes: Option<u64>,
    upload_kib_per_second: Option<u32>,
    download_kib_per_second: Option<u32>,
    nice: Option<u8>,
    ionice: Option<IoClass>,
    memory_bytes: Option<u64>,
    cpu_weight: Option<u32>,
    io_weight: Option<u32>,
    closed_seconds: Option<u64>,
    tables_at_once: Option<usize>,
    progress_timeout_seconds: Option<u64>,
    #[serde(default)]
    stage_timeout_seconds: BTreeMap<Stage, u64>,
}

impl LimitsTable {
    /// The values of `over` where it has any, else those of this table.
    pub(super) fn overridden_by(mut self, over: Self) -> Self {
        self.stage_timeout_seconds.extend(over.stage_timeout_seconds);
        Self {
            max_source_bytes: over.max_source_bytes.or(self.max_source_bytes),
            upload_kib_per_second: over.upload_kib_per_second.or(self.upload_kib_per_second),
            download_kib_per_second: over.download_kib_per_second.or(self.download_kib_per_second),
            nice: over.nice.or(self.nice),
            ionice: over.ionice.or(self.ionice),
            memory_bytes: over.memory_bytes.or(self.memory_bytes),
            cpu_weight: over.cpu_weight.or(self.cpu_weight),
            io_weight: over.io_weight.or(self.io_weight),
            closed_seconds: over.closed_seconds.or(self.closed_seconds),
            tables_at_once: over.tables_at_once.or(self.tables_at_once),
            progress_timeout_seconds: over
                .progress_timeout_seconds
                .or(self.progress_timeout_seconds),
            stage_timeout_seconds: self.stage_timeout_seconds,
        }
    }

    pub(super) fn check(self, file: &Path) -> Result<Limits, ConfigError> {
        let nice = self.nice.unwrap_or(10);
        if nice > 19 {
            return Err(ConfigError::value(file, "limits.nice", "must be 0 to 19"));
        }
        for (key, weight) in [("cpu_weight", self.cpu_weight), ("io_weight", self.io_weight)] {
            if weight.is_some_and(|weight| !(1..=10_000).contains(&weight)) {
                let key = format!("limits.{key}");
                return Err(ConfigError::value(file, key, "must be 1 to 10000"));
            }
        }
        if self.memory_bytes.is_some_and(|bytes| bytes < LEAST_MEMORY) {
            let problem = "is less than 256 MiB, with which restic cannot work";
            return Err(ConfigError::value(file, "limits.memory_bytes", problem));
        }
        let seconds = |key: String, seconds: u64| match seconds {
            0 => Err(ConfigError::value(file, key, "must be at least 1 second")),
            some => Ok(Duration::from_secs(some)),
        };
        let closed =
            seconds("limits.closed_seconds".into(), self.closed_seconds.unwrap_or(CLOSED_SECONDS))?;
        let tables_at_once = self.tables_at_once.unwrap_or(TABLES_AT_ONCE);
        if tables_at_once == 0 {
            let problem = "must be at least 1 table";
            return Err(ConfigError::value(file, "limits.tables_at_once", problem));
        }
        let patience = seconds(
            "limits.progress_timeout_seconds".into(),
            self.progress_timeout_seconds.unwrap_or(300),
        )?;
        let patience_of = self
            .stage_timeout_seconds
            .into_iter()
            .map(|(stage, given)| {
                let key = format!("limits.stage_timeout_seconds.{stage}");
                Ok((stage, seconds(key, given)?))
            })
            .collect::<Result<_, ConfigError>>()?;
        Ok(Limits {
            max_source_bytes: self.max_source_bytes,
            upload_kib_per_second: self.upload_kib_per_second,
            download_kib_per_second: self.download_kib_per_second,
            nice,
            ionice: self.ionice.unwrap_or_default(),
            memory_bytes: self.memory_bytes,
            cpu_weight: self.cpu_weight,
            io_weight: self.io_weight,
            closed,
            tables_at_once,
            patience,
            patience_of,
        })
    }
}
