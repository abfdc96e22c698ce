//! A private Docker engine in a directory of its own: no network of its own, an image of busybox.
//!
//! Its folder is not a node's: [`crate::Node::processes`] looks for what orders started, and neither
//! an engine nor what it runs is one of them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    eventually, output_of, program, signal,
    signal::{signal_if_there, stop_all_of},
};

/// The image that there is.
pub const IMAGE: &str = "busybox";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// An engine, which is ended on drop with all that it runs.
#[derive(Debug)]
pub struct Docker {
    folder: PathBuf,
    containerd: Child,
    child: Option<Child>,
}

impl Docker {
    /// Starts one, with [`IMAGE`] in it.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short, since the addresses of its sockets are bounded.
        let folder = std::env::temp_dir().join(format!("hfd-{}-{number}", std::process::id()));
        fs::create_dir(&folder).expect("a folder");
        let containerd = containerd(&folder);
        let mut engine = Self { folder, containerd, child: None };
        engine.spawn();
        engine.import();
        engine
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    fn spawn(&mut self) {
        let mut dockerd = program("/usr/sbin/dockerd");
        dockerd.args([
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--bridge=none",
            "--storage-driver=vfs",
            "--shutdown-timeout=5",
        ]);
        let here = |name: &str| self.folder.join(name).display().to_string();
        // Nothing of what this machine may have configured for an engine of its own.
        fs::write(self.folder.join("daemon.json"), "{}").expect("a configuration");
        dockerd.arg(format!("--config-file={}", here("daemon.json")));
        dockerd.arg(format!("--host=unix://{}", here("docker.sock")));
        dockerd.arg(format!("--data-root={}", here("data")));
        dockerd.arg(format!("--exec-root={}", here("exec")));
        dockerd.arg(format!("--pidfile={}", here("pid")));
        dockerd.arg(format!("--containerd={}", here("containerd.sock")));
        self.child = Some(logged(&mut dockerd, &self.folder.join("log")));
        eventually("an answer of the Docker engine", || {
            let answered = self.command(&["version"]).output().ok()?;
            answered.status.success().then_some(())
        });
    }

    /// Kills the engine, with no chance to say anything to its containers, and starts it again.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn crash(&mut self) {
        self.kill();
        self.spawn();
    }

    /// Kills the engine; its containers live on.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a signal");
            child.wait().expect("its end");
        }
    }

    /// Starts it again.
    pub fn start_again(&mut self) {
        self.spawn();
    }

    /// Stops the engine's own process, as if it hung, or lets it go on.
    pub fn hang(&self, hang: Hang) {
        let pid = self.child.as_ref().map(Child::id).unwrap_or_default();
        match hang {
            Hang::Begins => stop_all_of(pid),
            Hang::Ends => signal("CONT", &pid.to_string()),
        }
    }

    /// Runs docker; what it said.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, args: &[&str]) -> String {
        output_of(&mut self.command(args)).trim().to_owned()
    }

    /// One field of a container, such as `.State.Running`.
    pub fn inspect(&self, container: &str, field: &str) -> String {
        self.run(&["inspect", "--format", &format!("{{{{{field}}}}}"), container])
    }

    /// docker, to be run on this engine.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut docker = program("/usr/bin/docker");
        docker
            .env("DOCKER_HOST", format!("unix://{}", self.socket().display()))
            .env("DOCKER_CONFIG", "/nonexistent")
            .args(args);
        docker
    }

    /// What an engine leaves mounted: its network, and after a crash its data.
    fn unmount(&self) {
        let folder = self.folder.display().to_string();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let paths = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        for path in paths.filter(|path| path.starts_with(&folder)) {
            let _ = program("/usr/bin/umount").args(["--lazy", path]).output();
        }
    }

    fn import(&self) {
        let root = self.folder.join("image");
        for folder in ["bin", "tmp", "proc", "sys", "dev", "etc", "site", "run"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox");
        for applet in ["sh", "httpd", "sleep", "test", "stat", "cat"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).expect("a link");
        }
        let archive = self.folder.join("image.tar");
        let tar = |args: &[&Path]| output_of(program("/usr/bin/tar").args(args));
        tar(&[Path::new("-cf"), &archive, Path::new("-C"), &root, Path::new(".")]);
        self.run(&["import", &archive.display().to_string(), IMAGE]);
    }
}

/// What Debian runs beside dockerd, and lives on when that is killed.
fn containerd(folder: &Path) -> Child {
    let here = folder.display();
    let config = format!(
        "version = 2\nroot = \"{here}/containerd\"\nstate = \"{here}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\naddress = \"{here}/containerd.sock\"\n"
    );
    fs::write(folder.join("containerd.toml"), config).expect("a configuration");
    let mut containerd = program("/usr/bin/containerd");
    containerd.arg("--config").arg(folder.join("containerd.toml"));
    let child = logged(&mut containerd, &folder.join("containerd.log"));
    eventually("containerd", || folder.join("containerd.sock").exists().then_some(()));
    child
}

fn logged(server: &mut Command, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).expect("a log");
    server
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("a server")
}

/// Whether an engine begins or ends to hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hang {
    /// It answers nobody.
    Begins,
    /// It goes on.
    Ends,
}

impl Drop for Docker {
    fn drop(&mut self) {
        if self.child.is_none() {
            self.spawn();
        }
        let all = self.command(&["ps", "--all", "--quiet"]).output();
        let all = all.map(|all| String::from_utf8_lossy(&all.stdout).into_owned());
        let all = all.unwrap_or_default();
        let containers: Vec<&str> = all.split_whitespace().collect();
        if !containers.is_empty() {
            let _ = self.command(&[&["rm", "--force"], &containers[..]].concat()).output();
        }
        if let Some(mut child) = self.child.take() {
            signal_if_there("TERM", child.id());
            let _ = child.wait();
        }
        signal_if_there("TERM", self.containerd.id());
        let _ = self.containerd.wait();
        self.unmount();
        if std::thread::panicking() {
            eprintln!("the engine of the failed test stays in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
