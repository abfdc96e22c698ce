//! The door: `.maintenance` in the base directory. While it is there, nginx answers 503.

use std::{
    fs::{File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use holdfast_job::JobId;
use nix::{
    fcntl::{OFlag, OpenHow},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat},
};

use crate::base::Base;

/// The flag's name; the nginx rule of the host looks for it.
pub const FLAG: &str = ".maintenance";

/// Whose flag is at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// None: the site is open.
    Absent,
    /// This job's.
    Ours,
    /// A regular file of somebody else's: an operator closed the site by hand.
    Foreign,
    /// Something that is no regular file, for which nginx does not close.
    NoFile,
}

/// Looks whose flag is there. An empty file is ours if we had begun to close: see [`close`].
///
/// # Errors
/// What the system said.
pub fn look(base: &Base, job: JobId) -> io::Result<Flag> {
    let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC);
    let mut file = match base.open_below(Path::new(FLAG), how) {
        Ok(file) => File::from(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Flag::Absent),
        // A link, and a socket or a device without a driver.
        Err(error)
            if [nix::errno::Errno::ELOOP as i32, nix::errno::Errno::ENXIO as i32]
                .contains(&error.raw_os_error().unwrap_or_default()) =>
        {
            return Ok(Flag::NoFile);
        }
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(Flag::NoFile);
    }
    let mut text = String::new();
    // What is no text is not ours.
    let read = Read::take(&mut file, 4096).read_to_string(&mut text);
    Ok(if read.is_ok() && (text.is_empty() || text.contains(&job.to_string())) {
        Flag::Ours
    } else {
        Flag::Foreign
    })
}

/// Closes the site and makes that durable. Closed already by this job, it stays so.
///
/// The caller has looked before, and written into the journal that there was no flag: one that is
/// empty is then this job's, whose writing a crash cut short.
///
/// # Errors
/// What the system said; also if something that is not ours has come in between.
pub fn close(base: &Base, job: JobId) -> io::Result<()> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let how = OpenHow::new().flags(flags).mode(Mode::from_bits_truncate(0o644));
    match base.open_below(Path::new(FLAG), how) {
        Ok(file) => {
            let mut file = File::from(file);
            // Whoever shows a page of their own by it may read it: the umask is for secrets.
            file.set_permissions(Permissions::from_mode(0o644))?;
            writeln!(file, "closed by holdfast for job {job}")?;
            file.sync_all()?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if look(base, job)? != Flag::Ours {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    base.sync()
}

/// Opens the site if this job closed it. Somebody else's flag stays.
///
/// # Errors
/// What the system said.
pub fn open(base: &Base, job: JobId) -> io::Result<()> {
    if look(base, job)? == Flag::Ours {
        unlinkat(base.as_fd(), FLAG, UnlinkatFlags::NoRemoveDir)?;
        base.sync()?;
    }
    Ok(())
}
