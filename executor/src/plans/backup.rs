//! "Save my site as it is now."
//!
//! | stage | run | revert |
//! |---|---|---|
//! | `Check` | the sources are real directories inside a root-owned base, and not too large; the databases are there and can be brought back | – |
//! | `Dump` | each database and its programs, and `manifest.json`, are written into the spool, and a restore of the structure is rehearsed; beside it restic opens the repository and waits | restic is sent away, the rehearsal's schemas and account and the spool are removed |
//! | `Snapshot` | one `restic backup` of sources and spool; beside it another restic opens the repository, to read back | a snapshot that failed `Verify` is forgotten |
//! | `Verify` | the snapshot is read back: whose it is, each directory, the manifest | – |
//! | `Tidy` | the spool is removed; `after` | – |

mod changed;
mod check;
mod dump;
mod dumping;
mod rehearse;
mod unsaved;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use holdfast_job::{
    Backup as Order, CustomerId, JobId, Level, SnapshotId, SourceId, SourceResult, Stage, Verb,
    WhatHappened,
};
use serde::{Deserialize, Serialize};

use self::rehearse::Rehearsing;
pub use self::rehearse::rehearsals_of;
use super::{
    SiteOrError, foreign_stage,
    hooks::tell_after,
    preconditions::{Sources, restic, sources_of},
};
use crate::{
    conductor::{Plan, Reached, Report},
    config::{FileSource, Node, Site},
    driver::Outline,
    failure::{Failure, chain},
    manifest::{self, MarksOfSources, SavedFiles},
    mariadb::SchemaFacts,
    note::Note,
    restic::{Extent, Listing, Opened, Reader, ResticError, SavePlan, host_of, job_tag},
    tree::{self, Mark},
    work::Work,
};

/// The plan.
#[derive(Debug)]
pub struct Backup {
    order: Order,
    site: SiteOrError,
    attempt: u32,
    facts: Facts,
    /// The flags in each tree, as `Check` has found them.
    marks: MarksOfSources,
    /// What each database was in `Check`, which `Dump` need not ask again.
    looked: BTreeMap<SourceId, SchemaFacts>,
    /// A restic that `Dump` has let open the repository, for `Snapshot`.
    opened: Option<Opened>,
    /// A restic that `Snapshot` has let open the repository, for `Verify`.
    reader: Option<Reader>,
}

/// What the journal keeps of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    saved: Vec<SavedFiles>,
    #[serde(default)]
    databases: Vec<Dumped>,
    snapshot: Option<SnapshotId>,
    /// Read back and found wanting: not to be offered to anybody.
    condemned: bool,
    incomplete: bool,
    unreadable: Vec<String>,
    /// Schemas that are this customer's and are not in it.
    #[serde(default)]
    unsaved: Vec<String>,
    /// SQLite databases that changed while they were saved.
    #[serde(default)]
    torn: Vec<String>,
    #[serde(default)]
    notes: Vec<Note>,
    /// The rehearsals under way.
    #[serde(default)]
    rehearsing: Vec<Rehearsing>,
}

/// What the journal keeps of a dumped database; the manifest says the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Dumped {
    id: SourceId,
    name: String,
    /// Of all that is in the spool for it.
    bytes: u64,
    rows: u64,
}

/// What must be found in the snapshot.
struct Expected {
    /// What it is made of.
    paths: Vec<PathBuf>,
    /// That, and the folders below whose content counts.
    listed: Vec<PathBuf>,
}

/// Larger databases are dumped with the repository closed: it would be locked against a `forget` all that
/// time, and a second is nothing then.
const WORTH_OPENING_BYTES: u64 = 1 << 30;

/// Larger sites are read back by a restic that begins then: an earlier one would wait all that time with
/// the memory of its opening, and a second is nothing then.
const WORTH_READING_BACK_AHEAD_BYTES: u64 = 10 << 30;

const STAGES: [Stage; 5] = [Stage::Check, Stage::Dump, Stage::Snapshot, Stage::Verify, Stage::Tidy];

impl Backup {
    /// The plan of an order, from whatever facts its journal holds.
    ///
    /// # Errors
    /// If the facts are of another form.
    pub fn new(
        order: Order,
        site: SiteOrError,
        attempt: u32,
        facts: Option<&serde_json::Value>,
    ) -> serde_json::Result<Self> {
        let facts = facts.map(Facts::deserialize).transpose()?.unwrap_or_default();
        Ok(Self {
            order,
            site,
            attempt,
            facts,
            marks: BTreeMap::new(),
            looked: BTreeMap::new(),
            opened: None,
            reader: None,
        })
    }

    fn sources(&self) -> Result<(&Site, Sources<'_>), Failure> {
        let site = self.site.get()?;
        Ok((site, sources_of(site, &self.order.scope)?))
    }

    async fn snapshot(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        if self.facts.snapshot.is_some() && !self.facts.condemned {
            return Ok(());
        }
        let (job, node) = (work.job, work.node);
        let site = self.site.get()?;
        let sources = sources_of(site, &self.order.scope)?;
        let of = |stage| restic(site, &self.order.repository, stage, node);
        let (restic, verifying) = (of(Stage::Snapshot)?, of(Stage::Verify)?);
        let teller = work.teller;
        let mut watch = work.watching(Stage::Snapshot, "Saved");
        let failed = ResticError::into_failure;
        if self.attempt > 1
            && let Some(orphan) = restic.find_of_job(job, &mut watch).await.map_err(failed)?
        {
            // An attempt that was killed may have made a snapshot all the same, but nobody saw
            // whether it is complete.
            restic.forget(&[orphan.id], &mut watch).await.map_err(failed)?;
        }
        let plan = self.save_plan(site, &sources.files, node, job);
        if plan.extent.bytes <= WORTH_READING_BACK_AHEAD_BYTES {
            let listed = self.expected(node, site.customer).listed;
            let opened = verifying.open_reader(job, &listed, &mut watch).await;
            self.reader = opened.unwrap_or_else(|error| {
                let text = format!("`Verify` opens the repository anew: {}", chain(&error));
                teller.log(Level::Warn, text);
                None
            });
        }
        let since = tree::moment().map_err(|error| Failure::system("ask for the time", &error))?;
        let report = restic.save(&plan, self.opened.take(), &mut watch).await.map_err(failed)?;
        self.facts.snapshot = Some(report.snapshot);
        self.facts.incomplete = !report.complete;
        self.facts.unreadable = report.unreadable;
        self.facts.condemned = false;
        self.look_for_changes(since, work)?;
        work.note(&self.facts)
    }

    fn save_plan(&self, site: &Site, sources: &[&FileSource], node: &Node, job: JobId) -> SavePlan {
        let customer = site.customer;
        let mut paths: Vec<PathBuf> = sources.iter().map(|source| source.path.clone()).collect();
        paths.push(manifest::spool(node, customer));
        let excludes = sources.iter().flat_map(|source| {
            let below = |exclude: &String| format!("{}/{exclude}", source.path.display());
            source.excludes.iter().map(below)
        });
        let mut tags = vec![
            host_of(customer),
            self.order.label.word().to_owned(),
            self.order.scope.word().to_owned(),
            Work::now().to_string(),
        ];
        // A restore then reads the manifest before it fetches the trees.
        let beforehand = self.marks.values().flatten().any(Mark::is_beforehand);
        tags.extend(beforehand.then(|| manifest::MARKED.to_owned()));
        tags.push(job_tag(job));
        SavePlan {
            base: site.base.clone(),
            paths,
            excludes: excludes.collect(),
            tags,
            extent: self.extent(),
        }
    }

    fn extent(&self) -> Extent {
        let Facts { saved, databases, .. } = &self.facts;
        let bytes = saved.iter().map(|saved| saved.bytes).chain(databases.iter().map(|d| d.bytes));
        Extent { bytes: bytes.sum(), files: saved.iter().map(|saved| saved.entries).sum() }
    }

    /// Has restic open the repository while databases are dumped. Not in a further attempt, which first
    /// looks for a snapshot of the one before, and forgets it.
    async fn open_repository(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let bytes = self.looked.values().map(SchemaFacts::bytes).sum::<u64>();
        let (site, sources) = self.sources()?;
        if self.attempt > 1 || sources.databases.is_empty() || bytes > WORTH_OPENING_BYTES {
            return Ok(());
        }
        let (job, node) = (work.job, work.node);
        let restic = restic(site, &self.order.repository, Stage::Snapshot, node)?;
        let plan = self.save_plan(site, &sources.files, node, job);
        let mut watch = work.watching(Stage::Snapshot, "Saved");
        let opened = restic.open(&plan, &mut watch).await.map_err(ResticError::into_failure)?;
        self.opened = Some(opened);
        Ok(())
    }

    async fn turn_away(&mut self) {
        if let Some(opened) = self.opened.take() {
            opened.turn_away().await;
        }
        if let Some(reader) = self.reader.take() {
            reader.turn_away().await;
        }
    }

    fn expected(&self, node: &Node, customer: CustomerId) -> Expected {
        let Facts { saved, databases, .. } = &self.facts;
        let spool = manifest::spool(node, customer);
        let folders: Vec<PathBuf> = databases.iter().map(|d| spool.join(d.id.as_str())).collect();
        let mut paths: Vec<PathBuf> = saved.iter().map(|saved| saved.path.clone()).collect();
        paths.push(spool);
        let listed = paths.iter().cloned().chain(folders).collect();
        Expected { paths, listed }
    }

    async fn verify(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let (job, node, customer) = (work.job, work.node, work.customer());
        let site = self.site.get()?;
        let Some(snapshot) = self.facts.snapshot.clone() else {
            return Err(Failure::system("verify", &io::Error::other("no snapshot was noted")));
        };
        let Expected { paths, listed } = self.expected(node, customer);
        let restic = restic(site, &self.order.repository, Stage::Verify, node)?;
        let mut watch = work.watching(Stage::Verify, "Read back");
        let listing = restic
            .read_back(&snapshot, &listed, self.reader.take(), &mut watch)
            .await
            .map_err(ResticError::into_failure)?;
        let evidence = evidence(&listing, &paths, &self.facts.databases, customer, job);
        let Err(problem) = evidence else { return Ok(()) };
        // One that does not bear this job's mark is somebody's good backup: it is left alone.
        self.facts.condemned = listing.head.tags.contains(&job_tag(job));
        if !self.facts.condemned {
            self.facts.snapshot = None;
        }
        work.note(&self.facts)?;
        Err(Failure::transient(
            "The backup could not be confirmed and was thrown away. Try again.",
            format!("snapshot {snapshot}: {problem}"),
        ))
    }

    /// Nobody is offered a snapshot that failed; forgetting it is best done, but nothing hangs on
    /// it, since it never got into any list.
    async fn forget_condemned(&self, work: &mut Work<'_>) {
        let (Some(snapshot), true) = (&self.facts.snapshot, self.facts.condemned) else { return };
        let Ok(site) = self.site.get() else { return };
        if work.stop.is_requested() {
            return;
        }
        let node = work.node;
        let Ok(restic) = restic(site, &self.order.repository, Stage::Snapshot, node) else {
            return;
        };
        let mut watch = work.watching(Stage::Snapshot, "Forgot");
        let forgotten = restic.forget(std::slice::from_ref(snapshot), &mut watch).await;
        if let Err(error) = forgotten {
            let text = format!("snapshot {snapshot} is useless and stays: {}", chain(&error));
            work.teller.log(Level::Warn, text);
        }
    }
}

/// What must be in the list of a snapshot for it to count; else what is missing.
fn evidence(
    listing: &Listing,
    paths: &[PathBuf],
    databases: &[Dumped],
    customer: CustomerId,
    job: JobId,
) -> Result<(), String> {
    if !listing.head.belongs_to(customer) || !listing.head.tags.contains(&job_tag(job)) {
        return Err("it does not bear the marks of this job".into());
    }
    for path in paths {
        match listing.trees.get(path) {
            None => return Err(format!("{} is not in it as a directory", path.display())),
            // The directory itself and the manifest; of each database a folder with three files.
            Some(sum)
                if manifest::is_spool(path, customer)
                    && (sum.size.entries != 2 + 4 * databases.len() as u64
                        || sum.size.bytes
                            <= databases.iter().map(|dumped| dumped.bytes).sum::<u64>()) =>
            {
                return Err("its manifest or a dump is not in it".into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn remove_spool(spool: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(spool) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::system("remove the spool", &error))
        }
        _ => Ok(()),
    }
}

impl Plan for Backup {
    const VERB: Verb = Verb::Backup;

    fn outline(&self) -> Outline {
        Outline {
            stages: STAGES.to_vec(),
            unstoppable_from: Stage::Verify,
            committed_by: Stage::Verify,
        }
    }

    async fn run(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check => self.check(work).await,
            Stage::Dump => self.dump(work).await,
            Stage::Snapshot => self.snapshot(work).await,
            Stage::Verify => self.verify(work).await,
            Stage::Tidy => {
                remove_spool(&manifest::spool(work.node, work.customer()))?;
                tell_after(&self.site, work).await;
                Ok(())
            }
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    async fn revert(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check | Stage::Verify | Stage::Tidy => Ok(()),
            Stage::Dump => {
                self.turn_away().await;
                self.clear_rehearsals(work).await?;
                remove_spool(&manifest::spool(work.node, work.customer()))
            }
            Stage::Snapshot => {
                self.forget_condemned(work).await;
                Ok(())
            }
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    async fn stuck(&self, _: &Failure, work: &Work<'_>) -> String {
        let customer = work.customer();
        format!(
            "The site itself was not touched. Mend the cause, then run, as root, \
             `holdfast-executor settle {customer} --as old`."
        )
    }

    fn report(&self, reached: Reached, _: &Work<'_>) -> Report {
        let Facts { saved, databases, snapshot, incomplete, .. } = self.facts.clone();
        let Facts { mut unreadable, unsaved, torn, notes, .. } = self.facts.clone();
        unreadable
            .extend(torn.iter().map(|path| format!("{path} (a SQLite database that changed)")));
        unreadable
            .extend(unsaved.iter().map(|schema| format!("database {schema} (not configured)")));
        let done = reached == Reached::Goal;
        let what = if done { WhatHappened::Saved } else { WhatHappened::Untouched };
        let source = |saved: SavedFiles| {
            let SavedFiles { id, name, bytes, entries, .. } = saved;
            SourceResult { id, name, what, bytes, entries }
        };
        let database = |dumped: Dumped| {
            let Dumped { id, name, bytes, rows: entries } = dumped;
            SourceResult { id, name, what, bytes, entries }
        };
        Report {
            done: match incomplete {
                true => "The backup is made, but some files could not be read and are not in it.",
                false => "The backup is made.",
            }
            .into(),
            incomplete: incomplete || !unsaved.is_empty() || !torn.is_empty(),
            unreadable,
            notes,
            sources: saved
                .into_iter()
                .map(source)
                .chain(databases.into_iter().map(database))
                .collect(),
            snapshot: snapshot.filter(|_| done),
            ..Report::default()
        }
    }
}
