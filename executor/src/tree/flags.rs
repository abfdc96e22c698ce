//! The flags of chattr(1): read by statx(2), read and set by ioctl_iflags(2).
//!
//! Only root can set the two that protect: immutable and append-only. Nothing here follows a link.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::fs::{
    AtFlags, IFlags, Statx, StatxAttributes, StatxFlags, ioctl_getflags, ioctl_setflags, statx,
};

/// FS_CASEFOLD_FL, which rustix does not name.
const CASEFOLD: u32 = 0x4000_0000;

/// FS_ENCRYPT_FL, which chattr(1) can read alone.
const ENCRYPTED: u32 = 0x800;

/// The letters of chattr(1), in its order.
const LETTERS: [(u32, char); 10] = [
    (IFlags::APPEND.bits(), 'a'),
    (IFlags::NOATIME.bits(), 'A'),
    (IFlags::COMPRESSED.bits(), 'c'),
    (IFlags::NOCOW.bits(), 'C'),
    (IFlags::NODUMP.bits(), 'd'),
    (ENCRYPTED, 'E'),
    (CASEFOLD, 'F'),
    (IFlags::IMMUTABLE.bits(), 'i'),
    (IFlags::PROJECT_INHERIT.bits(), 'P'),
    (IFlags::SYNC.bits(), 'S'),
];

/// Flags of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    /// Immutable and append-only: an entry that has one can be neither renamed nor removed.
    pub const PROTECTING: Self = Self(IFlags::IMMUTABLE.bits() | IFlags::APPEND.bits());

    /// What chattr(1) calls by these letters.
    pub fn of_letters(letters: &str) -> Self {
        let bit = |letter| LETTERS.iter().find(|(_, known)| *known == letter).map(|(bit, _)| *bit);
        Self(letters.chars().filter_map(bit).fold(0, |bits, bit| bits | bit))
    }

    /// The letters of chattr(1); flags that it cannot set have none.
    pub fn letters(self) -> String {
        LETTERS.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, letter)| letter).collect()
    }

    /// Those that both have.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that this has and the other has not.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Those that either has.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Reads all flags of an open file or directory; none where the file system has none.
    ///
    /// # Errors
    /// What the system said.
    pub fn read(entry: impl AsFd) -> io::Result<Self> {
        match ioctl_getflags(entry) {
            Ok(flags) => Ok(Self(flags.bits())),
            Err(error) if has_none(error) => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes these the flags of an open file or directory.
    ///
    /// # Errors
    /// EPERM without CAP_LINUX_IMMUTABLE, EOPNOTSUPP where there is no such flag, and the like.
    pub fn set(self, entry: impl AsFd) -> io::Result<()> {
        Ok(ioctl_setflags(entry, IFlags::from_bits_retain(self.0))?)
    }
}

fn has_none(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    [Errno::NOTTY, Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL].contains(&error)
}

/// What statx(2) says of an entry beyond lstat(2). It needs no right to open the entry.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    attributes: StatxAttributes,
}

impl Attributes {
    /// Of a name in a directory, of a link itself if it is one.
    ///
    /// # Errors
    /// What the system said.
    pub fn at(folder: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Self> {
        Ok(Self::of(&statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::INO)?))
    }

    /// Of an open descriptor.
    ///
    /// # Errors
    /// What the system said.
    pub fn of_open(entry: &OwnedFd) -> io::Result<Self> {
        Ok(Self::of(&statx(entry, c"", AtFlags::EMPTY_PATH, StatxFlags::INO)?))
    }

    fn of(found: &Statx) -> Self {
        Self { attributes: found.stx_attributes }
    }

    /// Those flags that statx(2) knows.
    pub fn flags(self) -> Flags {
        let known = [
            (StatxAttributes::IMMUTABLE, IFlags::IMMUTABLE.bits()),
            (StatxAttributes::APPEND, IFlags::APPEND.bits()),
            (StatxAttributes::COMPRESSED, IFlags::COMPRESSED.bits()),
            (StatxAttributes::NODUMP, IFlags::NODUMP.bits()),
            (StatxAttributes::ENCRYPTED, ENCRYPTED),
        ];
        let there = known.iter().filter(|(attribute, _)| self.attributes.contains(*attribute));
        Flags(there.fold(0, |bits, (_, bit)| bits | bit))
    }

    /// Immutable and append-only, as far as the entry has them.
    pub fn protection(self) -> Flags {
        self.flags().and(Flags::PROTECTING)
    }

    /// Whether something is mounted here.
    pub fn is_mount(self) -> bool {
        self.attributes.contains(StatxAttributes::MOUNT_ROOT)
    }

    /// Whether it lies encrypted by fscrypt.
    pub fn is_encrypted(self) -> bool {
        self.attributes.contains(StatxAttributes::ENCRYPTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_of_chattr() {
        assert_eq!(Flags::of_letters("ia"), Flags::PROTECTING);
        assert_eq!(Flags::of_letters("PiFdz").letters(), "dFiP");
        assert!(Flags::of_letters("").is_empty());
        assert_eq!(Flags::of_letters("id").without(Flags::PROTECTING), Flags::of_letters("d"));
    }
}
