//! The shell scripts, called as root or cron would.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{Node, executor, program};

impl Node {
    /// `scripts/customer-<verb>.sh` on this node, with nothing to read on stdin, as from cron.
    ///
    /// # Panics
    /// If the project's folder is not there.
    pub fn script(&self, verb: &str, args: &[&str]) -> Command {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
        // Whoever runs the tests may ignore a signal, as a shell does for what it starts with `&`, and
        // no shell can trap what was ignored when it began.
        let mut command = program("/usr/bin/env");
        command
            .arg("--default-signal=INT,TERM,HUP,PIPE")
            .arg(project.join(format!("scripts/customer-{verb}.sh")))
            .env("HOLDFAST_EXECUTOR", executor())
            .env("HOLDFAST_CONFIG", self.root().join("etc"))
            .args(args)
            .stdin(Stdio::null());
        command
    }
}
