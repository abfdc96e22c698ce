//! What has changed in a live tree since a moment: files that were written while they were saved may be
//! half of the one moment and half of the other.
//!
//! Nobody but the kernel sets the time of a change, so a tenant cannot hide one. A database of SQLite is
//! known by its head (<https://www.sqlite.org/fileformat.html>, section 1.3): it is damaged by that, where
//! a log is merely cut off.

use std::{
    fs::File,
    io::{self, Read},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    fcntl::{OFlag, openat},
    sys::stat::Mode,
    time::{ClockId, clock_gettime},
};

use super::{
    Kind, WalkError,
    walk::{Found, Next, walk},
};
use crate::stop::Stop;

/// What a SQLite database begins with.
const HEAD: &[u8; 16] = b"SQLite format 3\0";
/// What stands behind a database's name in that of its journals.
const OF_JOURNALS: [&str; 2] = ["-wal", "-journal"];
/// So many of each are named.
const MOST_NAMED: usize = 20;

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// How many files.
    pub files: u64,
    /// The first of them, relative to the root.
    pub named: Vec<PathBuf>,
    /// The first of those that are SQLite databases, or have changed in a journal beside them.
    pub sqlite: Vec<PathBuf>,
}

/// The moment by the kernel's clock for files, which goes in ticks.
///
/// # Errors
/// What clock_gettime(2) said.
pub fn moment() -> io::Result<Duration> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE)?;
    Ok(Duration::from(now))
}

/// Looks for files in a live tree that were written after the tick of this moment.
///
/// # Errors
/// As [`super::measure_live`].
pub fn changed_since(
    root: OwnedFd,
    excludes: &[String],
    since: Duration,
    stop: &Stop,
) -> Result<Changes, WalkError> {
    let mut changes = Changes::default();
    walk(root, &mut |found| {
        if stop.is_requested() {
            return Err(WalkError::Ended);
        }
        if excludes.iter().any(|exclude| found.path == Path::new(exclude)) {
            return Ok(Next::Past);
        }
        if Kind::of(&found.stat) == Kind::File && changed_at(found) > since {
            changes.add(found);
        }
        Ok(Next::Into)
    })?;
    Ok(changes)
}

fn changed_at(found: &Found<'_>) -> Duration {
    let (seconds, nanoseconds) = (found.stat.st_ctime, found.stat.st_ctime_nsec);
    Duration::new(
        seconds.try_into().unwrap_or_default(),
        nanoseconds.try_into().unwrap_or_default(),
    )
}

impl Changes {
    fn add(&mut self, found: &Found<'_>) {
        self.files += 1;
        if self.named.len() < MOST_NAMED {
            self.named.push(found.path.to_owned());
        }
        if self.sqlite.len() < MOST_NAMED
            && let Some(database) = database_of(found)
            && !self.sqlite.contains(&database)
        {
            self.sqlite.push(database);
        }
    }
}

/// The SQLite database that this file is, or that it is the journal of.
fn database_of(found: &Found<'_>) -> Option<PathBuf> {
    let name = found.name.as_bytes();
    let base = OF_JOURNALS.iter().find_map(|ending| name.strip_suffix(ending.as_bytes()));
    let name = base.unwrap_or(name);
    let how = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let name = std::ffi::OsStr::from_bytes(name);
    let mut file = File::from(openat(found.folder, name, how, Mode::empty()).ok()?);
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    let mut head = [0; HEAD.len()];
    let is_database = is_file && file.read_exact(&mut head).is_ok() && head == *HEAD;
    is_database.then(|| found.path.with_file_name(name))
}
