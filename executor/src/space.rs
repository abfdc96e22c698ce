//! Room on a disk: what is free, what is needed, and the sentence that says how much is missing.

use std::{io, path::Path};

use nix::sys::statvfs::statvfs;

use crate::tree::Size;

/// What is free on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Free {
    /// Bytes; those set aside for root are not counted.
    pub bytes: u64,
    /// Inodes; `None` where the file system has no fixed number.
    pub inodes: Option<u64>,
}

impl Free {
    /// What is free where `path` is.
    ///
    /// # Errors
    /// What statvfs(3) said.
    pub fn at(path: &Path) -> io::Result<Self> {
        let found = statvfs(path)?;
        Ok(Self {
            bytes: found.blocks_available().saturating_mul(found.fragment_size()),
            inodes: (found.files() > 0).then(|| found.files_available()),
        })
    }
}

/// How much is missing for a tree of this size, leaving `leave` bytes free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// Bytes.
    #[error(
        "{missing} bytes are missing: {needed} are needed, {leave} must stay free, {free} are free"
    )]
    Bytes {
        /// How many more are needed.
        missing: u64,
        /// What the tree takes.
        needed: u64,
        /// What must stay free.
        leave: u64,
        /// What is free.
        free: u64,
    },
    /// Inodes.
    #[error("{missing} inodes are missing: {needed} are needed, {free} are free")]
    Inodes {
        /// How many more are needed.
        missing: u64,
        /// What the tree takes.
        needed: u64,
        /// What is free.
        free: u64,
    },
}

/// Whether a tree fits.
///
/// # Errors
/// [`Shortage`] if it does not.
pub fn fits(size: Size, leave: u64, free: Free) -> Result<(), Shortage> {
    let needed = size.disk_bytes;
    let missing = needed.saturating_add(leave).saturating_sub(free.bytes);
    if missing > 0 {
        return Err(Shortage::Bytes { missing, needed, leave, free: free.bytes });
    }
    match free.inodes {
        Some(inodes) if inodes < size.entries => Err(Shortage::Inodes {
            missing: size.entries - inodes,
            needed: size.entries,
            free: inodes,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_to_the_byte() {
        let size = Size { entries: 10, bytes: 900, disk_bytes: 1000 };
        let free = |bytes, inodes| Free { bytes, inodes };
        assert_eq!(fits(size, 24, free(1024, Some(10))), Ok(()));
        let short = fits(size, 24, free(1023, None)).unwrap_err();
        assert!(short.to_string().starts_with("1 bytes are missing"), "{short}");
        let short = fits(size, 24, free(1024, Some(7))).unwrap_err();
        assert!(short.to_string().starts_with("3 inodes are missing"), "{short}");
    }
}
