//! `recover`: finishes or takes back what journals left open, and tidies up behind finished jobs.
//!
//! It takes each customer's lock without waiting, acts on journals and the root-owned
//! configuration alone, and needs neither the control database nor any repository. Two at once do
//! no harm: what one holds, the other passes over.

use std::{collections::BTreeSet, fs, io, path::PathBuf, time::Duration};

use holdfast_job::{CustomerId, Level, Outcome, Recovered, Standing, WorkResult};

use crate::{
    aside::Aside,
    config::{Database, Node, Reach, Site},
    failure::chain,
    journal::{Journal, JournalError, Record, Shelf},
    lock::{CustomerLock, LockError},
    mariadb::{MariadbError, Server},
    perform::{Performance, perform},
    plans::{beginnings, names_of, rehearsals_of},
    rehearsal::Rehearsal,
    restic::scratch,
    secret::database_lock,
    space::Free,
    stop::Stop,
    teller::Teller,
    trash::{Haste, remove},
    uncopied::Uncopied,
    work::{Work, no_stop},
};

/// A journal is kept for this long after its order is void: until then it guards against replay.
const JOURNAL_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long dropping what is left over may go without an answer.
const PATIENCE: Duration = Duration::from_secs(600);

/// How the settling of a journal ended.
#[derive(Debug)]
pub enum Settling {
    /// Nothing was open, or it is closed now: with this result.
    Settled(Option<Box<WorkResult>>),
    /// A person must look.
    Stuck(Box<WorkResult>),
    /// Not now: why.
    NotYet(String),
}

/// Settles a journal if it is open. Whoever holds the lock may; the executor that wrote it is gone.
pub async fn settle_open(
    node: &Node,
    lock: &CustomerLock,
    mut journal: Journal,
    teller: &Teller,
    rehearsal: &mut dyn Rehearsal,
) -> Settling {
    match journal.records().last() {
        // Begun, and cut off before it said what for: nothing was done.
        None => {
            return match fs::remove_file(journal.path()) {
                Ok(()) => Settling::Settled(None),
                Err(error) => Settling::NotYet(error.to_string()),
            };
        }
        Some(Record::Ended { .. }) => return Settling::Settled(None),
        Some(Record::Stuck { .. }) => {}
        Some(_) if rehearsal.carries_on() => {}
        Some(_) => {
            let interrupted = Record::Interrupted { at: Work::now() };
            if let Err(error) = journal.append(interrupted) {
                return Settling::NotYet(chain(&error));
            }
        }
    }
    // What is settled is finished or taken back, and nothing is begun that can be left out.
    let stop = Stop::default();
    if !rehearsal.carries_on() {
        stop.request();
    }
    let performance = Performance { node, lock, teller, stop };
    match perform(&performance, journal, node.site(lock.customer()), rehearsal).await {
        Ok(result) if result.outcome == Outcome::Stuck => Settling::Stuck(Box::new(result)),
        Ok(result) => Settling::Settled(Some(Box::new(result))),
        Err(error) => Settling::NotYet(chain(&error)),
    }
}

/// Recovers every customer of this node, saying each one's standing to `say`. All are settled before
/// anything is tidied up: a site that is closed does not wait for another one's left-overs.
///
/// # Errors
/// What reading the node's own folders said.
pub async fn recover(
    node: &Node,
    teller: &Teller,
    rehearsal: &mut dyn Rehearsal,
    say: &mut dyn FnMut(Recovered),
) -> io::Result<()> {
    let mut customers: BTreeSet<CustomerId> = Shelf::customers(&node.state)?.into_iter().collect();
    customers.extend(node.customers_with_own_file().map_err(io::Error::other)?);
    let mut settled = Vec::new();
    for customer in customers {
        let (standing, detail) = match CustomerLock::try_take(&node.state, customer) {
            Ok(lock) => settle_one(node, &lock, teller, rehearsal).await,
            Err(error @ LockError::Held(_)) => (Standing::Busy, chain(&error)),
            Err(error) => (Standing::Unsettled, chain(&error)),
        };
        if standing == Standing::Settled {
            settled.push(customer);
        }
        say(Recovered { version: 1, customer, standing, detail });
    }
    let mut left = Leavings::default();
    scratch::clear(&node.state)?;
    for customer in settled {
        // Who has taken the lock meanwhile is at work; the next `recover` tidies up.
        let Ok(lock) = CustomerLock::try_take(&node.state, customer) else { continue };
        if let Err(error) = tidy_one(node, &lock, &mut left).await {
            let text = format!("customer {customer}: tidying up is tried again later: {error}");
            teller.log(Level::Warn, text);
        }
    }
    // No lock is held any more: a large removal keeps no customer waiting.
    for tree in left.trash {
        if let Err(left) = remove(&tree, Haste::Idle, &no_stop()).await {
            teller.log(Level::Warn, left.to_string());
        }
    }
    Ok(())
}

/// What tidying up has come upon.
#[derive(Debug, Default)]
struct Leavings {
    /// Trees that are to go.
    trash: Vec<PathBuf>,
    /// Servers that did not answer, and are not asked again for the next customer.
    away: Vec<Reach>,
}

async fn settle_one(
    node: &Node,
    lock: &CustomerLock,
    teller: &Teller,
    rehearsal: &mut dyn Rehearsal,
) -> (Standing, String) {
    let journals = match Shelf::of(&node.state, lock).and_then(|shelf| shelf.journals()) {
        Ok(journals) => journals,
        Err(error @ JournalError::Damaged { .. }) => return (Standing::Stuck, chain(&error)),
        Err(error) => return (Standing::Unsettled, chain(&error)),
    };
    let mut done = Vec::new();
    for journal in journals {
        match settle_open(node, lock, journal, teller, rehearsal).await {
            Settling::Settled(None) => {}
            Settling::Settled(Some(result)) => done.push(result.operator_message),
            Settling::Stuck(result) => return (Standing::Stuck, result.operator_message),
            Settling::NotYet(why) => return (Standing::Unsettled, why),
        }
    }
    match done.is_empty() {
        true => (Standing::Settled, "nothing was open".into()),
        false => (Standing::Settled, done.join("; ")),
    }
}

/// Nothing of this customer is open, unless somebody has begun since: then nothing is touched.
async fn tidy_one(node: &Node, lock: &CustomerLock, left: &mut Leavings) -> io::Result<()> {
    let shelf = Shelf::of(&node.state, lock).map_err(io::Error::other)?;
    let journals = shelf.journals().map_err(io::Error::other)?;
    let open = |journal: &Journal| !matches!(journal.records().last(), Some(Record::Ended { .. }));
    if journals.iter().any(open) {
        return Ok(());
    }
    let (mut bases, mut databases) = (bases_of(&journals), databases_of(&journals));
    for journal in &journals {
        clear_rehearsals(node, lock, journal, &mut left.away).await?;
    }
    drop(journals);
    let site = node.site(lock.customer()).ok();
    bases.extend(site.iter().map(|site| site.base.clone()));
    let uncopied = Uncopied::read(&node.state, lock.customer())?;
    tidy(&shelf, (site.as_ref(), &uncopied), &bases, &mut left.trash)?;
    databases.extend(site.into_iter().flat_map(|site| site.databases));
    tidy_databases(node, lock, databases, bases, &mut left.away).await
}

/// The base directories that these journals worked in, which the configuration may have forgotten.
fn bases_of(journals: &[Journal]) -> BTreeSet<PathBuf> {
    let base = |journal: &Journal| {
        let base = crate::perform::switch_of(journal).ok()??.base;
        base.is_absolute().then_some(base)
    };
    journals.iter().filter_map(base).collect()
}

/// The databases that these journals were about.
fn databases_of(journals: &[Journal]) -> Vec<Database> {
    let switch = |journal: &Journal| crate::perform::switch_of(journal).ok().flatten();
    let parts = journals.iter().filter_map(switch).flat_map(|switch| switch.databases);
    parts.map(|part| part.database).collect()
}

/// What a backup could not take away of its rehearsals: by their names, which no undo copy has.
async fn clear_rehearsals(
    node: &Node,
    lock: &CustomerLock,
    journal: &Journal,
    away: &mut Vec<Reach>,
) -> io::Result<()> {
    for (number, database) in rehearsals_of(journal) {
        let Some(job) = journal.opened().map(|opened| opened.request.job) else { continue };
        if away.contains(&database.reach) {
            continue;
        }
        let failed = |error: &dyn std::error::Error| io::Error::other(chain(error));
        let of = names_of(node, lock.customer(), job, number).map_err(|error| failed(&error))?;
        let name = database_lock(node, lock.customer()).map_err(|error| failed(&error))?;
        let server = Server::administered(node, &database, PATIENCE);
        let server = server.map_err(|error| failed(&error))?;
        let [schema, other, user] = &of;
        let cleared =
            server.clear_rehearsal(&name, ([schema.as_str(), other], user), &no_stop()).await;
        if let Err(MariadbError::Away(_)) = cleared {
            away.push(database.reach.clone());
        }
        cleared.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Nothing of this customer is open: schemas and accounts of ours that belong to no undo copy go.
async fn tidy_databases(
    node: &Node,
    lock: &CustomerLock,
    mut databases: Vec<Database>,
    bases: BTreeSet<PathBuf>,
    away: &mut Vec<Reach>,
) -> io::Result<()> {
    let mut keep = Vec::new();
    let mut touched = false;
    for base in bases {
        let aside = Aside::of(&base);
        // Without its folder, what is kept cannot be told from what is left over.
        if !aside.folder().exists() {
            return Ok(());
        }
        for (_, copy) in aside.undo_copies()? {
            keep.extend(copy.databases.iter().map(|kept| kept.schema.clone()));
            databases.extend(copy.databases.into_iter().map(|kept| kept.database));
            touched = true;
        }
    }
    touched |= !Shelf::look(&node.state, lock.customer()).map_err(io::Error::other)?.is_empty();
    if !touched {
        return Ok(());
    }
    let mut servers = Vec::new();
    for database in databases {
        if servers.contains(&database.reach) || away.contains(&database.reach) {
            continue;
        }
        servers.push(database.reach.clone());
        let failed = |error: &dyn std::error::Error| io::Error::other(chain(error));
        let beginnings = beginnings(node, lock.customer());
        let (schemas, users) = beginnings.map_err(|error| failed(&error))?;
        let name = database_lock(node, lock.customer()).map_err(|error| failed(&error))?;
        let server = Server::administered(node, &database, PATIENCE);
        let server = server.map_err(|error| failed(&error))?;
        let dropped = server.drop_orphans(&name, (&schemas, &users), &keep, &no_stop()).await;
        if let Err(MariadbError::Away(_)) = dropped {
            away.push(database.reach.clone());
        }
        dropped.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Nothing of this customer is open: stages are left-overs, and what is past its time goes.
fn tidy(
    shelf: &Shelf,
    (site, uncopied): (Option<&Site>, &Uncopied),
    bases: &BTreeSet<PathBuf>,
    trash: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for base in bases.iter().filter(|base| base.exists()) {
        let aside = Aside::of(base);
        for stage in aside.stages()? {
            aside.discard(&stage)?;
        }
        drop_undo_copies(&aside, site, uncopied)?;
        trash.extend(aside.trash()?);
    }
    for journal in shelf.journals().map_err(io::Error::other)? {
        let void = |opened: &crate::journal::Opened| opened.request.not_after.plus(JOURNAL_KEPT);
        if journal.opened().map(void).is_none_or(|void| void < Work::now()) {
            shelf.remove(journal).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// Undo copies past their time go. While the disk is too full for them, so does the oldest of each
/// customer: what that gives back is seen when its trash is out, by the next `recover`.
fn drop_undo_copies(aside: &Aside, site: Option<&Site>, uncopied: &Uncopied) -> io::Result<()> {
    if aside.undo_copies()?.is_empty() {
        return Ok(());
    }
    let short = match site {
        Some(site) => Free::at(aside.folder())?.bytes < site.undo_min_free,
        None => false,
    };
    for (folder, _) in aside.superseded_copies()? {
        aside.discard(&folder)?;
    }
    for (age, (folder, copy)) in aside.standing_copies()?.into_iter().enumerate() {
        if (short && age == 0) || copy.until < Work::now() || uncopied.supersedes(&copy) {
            aside.discard(&folder)?;
        }
    }
    Ok(())
}
