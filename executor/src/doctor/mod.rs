//! `doctor`: what this node needs before it can back up or restore anything, looked at one by one.

mod database;
mod nginx;
mod repository;
mod site;
mod ticket_keys;
mod unsaved;

use std::{collections::BTreeMap, path::Path, time::Duration};

use holdfast_job::CustomerId;
use serde::Serialize;

use self::{site::examine_site, ticket_keys::examine_ticket_keys, unsaved::examine_this_machine};
use crate::{
    config::{Node, check_root_owned},
    confine::Confinement,
    failure::chain,
    journal::Shelf,
    plans::check_hardlinks,
    process::{Input, Moved, Program},
    restic::{MINIMUM_VERSION, scratch},
    space::Free,
    stop::Stop,
};

/// Less free than this, and the node's own folders are in danger.
const LOW_BYTES: u64 = 1 << 30;
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What.
    pub what: String,
    /// Whether it is as it must be.
    pub good: bool,
    /// What was found, and what to do if it is not good.
    pub detail: String,
}

fn finding(what: impl Into<String>, found: Result<String, String>) -> Finding {
    let good = found.is_ok();
    let (Ok(detail) | Err(detail)) = found;
    Finding { what: what.into(), good, detail }
}

/// Looks at everything; of sites at this customer's alone, if one is named.
pub async fn examine(folder: &Path, only: Option<CustomerId>) -> Vec<Finding> {
    let node = match Node::load(folder) {
        Ok(node) => node,
        Err(error) => return vec![finding("configuration", Err(chain(&error)))],
    };
    let mut findings = vec![
        finding("configuration", Ok(folder.join("executor.toml").display().to_string())),
        finding("master secret", master_secret(&node)),
        finding("restic", restic_version(&node).await),
        finding("hard links", check_hardlinks().map(|()| "protected".into())),
        finding("namespace", namespace(&node).await),
        finding("space for state", space(&node.state)),
        finding("space for temporary files", space(&scratch::folder(&node.state))),
        finding("space for the cache", space(&node.cache)),
        finding("space for customers", space(&node.customers)),
        finding("docker", docker(&node)),
        finding("probe's secret", probe_secret(&node)),
    ];
    findings.push(finding("node", Ok(node.name.to_string())));
    findings.extend(examine_ticket_keys(&node));
    findings.push(examine_this_machine(&node).await);
    let mut customers = node.customers_with_own_file().unwrap_or_default();
    customers.extend(Shelf::customers(&node.state).unwrap_or_default());
    if customers.is_empty()
        && let Ok(somebody) = "1".parse()
    {
        let site = node.site(somebody).map(|_| "fits together".to_owned());
        findings.push(finding("template of a site", site.map_err(|error| chain(&error))));
    }
    if let Some(only) = only {
        customers = vec![only];
    }
    customers.sort_unstable();
    customers.dedup();
    for customer in customers {
        match node.site(customer) {
            Ok(site) => findings.extend(examine_site(&node, &site).await),
            Err(error) => {
                findings.push(finding(format!("customer {customer}"), Err(chain(&error))));
            }
        }
    }
    findings
}

fn docker(node: &Node) -> Result<String, String> {
    if !node.docker_socket.exists() {
        let socket = node.docker_socket.display();
        return Ok(format!("no engine at {socket}: sites have no containers"));
    }
    check_root_owned(&node.docker).map_err(|error| chain(&error))?;
    Ok(format!("{} on {}", node.docker.display(), node.docker_socket.display()))
}

fn probe_secret(node: &Node) -> Result<String, String> {
    match node.probe_secret().map_err(|error| chain(&error))? {
        Some(_) => Ok("readable by root alone".into()),
        None => Ok("none: a site that is closed cannot be asked how it is".into()),
    }
}

fn master_secret(node: &Node) -> Result<String, String> {
    node.master_secret().map(|_| "readable by root alone".into()).map_err(|error| chain(&error))
}

async fn restic_version(node: &Node) -> Result<String, String> {
    check_root_owned(&node.restic).map_err(|error| chain(&error))?;
    let program = Program {
        name: "restic version".into(),
        path: node.restic.clone(),
        args: vec!["version".into()],
        env: BTreeMap::new(),
        stdin: Input::default(),
        patience: PATIENCE,
    };
    let mut said = String::new();
    let running = program.start().map_err(|error| chain(&error))?;
    running
        .wait(&Stop::default(), |line| {
            said.push_str(&String::from_utf8_lossy(line));
            Moved::Yes
        })
        .await
        .map_err(|error| chain(&error))?;
    let (major, minor) = MINIMUM_VERSION;
    match version_in(&said) {
        Some(version) if version >= MINIMUM_VERSION => Ok(said),
        Some(_) => Err(format!(
            "{said}: versions before {major}.{minor} lose restore errors; install {major}.{minor} \
             or newer and name it in `node.restic`"
        )),
        None => Err(format!("{} does not say what version it is", node.restic.display())),
    }
}

/// `restic 0.18.0 compiled with …`.
fn version_in(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("restic ")?.split(['.', ' ', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Tries to confine a program, as every restic is.
async fn namespace(node: &Node) -> Result<String, String> {
    let confinement = Confinement { hide: node.customers.clone(), show: None, at: None };
    let program = Program {
        name: "doctor".into(),
        path: "/proc/self/exe".into(),
        args: confinement.arguments(vec!["/usr/bin/true".into()]),
        env: BTreeMap::new(),
        stdin: Input::default(),
        patience: PATIENCE,
    };
    let running = program.start().map_err(|error| chain(&error))?;
    let ended = running.wait(&Stop::default(), |_| Moved::Yes).await;
    let ended = ended.map_err(|error| chain(&error))?;
    match ended.status.success() {
        true => Ok("works".into()),
        false => {
            Err(format!("{}; is this a container without CAP_SYS_ADMIN?", ended.stderr.trim()))
        }
    }
}

fn space(path: &Path) -> Result<String, String> {
    let nearest = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let free = Free::at(nearest).map_err(|error| format!("{}: {error}", nearest.display()))?;
    let text = format!("{} bytes are free at {}", free.bytes, nearest.display());
    if free.bytes < LOW_BYTES { Err(format!("{text}: make room")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(version_in("restic 0.18.0 compiled with go1.24"), Some((0, 18)));
        assert_eq!(version_in("restic 1.2-dev"), Some((1, 2)));
        assert_eq!(version_in("something else"), None);
        assert!(version_in("restic 0.9.6").unwrap() < MINIMUM_VERSION);
    }
}
