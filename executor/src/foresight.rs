//! Foresight: what would keep a site's trees from changing places, found on the live things themselves
//! while the door is open.
//!
//! The kernel is asked where it can be: a tree is tried to be renamed onto a folder that is not empty,
//! which is refused for that reason only where nothing else stands in the way. What it would say of the
//! other direction is compared here. It knows neither plans nor journals.

use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, OFlag, OpenHow, RenameFlags, renameat, renameat2},
    sys::stat::SFlag,
};

use crate::{
    aside::Aside,
    base::Base,
    failure::chain,
    project::{Project, ProjectError},
    subvolume,
    tree::{Attributes, Flags},
};

/// A tree that is to change places.
#[derive(Debug, Clone, Copy)]
pub struct Swapped<'a> {
    /// Where it lives.
    pub live: &'a Path,
    /// The tree that is to come, if it is there already: one in an undo copy.
    pub kept: Option<&'a Path>,
}

/// One thing that stands in the way.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// A flag of chattr(1).
    #[error(
        "{} is protected (chattr +{flags}), and nothing of it can change places: lift that by \
         `chattr -{flags} {}` and order again", .path.display(), .path.display()
    )]
    Protected {
        /// What has it.
        path: PathBuf,
        /// The letters.
        flags: String,
    },
    /// The kernel takes no other project into a folder whose project is inherited.
    #[error(
        "{} is of project {}, and {} takes in project {} alone (chattr +P): give both the same by \
         `chattr -p`, or lift that by `chattr -P {}`, and order again",
        .tree.display(), .tree_id, .folder.display(), .folder_id, .folder.display()
    )]
    Project {
        /// The tree.
        tree: PathBuf,
        /// Its project.
        tree_id: u32,
        /// The folder that it would go into.
        folder: PathBuf,
        /// That one's project.
        folder_id: u32,
    },
    /// Encryption by fscrypt that the other tree would not have.
    #[error(
        "{} lies encrypted (fscrypt) and {} does not, or the other way round: what is restored would \
         lie otherwise than what it replaces. Encrypt the site's base directory, and nothing below it \
         by itself", .live.display(), .aside.display()
    )]
    Encrypted {
        /// The live tree.
        live: PathBuf,
        /// Where the other tree is.
        aside: PathBuf,
    },
    /// A subvolume that could not be made anew.
    #[error(
        "{} is a btrfs subvolume, and what is restored could not become one: install Debian's package \
         `btrfs-progs`", .0.display()
    )]
    Subvolume(PathBuf),
    /// The file system has no exchange.
    #[error(
        "{}: the exchange is refused here: network and FUSE file systems have none: keep the sites on \
         a local one", .at.display()
    )]
    NoExchange {
        /// Where it was tried.
        at: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel refuses to move this tree.
    #[error("{} cannot change places: {advice}", .live.display())]
    Refused {
        /// The tree.
        live: PathBuf,
        /// The usual reason.
        advice: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Something could not be looked at.
    #[error("look at {}", .path.display())]
    Look {
        /// At what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Projects could not be read.
    #[error(transparent)]
    Unknown(#[from] ProjectError),
}

impl Obstacle {
    /// Whether the same order may find it gone without anybody's doing.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Look { source, .. } if reason(source).is_none())
    }

    /// The sentence for an operator, causes included.
    pub fn text(&self) -> String {
        chain(self)
    }
}

/// The usual reason for which a system refuses to move, make or remove an entry, and which stays until
/// somebody does something; `None` for an error that may pass.
pub fn reason(error: &io::Error) -> Option<&'static str> {
    Some(match Errno::from_raw(error.raw_os_error()?) {
        Errno::EPERM => {
            "an immutable or append-only flag forbids it: `lsattr -d` on it and on the folder that it \
             is in says which, `chattr -i -a` lifts it"
        }
        Errno::EXDEV => {
            "it is in a lower layer of an overlay, in another btrfs subvolume or of another project \
             than `.holdfast`: make it anew by `cp -a` and `mv`, in the place where it is"
        }
        Errno::EBUSY => "something is mounted on it: unmount that",
        Errno::EROFS => "its file system is mounted read-only",
        Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP => {
            "its file system has no exchange: keep the sites on a local one"
        }
        _ => return None,
    })
}

/// Every flag that would keep these trees from changing places, a flag from being made, or a copy from
/// being kept. Nothing is made or changed.
pub fn protections(base: &Base, aside: &Aside, swapped: &[Swapped<'_>]) -> Vec<Obstacle> {
    let mut looked = Looked::default();
    looked.open(base.path(), base.open_below(Path::new("."), path_only()));
    let copies = aside.undo_copies().unwrap_or_default();
    let folders = copies.into_iter().map(|(folder, _)| folder);
    let kept = swapped.iter().filter_map(|tree| tree.kept).map(Path::to_owned);
    let documents = kept.clone().map(|kept| kept.with_file_name(crate::aside::UNDO_FILE));
    for path in
        std::iter::once(aside.folder().to_owned()).chain(folders).chain(kept).chain(documents)
    {
        looked.entry(&path, Attributes::at(AT_FDCWD, &path));
    }
    for tree in swapped {
        if let Ok((parent, name)) = base.parent_of(tree.live) {
            let above = tree.live.parent().unwrap_or(base.path());
            if above != base.path() {
                looked.entry(above, Attributes::at(parent.as_fd(), c"."));
            }
            looked.entry(tree.live, Attributes::at(parent.as_fd(), name));
        }
    }
    looked.0
}

/// What was found at one path after the other; what is not there is no obstacle.
#[derive(Default)]
struct Looked(Vec<Obstacle>);

impl Looked {
    fn entry(&mut self, path: &Path, found: io::Result<Attributes>) {
        match found {
            Ok(found) if found.protection().is_empty() => {}
            Ok(found) => {
                let flags = letters(found.protection());
                self.0.push(Obstacle::Protected { path: path.to_owned(), flags });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => self.0.push(Obstacle::Look { path: path.to_owned(), source }),
        }
    }

    fn open(&mut self, path: &Path, opened: io::Result<OwnedFd>) {
        self.entry(path, opened.and_then(|opened| Attributes::of_open(&opened)));
    }
}

fn letters(flags: Flags) -> String {
    // In the order in which people write them.
    flags.letters().chars().rev().collect()
}

fn path_only() -> OpenHow {
    OpenHow::new().flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
}

/// Everything else that would keep these trees from changing places. A small folder is made beside
/// the site's `.holdfast` or in it, and removed again.
pub async fn refusals(base: &Base, aside: &Aside, swapped: &[Swapped<'_>]) -> Vec<Obstacle> {
    let mut found = Vec::new();
    for tree in swapped {
        if let Err(obstacle) = compare(base, aside, tree).await {
            found.push(obstacle);
        }
    }
    if found.is_empty()
        && let Err(obstacle) = try_all(base, aside, swapped).await
    {
        found.push(obstacle);
    }
    found
}

/// What the kernel compares when a tree goes into a folder.
async fn compare(base: &Base, aside: &Aside, tree: &Swapped<'_>) -> Result<(), Obstacle> {
    let look = |path: &Path| {
        let path = path.to_owned();
        move |source| Obstacle::Look { path, source }
    };
    let Ok((parent, name)) = base.parent_of(tree.live) else { return Ok(()) };
    let above = tree.live.parent().unwrap_or(base.path());
    let holds = Project::of(&parent.as_fd()).await?;
    let live = match parent.open_tree(name) {
        Ok(live) => Some(live),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(look(tree.live)(error)),
    };
    // Not there yet, it will be as the base is.
    let beside = if aside.folder().exists() { aside.folder() } else { base.path() };
    let beside = Attributes::at(AT_FDCWD, beside).map_err(look(beside))?;
    let of = match &live {
        Some(live) => Attributes::of_open(live),
        None => Attributes::at(parent.as_fd(), c"."),
    };
    if of.map_err(look(tree.live))?.is_encrypted() != beside.is_encrypted() {
        let (live, aside) = (tree.live.to_owned(), aside.folder().to_owned());
        return Err(Obstacle::Encrypted { live, aside });
    }
    if live.as_ref().is_some_and(subvolume::is_one) && !subvolume::can_be_made() {
        return Err(Obstacle::Subvolume(tree.live.to_owned()));
    }
    let leaves = match &live {
        Some(live) => Project::of(live).await?,
        None => holds,
    };
    // What is fetched is made of the project of what it replaces.
    let (comes, path) = match tree.kept {
        Some(kept) if kept.exists() => {
            (Project::of(&base.open_folder(kept).map_err(look(kept))?).await?, kept)
        }
        _ => (leaves, tree.live),
    };
    refuse_project((path, comes), (above, holds))?;
    match tree.kept.and_then(Path::parent) {
        Some(folder) if folder.exists() => {
            let opened = base.open_folder(folder).map_err(look(folder))?;
            refuse_project((tree.live, leaves), (folder, Project::of(&opened).await?))
        }
        _ => Ok(()),
    }
}

fn refuse_project(
    (tree, its): (&Path, Project),
    (folder, takes): (&Path, Project),
) -> Result<(), Obstacle> {
    if !takes.inherits || takes.id == its.id {
        return Ok(());
    }
    let (tree, folder) = (tree.to_owned(), folder.to_owned());
    Err(Obstacle::Project { tree, tree_id: its.id, folder, folder_id: takes.id })
}

/// The folder of a trial, removed on drop.
struct Trial(PathBuf);

impl Trial {
    /// In `.holdfast`, or beside where it would be.
    async fn new(base: &Base, aside: &Aside) -> Result<Self, Obstacle> {
        let own = std::process::id();
        let place = match aside.folder().is_dir() {
            true => aside.trial(own),
            // Not the base itself: a disk that is not mounted must not look like an empty one.
            false => base.path().join(format!(".holdfast-doctor-{own}")),
        };
        let look = |source| Obstacle::Look { path: base.path().to_owned(), source };
        fs::create_dir(&place).map_err(look)?;
        let trial = Self(place);
        // As the folder is that a stage will be in.
        Project::hand_on_nothing(&File::open(&trial.0).map_err(look)?).await?;
        // Full and empty are so after the exchange.
        [trial.full(), trial.empty(), trial.empty().join("inside")]
            .iter()
            .try_for_each(fs::create_dir)
            .map_err(look)?;
        Ok(trial)
    }

    fn full(&self) -> PathBuf {
        self.0.join("full")
    }

    fn empty(&self) -> PathBuf {
        self.0.join("empty")
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn try_all(base: &Base, aside: &Aside, swapped: &[Swapped<'_>]) -> Result<(), Obstacle> {
    let trial = Trial::new(base, aside).await?;
    let (one, two) = (trial.empty(), trial.full());
    renameat2(AT_FDCWD, &one, AT_FDCWD, &two, RenameFlags::RENAME_EXCHANGE).map_err(|errno| {
        let (at, source) = (base.path().to_owned(), io::Error::from(errno));
        match reason(&source) {
            Some(_) => Obstacle::NoExchange { at, source },
            None => Obstacle::Look { path: at, source },
        }
    })?;
    swapped.iter().try_for_each(|tree| try_one(base, &trial, tree.live))
}

/// A directory is never renamed onto one that is not empty: whatever else is in the way is said first.
fn try_one(base: &Base, trial: &Trial, live: &Path) -> Result<(), Obstacle> {
    let refused = |source: io::Error| match reason(&source) {
        Some(advice) => Obstacle::Refused { live: live.to_owned(), advice, source },
        None => Obstacle::Look { path: live.to_owned(), source },
    };
    let Ok((parent, name)) = base.parent_of(live) else { return Ok(()) };
    let found = parent.look_up(name).map_err(refused)?;
    let is_folder = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFDIR;
    if !found.is_some_and(|found| is_folder(found.st_mode)) {
        return Ok(());
    }
    match renameat(parent.as_fd(), name, AT_FDCWD, &trial.full()) {
        Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(()),
        Err(errno) => Err(refused(errno.into())),
        // No file system does this; one that did would have taken the site away.
        Ok(()) => {
            let back = renameat(AT_FDCWD, &trial.full(), parent.as_fd(), name);
            let what = format!("the file system replaced a folder that was not empty: {back:?}");
            Err(refused(io::Error::other(what)))
        }
    }
}
