//! Subvolumes of btrfs: a site's tree may be one, for its quota and its snapshots. They are made by
//! btrfs-progs, since the kernel's own call cannot be made from safe code.

use std::{collections::BTreeMap, ffi::OsStr, io, os::fd::AsFd, path::Path, time::Duration};

use rustix::fs::{AtFlags, StatxFlags, fstat, fstatfs, statx};

use crate::{
    process::{Input, Moved, ProcessError, Program},
    stop::Stop,
};

const BTRFS: &str = "/usr/bin/btrfs";
const PATIENCE: Duration = Duration::from_secs(20);
/// statfs(2)'s word for btrfs.
const KIND: u64 = 0x9123_683e;
/// The inode number of every subvolume's root.
pub const ROOT_INODE: u64 = 256;

/// Why a subvolume was not made.
#[derive(Debug, thiserror::Error)]
pub enum SubvolumeError {
    /// The program could not be run.
    #[error("{BTRFS} is needed to make a subvolume; install Debian's package `btrfs-progs`")]
    Program(#[from] ProcessError),
    /// It failed.
    #[error("`btrfs subvolume create` said: {0}")]
    Failed(String),
}

/// Whether an open directory is the root of a subvolume.
pub fn is_one(folder: &impl AsFd) -> bool {
    let btrfs = fstatfs(folder).is_ok_and(|found| found.f_type as u64 == KIND);
    btrfs && fstat(folder).is_ok_and(|found| found.st_ino == ROOT_INODE)
}

/// A number for the entry of a folder whose inode is [`ROOT_INODE`]: that inode, or for a subvolume's
/// root the nanosecond at which it was made, which stays through crashes and reboots. One of two trees
/// that change places was made for it, so the moments differ.
///
/// # Errors
/// What statx(2) said.
pub fn number(folder: &impl AsFd, name: &OsStr) -> io::Result<u64> {
    if !fstatfs(folder).is_ok_and(|found| found.f_type as u64 == KIND) {
        return Ok(ROOT_INODE);
    }
    let found = statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BTIME)?;
    let made = found.stx_btime;
    let nanoseconds = made.tv_sec.unsigned_abs().wrapping_mul(1_000_000_000);
    // The highest bit is in no inode number of btrfs.
    Ok(nanoseconds.wrapping_add(made.tv_nsec.into()) | 1 << 63)
}

/// Whether subvolumes can be made.
pub fn can_be_made() -> bool {
    Path::new(BTRFS).exists()
}

/// Makes an empty subvolume.
///
/// # Errors
/// [`SubvolumeError`].
pub async fn make(path: &Path) -> Result<(), SubvolumeError> {
    let program = Program {
        name: "btrfs".into(),
        path: BTRFS.into(),
        args: vec!["subvolume".into(), "create".into(), "--".into(), path.display().to_string()],
        env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
        stdin: Input::default(),
        patience: PATIENCE,
    };
    let ended = program.start()?.wait(&Stop::default(), |_| Moved::Yes).await?;
    match ended.status.success() {
        true => Ok(()),
        false => Err(SubvolumeError::Failed(ended.stderr.trim().to_owned())),
    }
}
