//! The base directory of a site, held open: what is opened beneath it never follows a link out.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2},
    sys::stat::{FileStat, Mode, fstatat},
};

/// A site's base directory.
#[derive(Debug)]
pub struct Base {
    path: PathBuf,
    folder: File,
}

impl Base {
    /// Opens the base; a link in its place is refused.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
        let folder = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        Ok(Self { path: path.to_owned(), folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Makes its own entries durable.
    ///
    /// # Errors
    /// What fsync(2) said.
    pub fn sync(&self) -> io::Result<()> {
        self.folder.sync_all()
    }

    /// Opens something directly or further below, following no link and leaving no file system.
    ///
    /// # Errors
    /// ELOOP for a link on the way; whatever else openat2(2) says.
    pub fn open_below(&self, path: &Path, how: OpenHow) -> io::Result<OwnedFd> {
        let beneath = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS
            | ResolveFlag::RESOLVE_NO_XDEV;
        Ok(openat2(self.as_fd(), path, how.resolve(beneath))?)
    }

    /// Opens a directory, given by its absolute path inside the base.
    ///
    /// # Errors
    /// As [`Self::open_below`]; ENOTDIR if it is something else.
    pub fn open_folder(&self, path: &Path) -> io::Result<OwnedFd> {
        let below = path.strip_prefix(&self.path).map_err(|_| self.outside(path))?;
        let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC);
        self.open_below(below, how)
    }

    fn outside(&self, path: &Path) -> io::Error {
        io::Error::other(format!("{} is not inside {}", path.display(), self.path.display()))
    }

    /// The directory that holds `path`, an absolute path inside the base, and its name there.
    ///
    /// # Errors
    /// As [`Self::open_below`].
    pub fn parent_of<'p>(&self, path: &'p Path) -> io::Result<(Folder, &'p OsStr)> {
        let outside = || self.outside(path);
        let below = path.strip_prefix(&self.path).map_err(|_| outside())?;
        let (parent, name) = below.parent().zip(below.file_name()).ok_or_else(outside)?;
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC);
        Ok((Folder(self.open_below(parent, how)?.into()), name))
    }
}

/// A directory held open.
#[derive(Debug)]
pub struct Folder(File);

impl Folder {
    /// Its descriptor.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Makes its entries durable.
    ///
    /// # Errors
    /// What fsync(2) said.
    pub fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    /// Opens a directory in it; a link in its place is refused.
    ///
    /// # Errors
    /// What openat(2) said.
    pub fn open_tree(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::empty())?)
    }

    /// What a name in it is now, a link itself if it is one; `None` if there is nothing.
    ///
    /// # Errors
    /// What fstatat(2) said.
    pub fn look_up(&self, name: &OsStr) -> io::Result<Option<FileStat>> {
        match fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}
