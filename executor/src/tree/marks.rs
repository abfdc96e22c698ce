//! Marks: entries of a tree whose flags of chattr(1) are others than they would inherit. Saved with the
//! tree, since restic saves none of them, and set again on what it has restored.

use std::{
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path},
};

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2},
    sys::stat::{Mode, fstat},
};
use serde::{Deserialize, Serialize};

use super::{
    flags::{Attributes, Flags},
    measure::Kind,
    walk::Found,
};

/// So many are saved of one tree.
const MOST: usize = 10_000;

/// Flags of a folder that come back: append-only, no time of access, compressed, no copy on write, not
/// dumped, names without case, immutable, written at once. `E` says that it is encrypted.
const OF_FOLDERS: &str = "aAcCdEFiS";
/// Those of a file: what statx(2) tells without opening it.
const OF_FILES: &str = "acdEi";
/// What a new entry takes from its folder.
const INHERITED: &str = "AcCdEFS";
/// What only an empty folder can take on, or what counts for what is made in it later.
const BEFOREHAND: &str = "cCF";

/// The flags of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Relative to the root of the tree; empty for the root.
    pub path: String,
    /// The letters of chattr(1), all that the entry has of those that come back.
    pub flags: String,
    /// Letters that it would inherit and has not, of those that an empty folder alone can do without.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub without: String,
}

/// The marks of one tree, as a walk finds them.
#[derive(Debug, Default)]
pub struct Marks {
    /// In the order of the walk: a folder before what is in it.
    pub found: Vec<Mark>,
    /// Entries whose mark is not saved, since there are too many or their name is no text.
    pub left_out: u64,
    /// The flags of the folders on the way down.
    above: Vec<Flags>,
}

impl Marks {
    /// Takes in what a walk found. What cannot be looked at has no mark.
    pub(super) fn add(&mut self, found: &Found<'_>) {
        let depth = found.path.components().count();
        self.above.truncate(depth);
        let folder = match Kind::of(&found.stat) {
            Kind::Folder => true,
            Kind::File => false,
            _ => return,
        };
        let of = Flags::of_letters(if folder { OF_FOLDERS } else { OF_FILES });
        let own = flags_of(found, folder).and(of);
        let above = self.above.last().copied().unwrap_or_default();
        let own = match depth {
            // A root that is protected cannot change places.
            0 => own.without(Flags::PROTECTING),
            _ => own,
        };
        let inherited = above.and(of).and(Flags::of_letters(INHERITED));
        if own != inherited {
            match found.path.to_str().filter(|_| self.found.len() < MOST) {
                Some(path) => {
                    let without = inherited.without(own).and(Flags::of_letters(BEFOREHAND));
                    let without = if folder { without.letters() } else { String::new() };
                    self.found.push(Mark { path: path.to_owned(), flags: own.letters(), without });
                }
                None => self.left_out += 1,
            }
        }
        if folder {
            self.above.push(own);
        }
    }
}

fn flags_of(found: &Found<'_>, folder: bool) -> Flags {
    let name = found.name.as_c_str();
    if !folder {
        return Attributes::at(found.folder, name).map(Attributes::flags).unwrap_or_default();
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = openat(found.folder, name, flags, Mode::empty());
    opened.ok().and_then(|opened| Flags::read(&opened).ok()).unwrap_or_default()
}

impl Mark {
    /// Whether it is the mark of a folder that must have it before anything is in it.
    pub fn is_beforehand(&self) -> bool {
        !self.flags().or(self.missing()).and(Flags::of_letters(BEFOREHAND)).is_empty()
    }

    /// Whether it says that the entry was encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.flags.contains('E')
    }

    /// Whether its path leads nowhere but into the tree.
    pub fn is_inside(&self) -> bool {
        let inside = |part| matches!(part, Component::Normal(_));
        Path::new(&self.path).components().all(inside)
    }

    /// Sets what an empty folder must have.
    ///
    /// # Errors
    /// What the system said, such as EOPNOTSUPP where there is no such flag.
    pub fn set_beforehand(&self, folder: impl AsFd) -> std::io::Result<()> {
        let wanted = self.flags().and(Flags::of_letters(BEFOREHAND));
        Flags::read(&folder)?.without(self.missing()).or(wanted).set(&folder)
    }

    /// Sets it on its entry below the root of the tree; done already, it does nothing.
    ///
    /// # Errors
    /// What the system said.
    pub fn set(&self, root: &OwnedFd) -> std::io::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let beneath = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS
            | ResolveFlag::RESOLVE_NO_XDEV;
        let path = if self.path.is_empty() { "." } else { &self.path };
        let how = OpenHow::new().flags(flags).resolve(beneath);
        let entry = openat2(root, Path::new(std::ffi::OsStr::from_bytes(path.as_bytes())), how)?;
        let folder = Kind::of(&fstat(&entry)?) == Kind::Folder;
        let known = Flags::of_letters(if folder { OF_FOLDERS } else { OF_FILES });
        let mut wanted = self.flags().and(known).without(Flags::of_letters("E"));
        if self.path.is_empty() {
            wanted = wanted.without(Flags::PROTECTING);
        }
        let now = Flags::read(&entry)?;
        match now.and(known).without(Flags::of_letters("E")) == wanted {
            true => Ok(()),
            false => now.without(known).or(now.and(Flags::of_letters("EF"))).or(wanted).set(&entry),
        }
    }

    fn missing(&self) -> Flags {
        Flags::of_letters(&self.without).and(Flags::of_letters(BEFOREHAND))
    }

    fn flags(&self) -> Flags {
        Flags::of_letters(&self.flags).and(Flags::of_letters(OF_FOLDERS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_never_leads_out_of_its_tree() {
        let mark =
            |path: &str| Mark { path: path.into(), flags: "i".into(), without: String::new() };
        assert!(mark("").is_inside() && mark("a/b").is_inside());
        assert!(
            !mark("../x").is_inside() && !mark("/x").is_inside() && !mark("a/../../x").is_inside()
        );
    }

    #[test]
    fn letters_that_never_come_back_are_passed_over() {
        let mark = Mark { path: String::new(), flags: "PijF".into(), without: String::new() };
        assert_eq!(mark.flags(), Flags::of_letters("iF"));
        assert!(mark.is_beforehand());
    }
}
