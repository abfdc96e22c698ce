//! What an order and all that it starts may use of the machine: memory, processor and disk.
//!
//! Where systemd runs, it is asked for a transient scope around this process. Elsewhere a control
//! group of our own is made, of either version, and removed at the end; one that a killed executor
//! has left is removed by the next.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_job::JobId;

use crate::{
    config::Limits,
    failure::chain,
    process::{Input, Moved, Program},
    stop::Stop,
};

/// The mounted control groups.
const ROOT: &str = "/sys/fs/cgroup";
/// Beneath whichever group we were started in.
const OURS: &str = "holdfast";
/// What says that systemd runs: sd_booted(3).
const SYSTEMD: &str = "/run/systemd/system";
/// What the kernel calls a weight of 100 in version 1.
const SHARES_OF_100: u64 = 1024;
/// What talks to systemd.
const BUSCTL: &str = "/usr/bin/busctl";

/// A group that is left and removed when the order has ended.
#[derive(Debug, Default)]
pub struct Group {
    /// Each with the group to go back to.
    folders: Vec<(PathBuf, PathBuf)>,
    /// Whoever makes and removes groups does it alone: an empty one may be about to be joined.
    lock: Option<PathBuf>,
}

/// One wish: the controller, and the file and text that say it, by version.
struct Wish {
    controller: &'static str,
    v1: (&'static str, String),
    v2: (&'static str, String),
}

/// Puts this process into a group with these limits. Without any, it does nothing.
///
/// # Errors
/// A sentence for the operator: the order goes on all the same.
pub async fn enter(limits: &Limits, job: JobId, state: &Path) -> Result<Group, String> {
    let wishes = wishes(limits);
    if wishes.is_empty() {
        return Ok(Group::default());
    }
    if Path::new(SYSTEMD).exists() {
        return ask_systemd(limits, job).await.map(|()| Group::default());
    }
    let lock = state.join("locks/groups.lock");
    let _held = alone(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let mut group = Group { folders: Vec::new(), lock: Some(lock) };
    let made = match Path::new(ROOT).join("cgroup.controllers").exists() {
        true => group.enter_v2(&wishes, job),
        false => group.enter_v1(&wishes, job),
    };
    match made {
        Ok(()) => Ok(group),
        Err(error) => {
            // What could be kept is kept until the process ends; a later order removes the groups.
            group.folders.clear();
            Err(format!("{ROOT}: {error}"))
        }
    }
}

fn alone(lock: &Path) -> io::Result<fs::File> {
    let file = fs::File::options().create(true).truncate(false).write(true).open(lock)?;
    file.lock()?;
    Ok(file)
}

/// Whether limits can be set on this machine: how, or why not.
pub fn possible() -> Result<String, String> {
    let root = Path::new(ROOT);
    if Path::new(SYSTEMD).exists() {
        return match Path::new(BUSCTL).exists() {
            true => Ok("by systemd, in a scope of their own".into()),
            false => Err(format!("systemd runs, and {BUSCTL} is missing: install systemd's")),
        };
    }
    if root.join("cgroup.controllers").exists() {
        return Ok("by control groups of version 2, which is untested".into());
    }
    match root.join("memory/cgroup.procs").exists() {
        true => Ok("by control groups of version 1".into()),
        false => Err(format!(
            "{ROOT} has no control groups: limits.memory_bytes, .cpu_weight and \
                              .io_weight cannot be kept"
        )),
    }
}

fn wishes(limits: &Limits) -> Vec<Wish> {
    let mut wishes = Vec::new();
    if let Some(bytes) = limits.memory_bytes {
        let text = bytes.to_string();
        wishes.push(Wish {
            controller: "memory",
            v1: ("memory.limit_in_bytes", text.clone()),
            v2: ("memory.max", text),
        });
    }
    if let Some(weight) = limits.cpu_weight {
        let shares = u64::from(weight) * SHARES_OF_100 / 100;
        wishes.push(Wish {
            controller: "cpu",
            v1: ("cpu.shares", shares.max(2).to_string()),
            v2: ("cpu.weight", weight.to_string()),
        });
    }
    if let Some(weight) = limits.io_weight {
        wishes.push(Wish {
            controller: "blkio",
            v1: ("blkio.bfq.weight", weight.clamp(1, 1000).to_string()),
            v2: ("io.weight", weight.to_string()),
        });
    }
    wishes
}

impl Group {
    fn enter_v1(&mut self, wishes: &[Wish], job: JobId) -> io::Result<()> {
        let mine = fs::read_to_string("/proc/self/cgroup")?;
        let mut first_problem = None;
        for wish in wishes {
            let line = mine.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                controllers.split(',').any(|one| one == wish.controller).then_some(path)
            });
            let kept = match line {
                Some(path) => self.keep_v1(wish, path, job),
                None => Err(missing(wish.controller)),
            };
            // One that cannot be kept is no reason to drop the others.
            first_problem = first_problem.or(kept.err());
        }
        first_problem.map_or(Ok(()), Err)
    }

    fn keep_v1(&mut self, wish: &Wish, path: &str, job: JobId) -> io::Result<()> {
        let parent = beneath(&Path::new(ROOT).join(wish.controller), path);
        let folder = make(&parent, job)?;
        // The scheduler of the disk decides whether there are weights.
        if wish.controller != "blkio" || folder.join(wish.v1.0).exists() {
            fs::write(folder.join(wish.v1.0), &wish.v1.1)?;
        }
        self.join(folder, parent)
    }

    fn enter_v2(&mut self, wishes: &[Wish], job: JobId) -> io::Result<()> {
        let mine = fs::read_to_string("/proc/self/cgroup")?;
        let path = mine.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
        let parent = beneath(Path::new(ROOT), path);
        // A group with processes in it has no controllers for its children, the root apart: ours
        // stands beside the one we were started in.
        let above = match path {
            "/" => parent.clone(),
            _ => parent.parent().unwrap_or(Path::new(ROOT)).to_owned(),
        };
        fs::create_dir_all(above.join(OURS))?;
        for folder in [&above, &above.join(OURS)] {
            for wish in wishes {
                let name = if wish.controller == "blkio" { "io" } else { wish.controller };
                fs::write(folder.join("cgroup.subtree_control"), format!("+{name}"))?;
            }
        }
        let folder = make(&above, job)?;
        for wish in wishes {
            fs::write(folder.join(wish.v2.0), &wish.v2.1)?;
        }
        self.join(folder, parent)
    }

    fn join(&mut self, folder: PathBuf, parent: PathBuf) -> io::Result<()> {
        let joined = fs::write(folder.join("cgroup.procs"), std::process::id().to_string());
        self.folders.push((folder, parent));
        joined
    }
}

/// Back to where we were; a group that somebody is still in is removed by a later order.
impl Drop for Group {
    fn drop(&mut self) {
        // Whoever drops an empty one may hold the lock itself.
        if self.folders.is_empty() {
            return;
        }
        let _held = self.lock.as_deref().map(alone);
        for (folder, parent) in &self.folders {
            let _ = fs::write(parent.join("cgroup.procs"), std::process::id().to_string());
            let _ = fs::remove_dir(folder);
            let _ = fs::remove_dir(parent.join(OURS));
        }
    }
}

fn beneath(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A new group; those of the dead are removed, those of the living refuse it.
fn make(parent: &Path, job: JobId) -> io::Result<PathBuf> {
    let ours = parent.join(OURS);
    fs::create_dir_all(&ours)?;
    for entry in fs::read_dir(&ours)?.flatten() {
        let _ = fs::remove_dir(entry.path());
    }
    let folder = ours.join(format!("{job}-{}", std::process::id()));
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn missing(controller: &str) -> io::Error {
    io::Error::other(format!("there is no controller `{controller}`"))
}

/// StartTransientUnit of org.freedesktop.systemd1(5), by busctl, around this very process.
async fn ask_systemd(limits: &Limits, job: JobId) -> Result<(), String> {
    // Should memory run out, restic dies and says so; the scope must not take the executor with it.
    // Before systemd 253 a scope has no such policy, and does not.
    match start_scope(limits, job, &["OOMPolicy", "s", "continue"]).await {
        Ok(()) => Ok(()),
        Err(_) => start_scope(limits, job, &[]).await,
    }
}

async fn start_scope(limits: &Limits, job: JobId, more: &[&str]) -> Result<(), String> {
    let mut properties: Vec<String> = ["PIDs", "au", "1"].into_iter().map(str::to_owned).collect();
    properties.push(std::process::id().to_string());
    properties.extend(more.iter().map(|&word| word.to_owned()));
    let mut count = 2 + more.len() / 3;
    properties.extend(["Slice", "s", "holdfast.slice"].map(str::to_owned));
    for (name, value) in [
        ("MemoryMax", limits.memory_bytes),
        ("CPUWeight", limits.cpu_weight.map(u64::from)),
        ("IOWeight", limits.io_weight.map(u64::from)),
    ] {
        if let Some(value) = value {
            properties.extend([name.to_owned(), "t".into(), value.to_string()]);
            count += 1;
        }
    }
    let mut args: Vec<String> = [
        "--quiet",
        "call",
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
        "StartTransientUnit",
        "ssa(sv)a(sa(sv))",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend([format!("holdfast-{job}.scope"), "fail".into(), count.to_string()]);
    args.extend(properties);
    args.push("0".into());
    let program = Program {
        name: "busctl".into(),
        path: BUSCTL.into(),
        args,
        env: BTreeMap::new(),
        stdin: Input::default(),
        patience: Duration::from_secs(10),
    };
    let running = program.start().map_err(|error| chain(&error))?;
    let ended = running.wait(&Stop::default(), |_| Moved::No).await;
    let ended = ended.map_err(|error| chain(&error))?;
    if !ended.status.success() {
        return Err(format!("systemd made no scope: {}", ended.stderr.trim()));
    }
    // It answers before it has moved us.
    let name = format!("holdfast-{job}.scope");
    for _ in 0..100 {
        if fs::read_to_string("/proc/self/cgroup").is_ok_and(|mine| mine.contains(&name)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("systemd has made a scope and not moved this process into it".into())
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn a_group_that_could_not_be_made_does_not_wait_for_its_own_lock() {
        let lock = std::env::temp_dir().join(format!("holdfast-groups-{}", std::process::id()));
        let held = alone(&lock).unwrap();
        let group = Group { folders: Vec::new(), lock: Some(lock.clone()) };
        let (done, waited) = mpsc::channel();
        thread::spawn(move || {
            drop(group);
            done.send(())
        });
        let ended = waited.recv_timeout(Duration::from_secs(10));
        drop(held);
        fs::remove_file(lock).unwrap();
        assert!(ended.is_ok());
    }
}
