//! Whom a path can be trusted to: root alone, along the whole way to it.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::ConfigError;

const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Checks that `path` is a file or folder, not a link, that root owns and nobody else may write,
/// and that nobody else can put another one in its place.
///
/// # Errors
/// [`ConfigError::Untrusted`] names the first path on the way that breaks this.
pub fn check_root_owned(path: &Path) -> Result<(), ConfigError> {
    for (depth, place) in path.ancestors().enumerate() {
        let untrusted = |problem: String| ConfigError::Untrusted { path: place.into(), problem };
        let found = place.symlink_metadata().map_err(|error| untrusted(error.to_string()))?;
        if found.file_type().is_symlink() && depth == 0 {
            return Err(untrusted("is a symbolic link: give the real path".into()));
        }
        if found.uid() != nix::unistd::geteuid().as_raw() {
            let owner = found.uid();
            return Err(untrusted(format!(
                "belongs to uid {owner}, and must belong to root: `chown root:root` it"
            )));
        }
        let replaceable = found.mode() & WRITABLE_BY_OTHERS != 0;
        // In a sticky folder such as /tmp others may write, but not replace what is root's.
        let protected = depth > 0 && found.mode() & STICKY != 0;
        if replaceable && !protected && !found.file_type().is_symlink() {
            return Err(untrusted("may be written by others than root: `chmod go-w` it".into()));
        }
    }
    Ok(())
}

/// Checks that a file with a secret is root's and that nobody else may read it.
///
/// # Errors
/// [`ConfigError::Untrusted`], as [`check_root_owned`].
pub(super) fn check_root_only(path: &Path) -> Result<(), ConfigError> {
    check_root_owned(path)?;
    let untrusted = |problem: String| ConfigError::Untrusted { path: PathBuf::from(path), problem };
    let found = path.symlink_metadata().map_err(|error| untrusted(error.to_string()))?;
    if found.mode() & 0o077 != 0 {
        return Err(untrusted("holds a secret and is open to others: `chmod 600` it".into()));
    }
    Ok(())
}
