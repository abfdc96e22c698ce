//! What is mounted where, as this process sees it.

use std::{ffi::OsString, io, os::unix::ffi::OsStringExt, path::PathBuf};

/// The kernel's table of mounts: proc_pid_mountinfo(5).
pub const TABLE: &str = "/proc/self/mountinfo";

/// Every mount point.
///
/// # Errors
/// If the table cannot be read.
pub fn mount_points() -> io::Result<Vec<PathBuf>> {
    let table = std::fs::read(TABLE)?;
    Ok(table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|field| PathBuf::from(OsString::from_vec(unescape(field))))
        .collect())
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
