//! `restic forget`, by full id alone, and the list that tells whether it did.

use holdfast_job::SnapshotId;

use super::{Invocation, Restic, ResticError, Watch};
use crate::process::Moved;

impl Restic<'_> {
    /// Forgets exactly these snapshots. Exit 0 is no evidence: [`Self::remaining`] is.
    ///
    /// # Errors
    /// [`ResticError`]; some may be forgotten all the same.
    pub async fn forget(
        &self,
        snapshots: &[SnapshotId],
        watch: &mut dyn Watch,
    ) -> Result<(), ResticError> {
        let mut command = Invocation::new("forget");
        for snapshot in snapshots {
            command = command.arg(snapshot.as_str());
        }
        self.run_past_locks(command, watch, &mut |_, _| Moved::Yes).await?;
        Ok(())
    }

    /// Which of these snapshots the repository still holds, read from its own list of files.
    ///
    /// # Errors
    /// [`ResticError`].
    pub async fn remaining(
        &self,
        snapshots: &[SnapshotId],
        watch: &mut dyn Watch,
    ) -> Result<Vec<SnapshotId>, ResticError> {
        let command = Invocation::new("list").arg("--no-lock").arg("snapshots");
        let mut remaining = Vec::new();
        self.run(command, watch, &mut |line, _| {
            let id = String::from_utf8_lossy(line).trim().parse::<SnapshotId>();
            remaining.extend(id.ok().filter(|id| snapshots.contains(id)));
            Moved::Yes
        })
        .await?;
        Ok(remaining)
    }
}
