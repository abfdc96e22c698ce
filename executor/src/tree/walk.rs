//! A walk through a tree that somebody else may be changing: by descriptor, following no link.

use std::{
    ffi::{CString, OsStr},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::{FileStat, Mode, fstat, fstatat},
};

use super::Kind;

/// Something in the tree, or its root.
#[derive(Debug)]
pub struct Found<'a> {
    /// The directory it is in; for the root itself, the root.
    pub folder: BorrowedFd<'a>,
    /// Its name there; `.` for the root.
    pub name: &'a CString,
    /// Its path, relative to the root; empty for the root.
    pub path: &'a Path,
    /// What lstat says.
    pub stat: FileStat,
}

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// Something could not be looked at.
    #[error("{}", .path.display())]
    Look {
        /// Where, relative to the root.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The visitor had seen enough.
    #[error("the walk was ended")]
    Ended,
}

/// Whether and where the walk goes on.
pub type Onward = Result<Next, WalkError>;

/// Where a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Into what was found, if it is a directory.
    Into,
    /// Past it.
    Past,
}

const FOLDER: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// One open directory on the way down: its descriptor, the names still to visit, the length of
/// its path.
struct Level {
    folder: OwnedFd,
    names: std::vec::IntoIter<CString>,
}

/// Visits the root, an open directory, and all below it, a directory before what is in it. What vanishes during the
/// walk is passed over; a directory that turned into a link is not entered.
///
/// # Errors
/// [`WalkError`] of the first thing that could not be looked at, or of the visitor.
pub fn walk(root: OwnedFd, visit: &mut dyn FnMut(&Found<'_>) -> Onward) -> Result<(), WalkError> {
    let mut path = PathBuf::new();
    let folder = root;
    let stat = fstat(&folder).map_err(|errno| look(&path, errno.into()))?;
    visit(&Found { folder: folder.as_fd(), name: &c".".to_owned(), path: &path, stat })?;
    let mut levels = vec![Level { names: names_in(&folder, &path)?, folder }];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.next() else {
            levels.pop();
            path.pop();
            continue;
        };
        path.push(OsStr::from_bytes(name.as_bytes()));
        let stat = match fstatat(&level.folder, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::ENOENT) => {
                path.pop();
                continue;
            }
            Err(errno) => return Err(look(&path, errno.into())),
        };
        let next = visit(&Found { folder: level.folder.as_fd(), name: &name, path: &path, stat })?;
        if Kind::of(&stat) != Kind::Folder || next == Next::Past {
            path.pop();
            continue;
        }
        match openat(&level.folder, name.as_c_str(), FOLDER, Mode::empty()) {
            Ok(folder) => levels.push(Level { names: names_in(&folder, &path)?, folder }),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR) => {
                path.pop();
            }
            Err(errno) => return Err(look(&path, errno.into())),
        }
    }
    Ok(())
}

fn look(path: &Path, source: io::Error) -> WalkError {
    WalkError::Look { path: path.to_owned(), source }
}

fn names_in(folder: &OwnedFd, path: &Path) -> Result<std::vec::IntoIter<CString>, WalkError> {
    let failed = |errno: Errno| look(path, errno.into());
    // A descriptor of its own, since reading moves its offset and closing it closes the stream.
    let own = openat(folder, c".", FOLDER, Mode::empty()).map_err(failed)?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(own).map_err(failed)?.iter() {
        let entry = entry.map_err(failed)?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names.into_iter())
}

/// The path through `/proc` of an entry, for calls that have no form with a descriptor.
pub(super) fn proc_path(found: &Found<'_>) -> PathBuf {
    use std::os::fd::AsRawFd;
    let mut path = format!("/proc/self/fd/{}/", found.folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(found.name.as_bytes());
    PathBuf::from(std::ffi::OsString::from_vec(path))
}
