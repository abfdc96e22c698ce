//! A restored tree made harmless before it goes live.
//!
//! restic recreates what it saved: setuid files, devices, capabilities. A tenant who could ever
//! get one into a backup must not get it back live. The tree is in a folder that only root can
//! enter, so nothing changes under the walk.

use std::{
    collections::BTreeMap,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::AtFlags,
    sys::{
        stat::{FchmodatFlags, Mode, fchmodat, fstat, futimens},
        time::TimeSpec,
    },
    unistd::{Gid, Uid, UnlinkatFlags, fchownat, unlinkat},
};

use super::{
    measure::{Kind, TreeSum},
    walk::{Found, Next, WalkError, proc_path, walk},
};
use crate::{config::Owners, stop::Stop};

const SETUID_SETGID: u32 = 0o6000;

/// What was done to a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sanitized {
    /// The tree as it was before: what restic wrote.
    pub was: TreeSum,
    /// Devices, FIFOs and sockets that were removed.
    pub removed: u64,
    /// Regular files that lost their setuid or setgid bit.
    pub disarmed: u64,
    /// Entries that lost a `security.*` attribute.
    pub stripped: u64,
    /// Entries that were given to the owner of the configuration.
    pub chowned: u64,
}

/// Sums the tree up as it is, and makes each entry harmless behind the sum.
///
/// # Errors
/// [`WalkError::Look`] names the entry; [`WalkError::Ended`] on a stop.
pub fn sum_and_sanitize(
    root: OwnedFd,
    owners: Option<&Owners>,
    stop: &Stop,
) -> Result<Sanitized, WalkError> {
    let mut done = Sanitized::default();
    let mut seen = BTreeMap::new();
    walk(root, &mut |found| {
        if stop.is_requested() {
            return Err(WalkError::Ended);
        }
        // Under its second name a file has been mended already: what it was counts.
        let several = found.stat.st_nlink > 1 && Kind::of(&found.stat) != Kind::Folder;
        let was = match several {
            true => *seen.entry(found.stat.st_ino).or_insert(found.stat),
            false => found.stat,
        };
        done.was.add_found(&Found { stat: was, ..*found });
        sanitize(found, owners, &mut done)
            .map(|()| Next::Into)
            .map_err(|source| WalkError::Look { path: PathBuf::from(found.path), source })
    })?;
    Ok(done)
}

fn sanitize(found: &Found<'_>, owners: Option<&Owners>, done: &mut Sanitized) -> io::Result<()> {
    let name = found.name.as_c_str();
    let kind = Kind::of(&found.stat);
    if matches!(kind, Kind::Device | Kind::Fifo | Kind::Socket) {
        remove_unseen(found)?;
        done.removed += 1;
        return Ok(());
    }
    if let Some(owners) = owners {
        let keep = |id: u32| owners.allowed.contains(&id);
        let (uid, gid) = (found.stat.st_uid, found.stat.st_gid);
        if !keep(uid) || !keep(gid) {
            let uid = if keep(uid) { uid } else { owners.otherwise };
            let gid = if keep(gid) { gid } else { owners.otherwise };
            let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            fchownat(found.folder, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            done.chowned += 1;
        }
    }
    if kind == Kind::File && found.stat.st_mode & SETUID_SETGID != 0 {
        let mode = Mode::from_bits_truncate(found.stat.st_mode & 0o7777 & !SETUID_SETGID);
        fchmodat(found.folder, name, mode, FchmodatFlags::FollowSymlink)?;
        done.disarmed += 1;
    }
    if strip_security(&proc_path(found))? {
        done.stripped += 1;
    }
    Ok(())
}

/// Removes an entry; the directory it was in keeps the time at which the customer changed it.
fn remove_unseen(found: &Found<'_>) -> io::Result<()> {
    let folder = fstat(found.folder)?;
    unlinkat(found.folder, found.name.as_c_str(), UnlinkatFlags::NoRemoveDir)?;
    let accessed = TimeSpec::new(folder.st_atime, folder.st_atime_nsec);
    let modified = TimeSpec::new(folder.st_mtime, folder.st_mtime_nsec);
    Ok(futimens(found.folder, &accessed, &modified)?)
}

/// Removes every `security.*` attribute; tells whether there was one.
fn strip_security(path: &Path) -> io::Result<bool> {
    let names = match xattr::list(path) {
        Ok(names) => names,
        Err(error) if error.raw_os_error() == Some(Errno::ENOTSUP as i32) => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut stripped = false;
    for name in names.filter(|name| name.as_bytes().starts_with(b"security.")) {
        match xattr::remove(path, &name) {
            Ok(()) => stripped = true,
            // A label that the host's own security module puts on every file.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(stripped)
}
