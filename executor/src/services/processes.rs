//! The processes of a site's user: asked to end, then ended.

use std::{fs, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User},
};
use tokio::time::{Instant, sleep};

use super::{LOOK_AGAIN_AFTER, ServiceError};

/// How long the kernel may take to bury who was killed.
const BURIAL: Duration = Duration::from_secs(2);

/// A user whose processes are a site's.
#[derive(Debug)]
pub(super) struct Owner<'a> {
    name: &'a str,
    uid: u32,
}

impl<'a> Owner<'a> {
    /// The user of this name.
    ///
    /// # Errors
    /// [`ServiceError::Setup`] if there is none, or it is root.
    pub(super) fn of(name: &'a str) -> Result<Self, ServiceError> {
        let refuse = |problem: &str| {
            Err(ServiceError::Setup(format!("`site.services.user`: {problem} {name}")))
        };
        match User::from_name(name) {
            Ok(Some(found)) if found.uid.is_root() => refuse("root has the other name"),
            Ok(Some(found)) => Ok(Self { name, uid: found.uid.as_raw() }),
            Ok(None) => refuse("there is no user"),
            Err(errno) => refuse(&format!("{errno}: user")),
        }
    }

    /// Ends every process of this user.
    ///
    /// # Errors
    /// [`ServiceError::Alive`] if one does not die.
    pub(super) async fn end_all(&self, within: Duration) -> Result<(), ServiceError> {
        for (signal, patience) in [(Signal::SIGTERM, within), (Signal::SIGKILL, BURIAL)] {
            let deadline = Instant::now() + patience;
            let mut told = Vec::new();
            loop {
                let alive = processes_of(self.uid);
                if alive.is_empty() {
                    return Ok(());
                }
                // Each is told once, those too that come while we wait.
                for pid in alive.iter().filter(|pid| !told.contains(*pid)) {
                    // It may be gone already.
                    let _ = kill(*pid, signal);
                }
                told = alive;
                if Instant::now() >= deadline {
                    break;
                }
                sleep(LOOK_AGAIN_AFTER.min(patience)).await;
            }
        }
        match processes_of(self.uid).first() {
            None => Ok(()),
            Some(pid) => Err(ServiceError::Alive(format!("process {pid} of user {}", self.name))),
        }
    }
}

/// Those whose real uid it is, the dead that nobody has buried left out.
fn processes_of(uid: u32) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next().map(str::to_owned)
        };
        let is_theirs = field("Uid:").is_some_and(|real| real == uid.to_string());
        if is_theirs && field("State:").is_some_and(|state| state != "Z" && state != "X") {
            found.push(Pid::from_raw(pid));
        }
    }
    found
}
