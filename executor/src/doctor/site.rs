//! What one customer's site needs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use holdfast_job::CustomerId;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use super::{
    Finding, database::examine_database, finding, nginx::examine_nginx,
    repository::examine_repository, unsaved::examine_databases,
};
use crate::{
    cgroup,
    config::{Node, QuotaKind, Site},
    door,
    failure::chain,
    health::{Answer, ask},
    journal::{Record, Shelf},
    lock::{CustomerLock, LockError},
    php, quota,
    services::{Condition, Running},
    stop::Stop,
};

/// Looks at one site.
pub(super) async fn examine_site(node: &Node, site: &Site) -> Vec<Finding> {
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
    for (number, database) in site.databases.iter().enumerate() {
        let what = of(&format!("database {}", database.id));
        let found = examine_database(node, customer, (number, database)).await;
        findings.push(finding(what, found));
    }
    findings.push(finding(of("databases"), examine_databases(node, site).await));
    if there {
        findings.push(finding(of("what runs on it"), services(node, site).await));
        findings.push(finding(of("PHP"), code(node, site)));
        if let Some(kind) = site.quota {
            findings.push(finding(of("quota"), quota_left(kind, &site.base).await));
        }
        if let Some(probe) = &site.probe {
            let answer = ask(node, probe, &Stop::default()).await;
            let answer = answer.and_then(|answer| match answer {
                Answer::Well => Ok(format!("{} is as it should be", probe.url)),
                Answer::Unwell(why) => Err(why),
            });
            findings.push(finding(of("probe"), answer));
        }
        findings.push(finding(of("nginx"), examine_nginx(node, site).await));
    }
    if site.limits.need_a_group() {
        findings.push(finding(of("limits"), cgroup::possible()));
    }
    findings.push(finding(of("orders"), orders(node, customer)));
    for name in site.repositories.keys() {
        let what = of(&format!("repository {name}"));
        findings.push(finding(what, examine_repository(node, site, customer, name).await));
    }
    findings
}

/// Whether what runs on the site can be stopped and started.
async fn services(node: &Node, site: &Site) -> Result<String, String> {
    let spared = site.database_containers();
    let services = site.services.decided(node);
    let running = Running::of(node, &services, &spared).map_err(|error| chain(&error))?;
    let stop = Stop::default();
    let found = running.look(&stop).await.map_err(|error| chain(&error))?;
    match running.ask(&found, &stop).await.map_err(|error| chain(&error))? {
        Condition::Well => {
            Ok(format!("{} containers and {} units run", found.containers.len(), found.units.len()))
        }
        Condition::Unwell(why) | Condition::Down(why) => Err(why),
    }
}

/// Whether PHP will forget what it has compiled.
fn code(node: &Node, site: &Site) -> Result<String, String> {
    let found = php::find(node, site);
    let number = found.sockets.len();
    php::look(&site.base, &found.sockets)
        .map(|()| format!("{number} pools of it forget what they have compiled"))
}

/// What the site's quota leaves free.
async fn quota_left(kind: QuotaKind, base: &Path) -> Result<String, String> {
    match quota::free(kind, base, &Stop::default()).await {
        Ok(Some(free)) => Ok(format!("{} bytes are left of it", free.bytes)),
        Ok(None) => Err("no limit is set: set one, or take `site.quota` out".into()),
        Err(error) => Err(chain(&error)),
    }
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
