//! The real sudo, with rules of the test's own: what the worker's user may start as root.
//!
//! The rules are mounted over `/etc/sudoers.d` in a mount namespace that only what is started here
//! is in, so the machine's own rules stay as they are and tests run side by side.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Node, executor, output_of, program};

/// What a worker may start as root: each verb without arguments.
const VERBS: [&str; 6] = ["backup", "restore", "undo", "delete", "recover", "doctor"];

/// Enters the namespace and becomes the worker's user, in one process all the way.
const ENTER: &str = "mount --bind \"$0\" /etc/sudoers.d && exec setpriv --reuid nobody \
                     --regid nogroup --clear-groups \"$@\"";

/// The rules of one node.
#[derive(Debug)]
pub struct Sudoers {
    folder: PathBuf,
}

impl Sudoers {
    /// The worker's user may start the shipped executor on this node.
    ///
    /// # Panics
    /// If sudo would not accept the rules.
    pub fn new(node: &Node) -> Self {
        Self::of(node, &executor())
    }

    /// The same for another executor.
    ///
    /// # Panics
    /// If sudo would not accept the rules.
    pub fn of(node: &Node, executor: &Path) -> Self {
        let folder = node.root().join("sudoers.d");
        fs::create_dir(&folder).expect("a folder for rules");
        let etc = node.root().join("etc");
        let line = |verb: &str| {
            let (worker, executor, etc) = (Node::WORKER, executor.display(), etc.display());
            format!("{worker} ALL=(root) NOPASSWD: {executor} --config {etc} {verb}\n")
        };
        let file = folder.join("holdfast");
        fs::write(&file, VERBS.map(line).concat()).expect("the rules");
        // The mode that sudo asks for.
        fs::set_permissions(&file, Permissions::from_mode(0o440)).expect("a mode");
        output_of(program("/usr/sbin/visudo").arg("-cqf").arg(&file));
        Self { folder }
    }

    /// A program, started as the worker's user where these rules are in force. The process that is
    /// spawned becomes that program, which may run for as long as it likes. Arguments follow it.
    pub fn command(&self, path: impl AsRef<OsStr>) -> Command {
        let words = self.words();
        let mut command = program(&words[0]);
        command.args(&words[1..]).arg(path);
        command
    }

    /// What to wrap a [`Call`](crate::Call) in, so that the worker's user gives it through sudo.
    pub(crate) fn sudo(&self) -> Vec<String> {
        let mut words = self.words();
        words.extend(["/usr/bin/sudo", "-n"].map(str::to_owned));
        words
    }

    fn words(&self) -> Vec<String> {
        let mut words =
            ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", ENTER].map(str::to_owned).to_vec();
        words.push(self.folder.display().to_string());
        words
    }
}
