//! `doctor`: what this node needs before it can back up or restore anything, looked at one by one.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_job::CustomerId;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde::Serialize;

use crate::{
    config::{Database, Node, Site, check_root_owned},
    confine::Confinement,
    door,
    failure::chain,
    journal::{Record, Shelf},
    lock::{CustomerLock, LockError},
    mariadb::{MariadbError, Server},
    plans::check_hardlinks,
    process::{Input, Moved, Program},
    restic::{MINIMUM_VERSION, Restic, ResticError, Tally, Watch},
    space::Free,
    stop::Stop,
};

/// Less free than this, and the node's own folders are in danger.
const LOW_BYTES: u64 = 1 << 30;
/// The series of MariaDB that is tested.
const TESTED_MARIADB: &str = "10.11.";
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

/// Looks at everything.
pub async fn examine(folder: &Path) -> Vec<Finding> {
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
        finding("space for customers", space(&node.customers)),
    ];
    let mut customers = node.customers_with_own_file().unwrap_or_default();
    customers.extend(Shelf::customers(&node.state).unwrap_or_default());
    if customers.is_empty()
        && let Ok(somebody) = "1".parse()
    {
        let site = node.site(somebody).map(|_| "fits together".to_owned());
        findings.push(finding("template of a site", site.map_err(|error| chain(&error))));
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

async fn examine_site(node: &Node, site: &Site) -> Vec<Finding> {
    let customer = site.customer;
    let of = |what: &str| format!("customer {customer}: {what}");
    let base = site.check_world().map(|()| site.base.display().to_string());
    let there = site.base.is_dir();
    let mut findings = vec![finding(of("base"), base.map_err(|error| chain(&error)))];
    if there {
        findings.push(finding(of("exchange"), exchange(&site.base)));
        findings.push(finding(of("flag"), flag(site)));
        for source in &site.files {
            let found = match source.path.symlink_metadata() {
                Ok(found) if found.is_dir() => Ok(source.path.display().to_string()),
                Ok(_) => Err(format!("{} is no directory", source.path.display())),
                Err(error) => Err(format!("{}: {error}", source.path.display())),
            };
            findings.push(finding(of(&format!("source {}", source.id)), found));
        }
    }
    for database in &site.databases {
        let what = of(&format!("database {}", database.id));
        findings.push(finding(what, examine_database(node, database).await));
    }
    findings.push(finding(of("orders"), orders(node, customer)));
    for name in site.repositories.keys() {
        let what = of(&format!("repository {name}"));
        findings.push(finding(what, repository(node, site, customer, name).await));
    }
    findings
}

/// Whether a database can be saved and brought back.
async fn examine_database(node: &Node, database: &Database) -> Result<String, String> {
    let said = |error: MariadbError| chain(&error);
    let server = Server::administered(node, database, PATIENCE).map_err(said)?;
    let facts = server.look(&database.schema, &Stop::default()).await.map_err(said)?;
    let version = &facts.version;
    if !facts.is_supported() {
        return Err(format!("the server is {version}, and must be MariaDB 10.6 or newer"));
    }
    if facts.charset.is_none() {
        return Err(format!("there is no schema {} on {}", database.schema, database.reach));
    }
    if let Some(obstacle) = facts.obstacles.first() {
        return Err(format!("it is not saved, since it could not be brought back: {obstacle}"));
    }
    server.check_rights(&Stop::default()).await.map_err(said)?;
    let tested = match version.starts_with(TESTED_MARIADB) {
        true => String::new(),
        false => format!(", which is untested: {TESTED_MARIADB} is what is tested"),
    };
    let (schema, tables) = (&database.schema, facts.tables.len());
    Ok(format!("schema {schema} with {tables} tables on {version}{tested}"))
}

/// Whether an order was cut short or is stuck.
fn orders(node: &Node, customer: CustomerId) -> Result<String, String> {
    let advice = "run `holdfast-executor recover`";
    let journals = Shelf::look(&node.state, customer)
        .map_err(|error| format!("{}: look at the site, then mend or remove it", chain(&error)))?;
    for journal in journals {
        match journal.records().last() {
            Some(Record::Ended { .. }) | None => {}
            Some(Record::Stuck { failure, .. }) => return Err(failure.operator.clone()),
            Some(_) => {
                return match CustomerLock::try_take(&node.state, customer) {
                    Err(LockError::Held(_)) => Ok("one is under way".into()),
                    _ => Err(format!("one was cut short: {advice}")),
                };
            }
        }
    }
    Ok("none is open".into())
}

/// Whether the maintenance flag is of the kind for which nginx closes a site, if it is there.
fn flag(site: &Site) -> Result<String, String> {
    let flag = site.base.join(door::FLAG);
    match flag.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok("the site is open".into()),
        Err(error) => Err(format!("{}: {error}", flag.display())),
        Ok(found) if found.is_file() => Ok("the site is closed".into()),
        Ok(_) => Err(format!("{} is no regular file: remove it", flag.display())),
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
    let confinement = Confinement { hide: node.customers.clone(), show: None };
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

/// Tries the exchange where a customer's trees are.
fn exchange(base: &Path) -> Result<String, String> {
    let place: PathBuf = base.join(format!(".holdfast-doctor-{}", std::process::id()));
    let tried = try_exchange(&place);
    let _ = fs::remove_dir_all(&place);
    tried.map(|()| "works".into()).map_err(|error| {
        format!(
            "{}: {error}; network and FUSE file systems refuse it: keep the sites on a local one",
            base.display()
        )
    })
}

fn try_exchange(place: &Path) -> io::Result<()> {
    let (one, two) = (place.join("one"), place.join("two"));
    // Not the base itself: a disk that is not mounted must not look like an empty one.
    [place, &one, &two].into_iter().try_for_each(fs::create_dir)?;
    Ok(renameat2(AT_FDCWD, &one, AT_FDCWD, &two, RenameFlags::RENAME_EXCHANGE)?)
}

fn space(path: &Path) -> Result<String, String> {
    let nearest = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let free = Free::at(nearest).map_err(|error| format!("{}: {error}", nearest.display()))?;
    let text = format!("{} bytes are free at {}", free.bytes, nearest.display());
    if free.bytes < LOW_BYTES { Err(format!("{text}: make room")) } else { Ok(text) }
}

async fn repository(
    node: &Node,
    site: &Site,
    customer: CustomerId,
    name: &holdfast_job::RepositoryName,
) -> Result<String, String> {
    let Some(repository) = site.repositories.get(name) else { return Ok("not there".into()) };
    let restic = Restic::new(node, repository, &site.limits, customer, PATIENCE)
        .map_err(|error| chain(&error))?;
    match restic.remaining(&[], &mut Unwatched(Stop::default())).await {
        Ok(_) => Ok("opens with our password".into()),
        Err(ResticError::NoRepository { .. }) => {
            Ok("not there yet: the first backup makes it".into())
        }
        Err(error) => Err(chain(&error)),
    }
}

/// A look that leaves no trace.
struct Unwatched(Stop);

impl Watch for Unwatched {
    fn started(&mut self, _: u32) -> Result<(), ResticError> {
        Ok(())
    }

    fn tally(&mut self, _: Tally) {}

    fn stop(&self) -> &Stop {
        &self.0
    }
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
