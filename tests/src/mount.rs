//! A mount for a test alone: a small file system in memory, or a folder at a second place.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{output_of, program};

/// A mounted file system, unmounted on drop.
#[derive(Debug)]
pub struct Mount {
    path: PathBuf,
    made: bool,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Mount {
    /// A file system in memory, at a new place, with these options of `tmpfs`.
    pub fn new(options: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("holdfast-mount-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a mount point");
        let mut mount = Self::over(&path, options);
        mount.made = true;
        mount
    }

    /// The same over a directory that is there.
    pub fn over(path: &Path, options: &str) -> Self {
        let mut mount = program("/usr/bin/mount");
        mount.args(["-t", "tmpfs", "-o", &format!("mode=0755,{options}"), "tmpfs"]).arg(path);
        output_of(&mut mount);
        Self { path: path.to_owned(), made: false }
    }

    /// A folder, seen at this other one too, which must be there.
    pub fn bound(folder: &Path, at: &Path) -> Self {
        output_of(program("/usr/bin/mount").arg("--bind").arg(folder).arg(at));
        Self { path: at.to_owned(), made: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let ended = program("/usr/bin/umount").arg("--lazy").arg(&self.path).output();
        let unmounted = ended.is_ok_and(|ended| ended.status.success());
        if self.made && unmounted {
            let _ = fs::remove_dir(&self.path);
        }
        assert!(unmounted || std::thread::panicking(), "{} stays mounted", self.path.display());
    }
}
