//! What one customer's site needs.

use std::{io, path::Path};

use holdfast_job::CustomerId;

use super::{
    Finding, database::examine_database, finding, nginx::examine_nginx,
    repository::examine_repository, unsaved::examine_databases,
};
use crate::{
    aside::{Aside, UndoPart},
    base::Base,
    cgroup,
    config::{Node, QuotaKind, Site},
    door,
    failure::chain,
    foresight::{Obstacle, Swapped, protections, refusals},
    health::{Answer, ask},
    journal::{Record, Shelf},
    lock::{CustomerLock, LockError},
    php, quota,
    services::{Condition, Ground, Running},
    stop::Stop,
    trash,
};

/// Looks at one site.
pub(super) async fn examine_site(node: &Node, site: &Site) -> Vec<Finding> {
    let customer = site.customer;
    let of = |what: &str| format!("customer {customer}: {what}");
    let base = site.check_world().map(|()| site.base.display().to_string());
    let there = site.base.is_dir();
    let mut findings = vec![finding(of("base"), base.map_err(|error| chain(&error)))];
    if there {
        findings.push(finding(of("exchange"), exchange(site).await));
        let left = Aside::of(&site.base).trash().unwrap_or_default();
        for left in left.iter().filter_map(|tree| trash::stays(tree)) {
            findings.push(finding(of("trash"), Err(left.to_string())));
        }
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
    let ground = Ground {
        base: site.base.clone(),
        trees: site.files.iter().map(|source| (source.path.clone(), None)).collect(),
        databases: site.databases.iter().map(|one| (one.id.clone(), one.reach.clone())).collect(),
        ..Ground::default()
    };
    let running = Running::of(node, &services, &ground, &spared).map_err(|error| chain(&error))?;
    let stop = Stop::default();
    let foreseen = running.foresee(&stop).await.map_err(|error| chain(&error))?;
    if let Some(obstacle) = foreseen.in_the_way() {
        return Err(obstacle.into_text());
    }
    let found = &foreseen.found;
    let left =
        running.left_behind(&found.containers, &stop).await.map_err(|error| chain(&error))?;
    let astray = found.containers.iter().filter(|one| left.astray.contains(&one.id));
    let astray =
        astray.map(|one| format!("container {} is on a displaced tree: start it anew", one.name));
    let astray: Vec<String> = astray.chain(left.others).collect();
    if !astray.is_empty() {
        return Err(astray.join("; "));
    }
    match running.ask(found, &stop).await.map_err(|error| chain(&error))? {
        Condition::Well => {
            let (containers, units) = (found.containers.len(), found.units.len());
            let mut said = vec![format!("{containers} containers and {units} units run")];
            said.extend(foreseen.notes);
            said.extend(foreseen.warnings);
            Ok(said.join("; "))
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

/// Whether the trees could change places, tried on the live ones.
async fn exchange(site: &Site) -> Result<String, String> {
    let base = Base::open(&site.base).map_err(|error| chain(&error))?;
    let aside = Aside::of(&site.base);
    let live = site.files.iter().map(|source| (source.path.clone(), None));
    let copies = aside.standing_copies().map_err(|error| error.to_string())?;
    let kept = copies.iter().flat_map(|(folder, copy)| {
        let kept = |part: &UndoPart| (part.live.clone(), Some(folder.join(part.source.as_str())));
        copy.parts.iter().map(kept)
    });
    let trees: Vec<_> = live.chain(kept).collect();
    let trees: Vec<Swapped<'_>> =
        trees.iter().map(|(live, kept)| Swapped { live, kept: kept.as_deref() }).collect();
    let mut found = protections(&base, &aside, &trees);
    // Where something is protected, what is made may stay.
    if found.is_empty() {
        found = refusals(&base, &aside, &trees).await;
    }
    match found.is_empty() {
        true => Ok("works".into()),
        false => Err(found.iter().map(Obstacle::text).collect::<Vec<_>>().join("; ")),
    }
}
