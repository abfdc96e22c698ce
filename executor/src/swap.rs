//! The exchange: a live tree and the one beside it change places in one system call.
//!
//! Done twice it would bring the old tree back, so it looks first, by inode number, which of the
//! two is live. Inode numbers travel with the directories, through crashes and reboots; device
//! numbers need not survive a reboot, and both trees are on the base's own device.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use holdfast_job::SourceId;
use nix::{
    fcntl::{RenameFlags, renameat2},
    sys::{
        stat::{FileStat, UtimensatFlags, utimensat},
        time::TimeSpec,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Base, Folder},
    subvolume,
};

/// One source that changes places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which source.
    pub source: SourceId,
    /// Its name for people.
    pub name: String,
    /// Where it lives.
    pub live: PathBuf,
    /// Where the other tree is, in `.holdfast`; afterwards, the displaced one.
    pub aside: PathBuf,
    /// The inode that was live before; `None` if there was nothing.
    pub old: Option<u64>,
    /// The inode that is to be live; `None` if nothing is to be.
    pub new: Option<u64>,
}

/// Which of a part's two trees is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one from before.
    Old,
    /// The one that was prepared.
    New,
}

/// Why a part did not change places.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// A system call failed.
    #[error("{doing} {}", .path.display())]
    System {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is live is neither of the two.
    #[error(
        "{} is neither the tree it was (inode {}) nor the one prepared for it (inode {}); \
         there is {} now", .live.display(), inode(.old), inode(.new), inode(.found)
    )]
    Neither {
        /// Where.
        live: PathBuf,
        /// The inode from before.
        old: Option<u64>,
        /// The prepared inode.
        new: Option<u64>,
        /// The inode that is there.
        found: Option<u64>,
    },
}

fn inode(number: &Option<u64>) -> String {
    number.map_or_else(|| "nothing".into(), |number| number.to_string())
}

impl Part {
    /// Looks which tree is live.
    ///
    /// # Errors
    /// [`SwapError::Neither`] if somebody put a third one there.
    pub fn look(&self, base: &Base) -> Result<Side, SwapError> {
        match live_inode(base, &self.live)? {
            found if found == self.new => Ok(Side::New),
            found if found == self.old => Ok(Side::Old),
            found => Err(SwapError::Neither {
                live: self.live.clone(),
                old: self.old,
                new: self.new,
                found,
            }),
        }
    }

    /// Makes this side live and durable; does nothing but that if it is live already.
    ///
    /// # Errors
    /// [`SwapError`]; the world then says which side is live.
    pub fn put(&self, base: &Base, side: Side) -> Result<(), SwapError> {
        let (live, live_name) = open_parent(base, &self.live)?;
        let (aside, aside_name) = open_parent(base, &self.aside)?;
        if self.look(base)? != side {
            let (leaves, comes) = match side {
                Side::New => (self.old, self.new),
                Side::Old => (self.new, self.old),
            };
            let times = [live.look_up(live_name), aside.look_up(aside_name)];
            let renamed = match (leaves, comes) {
                (Some(_), Some(_)) => renameat2(
                    live.as_fd(),
                    live_name,
                    aside.as_fd(),
                    aside_name,
                    RenameFlags::RENAME_EXCHANGE,
                ),
                (None, _) => renameat2(
                    aside.as_fd(),
                    aside_name,
                    live.as_fd(),
                    live_name,
                    RenameFlags::RENAME_NOREPLACE,
                ),
                (Some(_), None) => renameat2(
                    live.as_fd(),
                    live_name,
                    aside.as_fd(),
                    aside_name,
                    RenameFlags::RENAME_NOREPLACE,
                ),
            };
            renamed.map_err(|errno| system("exchange", &self.live)(errno.into()))?;
            let [left, came] = times.map(|found| found.ok().flatten());
            keep_time(&aside, aside_name, left);
            keep_time(&live, live_name, came);
        }
        live.sync().map_err(system("make durable", &self.live))?;
        aside.sync().map_err(system("make durable", &self.aside))?;
        if self.look(base)? == side {
            return Ok(());
        }
        let unchanged = io::Error::other("the exchange changed nothing");
        Err(system("exchange", &self.live)(unchanged))
    }
}

/// XFS takes an exchange for a change of what a directory holds. The time of that is no reason to fail.
fn keep_time(folder: &Folder, name: &OsStr, before: Option<FileStat>) {
    let Some(before) = before else { return };
    let time = |stat: &FileStat| (stat.st_mtime, stat.st_mtime_nsec);
    match folder.look_up(name) {
        Ok(Some(now)) if now.st_ino == before.st_ino && time(&now) != time(&before) => {}
        _ => return,
    }
    let accessed = TimeSpec::new(before.st_atime, before.st_atime_nsec);
    let modified = TimeSpec::new(before.st_mtime, before.st_mtime_nsec);
    let flags = UtimensatFlags::NoFollowSymlink;
    let _ = utimensat(folder.as_fd(), name, &accessed, &modified, flags);
}

/// The inode that is live at `path` now; for the root of a subvolume, whose inode is that of every
/// other, a number of its own.
///
/// # Errors
/// [`SwapError::System`]; NotFound if the directory that should hold it is missing.
pub fn live_inode(base: &Base, path: &Path) -> Result<Option<u64>, SwapError> {
    let (parent, name) = open_parent(base, path)?;
    match parent.look_up(name).map_err(system("look at", path))? {
        Some(stat) if stat.st_ino == subvolume::ROOT_INODE => {
            subvolume::number(&parent.as_fd(), name).map(Some).map_err(system("look at", path))
        }
        found => Ok(found.map(|stat| stat.st_ino)),
    }
}

/// What is at `path` now, a link itself if it is one.
///
/// # Errors
/// As [`live_inode`].
pub fn look_up(base: &Base, path: &Path) -> Result<Option<FileStat>, SwapError> {
    let (parent, name) = open_parent(base, path)?;
    parent.look_up(name).map_err(system("look at", path))
}

fn open_parent<'p>(base: &Base, path: &'p Path) -> Result<(Folder, &'p OsStr), SwapError> {
    base.parent_of(path).map_err(system("open the directory of", path))
}

fn system(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SwapError + use<> {
    let path = path.to_owned();
    move |source| SwapError::System { doing, path, source }
}
