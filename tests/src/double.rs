//! Programs, restic above all, that do what they are told instead: for failures that the real one has too seldom.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Node, output_of, program, restic};

/// The beginning of every double: `$real` is the real restic, `$command` the command it is given.
const OPENING: &str = r#"
for word in "$@"; do
    case $word in
        init | backup | ls | snapshots | restore | forget | unlock | list | dump | cat)
            command=$word
            break
            ;;
    esac
done
"#;

impl Node {
    /// Makes a program that runs this shell script and, should it not have ended, becomes the real
    /// restic with the same arguments. It is to be configured: see [`Node::configure_with`].
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn double(&self, script: &str) -> PathBuf {
        self.double_of(&restic(), &format!("{OPENING}\n{script}"))
    }

    /// The same in place of any other program, under its name; `$command` is not known.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn double_of(&self, real: &Path, script: &str) -> PathBuf {
        let double = self.root().join("etc").join(real.file_name().expect("a program's name"));
        let (real, root) = (real.display(), self.root().display());
        let script =
            format!("#!/bin/sh\nreal={real}\nroot={root}\n{script}\nexec \"$real\" \"$@\"\n");
        place_program(&double, &script);
        double
    }
}

/// Writes a program that everybody may run.
///
/// # Panics
/// If it cannot be written.
pub fn place_program(path: &Path, text: &str) {
    let beside = path.with_extension("sh");
    fs::write(&beside, text).expect("a script");
    // Another thread's child may hold open what we write ourselves, and then it cannot be run.
    let mut install = program("/usr/bin/install");
    output_of(install.args(["-m", "0755"]).arg(&beside).arg(path));
}
