//! A whole Debian host with a real systemd, booted beside this machine: Holdfast is installed on it by
//! its own script, and it can be stopped, orderly or by a power cut, and started again.
//!
//! It is a copy-on-write view of the tree that `scripts/host-tree` makes. What orders work on
//! (customers, state, databases, backups) is on the disk itself: an overlay refuses the exchange of
//! what its lower layer holds. It has a network, processes and control groups of its own, so hosts
//! stand side by side. How it is installed is in `host/installed.rs`.

mod door;
mod edition;
mod harms;
mod installed;
mod orders;
mod processes;
mod visitor;

use std::{
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use nix::sched::{CloneFlags, setns};

pub use door::Door;
pub use edition::Edition;
pub use harms::Harm;
pub use orders::{Power, Restore, Shop};
pub use processes::Process;
pub use visitor::{Seen, Visitor, Visits};

use crate::{
    eventually,
    node::{built, copy_tree, restic},
    program,
    signal::{signal, signal_if_there},
};

/// A host; stopped and removed on drop.
#[derive(Debug)]
pub struct Host {
    folder: PathBuf,
    name: String,
    nspawn: Option<Child>,
    leader: Leader,
}

/// The first process of a host while it runs, as this machine numbers it; shared with those who
/// come in by the network, and go on when the host is started again.
#[derive(Debug, Clone, Default)]
pub struct Leader(Arc<AtomicU32>);

/// What is on the disk itself, by its name in the host's folder and its place in the host.
const PLAIN: [(&str, &str); 4] = [
    ("customers", "/var/customers"),
    ("state", "/var/lib/holdfast"),
    ("mysql", "/var/lib/mysql"),
    ("backups", "/var/backups/holdfast"),
];

/// The shipped programs, and the executor of the tests.
const PROGRAMS: [&str; 5] =
    ["holdfast", "holdfast-enqueue", "holdfast-executor", "holdfast-rehearsal", "holdfast-worker"];

/// `$0` is the host's folder, `$1` its control groups, `$2` the tree. In a mount namespace of its own,
/// with a `/run` of its own for what nspawn notes down, so that nothing of it outlives it.
const BOOT: &str = "for group in $1; do echo $$ >\"$group/cgroup.procs\" || exit; done && \
    mount -t tmpfs tmpfs /run && \
    mount -t overlay overlay -o \"lowerdir=$2,upperdir=$0/upper,workdir=$0/work\" \"$0/root\" && \
    folder=$0 && shift 2 && exec systemd-nspawn --directory=\"$folder/root\" \"$@\"";

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Host {
    /// The folder of the project, as the host sees it.
    pub const PROJECT: &str = "/usr/src/holdfast";
    /// The folder of the programs that are installed, as the host sees it.
    pub const PROGRAMS: &str = "/srv/programs";

    /// A host as Debian leaves it, with servers and without Holdfast, whose boot has ended.
    ///
    /// # Panics
    /// If there is no tree, or it does not boot within a minute.
    pub fn boot() -> Self {
        let tree = project().join(".tools/host-tree/root");
        assert!(tree.is_dir(), "no {}: run scripts/host-tree", tree.display());
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdfast-host-{}-{number:02}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        for part in ["upper", "work", "root"].iter().chain(PLAIN.map(|(part, _)| part).iter()) {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        copy_tree(&tree.join("var/lib/mysql"), &folder.join("mysql"));
        let mut host = Self { folder, name, nspawn: None, leader: Leader::default() };
        host.start();
        host
    }

    /// Starts it, and waits until its boot has ended with every unit well.
    ///
    /// # Panics
    /// If it runs, or that does not come within a minute.
    pub fn start(&mut self) {
        assert!(self.nspawn.is_none(), "it runs");
        let groups = self.control_groups();
        for group in &groups {
            fs::create_dir_all(group).expect("a control group");
        }
        let groups: Vec<String> = groups.iter().map(|path| path.display().to_string()).collect();
        let console = File::options().create(true).append(true).open(self.folder.join("console"));
        let console = console.expect("a file");
        let mut nspawn = program("/usr/bin/unshare");
        nspawn.args(["--mount", "--propagation", "private", "/bin/sh", "-c", BOOT]);
        nspawn.arg(&self.folder).arg(groups.join(" ")).arg(project().join(".tools/host-tree/root"));
        nspawn.args(["--quiet", "--boot", "--register=no", "--keep-unit", "--private-network"]);
        nspawn.args(["--resolv-conf=off", "--timezone=off", "--link-journal=no"]);
        nspawn.arg("--console=read-only").arg(format!("--machine={}", self.name));
        for (part, place) in PLAIN {
            nspawn.arg(format!("--bind={}:{place}", self.folder.join(part).display()));
        }
        nspawn.arg(format!("--bind-ro={}:{}", project().display(), Self::PROJECT));
        for (name, program) in
            PROGRAMS.map(|name| (name, built(name))).into_iter().chain([("restic", restic())])
        {
            nspawn.arg(format!("--bind-ro={}:{}/{name}", program.display(), Self::PROGRAMS));
        }
        nspawn.stdin(Stdio::null()).stderr(console.try_clone().expect("a file")).stdout(console);
        self.nspawn = Some(nspawn.spawn().expect("systemd-nspawn"));
        let leader = eventually("the first process of a host", || {
            let ended = self.nspawn.as_mut().expect("just started").try_wait().expect("a child");
            assert!(ended.is_none(), "{ended:?}\n{}", self.console());
            self.first_process()
        });
        self.leader.0.store(leader, Ordering::Relaxed);
        let state = eventually("the end of a boot", || {
            let said = self.try_run("systemctl is-system-running --wait");
            let state = String::from_utf8_lossy(&said.stdout).trim().to_owned();
            ["running", "degraded"].contains(&state.as_str()).then_some(state)
        });
        assert_eq!(state, "running", "{}", self.run("systemctl --no-pager --failed"));
    }

    /// Runs a shell script in it, as root, and returns what it said.
    ///
    /// # Panics
    /// If it does not succeed.
    pub fn run(&self, script: &str) -> String {
        let ended = self.try_run(script);
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "# {script}\n{}\n{said}\n{errors}", ended.status);
        said
    }

    /// Runs a shell script in it, as root.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn try_run(&self, script: &str) -> Output {
        let mut command = program("/usr/bin/nsenter");
        command.arg(format!("--target={}", self.leader.get())).arg("--all");
        command.args(["/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
        command.args(["LC_ALL=C.UTF-8", "HOME=/root", "/bin/sh", "-ec", script]);
        command.stdin(Stdio::null()).output().expect("nsenter")
    }

    /// Writes a file of root's in it.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        let place = PathBuf::from(format!("/proc/{}/root{path}", self.leader.get()));
        fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        fs::write(&place, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// A folder of [`PLAIN`], on this machine.
    fn plain(&self, part: &str) -> PathBuf {
        self.folder.join(part)
    }

    /// Tells it to power off, and waits for that.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub fn power_off(&mut self) {
        self.run("systemctl --no-block poweroff");
        self.until_off();
    }

    /// Waits until a host that was told to is off.
    ///
    /// # Panics
    /// If it is not within a minute.
    pub fn until_off(&mut self) {
        let mut nspawn = self.nspawn.take().expect("it runs");
        eventually("the end of a host", || nspawn.try_wait().expect("a child"));
        self.leader.0.store(0, Ordering::Relaxed);
    }

    /// Takes its power away: every process is gone, with no chance to do anything more.
    ///
    /// # Panics
    /// If that fails.
    pub fn cut_power(&mut self) {
        signal("KILL", &self.leader.get().to_string());
        self.until_off();
    }

    /// Its first process, to come in by.
    pub fn leader(&self) -> &Leader {
        &self.leader
    }

    /// What it has said on its console.
    pub fn console(&self) -> String {
        fs::read_to_string(self.folder.join("console")).unwrap_or_default()
    }

    /// The one child of nspawn that is the first of its own, once it is systemd: before that it may
    /// still see this machine's root.
    fn first_process(&self) -> Option<u32> {
        let nspawn = self.nspawn.as_ref()?.id();
        let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
        children.split_whitespace().find_map(|child| {
            let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
            let first = |line: &str| line.starts_with("NSpid:") && line.ends_with("\t1");
            let systemd = status.lines().next() == Some("Name:\tsystemd");
            (systemd && status.lines().any(first)).then(|| child.parse().ok())?
        })
    }

    /// Where the host's processes are counted: groups of its own, or the systemd of two hosts would take
    /// each other's processes for their own. Of version 1 systemd uses two hierarchies without
    /// controllers, of version 2 there is one of everything.
    fn control_groups(&self) -> Vec<PathBuf> {
        let root = Path::new("/sys/fs/cgroup");
        let mut roots: Vec<PathBuf> = ["systemd", "unified"]
            .map(|name| root.join(name))
            .into_iter()
            .filter(|p| p.is_dir())
            .collect();
        if roots.is_empty() {
            roots.push(root.to_owned());
        }
        roots.iter().map(|root| root.join(&self.name)).collect()
    }
}

impl Leader {
    /// Its number; 0 while the host is off.
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// A connection to a port of the host's own loopback address, if it runs and somebody listens. The
    /// thread that asks is in the host's network from then on.
    fn connect(&self, port: u16) -> std::io::Result<TcpStream> {
        let network = File::open(format!("/proc/{}/ns/net", self.get()))?;
        setns(network, CloneFlags::CLONE_NEWNET)?;
        TcpStream::connect(("127.0.0.1", port))
    }
}

/// The project's folder.
fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project")
}

/// Removes a control group and those in it, which are empty.
fn remove_group(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut nspawn) = self.nspawn.take() {
            match self.leader.get() {
                0 => drop(nspawn.kill()),
                leader => signal_if_there("KILL", leader),
            }
            let _ = nspawn.wait();
            self.leader.0.store(0, Ordering::Relaxed);
        }
        let groups = self.control_groups();
        groups.iter().for_each(|group| remove_group(group));
        if std::thread::panicking() {
            eprintln!("the disk of the failed test's host stays in {}", self.folder.display());
            return;
        }
        let _ = fs::remove_dir_all(&self.folder);
        assert!(!groups.iter().any(|group| group.exists()), "a process of {} is left", self.name);
        assert!(!self.folder.exists(), "something is left in {}", self.folder.display());
    }
}
