//! What would go wrong with what runs on a site, found on the live things before anything is stopped.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use holdfast_job::SourceId;
use serde::{Deserialize, Serialize};

use super::{
    Found, Running, ServiceError,
    docker::{Container, Docker, Inspected},
    holders::{Holder, PassOver, Place, Who, holders},
    listeners::namespace,
    spare::databases_in,
};
use crate::{
    config::{Others, Reach},
    stop::Stop,
};

/// What says that a container was made for one job.
const ONE_OFF: &str = "com.docker.compose.oneoff";
/// What says that a swarm made a container.
const SWARM: &str = "com.docker.swarm.service.id";

/// What of a site matters to what runs on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// The site's base directory.
    pub base: PathBuf,
    /// The trees that change places, and what comes in their place if that is there already.
    pub trees: Vec<(PathBuf, Option<PathBuf>)>,
    /// How the site's databases are reached.
    pub databases: Vec<(SourceId, Reach)>,
    /// Containers of others that are stopped with the site's own.
    #[serde(default)]
    pub also: Vec<String>,
    /// Mount points of this machine that come and go with the site's own containers.
    #[serde(default)]
    pub points: BTreeSet<PathBuf>,
}

/// Something in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Until somebody changes how it is set up.
    Lasting(String),
    /// For a while.
    Passing(String),
}

impl Obstacle {
    /// The sentence.
    pub fn into_text(self) -> String {
        let (Self::Lasting(text) | Self::Passing(text)) = self;
        text
    }
}

/// What was found, and what is to be said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// What runs and is to be stopped.
    pub found: Found,
    /// Containers that are left alone, since databases are in them.
    pub spared: Vec<String>,
    /// Containers of others that are to be stopped as well.
    pub also: Vec<String>,
    /// Mount points of this machine that come and go with what is to be stopped.
    pub points: BTreeSet<PathBuf>,
    /// For the record.
    pub notes: Vec<String>,
    /// For the result.
    pub warnings: Vec<String>,
    /// What is in the way.
    pub obstacles: Vec<Obstacle>,
}

impl Running<'_> {
    /// Looks at what runs, and at what would keep it from being stopped and started.
    ///
    /// # Errors
    /// [`ServiceError`] if it could not be looked at.
    pub async fn foresee(&self, stop: &Stop) -> Result<Foreseen, ServiceError> {
        let owner = self.owner()?;
        let mut seen = Foreseen::default();
        let mut site = Vec::new();
        if let Some(docker) = &self.docker {
            let all = docker.look(&self.services.containers, &[], stop).await?;
            site = seen.spare(all, &self.ground.databases);
            for one in &site {
                seen.obstacles.extend(obstacle_of(one));
                seen.obstacles.extend(self.missing_source_of(one));
                self.note_interval(one, &mut seen);
            }
            let missing = missing_partners(docker, &site, stop).await?;
            seen.obstacles.extend(missing);
        }
        let units = self.units.look(stop).await?;
        seen.obstacles.extend(self.units.foresee(&units, stop).await?);
        let mut pass_over = pass_over(&site);
        pass_over.units.clone_from(&units);
        pass_over.uid = owner.map(|owner| owner.uid());
        seen.points.clone_from(&pass_over.points);
        let mut found = site.iter().map(Container::of).collect::<Vec<_>>();
        for holder in self.holders_of_trees(&pass_over)? {
            self.judge_holder(holder, &mut seen, &mut found, stop).await?;
        }
        seen.found = Found { containers: found, units };
        Ok(seen)
    }

    /// Who has a tree that is to change places mounted.
    pub(super) fn holders_of_trees(
        &self,
        pass_over: &PassOver,
    ) -> Result<Vec<Holder>, ServiceError> {
        let trees: Vec<&Path> = self.ground.trees.iter().map(|(live, _)| live.as_path()).collect();
        holders_of(&trees, pass_over)
    }

    /// Whose mount it is, by name, and what follows from it.
    async fn judge_holder(
        &self,
        holder: Holder,
        seen: &mut Foreseen,
        found: &mut Vec<Container>,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        let (of, at) = (holder.of.display(), holder.at.display());
        let container = match &holder.who {
            Who::Container(id) => self.named(id, stop).await?,
            _ => None,
        };
        let name = container.as_ref().map(Inspected::name);
        let who = match (&holder.who, name) {
            (_, Some(name)) => format!("container {name}"),
            (Who::Container(id), None) => format!("container {}", &id[..12]),
            (Who::Process(pid, name, unit), _) => match unit {
                Some(unit) => format!("unit {unit}"),
                None => format!("process {pid} ({name})"),
            },
            (Who::Everybody, _) => "this machine".into(),
        };
        let is_spared = name.is_some_and(|name| seen.spared.iter().any(|spared| spared == name));
        match (self.services.others, container, is_spared) {
            (Others::Stop, Some(one), false) => {
                if found.iter().all(|known| known.id != one.id) {
                    seen.notes.push(format!("{who} has {of} mounted, and is stopped as well"));
                    seen.obstacles.extend(obstacle_of(&one));
                    seen.also.push(one.name().to_owned());
                    found.push(Container::of(&one));
                }
            }
            (Others::Leave, _, _) => seen.warnings.push(format!(
                "{who} is not stopped, and has {of} mounted at {at}: it goes on with the displaced tree \
                 until it is started anew"
            )),
            (_, _, true) => seen.obstacles.push(Obstacle::Lasting(format!(
                "{who} is left alone for the database that is in it, and has {of} mounted at {at}: it \
                 would go on with the displaced tree; give the database a container of its own"
            ))),
            (others, _, false) => {
                let cure = match (&holder.who, others) {
                    (Who::Container(_), Others::Refuse) => {
                        "name it in `site.services.containers`, mount the folder above the tree in \
                         place of it, or set `site.services.others` to \"stop\" or \"leave\""
                    }
                    (Who::Process(_, _, Some(_)), _) => {
                        "name it in `site.services.units`, or set `site.services.others` to \"leave\""
                    }
                    _ => {
                        "mount the folder above the tree in place of it, or set \
                         `site.services.others` to \"leave\""
                    }
                };
                seen.obstacles.push(Obstacle::Lasting(format!(
                    "{who} is not the site's, and has {of} mounted at {at}: it would go on with the \
                     displaced tree, and what it writes would be lost; {cure}"
                )));
            }
        }
        Ok(())
    }

    /// The container of this id, if the engine knows it.
    pub(super) async fn named(
        &self,
        id: &str,
        stop: &Stop,
    ) -> Result<Option<Inspected>, ServiceError> {
        // A site without containers of its own has no engine configured, and yet there may be one.
        let engine = match &self.docker {
            Some(_) => None,
            None if self.node.docker_socket.exists() => Docker::of(self.node).ok(),
            None => None,
        };
        match self.docker.as_ref().or(engine.as_ref()) {
            Some(docker) => Ok(docker.inspect(&[id], stop).await?.pop()),
            None => Ok(None),
        }
    }

    /// A file or device of this machine that it is given and that is not there any more. What lies in a
    /// tree that changes places is compared with what comes.
    fn missing_source_of(&self, one: &Inspected) -> Option<Obstacle> {
        let name = one.name();
        for (mount, docker_makes_it) in one.sources() {
            let (source, at) = (Path::new(&mount.source), &mount.destination);
            let tree = self.ground.trees.iter().find(|(live, _)| source.starts_with(live));
            let there = match tree {
                None => source.symlink_metadata().is_ok(),
                // The live one goes.
                Some((_, None)) => true,
                Some((live, Some(incoming))) => {
                    let below = source.strip_prefix(live).unwrap_or(source);
                    comes_back(incoming, below, &inside(one, at), docker_makes_it)
                }
            };
            if !there {
                let what = match tree {
                    None => "is not there any more: make it, or make the container anew",
                    Some(_) => {
                        "is not in the backup, or is something else there: docker would make a folder \
                         in its place, or find \"not a directory\"; take the mount out, or order it \
                         with `keep_unhealthy`"
                    }
                };
                return Some(Obstacle::Lasting(format!(
                    "container {name} could not be started again: {}, which it has at {at}, {what}",
                    source.display()
                )));
            }
        }
        let gone = one.devices().find(|device| device.symlink_metadata().is_err())?;
        Some(Obstacle::Lasting(format!(
            "container {name} could not be started again: the device {} is not there any more",
            gone.display()
        )))
    }

    /// Docker checks it less often than the site may take to start.
    fn note_interval(&self, one: &Inspected, seen: &mut Foreseen) {
        let within = self.services.start_within;
        if let Some(interval) = one.health_interval().filter(|interval| *interval > within) {
            seen.notes.push(format!(
                "container {} checks its health each {} s, and has {} s to start: its check is run by \
                 us in time",
                one.name(),
                interval.as_secs(),
                within.as_secs()
            ));
        }
    }
}

impl Foreseen {
    /// Leaves those out that databases are in.
    fn spare(&mut self, all: Vec<Inspected>, databases: &[(SourceId, Reach)]) -> Vec<Inspected> {
        let inside = databases_in(&all, databases);
        let mut site = Vec::new();
        for (one, database) in all.into_iter().zip(inside) {
            match database {
                None => site.push(one),
                Some(id) => {
                    let name = one.name().to_owned();
                    self.notes.push(format!(
                        "container {name} is left alone: the database `{id}` is in it"
                    ));
                    self.spared.push(name);
                }
            }
        }
        site
    }

    /// The sentences of what lasts, if anything does; else of what passes.
    pub fn in_the_way(&self) -> Option<Obstacle> {
        let mut lasting = Vec::new();
        let mut passing = Vec::new();
        for obstacle in &self.obstacles {
            match obstacle {
                Obstacle::Lasting(text) => lasting.push(text.as_str()),
                Obstacle::Passing(text) => passing.push(text.as_str()),
            }
        }
        match (lasting.is_empty(), passing.is_empty()) {
            (false, _) => Some(Obstacle::Lasting(lasting.join("; "))),
            (true, false) => Some(Obstacle::Passing(passing.join("; "))),
            (true, true) => None,
        }
    }
}

/// Who has one of these trees mounted.
pub(super) fn holders_of(
    trees: &[&Path],
    pass_over: &PassOver,
) -> Result<Vec<Holder>, ServiceError> {
    let unreadable = |error: std::io::Error| ServiceError::Refused {
        doing: "read the table of mounts".into(),
        said: error.to_string(),
    };
    let mut places = Vec::new();
    for tree in trees {
        places.extend(Place::of(tree).map_err(unreadable)?);
    }
    holders(&places, pass_over).map_err(unreadable)
}

/// What is the site's own, and goes away with it.
pub(super) fn pass_over(site: &[Inspected]) -> PassOver {
    let spaces = site.iter().filter(|one| one.state.pid != 0);
    let points = site.iter().flat_map(|one| &one.mounts).map(|mount| PathBuf::from(&mount.source));
    PassOver {
        containers: site.iter().map(|one| one.id.clone()).collect(),
        spaces: spaces.filter_map(|one| namespace(one.state.pid, "mnt")).collect(),
        points: points.collect(),
        ..PassOver::default()
    }
}

/// What a container is that must not be stopped and started.
fn obstacle_of(one: &Inspected) -> Option<Obstacle> {
    let name = one.name();
    if one.label(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Some(Obstacle::Passing(format!(
            "container {name} was made for one job and is at work: it would be cut short and begun \
             again; order this when it has ended"
        )));
    }
    if one.label(SWARM).is_some() {
        return Some(Obstacle::Lasting(format!(
            "container {name} is a task of a swarm, which would replace it by a new one as soon as it \
             stops: run it without a swarm, or leave it out of `site.services.containers`"
        )));
    }
    one.host_config.auto_remove.then(|| {
        Obstacle::Lasting(format!(
            "container {name} was started with --rm: stopped, it would be gone; start it without"
        ))
    })
}

/// Containers that share something with one that is not there, or does not run.
async fn missing_partners(
    docker: &Docker<'_>,
    site: &[Inspected],
    stop: &Stop,
) -> Result<Vec<Obstacle>, ServiceError> {
    let wanted: BTreeSet<&str> =
        site.iter().flat_map(Inspected::shares_with).map(|(_, who)| who).collect();
    let mut known: BTreeMap<&str, bool> = BTreeMap::new();
    for who in wanted {
        let runs = match site.iter().any(|one| one.is(who)) {
            true => Some(true),
            false => docker.inspect(&[who], stop).await?.pop().map(|one| one.state.pid != 0),
        };
        if let Some(runs) = runs {
            known.insert(who, runs);
        }
    }
    let mut missing = Vec::new();
    for one in site {
        for (kind, who) in one.shares_with() {
            let state = match known.get(who) {
                Some(true) => continue,
                Some(false) => "does not run",
                None => "is not there any more",
            };
            let short = if who.len() == 64 { &who[..12] } else { who };
            missing.push(Obstacle::Lasting(format!(
                "container {} could not be started again: container {short}, whose {kind} it shares, \
                 {state}: make it anew (`docker compose up --force-recreate`)",
                one.name()
            )));
        }
    }
    Ok(missing)
}

/// The place of a mount, as this machine sees it inside the container.
fn inside(one: &Inspected, destination: &str) -> PathBuf {
    let root = Path::new("/proc").join(one.state.pid.to_string()).join("root");
    root.join(destination.trim_start_matches('/'))
}

/// Whether what is mounted is there in the tree that comes, and is of the same kind. A folder that is
/// missing docker makes itself, if it was asked for so.
fn comes_back(incoming: &Path, below: &Path, now: &Path, docker_makes_it: bool) -> bool {
    let is_folder = now.metadata().map(|found| found.is_dir()).unwrap_or(true);
    let mut path = incoming.to_owned();
    for part in below.components() {
        path.push(part);
        match path.symlink_metadata() {
            // Where a link leads is not foreseen.
            Ok(found) if found.is_symlink() => return true,
            Ok(_) => {}
            Err(_) => return is_folder && docker_makes_it,
        }
    }
    path.symlink_metadata().is_ok_and(|found| found.is_dir() == is_folder)
}
