//! A worker, as an unprivileged user.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
};

use crate::{Node, Sudoers, eventually, node::built, program, signal, signal::signal_if_there};

/// A running `holdfast-worker`; ended on drop, in order.
#[derive(Debug)]
pub struct Worker {
    log: PathBuf,
    child: Option<Child>,
}

/// What the program's own descriptor is called: the way to it may be closed to the worker's user.
const PROGRAM: &str = "/proc/self/fd/3";

impl Worker {
    /// The command `holdfast-worker --config <config> …` as the worker's user, under these rules of sudo
    /// if there are any.
    pub fn command(rules: Option<&Sudoers>, config: &Path) -> std::process::Command {
        let mut command = program("/bin/sh");
        command.args(["-c", "exec 3<\"$0\"; exec \"$@\""]).arg(built("holdfast-worker"));
        match rules {
            Some(rules) => {
                let inner = rules.command(PROGRAM);
                command.arg(inner.get_program()).args(inner.get_args());
            }
            None => {
                command.args(["/usr/bin/setpriv", "--reuid", Node::WORKER, "--regid", "nogroup"]);
                command.args(["--clear-groups", PROGRAM]);
            }
        }
        command.arg("--config").arg(config);
        command
    }

    /// Starts it; its log is beside its configuration.
    ///
    /// # Panics
    /// If it is not ready within a minute.
    pub fn start(rules: Option<&Sudoers>, config: &Path) -> Self {
        let log = config.with_extension("log");
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let before = fs::read(&log).expect("a log").len();
        let mut command = Self::command(rules, config);
        command.arg("run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let mut worker = Self { log, child: Some(command.spawn().expect("holdfast-worker")) };
        eventually("a worker that is ready", || {
            let said = fs::read_to_string(&worker.log).expect("a log");
            let ended = worker.child.as_mut().expect("a child").try_wait().expect("a child");
            assert!(ended.is_none(), "{ended:?}: {said}");
            said[before..].contains("\"ready\"").then_some(())
        });
        worker
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    /// Waits until it has said this.
    pub fn until_said(&self, what: &str) {
        eventually(what, || self.log().contains(what).then_some(()));
    }

    /// Kills it.
    ///
    /// # Panics
    /// If that fails.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a signal");
            child.wait().expect("its end");
        }
    }

    /// Tells it to end.
    pub fn tell(&self) {
        signal("TERM", &self.pid().to_string());
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that does not come within a minute.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a child");
        eventually("the worker's end", || child.try_wait().expect("a child"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that a failed test has left frozen hears nothing. Twice TERM: what is under way is cut
            // short.
            for name in ["CONT", "TERM", "TERM"] {
                signal_if_there(name, child.id());
            }
            let _ = child.wait();
        }
    }
}
