//! The processes of a site's user: asked to end, then ended.

use std::{fs, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User},
};
use tokio::time::{Instant, sleep};

use super::{LOOK_AGAIN_AFTER, ServiceError};

/// How long the kernel may take to bury who was killed.
pub const BURIAL: Duration = Duration::from_secs(2);

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

    /// The user's number.
    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// Ends every process of this user. One that is made anew meanwhile, by a master that is not this
    /// user's, is ended once more, and then left: it was made behind the closed door.
    ///
    /// # Errors
    /// [`ServiceError::Alive`] if one that was there does not die.
    pub(super) async fn end_all(&self, within: Duration) -> Result<(), ServiceError> {
        let first = processes_of(self.uid);
        for (signal, patience) in [(Signal::SIGTERM, within), (Signal::SIGKILL, BURIAL)] {
            let deadline = Instant::now() + patience;
            let mut told = Vec::new();
            loop {
                let alive = processes_of(self.uid);
                // Each is told once, those too that come while we wait. It may be gone already.
                for process in alive.iter().filter(|process| !told.contains(*process)) {
                    let _ = kill(process.pid, signal);
                }
                let left = alive.iter().any(|process| first.contains(process));
                told = alive;
                if !left {
                    return Ok(());
                }
                if Instant::now() >= deadline {
                    break;
                }
                sleep(LOOK_AGAIN_AFTER.min(patience)).await;
            }
        }
        match processes_of(self.uid).iter().find(|process| first.contains(process)) {
            None => Ok(()),
            Some(process) => {
                let (pid, name) = (process.pid, self.name);
                Err(ServiceError::Alive(format!("process {pid} of user {name}")))
            }
        }
    }
}

/// A process, and when it was started, since its number may be another's one day.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: Pid,
    started: String,
}

/// Those whose real uid it is, of this machine itself: a container's users are others of the same
/// numbers. The dead that nobody has buried are left out.
fn processes_of(uid: u32) -> Vec<Process> {
    let ours = fs::read_link("/proc/self/ns/pid").ok();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let status = read("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next().map(str::to_owned)
        };
        let is_theirs = field("Uid:").is_some_and(|real| real == uid.to_string())
            && fs::read_link(entry.path().join("ns/pid")).ok() == ours;
        if is_theirs && field("State:").is_some_and(|state| state != "Z" && state != "X") {
            // proc_pid_stat(5): the 22nd field, the 20th behind the name in brackets.
            let stat = read("stat");
            let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
            let started = behind.split_whitespace().nth(19).unwrap_or_default().to_owned();
            found.push(Process { pid: Pid::from_raw(pid), started });
        }
    }
    found
}
