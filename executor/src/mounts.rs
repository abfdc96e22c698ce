//! What is mounted where, as this process sees it.

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// The kernel's table of mounts: proc_pid_mountinfo(5).
pub const TABLE: &str = "/proc/self/mountinfo";

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The numbers of its file system, `major:minor`.
    pub device: String,
    /// The directory of that file system that is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
}

/// Every mount point.
///
/// # Errors
/// If the table cannot be read.
pub fn mount_points() -> io::Result<Vec<PathBuf>> {
    Ok(table(Path::new(TABLE))?.into_iter().map(|mount| mount.point).collect())
}

/// Every mount of a table, such as [`TABLE`] or another process' one.
///
/// # Errors
/// If it cannot be read.
pub fn table(path: &Path) -> io::Result<Vec<Mount>> {
    let table = std::fs::read(path)?;
    let path = |field: &[u8]| PathBuf::from(OsString::from_vec(unescape(field)));
    let mount = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        let (device, root, point) = (fields.next()?, fields.next()?, fields.next()?);
        let device = String::from_utf8_lossy(device).into_owned();
        Some(Mount { device, root: path(root), point: path(point) })
    };
    Ok(table.split(|byte| *byte == b'\n').filter_map(mount).collect())
}

/// Space, tab, line end and backslash stand as `\040` and the like.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (first, octal) {
            (b'\\', Some(byte)) => {
                plain.push(byte);
                rest = &tail[3..];
            }
            _ => {
                plain.push(first);
                rest = tail;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_in_a_mount_point_is_read_as_a_space() {
        assert_eq!(unescape(br"/srv/my\040site\134x"), br"/srv/my site\x");
    }
}
