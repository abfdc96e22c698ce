//! Who is on the wrong tree, or came up behind the closed door; and what docker left in a tree when it
//! could not start a container.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use nix::{
    sys::stat::{FileStat, SFlag},
    unistd::{UnlinkatFlags, unlinkat},
};

use super::{
    Found, Running, ServiceError,
    docker::Container,
    foresee::{holders_of, pass_over},
    holders::{PassOver, Who},
};
use crate::{base::Base, config::Others, stop::Stop};

/// Where displaced trees are.
const ASIDE: &str = ".holdfast";

/// Who is on a displaced tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// Containers of the site's, by id.
    pub astray: BTreeSet<String>,
    /// Those of them that were not known yet.
    pub unknown: Vec<Container>,
    /// A sentence about each of the others.
    pub others: Vec<String>,
}

impl Running<'_> {
    /// Looks who has a displaced tree mounted.
    ///
    /// # Errors
    /// [`ServiceError`] if it could not be looked at.
    pub async fn left_behind(
        &self,
        known: &[Container],
        stop: &Stop,
    ) -> Result<LeftBehind, ServiceError> {
        let aside = self.ground.base.join(ASIDE);
        let mut left = LeftBehind::default();
        for holder in holders_of(&[&aside], &PassOver::default())? {
            let Who::Container(id) = &holder.who else { continue };
            if left.astray.contains(id) {
                continue;
            }
            if known.iter().any(|container| container.id == *id) {
                left.astray.insert(id.clone());
                continue;
            }
            let site = self.containers(stop).await?;
            match site.iter().find(|one| one.id == *id) {
                Some(one) => {
                    left.astray.insert(id.clone());
                    left.unknown.push(Container::of(one));
                }
                None => {
                    let name = self.named(id, stop).await?.map(|one| one.name().to_owned());
                    let name = name.unwrap_or_else(|| id[..12].to_owned());
                    left.others.push(format!(
                        "container {name} goes on with a displaced tree ({}): start it anew",
                        holder.of.display()
                    ));
                }
            }
        }
        left.others.dedup();
        Ok(left)
    }

    /// What runs although all was stopped, whoever has started it.
    ///
    /// # Errors
    /// [`ServiceError`], also if somebody else has one of the trees mounted now.
    pub async fn come_up(&self, stop: &Stop) -> Result<Found, ServiceError> {
        let site = self.containers(stop).await?;
        let units = self.units.look(stop).await?;
        let mut found = Found { containers: site.iter().map(Container::of).collect(), units };
        if self.services.others == Others::Leave {
            return Ok(found);
        }
        let mut pass_over = pass_over(&site);
        pass_over.points.extend(self.ground.points.iter().cloned());
        pass_over.units.clone_from(&found.units);
        pass_over.uid = self.owner()?.map(|owner| owner.uid());
        for holder in self.holders_of_trees(&pass_over)? {
            let container = match &holder.who {
                Who::Container(id) => self.named(id, stop).await?,
                Who::Everybody | Who::Process(..) => None,
            };
            match container {
                Some(one) if self.services.others == Others::Stop => {
                    found.containers.push(Container::of(&one));
                }
                container => {
                    let who = match (&holder.who, container) {
                        (_, Some(one)) => format!("container {}", one.name()),
                        (Who::Process(pid, name, _), _) => format!("process {pid} ({name})"),
                        (Who::Container(id), None) => format!("container {}", &id[..12]),
                        (Who::Everybody, None) => "this machine".to_owned(),
                    };
                    return Err(ServiceError::Refused {
                        doing: "keep the tree to the site alone".into(),
                        said: format!(
                            "{who} came up behind the closed door and has {} mounted",
                            holder.of.display()
                        ),
                    });
                }
            }
        }
        Ok(found)
    }

    /// Takes away the empty folders that docker made in the trees, since `since`, for containers that do
    /// not run all the same. Returns their paths.
    pub(super) async fn remove_made(
        &self,
        containers: &[Container],
        since: SystemTime,
        stop: &Stop,
    ) -> Vec<PathBuf> {
        let (Some(docker), Ok(base)) = (&self.docker, Base::open(&self.ground.base)) else {
            return Vec::new();
        };
        let Ok((seen, _)) = docker.find(containers, stop).await else { return Vec::new() };
        let mut removed = Vec::new();
        for one in seen.iter().filter(|one| one.state.pid == 0) {
            for (mount, _) in one.sources() {
                let source = Path::new(&mount.source);
                let tree = self.ground.trees.iter().find(|(live, _)| source.starts_with(live));
                let Some((live, _)) = tree else { continue };
                for folder in source.ancestors().take_while(|folder| *folder != live) {
                    if remove_if_made(&base, folder, since) {
                        removed.push(folder.to_owned());
                    }
                }
            }
        }
        removed
    }
}

/// An empty folder of root's, made since then.
fn remove_if_made(base: &Base, folder: &Path, since: SystemTime) -> bool {
    let Ok((parent, name)) = base.parent_of(folder) else { return false };
    let is_made = |found: FileStat| {
        let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
        let changed = since.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| {
            u64::try_from(found.st_ctime).unwrap_or_default() >= since.as_secs()
        });
        kind == SFlag::S_IFDIR && found.st_uid == 0 && found.st_gid == 0 && changed
    };
    // One that is not empty stays.
    matches!(parent.look_up(name), Ok(Some(found)) if is_made(found))
        && unlinkat(parent.as_fd(), name, UnlinkatFlags::RemoveDir).is_ok()
}
