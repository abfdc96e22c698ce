//! `restic restore` into the stage.

use std::path::PathBuf;

use holdfast_job::SnapshotId;
use serde::Deserialize;

use super::{Invocation, Restic, ResticError, Tally, Watch, said::unreadable};
use crate::{
    confine::Access,
    process::{Ended, Moved},
};

/// What is to be fetched, and where to.
#[derive(Debug, Clone)]
pub struct FetchPlan {
    /// The stage, which restic sees and may write.
    pub stage: PathBuf,
    /// From which snapshot.
    pub snapshot: SnapshotId,
    /// The folder of the snapshot that is taken for its root. By itself it is the root, and restic
    /// sees the stage at its own path. Else it sees the target alone, which must be there, at a path
    /// that is shorter than any tree's.
    pub below: Option<PathBuf>,
    /// The directories, by their absolute path below that root.
    pub paths: Vec<PathBuf>,
    /// The folder beneath which they are put, at their whole path.
    pub target: PathBuf,
}

/// The name at which restic sees a target, directly in the customers' folder: every site's base is in
/// there, and every tree in a base.
const SHORT: &str = "s";

/// What `restic restore --json` says on stdout; other messages are passed over.
#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Said {
    Status {
        #[serde(default)]
        total_bytes: u64,
        #[serde(default)]
        bytes_restored: u64,
        #[serde(default)]
        total_files: u64,
        #[serde(default)]
        files_restored: u64,
    },
    #[serde(other)]
    Else,
}

impl Restic<'_> {
    /// Fetches. restic's own counters count some things twice, so the caller compares the result
    /// with the snapshot's list.
    ///
    /// # Errors
    /// [`ResticError`], also for what restic calls a partial restore.
    pub async fn fetch(&self, plan: &FetchPlan, watch: &mut dyn Watch) -> Result<(), ResticError> {
        let command = Invocation::new("restore");
        let (command, target) = match &plan.below {
            None => {
                let command = command.showing(&plan.stage, Access::Write);
                (command.arg(plan.snapshot.as_str()), plan.target.clone())
            }
            Some(below) => {
                let at = self.node.customers.join(SHORT);
                let command = command.showing(&plan.target, Access::Write).shown_at(&at);
                (command.arg(format!("{}:{}", plan.snapshot, below.display())), at)
            }
        };
        let target = target.display().to_string();
        let mut command = command.arg("--sparse").arg("--target").arg(target);
        for path in &plan.paths {
            // Included by its whole path, a directory gets its own owner, mode and times back.
            command = command.arg("--include").arg(path.display().to_string());
        }
        let ended = match self.hear_restore(command.clone(), watch).await {
            // A full disk or one that cannot be written can still be read.
            Err(error) if error.is_of_the_lock() => {
                self.hear_restore(command.arg("--no-lock"), watch).await?
            }
            ended => ended?,
        };
        match ended.status.success() {
            true => Ok(()),
            false => Err(ResticError::Failed {
                command: "restore",
                said: format!("it was partial: {}", unreadable(&ended.stderr).join(", ")),
            }),
        }
    }

    async fn hear_restore(
        &self,
        command: Invocation,
        watch: &mut dyn Watch,
    ) -> Result<Ended, ResticError> {
        let mut before = Tally::default();
        self.run_past_locks(command, watch, &mut |line, watch| match serde_json::from_slice(line) {
            Ok(Said::Status { total_bytes, bytes_restored, total_files, files_restored }) => {
                let now = Tally {
                    bytes_done: bytes_restored,
                    bytes_total: total_bytes,
                    files_done: files_restored,
                    files_total: total_files,
                };
                watch.tally(now);
                let moved = if now == before { Moved::No } else { Moved::Yes };
                before = now;
                moved
            }
            Ok(Said::Else) | Err(_) => Moved::No,
        })
        .await
    }
}
