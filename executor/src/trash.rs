//! Taking out the trash: large trees are removed by a program of their own, at the priority that the
//! occasion allows. What `rm` cannot remove is loosened and removed then; what stays all the same is named.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::Mode,
    unistd::{AccessFlags, faccessat},
};

use crate::{
    process::{Input, Moved, Program},
    stop::Stop,
    teller::megabytes,
    tree::{Attributes, Flags, Found, Kind, Next, WalkError, walk},
};

/// Removing a large tree says nothing on the way.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// What has been in the trash for longer was tried several times.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// How badly the room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// Some time: only when nobody else wants the disk.
    Idle,
    /// Now: somebody waits for it, though sites go first.
    Soon,
}

/// A tree that stays in the trash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} stays in the trash with {}: {why}", .path.display(), megabytes(*.bytes))]
pub struct Left {
    /// What keeps it there.
    pub path: PathBuf,
    /// Why.
    pub why: String,
    /// How much the whole tree takes on the disk.
    pub bytes: u64,
}

/// Removes a tree. What is left of it, the next `recover` tries again.
///
/// # Errors
/// [`Left`] if something in it cannot be removed.
pub async fn remove(tree: &Path, haste: Haste, stop: &Stop) -> Result<(), Left> {
    rm(tree, haste, stop).await;
    if tree.symlink_metadata().is_err() || stop.is_requested() {
        return Ok(());
    }
    for volume in loosen(tree, stop).into_iter().rev() {
        rm(&volume, haste, stop).await;
    }
    rm(tree, haste, stop).await;
    match tree.symlink_metadata().is_ok() && !stop.is_requested() {
        true => Err(look(tree).unwrap_or_else(|| Left {
            path: tree.to_owned(),
            why: "`rm -r` could not remove it: try it by hand, it says why".into(),
            bytes: size_of(tree),
        })),
        false => Ok(()),
    }
}

/// Whether a tree in the trash will stay there, whoever tries.
pub fn stays(tree: &Path) -> Option<Left> {
    let changed = tree.symlink_metadata().map(|found| found.ctime()).unwrap_or(i64::MAX);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let old = u64::try_from(changed).is_ok_and(|changed| changed < (now - LONG).as_secs());
    look(tree).filter(|left| old || !left.why.starts_with(PROTECTED)).or_else(|| {
        old.then(|| Left {
            path: tree.to_owned(),
            why: "`recover` has not removed it within a day: run `holdfast-executor recover`"
                .into(),
            bytes: size_of(tree),
        })
    })
}

const PROTECTED: &str = "it is protected";

/// The first entry that stands in the way of the removal.
fn look(tree: &Path) -> Option<Left> {
    let mut first = None;
    let root = open(tree).ok()?;
    let _ = walk(root, &mut |found| {
        let path = tree.join(found.path);
        let why = obstacle(found, &path);
        if first.is_none()
            && let Some(why) = why
        {
            first = Some((path, why));
        }
        Ok(if is_mount(found) { Next::Past } else { Next::Into })
    });
    first.map(|(path, why)| Left { path, why, bytes: size_of(tree) })
}

fn obstacle(found: &Found<'_>, path: &Path) -> Option<String> {
    let attributes = Attributes::at(found.folder, found.name.as_c_str()).ok()?;
    let path = path.display();
    if attributes.is_mount() {
        return Some(format!("something is mounted there: `umount {path}`"));
    }
    let flags = attributes.protection().letters();
    if !flags.is_empty() {
        return Some(format!("{PROTECTED} (chattr +{flags}): `chattr -{flags} {path}`"));
    }
    let name = found.name.as_c_str();
    let write = faccessat(found.folder, name, AccessFlags::W_OK, AtFlags::empty());
    let read_only = Kind::of(&found.stat) == Kind::Folder && write == Err(Errno::EROFS);
    read_only.then(|| {
        format!("it is read-only, as snapshots are: `btrfs property set -f {path} ro false`")
    })
}

fn is_mount(found: &Found<'_>) -> bool {
    Attributes::at(found.folder, found.name.as_c_str()).is_ok_and(Attributes::is_mount)
}

/// Lifts every protecting flag in the tree; the other volumes in it, each before what is in it.
fn loosen(tree: &Path, stop: &Stop) -> Vec<PathBuf> {
    let mut volumes = Vec::new();
    let Ok(root) = open(tree) else { return volumes };
    let mut devices = vec![(0, 0)];
    let _ = walk(root, &mut |found| {
        if stop.is_requested() {
            return Err(WalkError::Ended);
        }
        let depth = found.path.components().count();
        devices.retain(|(level, _)| *level < depth || depth == 0);
        let device = devices.last().map_or(0, |(_, device)| *device);
        if depth == 0 {
            devices = vec![(0, found.stat.st_dev)];
        } else if found.stat.st_dev != device && Kind::of(&found.stat) == Kind::Folder {
            if is_mount(found) {
                return Ok(Next::Past);
            }
            volumes.push(tree.join(found.path));
            devices.push((depth, found.stat.st_dev));
        }
        // What cannot be loosened is seen to stay.
        let _ = lift(found);
        Ok(Next::Into)
    });
    volumes
}

fn lift(found: &Found<'_>) -> io::Result<()> {
    let name = found.name.as_c_str();
    if Attributes::at(found.folder, name)?.protection().is_empty() {
        return Ok(());
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let entry = openat(found.folder, name, flags, Mode::empty())?;
    Flags::read(&entry)?.without(Flags::PROTECTING).set(&entry)
}

fn open(tree: &Path) -> io::Result<OwnedFd> {
    Ok(File::open(tree)?.into())
}

fn size_of(tree: &Path) -> u64 {
    let mut blocks = 0;
    if let Ok(root) = open(tree) {
        let _ = walk(root, &mut |found| {
            if is_mount(found) {
                return Ok(Next::Past);
            }
            blocks += found.stat.st_blocks.unsigned_abs();
            Ok(Next::Into)
        });
    }
    blocks * 512
}

async fn rm(tree: &Path, haste: Haste, stop: &Stop) {
    let class: &[&str] = match haste {
        Haste::Idle => &["-c", "3"],
        Haste::Soon => &["-c", "2", "-n", "7"],
    };
    let rm = ["/usr/bin/rm", "-rf", "--one-file-system", "--"];
    let mut args: Vec<String> = class.iter().chain(&rm).map(|&word| word.to_owned()).collect();
    args.push(tree.display().to_string());
    let program = Program {
        name: "rm".into(),
        path: "/usr/bin/ionice".into(),
        args,
        env: BTreeMap::new(),
        stdin: Input::default(),
        patience: PATIENCE,
    };
    if let Ok(running) = program.start() {
        // What it says is seen on the disk.
        let _ = running.wait(stop, |_| Moved::No).await;
    }
}
