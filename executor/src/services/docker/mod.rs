//! Containers, through the `docker` program: it speaks every version of the engine's API, and the
//! root process needs no HTTP of its own.

mod engine;
mod halt;
mod health;
mod inspected;
mod launch;
mod needs;
mod watch;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::engine::environment;
use self::inspected::understood;
pub(super) use self::{halt::Grace, inspected::Inspected, launch::Terms};
use super::{Condition, ServiceError, listeners};
use crate::{
    config::{Containers, Node, check_root_owned},
    stop::Stop,
};

/// A container that was found running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its whole id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it was paused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// The ports that it listened on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
}

impl Container {
    /// What is to be known of one that runs.
    pub(super) fn of(one: &Inspected) -> Self {
        let ports = listeners::lasting_ports(one.state.pid);
        Self { id: one.id.clone(), name: one.name().to_owned(), paused: one.state.paused, ports }
    }
}

/// The engine of this node.
#[derive(Debug)]
pub(super) struct Docker<'a> {
    node: &'a Node,
}

impl<'a> Docker<'a> {
    pub(super) fn of(node: &'a Node) -> Result<Self, ServiceError> {
        check_root_owned(&node.docker).map_err(|error| {
            ServiceError::Setup(format!("docker, as `node.docker` names it: {error}"))
        })?;
        Ok(Self { node })
    }

    /// Those of the site that run, and these others, if they do.
    pub(super) async fn look(
        &self,
        which: &Containers,
        others: &[String],
        stop: &Stop,
    ) -> Result<Vec<Inspected>, ServiceError> {
        let mut args = vec!["ps".to_owned(), "--quiet".into(), "--no-trunc".into()];
        match which {
            Containers::ByDefault(label) | Containers::Label(label) => {
                args.push(format!("--filter=label={label}"));
            }
            Containers::Names(names) => {
                let quoted = |name: &String| name.replace('.', "\\.");
                args.extend(names.iter().map(|name| format!("--filter=name=^/?{}$", quoted(name))));
            }
        }
        let said = match matches!(which, Containers::Names(names) if names.is_empty()) {
            true => String::new(),
            false => self.run("list the site's containers", args, Duration::ZERO, stop).await?,
        };
        let mut ids: Vec<&str> = said.lines().map(str::trim).filter(|id| !id.is_empty()).collect();
        ids.extend(others.iter().map(String::as_str));
        let mut found: Vec<Inspected> = Vec::new();
        for one in self.inspect(&ids, stop).await? {
            if one.is_up() && found.iter().all(|known| known.id != one.id) {
                found.push(one);
            }
        }
        found.sort_by(|one, other| one.created.cmp(&other.created));
        Ok(found)
    }

    /// Those that there are: by their ids, or by their names, if they were made anew. The oldest comes
    /// first, since what others need is made before them. And the names of those that are gone.
    pub(super) async fn find(
        &self,
        containers: &[Container],
        stop: &Stop,
    ) -> Result<(Vec<Inspected>, Vec<String>), ServiceError> {
        let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
        let mut there = self.inspect(&ids, stop).await?;
        let mut gone = Vec::new();
        for container in containers {
            if there.iter().any(|one| one.id == container.id) {
                continue;
            }
            match self.inspect(&[&container.name], stop).await?.pop() {
                Some(another) => there.push(another),
                None => gone.push(container.name.clone()),
            }
        }
        there.sort_by(|one, other| one.created.cmp(&other.created));
        Ok((there, gone))
    }

    /// How they are now.
    pub(super) async fn ask(
        &self,
        containers: &[Container],
        stop: &Stop,
    ) -> Result<Condition, ServiceError> {
        let (seen, _) = self.find(containers, stop).await?;
        for one in &seen {
            if !one.is_up() {
                return Ok(Condition::Down(one.why_down()));
            }
            if one.state.paused {
                continue;
            }
            // One that was started just now may not have been checked yet.
            let unchecked = !one.state.restarting && one.health() == Some("starting");
            if unchecked && self.check(one, launch::CHECK_WITHIN, stop).await?.is_none() {
                continue;
            }
            if let Some(why) = one.waits_for() {
                return Ok(Condition::Unwell(why));
            }
        }
        Ok(Condition::Well)
    }

    /// Those that there are, by id or name.
    pub(super) async fn inspect(
        &self,
        ids: &[&str],
        stop: &Stop,
    ) -> Result<Vec<Inspected>, ServiceError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let doing = "look at the site's containers";
        let mut args = vec!["container".to_owned(), "inspect".into()];
        args.extend(ids.iter().map(|id| (*id).to_owned()));
        let said = match self.run(doing, args, Duration::ZERO, stop).await {
            // It lists those that there are all the same.
            Err(ServiceError::Gone) => {
                let mut there = Vec::new();
                for id in ids {
                    let args = ["container", "inspect", *id].map(str::to_owned).to_vec();
                    match self.run(doing, args, Duration::ZERO, stop).await {
                        Err(ServiceError::Gone) => {}
                        said => there.extend(understood(&said?)?),
                    }
                }
                return Ok(there);
            }
            said => said?,
        };
        understood(&said)
    }
}
