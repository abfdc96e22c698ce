//! What a tree is, in numbers: how many entries and bytes, and one sum over names and metadata
//! that two trees share only if they are the same.

use std::{
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
};

use nix::sys::stat::{FileStat, SFlag};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    marks::Marks,
    walk::{Found, Next, WalkError, walk},
};
use crate::stop::Stop;

/// The blocks that file systems give out, nearly everywhere.
const BLOCK_BYTES: u64 = 4096;

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
}

impl Kind {
    /// The kind that lstat tells.
    pub fn of(stat: &FileStat) -> Self {
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => Self::Folder,
            SFlag::S_IFLNK => Self::Link,
            SFlag::S_IFIFO => Self::Fifo,
            SFlag::S_IFSOCK => Self::Socket,
            SFlag::S_IFBLK | SFlag::S_IFCHR => Self::Device,
            _ => Self::File,
        }
    }
}

/// One entry, as both the disk and a listing of the snapshot tell it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Relative to the root of the tree, each undecodable byte as U+FFFD, as Go's JSON has it.
    pub path: &'a str,
    /// Its kind.
    pub kind: Kind,
    /// Bytes of a regular file, else 0.
    pub bytes: u64,
    /// Permissions with setuid, setgid and sticky bits; 0 for a link, whose mode means nothing.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// How large a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Size {
    /// Files, directories, links and whatever else, the root included.
    pub entries: u64,
    /// Bytes in regular files.
    pub bytes: u64,
    /// Bytes on a disk with blocks of 4 KiB, holes not deducted.
    pub disk_bytes: u64,
}

impl Size {
    /// Takes one more entry in.
    pub fn add(&mut self, entry: &Entry<'_>) {
        self.add_kind(entry.kind, entry.bytes);
    }

    /// This without what the other counts.
    pub fn without(self, other: Self) -> Self {
        Self {
            entries: self.entries.saturating_sub(other.entries),
            bytes: self.bytes.saturating_sub(other.bytes),
            disk_bytes: self.disk_bytes.saturating_sub(other.disk_bytes),
        }
    }

    fn add_kind(&mut self, kind: Kind, bytes: u64) {
        self.entries += 1;
        if kind == Kind::File {
            self.bytes = self.bytes.saturating_add(bytes);
            let blocks = bytes.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES);
            self.disk_bytes = self.disk_bytes.saturating_add(blocks);
        } else {
            self.disk_bytes = self.disk_bytes.saturating_add(BLOCK_BYTES);
        }
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            bytes: self.bytes.saturating_add(other.bytes),
            disk_bytes: self.disk_bytes.saturating_add(other.disk_bytes),
        }
    }
}

/// A tree's size, and a sum over every entry that does not depend on their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeSum {
    /// How large it is.
    pub size: Size,
    /// Two halves of SHA-256 over each entry, added up each for itself.
    sum: [u64; 2],
}

impl TreeSum {
    /// Takes one more entry in.
    pub fn add(&mut self, entry: &Entry<'_>) {
        self.size.add(entry);
        let Entry { path, kind, bytes, mode, uid, gid } = entry;
        let line = format!("{kind:?}\0{bytes}\0{mode:o}\0{uid}\0{gid}\0{path}");
        let digest = Sha256::digest(line.as_bytes());
        for (sum, bytes) in self.sum.iter_mut().zip(digest.chunks_exact(8)) {
            let half = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(half);
        }
    }

    /// Takes in what a walk found.
    pub(super) fn add_found(&mut self, found: &Found<'_>) {
        let kind = Kind::of(&found.stat);
        self.add(&Entry {
            path: &as_json_text(found.path.as_os_str().as_bytes()),
            kind,
            bytes: if kind == Kind::File { found.stat.st_size as u64 } else { 0 },
            mode: if kind == Kind::Link { 0 } else { found.stat.st_mode & 0o7777 },
            uid: found.stat.st_uid,
            gid: found.stat.st_gid,
        });
    }
}

/// Bytes as text, each byte that is not part of UTF-8 one U+FFFD: encoding/json of Go does so,
/// while `from_utf8_lossy` puts one for several.
fn as_json_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n(char::REPLACEMENT_CHARACTER, chunk.invalid().len()));
    }
    text
}

/// Measures a live tree, which may change meanwhile, without what is excluded by its path; what is
/// excluded by a pattern counts. Ends early once it is larger than `limit`. Says as well which entries
/// have flags that they would not inherit.
///
/// # Errors
/// [`WalkError::Look`] if something cannot be looked at, [`WalkError::Ended`] on a stop.
pub fn measure_live(
    root: OwnedFd,
    excludes: &[String],
    limit: Option<u64>,
    stop: &Stop,
) -> Result<(Size, Marks), WalkError> {
    let mut size = Size::default();
    let mut marks = Marks::default();
    let walked = walk(root, &mut |found| {
        if excludes.iter().any(|exclude| found.path == Path::new(exclude)) {
            return Ok(Next::Past);
        }
        marks.add(found);
        size.add_kind(Kind::of(&found.stat), found.stat.st_size as u64);
        let too_large = limit.is_some_and(|limit| size.bytes > limit);
        if too_large || stop.is_requested() { Err(WalkError::Ended) } else { Ok(Next::Into) }
    });
    match walked {
        Err(WalkError::Ended) if !stop.is_requested() => Ok((size, marks)),
        walked => walked.map(|()| (size, marks)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(entries: &[(&str, u32)]) -> TreeSum {
        let mut sum = TreeSum::default();
        for (path, mode) in entries {
            let kind = Kind::File;
            sum.add(&Entry { path, kind, bytes: 1, mode: *mode, uid: 0, gid: 0 });
        }
        sum
    }

    #[test]
    fn the_sum_tells_trees_apart_and_not_orders() {
        assert_eq!(sum(&[("a", 1), ("b", 2)]), sum(&[("b", 2), ("a", 1)]));
        assert_ne!(sum(&[("a", 1), ("b", 2)]), sum(&[("a", 2), ("b", 1)]));
        assert_ne!(sum(&[("a", 1)]), sum(&[("b", 1)]));
    }

    #[test]
    fn undecodable_names_read_as_go_writes_them() {
        assert_eq!(as_json_text(b"b\xff\"\xe2\x82x"), "b\u{fffd}\"\u{fffd}\u{fffd}x");
    }
}
