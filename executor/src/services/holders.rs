//! Who has a tree mounted at a place of its own. A bind mount keeps the directory that it was made of,
//! so that whoever has one at or below a live tree stays on the displaced tree.
//!
//! The kernel's own tables say it, whichever engine or unit made the mount. A mount of a folder above
//! the tree sees the tree that is live, and is left out.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::listeners::{namespace, processes};
use crate::mounts::{self, Mount};

/// A place on a file system, however it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As this process sees it.
    pub(super) path: PathBuf,
    device: String,
    inner: PathBuf,
}

impl Place {
    /// The place of a path that need not be there.
    ///
    /// # Errors
    /// If the kernel's table cannot be read.
    pub(super) fn of(path: &Path) -> io::Result<Option<Self>> {
        let table = mounts::table(Path::new(mounts::TABLE))?;
        // The last of those at the same point lies on top.
        let on = table.iter().filter(|mount| path.starts_with(&mount.point));
        let Some(on) = on.max_by_key(|mount| mount.point.components().count()) else {
            return Ok(None);
        };
        let below = path.strip_prefix(&on.point).unwrap_or(path);
        let inner = on.root.join(below);
        Ok(Some(Self { path: path.to_owned(), device: on.device.clone(), inner }))
    }

    /// The path, as this process sees it, of what a mount is of, if that is at or below this place.
    fn is_held_by(&self, mount: &Mount) -> Option<PathBuf> {
        let below = mount.root.strip_prefix(&self.inner).ok()?;
        (mount.device == self.device).then(|| match below.as_os_str().is_empty() {
            true => self.path.clone(),
            false => self.path.join(below),
        })
    }
}

/// Somebody who has a mount at or below a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    /// Who.
    pub(super) who: Who,
    /// What of it.
    pub(super) of: PathBuf,
    /// Where the holder has it.
    pub(super) at: PathBuf,
}

/// Who holds a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// This machine: everybody sees the mount.
    Everybody,
    /// The container of this id.
    Container(String),
    /// A process of no container: its number, its name, and its unit if it has one.
    Process(u32, String, Option<String>),
}

/// Whom to pass over.
#[derive(Debug, Clone, Default)]
pub(super) struct PassOver {
    /// Containers, by id.
    pub(super) containers: BTreeSet<String>,
    /// The namespaces of their mounts.
    pub(super) spaces: BTreeSet<PathBuf>,
    /// Units of systemd.
    pub(super) units: Vec<String>,
    /// A user's processes.
    pub(super) uid: Option<u32>,
    /// Mount points that go with one of those containers.
    pub(super) points: BTreeSet<PathBuf>,
}

/// Everybody who has a mount at or below one of these places, each once.
///
/// # Errors
/// If this process' own table of mounts cannot be read. A process that has ended meanwhile holds
/// nothing.
pub(super) fn holders(places: &[Place], pass_over: &PassOver) -> io::Result<Vec<Holder>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for mount in mounts::table(Path::new(mounts::TABLE))? {
        for place in places {
            // A mount inside the tree itself is refused as one.
            let Some(of) = place.is_held_by(&mount) else { continue };
            if mount.point.starts_with(&place.path) {
                continue;
            }
            known.insert((mount.point.clone(), mount.root.clone()));
            if !pass_over.points.contains(&mount.point) {
                found.push(Holder { who: Who::Everybody, of, at: mount.point.clone() });
            }
        }
    }
    let mut seen = BTreeSet::from_iter(namespace(std::process::id(), "mnt"));
    for process in processes() {
        let Some(space) = namespace(process, "mnt") else { continue };
        if seen.contains(&space) || pass_over.spaces.contains(&space) {
            continue;
        }
        let cgroups = fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
        let container = container_in(&cgroups);
        let unit = unit_in(&cgroups);
        let counts = container.is_some()
            || ((unit.is_some() || has_a_root_of_its_own(process)) && !is_of_an_executor(process));
        if !counts || pass_over.covers(process, &cgroups, container.as_deref()) {
            continue;
        }
        seen.insert(space);
        let table = mounts::table(Path::new(&format!("/proc/{process}/mountinfo")));
        for mount in table.unwrap_or_default() {
            let is_known = known.contains(&(mount.point.clone(), mount.root.clone()));
            if is_known || (container.is_none() && pass_over.points.contains(&mount.point)) {
                continue;
            }
            let held = places.iter().find_map(|place| place.is_held_by(&mount));
            let Some(of) = held else { continue };
            let who = match &container {
                Some(id) => Who::Container(id.clone()),
                None => Who::Process(process, name_of(process), unit.clone()),
            };
            found.push(Holder { who, of, at: mount.point });
        }
    }
    Ok(found)
}

impl PassOver {
    fn covers(&self, process: u32, cgroups: &str, container: Option<&str>) -> bool {
        let of_user = || {
            let owner = fs::metadata(format!("/proc/{process}")).map(|found| found.uid());
            self.uid.is_some() && owner.ok() == self.uid
        };
        let in_unit = |unit: &String| {
            cgroups.lines().any(|line| line.split('/').any(|part| part == unit.as_str()))
        };
        container.is_some_and(|id| self.containers.contains(id))
            || self.units.iter().any(in_unit)
            || of_user()
    }
}

/// The id of the container whose control groups these are, if they are one's.
fn container_in(cgroups: &str) -> Option<String> {
    let mut words = cgroups.split(|letter: char| !letter.is_ascii_hexdigit());
    words.find(|word| word.len() == 64).map(str::to_owned)
}

/// The unit of systemd whose control groups these are.
fn unit_in(cgroups: &str) -> Option<String> {
    let mut parts = cgroups.lines().flat_map(|line| line.split('/'));
    parts.rfind(|part| part.ends_with(".service")).map(str::to_owned)
}

/// Whether it sees another tree of folders than this process. Who sees the same one, and has mounts of
/// its own without being a unit, only has a copy of what was mounted when it was started.
fn has_a_root_of_its_own(process: u32) -> bool {
    let root = |path: &str| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let theirs = root(&format!("/proc/{process}/root"));
    theirs.is_some() && theirs != root("/")
}

/// Whether an executor confines it: it has a copy of what was mounted when it was started, and uses none
/// of that.
fn is_of_an_executor(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let parent = parent.and_then(|parent| parent.trim().parse::<u32>().ok());
    let program = parent.and_then(|parent| fs::read_link(format!("/proc/{parent}/exe")).ok());
    let name = program.as_ref().and_then(|program| program.file_name()?.to_str());
    name.is_some_and(|name| name.starts_with("holdfast-"))
}

fn name_of(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_and_a_unit_are_known_by_their_control_groups() {
        let id = "0123456789abcdef".repeat(4);
        assert_eq!(
            container_in(&format!("0::/system.slice/docker-{id}.scope\n")),
            Some(id.clone())
        );
        assert_eq!(container_in(&format!("4:memory:/docker/{id}\n")), Some(id));
        assert_eq!(container_in("0::/system.slice/shop-42.service\n"), None);
        assert_eq!(
            unit_in("1:name=systemd:/system.slice/shop-42.service\n"),
            Some("shop-42.service".into())
        );
    }

    #[test]
    fn what_lies_at_or_below_a_place_is_held_and_what_lies_above_is_not() {
        let place = Place {
            path: "/srv/c/42/public".into(),
            device: "8:1".into(),
            inner: "/c/42/public".into(),
        };
        let mount = |root: &str, device: &str| Mount {
            device: device.into(),
            root: root.into(),
            point: "/site".into(),
        };
        let held = |root, device| place.is_held_by(&mount(root, device));
        assert_eq!(held("/c/42/public", "8:1"), Some("/srv/c/42/public".into()));
        assert_eq!(held("/c/42/public/up", "8:1"), Some("/srv/c/42/public/up".into()));
        for (root, device) in [("/c/42", "8:1"), ("/c/42/public2", "8:1"), ("/c/42/public", "8:2")]
        {
            assert_eq!(held(root, device), None);
        }
    }

    #[test]
    fn our_own_folder_has_a_place() {
        let place = Place::of(Path::new("/proc/self")).unwrap().unwrap();
        assert!(place.inner.ends_with("self"), "{place:?}");
    }
}
