//! Locks in the repository that a restic of ours left behind when it was killed.
//!
//! restic never clears a stale lock by itself, and its `unlock` takes a live restic in another PID
//! namespace for a dead one. So it is called only when every lock there names this host and a
//! process that one of our journals started and that is gone.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

use super::{Invocation, Restic, ResticError, Watch};
use crate::{
    journal::{Journal, Record},
    process::Moved,
};

/// A lock as restic writes it.
#[derive(Debug, Deserialize)]
struct RepositoryLock {
    hostname: String,
    pid: u32,
}

impl Restic<'_> {
    /// Clears the locks if all of them are ours and stale; else leaves them all.
    pub(super) async fn clear_own_stale_locks(
        &self,
        watch: &mut dyn Watch,
    ) -> Result<(), ResticError> {
        let locks = self.locks(watch).await?;
        let ours = pids_in_journals(&self.node.state);
        let here = nix::unistd::gethostname().unwrap_or_default();
        let stale = |lock: &RepositoryLock| {
            let gone = !Path::new(&format!("/proc/{}", lock.pid)).exists();
            here.to_str() == Some(&lock.hostname) && ours.contains(&lock.pid) && gone
        };
        if !locks.is_empty() && locks.iter().all(stale) {
            self.run(Invocation::new("unlock"), watch, &mut |_, _| Moved::Yes).await?;
        }
        Ok(())
    }

    async fn locks(&self, watch: &mut dyn Watch) -> Result<Vec<RepositoryLock>, ResticError> {
        let mut ids = Vec::new();
        let list = Invocation::new("list").arg("--no-lock").arg("locks");
        self.run(list, watch, &mut |line, _| {
            let id = String::from_utf8_lossy(line).trim().to_owned();
            ids.extend((!id.is_empty()).then_some(id));
            Moved::Yes
        })
        .await?;
        let mut locks = Vec::new();
        for id in ids {
            let mut text = Vec::new();
            let cat = Invocation::new("cat").arg("--no-lock").arg("lock").arg(id);
            let read = self
                .run(cat, watch, &mut |line, _| {
                    text.extend_from_slice(line);
                    Moved::Yes
                })
                .await;
            match (read, serde_json::from_slice(&text)) {
                (Ok(_), Ok(lock)) => locks.push(lock),
                // Gone since it was listed: its holder is alive and well.
                (Err(ResticError::Failed { .. }), _) => {}
                (Err(error), _) => return Err(error),
                (Ok(_), Err(error)) => {
                    let problem = format!("a lock is not understood: {error}");
                    return Err(ResticError::Answer { command: "cat", problem });
                }
            }
        }
        Ok(locks)
    }
}

/// Every restic that a journal on this node tells of. One that cannot be read tells of none.
fn pids_in_journals(state: &Path) -> BTreeSet<u32> {
    let folders = fs::read_dir(state.join("journals")).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten());
    let journals = files.flatten().filter_map(|file| Journal::open(&file.path()).ok());
    journals
        .flat_map(|journal| {
            let pid = |record: &Record| match record {
                Record::Restic { pid, .. } => Some(*pid),
                _ => None,
            };
            journal.records().iter().filter_map(pid).collect::<Vec<_>>()
        })
        .collect()
}
