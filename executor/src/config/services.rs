//! What of a site runs on its tree and rows: it stands still while they change places.

use std::{path::Path, time::Duration};

use holdfast_job::CustomerId;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Node, template};

/// What is stopped for a switch and started again behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Services {
    /// Which containers.
    pub containers: Containers,
    /// Which units of systemd.
    pub units: Vec<String>,
    /// Whose processes are ended; they are not started again.
    pub user: Option<String>,
    /// How long they have to stop by themselves.
    pub stop_within: Duration,
    /// How long they have until they run and are healthy.
    pub start_within: Duration,
    /// The longest that a container or unit may ask for to stop by itself.
    #[serde(default = "own_stop_by_default")]
    pub own_stop_within: Duration,
    /// How long containers are looked at behind the opened door.
    #[serde(default)]
    pub watch_for: Duration,
    /// What is done about somebody else who has a tree mounted.
    #[serde(default)]
    pub others: Others,
}

/// What is done about somebody who is not the site's and has one of its trees mounted: a restore would
/// leave them on the displaced tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// The order is refused.
    #[default]
    Refuse,
    /// Containers are stopped and started with the site's own; anybody else is refused.
    Stop,
    /// They are left alone, and the result names them.
    Leave,
}

fn own_stop_by_default() -> Duration {
    Duration::from_secs(60)
}

/// Which containers are the site's; its databases' never are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Containers {
    /// Those with this label, if there is a Docker engine.
    ByDefault(String),
    /// Those with this label.
    Label(String),
    /// Those with these names.
    Names(Vec<String>),
}

/// `[site.services]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServicesTable {
    containers: Option<ContainersTable>,
    #[serde(default)]
    units: Vec<String>,
    user: Option<String>,
    stop_seconds: Option<u64>,
    start_seconds: Option<u64>,
    own_stop_seconds: Option<u64>,
    watch_seconds: Option<u64>,
    others: Option<Others>,
}

/// `containers = { label = "…" }` or `{ names = ["…"] }`; no names mean no containers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ContainersTable {
    Label(String),
    Names(Vec<String>),
}

/// What docker compose says of every container of a project.
const DEFAULT_LABEL: &str = "com.docker.compose.project=customer-{id}";

impl Services {
    /// The same, with the default decided: a host without an engine has no containers. An engine that
    /// is away later is then one that is away.
    pub fn decided(&self, node: &Node) -> Self {
        let containers = match &self.containers {
            Containers::ByDefault(_) if !node.docker_socket.exists() => Containers::Names(vec![]),
            Containers::ByDefault(label) => Containers::Label(label.clone()),
            given => given.clone(),
        };
        Self { containers, ..self.clone() }
    }

    /// Whether no container is the site's, whatever runs.
    pub fn has_no_containers(&self) -> bool {
        matches!(&self.containers, Containers::Names(names) if names.is_empty())
    }
}

impl ServicesTable {
    /// What would be stopped for every customer, in the template.
    pub(super) fn of_everybody(&self) -> Option<&str> {
        let containers: Vec<&str> = match &self.containers {
            None => Vec::new(),
            Some(ContainersTable::Label(label)) => vec![label],
            Some(ContainersTable::Names(names)) => names.iter().map(String::as_str).collect(),
        };
        let units = self.units.iter().map(String::as_str);
        let all = containers.into_iter().chain(units).chain(self.user.as_deref());
        all.into_iter().find(|name| !name.contains("{id}"))
    }

    pub(super) fn check(self, file: &Path, customer: CustomerId) -> Result<Services, ConfigError> {
        let wrong = |key: &str, problem: String| {
            ConfigError::value(file, format!("site.services.{key}"), problem)
        };
        let refuse = |key: &str, problem: String| Err(wrong(key, problem));
        let fill = |given: String| template::fill(&given, customer);
        let fits = |name: &str, more: &str| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let containers = match self.containers {
            None => Containers::ByDefault(fill(DEFAULT_LABEL.into())),
            Some(ContainersTable::Label(label)) => Containers::Label(fill(label)),
            Some(ContainersTable::Names(names)) => {
                Containers::Names(names.into_iter().map(fill).collect())
            }
        };
        match &containers {
            Containers::Label(label) if !fits(label, "_.-/=") || !label.contains('=') => {
                return refuse("containers", format!("{label:?} is no label: write key=value"));
            }
            Containers::Names(names) => {
                if let Some(name) = names.iter().find(|name| !fits(name, "_.-")) {
                    return refuse("containers", format!("{name:?} is no container's name"));
                }
            }
            _ => {}
        }
        let units: Vec<String> = self.units.into_iter().map(fill).collect();
        if let Some(unit) = units.iter().find(|unit| !fits(unit, "_.-@:\\") || !unit.contains('.'))
        {
            return refuse(
                "units",
                format!(
                    "{unit:?} is no unit: write its name with its kind, such as php-fpm.service"
                ),
            );
        }
        let user = self.user.map(fill);
        if let Some(user) = user.as_deref().filter(|user| *user == "root" || !fits(user, "_.-")) {
            return refuse("user", format!("{user:?} is no user of a site's own"));
        }
        let seconds =
            |key: &str, given: Option<u64>, default: u64, (least, most): (u64, u64)| match given
                .unwrap_or(default)
            {
                seconds if (least..=most).contains(&seconds) => Ok(Duration::from_secs(seconds)),
                _ => Err(wrong(key, format!("must be {least} to {most} seconds"))),
            };
        let stop_within = seconds("stop_seconds", self.stop_seconds, 3, (1, 60))?;
        let start_within = seconds("start_seconds", self.start_seconds, 60, (1, 600))?;
        let own_stop_within = seconds("own_stop_seconds", self.own_stop_seconds, 60, (1, 600))?;
        let watch_for = seconds("watch_seconds", self.watch_seconds, 3, (0, 60))?;
        // Who names no container leaves them all as they are.
        let none = matches!(&containers, Containers::Names(names) if names.is_empty());
        let others = self.others.unwrap_or(if none { Others::Leave } else { Others::Refuse });
        Ok(Services {
            containers,
            units,
            user,
            stop_within,
            start_within,
            own_stop_within,
            watch_for,
            others,
        })
    }
}
