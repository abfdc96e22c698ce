//! `restic backup` and the first `restic init`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use holdfast_job::SnapshotId;
use serde::Deserialize;

use super::{
    Cause, Invocation, Restic, ResticError, Tally, Watch,
    cause::tells_of_damage,
    gate::{Gate, Threshold},
    said::unreadable,
};
use crate::{
    confine::Access,
    process::{Moved, ProcessError, Running},
};

const BACKUP: &str = "backup";

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
    /// How much that is, for the progress.
    pub extent: Extent,
}

/// How much there is to save.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Bytes.
    pub bytes: u64,
    /// Files, folders and whatever else has a name.
    pub files: u64,
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
        bytes_done: u64,
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

/// A `restic backup` that opens its repository by itself and then waits for what it is to save.
#[derive(Debug)]
pub struct Opened {
    // Dropped first: restic does not hear anything else as long as it waits there.
    gate: Gate,
    running: Running,
}

impl Opened {
    /// Sends it away: nothing is saved.
    pub async fn turn_away(self) {
        drop(self.gate);
        self.running.end().await;
    }
}

impl Restic<'_> {
    /// Has a `restic backup` open the repository beforehand. The paths of the plan must be there; what
    /// is in them may change until [`Self::save`].
    ///
    /// # Errors
    /// [`ResticError`] if it cannot be started. What else is wrong, [`Self::save`] says.
    pub async fn open(
        &self,
        plan: &SavePlan,
        watch: &mut dyn Watch,
    ) -> Result<Opened, ResticError> {
        let failed = |source| ProcessError::Start { name: "restic backup".into(), source };
        let (gate, threshold) = Gate::closed().map_err(failed)?;
        let command = self.backup(plan, Some(&threshold));
        let mut running = self.start(command, watch)?;
        running.feed().await?;
        Ok(Opened { running, gate })
    }

    /// Saves; makes the repository if this is its first use. What was opened beforehand was opened
    /// by the same plan.
    ///
    /// # Errors
    /// [`ResticError`]; a snapshot may then exist all the same, found by its tags.
    pub async fn save(
        &self,
        plan: &SavePlan,
        opened: Option<Opened>,
        watch: &mut dyn Watch,
    ) -> Result<SaveReport, ResticError> {
        let marker = self.marker();
        let mut hearing = Hearing::of(plan);
        let mut on_line = |line: &[u8], watch: &mut dyn Watch| hearing.hear(line, watch);
        let command = || self.backup(plan, None);
        // One that has failed before it was let in has saved nothing, and another may do better.
        let waiting =
            opened.and_then(|mut opened| (!opened.running.has_failed()).then_some(opened));
        let first = match waiting {
            Some(Opened { running, gate }) => {
                gate.open(b"");
                let ended = self.attend(&command(), running, watch, &mut on_line).await;
                self.past_locks(ended, command(), watch, &mut on_line).await
            }
            None => self.run_past_locks(command(), watch, &mut on_line).await,
        };
        let ended = match first {
            Err(ResticError::NoRepository { .. }) => {
                self.run(Invocation::new("init"), watch, &mut |_, _| Moved::Yes).await?;
                self.run_past_locks(command(), watch, &mut on_line).await?
            }
            ended => ended?,
        };
        let snapshot = hearing.snapshot.ok_or_else(|| ResticError::Answer {
            command: BACKUP,
            problem: format!("it named no snapshot and ended with {}", ended.how()),
        })?;
        remember(&marker).map_err(|error| ResticError::Answer {
            command: BACKUP,
            problem: format!("{} cannot be written: {error}", marker.display()),
        })?;
        // Without it the next backup takes a second more.
        let _ = self.note_repository(&snapshot);
        let (complete, unreadable) = (ended.status.success(), unreadable(&ended.stderr));
        if tells_of_damage(unreadable.iter().map(String::as_str)) {
            return Err(ResticError::Known {
                command: BACKUP,
                cause: Cause::Damaged { url: self.repository.url.clone() },
                said: unreadable.join("; "),
            });
        }
        Ok(SaveReport { snapshot, complete, unreadable })
    }

    /// Remembers that the repository exists, so that an unmounted disk is not taken for a first
    /// use.
    pub(super) fn marker(&self) -> PathBuf {
        self.node.state.join("repositories").join(self.name_of_view())
    }

    /// A name for this repository, of this customer's if each has one of their own.
    pub(super) fn name_of_view(&self) -> String {
        let whose = if self.repository.shared { "shared".to_owned() } else { self.host() };
        format!("{}-{whose}", self.repository.name)
    }

    /// How much there is, was counted in `Check` and `Dump`: restic need not count it again beside its
    /// saving.
    fn backup(&self, plan: &SavePlan, threshold: Option<&Threshold>) -> Invocation {
        let mut command = Invocation::new(BACKUP)
            .showing(&plan.base, Access::Read)
            .arg("--no-scan")
            .arg("--host")
            .arg(self.host())
            .arg("--tag")
            .arg(plan.tags.join(","));
        for exclude in &plan.excludes {
            command = command.arg("--exclude").arg(exclude);
        }
        if let Some(threshold) = threshold {
            command = command.arg("--exclude-file").arg(threshold.path());
        }
        command = command.arg("--");
        for path in &plan.paths {
            command = command.arg(path.display().to_string());
        }
        command
    }
}

/// What is heard of a `restic backup`.
struct Hearing {
    /// All that there is.
    total: Extent,
    before: Tally,
    snapshot: Option<SnapshotId>,
}

impl Hearing {
    fn of(plan: &SavePlan) -> Self {
        Self { total: plan.extent, before: Tally::default(), snapshot: None }
    }

    fn hear(&mut self, line: &[u8], watch: &mut dyn Watch) -> Moved {
        match serde_json::from_slice(line) {
            Ok(Said::Status { bytes_done, files_done }) => {
                let Extent { bytes, files } = self.total;
                let now = Tally {
                    bytes_done,
                    // The site may have grown since it was measured.
                    bytes_total: bytes.max(bytes_done),
                    files_done,
                    files_total: files.max(files_done),
                };
                watch.tally(now);
                let moved = if now == self.before { Moved::No } else { Moved::Yes };
                self.before = now;
                moved
            }
            Ok(Said::Summary { snapshot_id }) => {
                self.snapshot = snapshot_id;
                Moved::Yes
            }
            Ok(Said::Else) | Err(_) => Moved::No,
        }
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
