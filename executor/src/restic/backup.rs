//! `restic backup` and the first `restic init`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use holdfast_job::SnapshotId;
use serde::Deserialize;

use super::{Invocation, Restic, ResticError, Tally, Watch, verdict::unreadable};
use crate::{confine::Access, process::Moved};

/// What is to be saved.
#[derive(Debug, Clone)]
pub struct SavePlan {
    /// The site's base, which restic sees.
    pub base: PathBuf,
    /// The directories, by absolute path.
    pub paths: Vec<PathBuf>,
    /// restic patterns, anchored at the root.
    pub excludes: Vec<String>,
    /// Tags; the host is always the customer's.
    pub tags: Vec<String>,
}

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveReport {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// What could not be read: restic's exit 3. Empty if the snapshot is complete.
    pub unreadable: Vec<String>,
    /// Whether the snapshot is complete.
    pub complete: bool,
}

/// What `restic backup --json` says on stdout; other messages are passed over.
#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Said {
    Status {
        #[serde(default)]
        total_bytes: u64,
        #[serde(default)]
        bytes_done: u64,
        #[serde(default)]
        total_files: u64,
        #[serde(default)]
        files_done: u64,
    },
    Summary {
        #[serde(default)]
        snapshot_id: Option<SnapshotId>,
    },
    #[serde(other)]
    Else,
}

impl Restic<'_> {
    /// Saves; makes the repository if this is its first use.
    ///
    /// # Errors
    /// [`ResticError`]; a snapshot may then exist all the same, found by its tags.
    pub async fn save(
        &self,
        plan: &SavePlan,
        watch: &mut dyn Watch,
    ) -> Result<SaveReport, ResticError> {
        let marker = self.marker();
        let report = match self.backup(plan, watch).await {
            Err(ResticError::NoRepository { .. }) => {
                self.run(Invocation::new("init"), watch, &mut |_, _| Moved::Yes).await?;
                self.backup(plan, watch).await?
            }
            report => report?,
        };
        remember(&marker).map_err(|error| ResticError::Answer {
            command: "backup",
            problem: format!("{} cannot be written: {error}", marker.display()),
        })?;
        Ok(report)
    }

    /// Remembers that the repository exists, so that an unmounted disk is not taken for a first
    /// use.
    pub(super) fn marker(&self) -> PathBuf {
        let whose = if self.repository.shared { "shared".to_owned() } else { self.host() };
        self.node.state.join("repositories").join(format!("{}-{whose}", self.repository.name))
    }

    async fn backup(
        &self,
        plan: &SavePlan,
        watch: &mut dyn Watch,
    ) -> Result<SaveReport, ResticError> {
        let mut command = Invocation::new("backup")
            .showing(&plan.base, Access::Read)
            .arg("--host")
            .arg(self.host())
            .arg("--tag")
            .arg(plan.tags.join(","));
        for exclude in &plan.excludes {
            command = command.arg("--exclude").arg(exclude);
        }
        command = command.arg("--");
        for path in &plan.paths {
            command = command.arg(path.display().to_string());
        }
        let mut snapshot = None;
        let mut before = Tally::default();
        let ended = self
            .run_past_locks(command, watch, &mut |line, watch| match serde_json::from_slice(line) {
                Ok(Said::Status { total_bytes, bytes_done, total_files, files_done }) => {
                    let now = Tally {
                        bytes_done,
                        bytes_total: total_bytes,
                        files_done,
                        files_total: total_files,
                    };
                    watch.tally(now);
                    let moved = if now == before { Moved::No } else { Moved::Yes };
                    before = now;
                    moved
                }
                Ok(Said::Summary { snapshot_id }) => {
                    snapshot = snapshot_id;
                    Moved::Yes
                }
                Ok(Said::Else) | Err(_) => Moved::No,
            })
            .await?;
        let complete = ended.status.success();
        let snapshot = snapshot.ok_or_else(|| ResticError::Answer {
            command: "backup",
            problem: format!("it named no snapshot and ended with {}", ended.how()),
        })?;
        Ok(SaveReport { snapshot, complete, unreadable: unreadable(&ended.stderr) })
    }
}

fn remember(marker: &Path) -> io::Result<()> {
    if marker.exists() {
        return Ok(());
    }
    if let Some(folder) = marker.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::File::create(marker)?.sync_all()
}
