//! The folder of root's for what restic and ssh write on their way: packs, and ssh's own words.
//!
//! Never `/tmp`, which any tenant can fill. restic removes its files there as soon as they are open, so
//! what is found there is a log of ssh's.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// In the node's state, made with its other folders.
pub const FOLDER: &str = "tmp";
/// A log's name, before the process id of its executor.
const LOG: &str = "ssh-";
/// Of a log so much is read, from its end.
const MOST_BYTES: usize = 16 << 10;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Where restic's temporary files are.
pub fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// A file into which ssh writes what it has to say: restic passes that on, but seldom the last words,
/// since it ends when ssh does. Removed on drop.
#[derive(Debug)]
pub(super) struct SshLog(PathBuf);

impl SshLog {
    /// A log that does not exist yet. None where there is no folder for it, or one whose name restic's
    /// reading of a command line would take apart.
    pub(super) fn new(state: &Path) -> Option<Self> {
        let folder = folder(state);
        let name = folder.to_str().filter(|name| !name.contains([' ', '"', '\'', '\\']))?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = format!("{name}/{LOG}{}-{number}.log", std::process::id());
        folder.is_dir().then(|| Self(log.into()))
    }

    /// The command with this log.
    pub(super) fn kept_by(&self, command: &str) -> String {
        match command.split_once(' ') {
            Some((ssh, rest)) => format!("{ssh} -E {} {rest}", self.0.display()),
            None => command.to_owned(),
        }
    }

    /// What ssh has said so far.
    pub(super) fn text(&self) -> String {
        let bytes = fs::read(&self.0).unwrap_or_default();
        let last = &bytes[bytes.len().saturating_sub(MOST_BYTES)..];
        String::from_utf8_lossy(last).into_owned()
    }
}

impl Drop for SshLog {
    fn drop(&mut self) {
        // Most have none: nothing was said.
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes the logs of executors that died.
///
/// # Errors
/// What the system said.
pub fn clear(state: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder(state))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(LOG).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
