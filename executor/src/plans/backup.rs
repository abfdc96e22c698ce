//! "Save my site as it is now."
//!
//! | stage | run | revert |
//! |---|---|---|
//! | `Check` | the sources are real directories inside a root-owned base, and not too large | – |
//! | `Dump` | `manifest.json` is written into the spool | the spool is removed |
//! | `Snapshot` | one `restic backup` of sources and spool | a snapshot that failed `Verify` is forgotten |
//! | `Verify` | the snapshot is read back: whose it is, each directory, the manifest | – |
//! | `Tidy` | the spool is removed | – |

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use holdfast_job::{
    Backup as Order, CustomerId, JobId, Level, SnapshotId, SourceResult, Stage, Verb, WhatHappened,
};
use serde::{Deserialize, Serialize};

use super::{
    SiteOrError, foreign_stage,
    preconditions::{Place, look_at, open_base, restic, sources_of},
};
use crate::{
    conductor::{Plan, Reached, Report},
    config::{FileSource, Node, Site},
    driver::Outline,
    failure::{Failure, chain},
    manifest::{self, LeftOut, MANIFEST_VERSION, Manifest, SavedFiles},
    restic::{Listing, ResticError, SavePlan, host_of, job_tag},
    tree::{WalkError, measure_live},
    work::Work,
};

/// The plan.
#[derive(Debug)]
pub struct Backup {
    order: Order,
    site: SiteOrError,
    attempt: u32,
    facts: Facts,
}

/// What the journal keeps of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    saved: Vec<SavedFiles>,
    snapshot: Option<SnapshotId>,
    /// Read back and found wanting: not to be offered to anybody.
    condemned: bool,
    incomplete: bool,
    unreadable: Vec<String>,
}

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
        Ok(Self { order, site, attempt, facts })
    }

    fn sources(&self) -> Result<(&Site, Vec<&FileSource>), Failure> {
        let site = self.site.get()?;
        Ok((site, sources_of(site, &self.order.scope)?))
    }

    fn check(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let (site, sources) = self.sources()?;
        super::preconditions::repository(site, &self.order.repository)?;
        let base = open_base(site)?;
        let mut saved = Vec::new();
        let mut total = 0;
        for source in sources {
            if look_at(source, &base)? == Place::Empty {
                return Err(Failure::permanent(
                    format!("The folder of \"{}\" is missing, so nothing was saved.", source.name),
                    format!("source `{}`: {} is missing", source.id, source.path.display()),
                ));
            }
            let root = base
                .open_folder(&source.path)
                .map_err(|error| Failure::system(format!("open source `{}`", source.id), &error))?;
            let limit = site.limits.max_source_bytes.map(|limit| limit.saturating_sub(total));
            let size = measure_live(root, &source.excludes, limit, &work.stop).map_err(
                |error| match error {
                    WalkError::Ended => Failure::stopped(),
                    error => Failure::system(format!("measure source `{}`", source.id), &error),
                },
            )?;
            total += size.bytes;
            if let Some(limit) = site.limits.max_source_bytes.filter(|limit| total > *limit) {
                return Err(Failure::permanent(
                    "Your site is larger than your backups may be. Remove what you do not need, or \
                     ask for more room.",
                    format!(
                        "the sources have over {limit} bytes, which is limits.max_source_bytes"
                    ),
                ));
            }
            if size.entries == 1 {
                let text = format!("source `{}` is empty, and is saved as such", source.id);
                work.teller.log(Level::Warn, text);
            }
            saved.push(SavedFiles::new(source, size.entries, size.bytes));
        }
        self.facts.saved = saved;
        work.note(&self.facts)
    }

    fn dump(&self, work: &Work<'_>) -> Result<(), Failure> {
        let (site, _) = self.sources()?;
        let saved = |id| self.facts.saved.iter().any(|saved: &SavedFiles| saved.id == id);
        let left_out = site.files.iter().filter(|source| !saved(source.id.clone()));
        let left_out = left_out.map(|source| LeftOut {
            id: source.id.clone(),
            why: format!("not in the scope `{}`", self.order.scope),
        });
        let manifest = Manifest {
            version: MANIFEST_VERSION,
            job: work.job,
            customer: work.customer(),
            created_at: Work::now(),
            files: self.facts.saved.clone(),
            left_out: left_out.collect(),
        };
        write_spool(&manifest::spool(work.node, work.customer()), &manifest)
            .map_err(|error| Failure::system("write the spool", &error))
    }

    async fn snapshot(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        if self.facts.snapshot.is_some() && !self.facts.condemned {
            return Ok(());
        }
        let (job, node) = (work.job, work.node);
        let (site, sources) = self.sources()?;
        let restic = restic(site, &self.order.repository, Stage::Snapshot, node)?;
        let mut watch = work.watching(Stage::Snapshot, "Saved");
        let failed = ResticError::into_failure;
        if self.attempt > 1
            && let Some(orphan) = restic.find_of_job(job, &mut watch).await.map_err(failed)?
        {
            // An attempt that was killed may have made a snapshot all the same, but nobody saw
            // whether it is complete.
            restic.forget(&[orphan.id], &mut watch).await.map_err(failed)?;
        }
        let plan = self.save_plan(site, &sources, node, job);
        let report = restic.save(&plan, &mut watch).await.map_err(failed)?;
        self.facts.snapshot = Some(report.snapshot);
        self.facts.incomplete = !report.complete;
        self.facts.unreadable = report.unreadable;
        self.facts.condemned = false;
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
        SavePlan {
            base: site.base.clone(),
            paths,
            excludes: excludes.collect(),
            tags: vec![
                host_of(customer),
                self.order.label.word().to_owned(),
                self.order.scope.word().to_owned(),
                Work::now().to_string(),
                job_tag(job),
            ],
        }
    }

    async fn verify(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let (job, node, customer) = (work.job, work.node, work.customer());
        let site = self.site.get()?;
        let Some(snapshot) = self.facts.snapshot.clone() else {
            return Err(Failure::system("verify", &io::Error::other("no snapshot was noted")));
        };
        let mut paths: Vec<PathBuf> =
            self.facts.saved.iter().map(|saved| saved.path.clone()).collect();
        paths.push(manifest::spool(node, customer));
        let restic = restic(site, &self.order.repository, Stage::Verify, node)?;
        let mut watch = work.watching(Stage::Verify, "Read back");
        let listing = restic
            .list_heads(&snapshot, &paths, &mut watch)
            .await
            .map_err(ResticError::into_failure)?;
        let Err(problem) = evidence(&listing, &paths, customer, job) else { return Ok(()) };
        // One that does not bear this job's mark is somebody's good backup: it is left alone.
        self.facts.condemned = listing.head.tags.contains(&job_tag(job));
        if !self.facts.condemned {
            self.facts.snapshot = None;
        }
        work.note(&self.facts)?;
        Err(Failure::transient(
            "The backup could not be confirmed and was thrown away. Please try again.",
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
    customer: CustomerId,
    job: JobId,
) -> Result<(), String> {
    if !listing.head.belongs_to(customer) || !listing.head.tags.contains(&job_tag(job)) {
        return Err("it does not bear the marks of this job".into());
    }
    for path in paths {
        match listing.trees.get(path) {
            None => return Err(format!("{} is not in it as a directory", path.display())),
            // The directory itself and its one file.
            Some(sum) if manifest::is_spool(path, customer) && sum.size.entries != 2 => {
                return Err("its manifest is not in it".into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn write_spool(spool: &Path, manifest: &Manifest) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(spool)?;
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    fs::write(spool.join(manifest::FILE), text)
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
            Stage::Check => self.check(work),
            Stage::Dump => self.dump(work),
            Stage::Snapshot => self.snapshot(work).await,
            Stage::Verify => self.verify(work).await,
            Stage::Tidy => remove_spool(&manifest::spool(work.node, work.customer())),
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    async fn revert(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check | Stage::Verify | Stage::Tidy => Ok(()),
            Stage::Dump => remove_spool(&manifest::spool(work.node, work.customer())),
            Stage::Snapshot => {
                self.forget_condemned(work).await;
                Ok(())
            }
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    fn stuck(&self, _: &Failure, work: &Work<'_>) -> String {
        let customer = work.customer();
        format!(
            "The site itself was not touched. Mend the cause, then run, as root, \
             `holdfast-executor settle {customer} --as old`."
        )
    }

    fn report(&self, reached: Reached, _: &Work<'_>) -> Report {
        let Facts { saved, snapshot, incomplete, unreadable, .. } = self.facts.clone();
        let done = reached == Reached::Goal;
        let source = |saved: SavedFiles| SourceResult {
            id: saved.id,
            name: saved.name,
            what: if done { WhatHappened::Saved } else { WhatHappened::Untouched },
            bytes: saved.bytes,
            entries: saved.entries,
        };
        Report {
            done: match incomplete {
                true => "The backup is made, but some files could not be read and are not in it.",
                false => "The backup is made.",
            }
            .into(),
            incomplete,
            unreadable,
            sources: saved.into_iter().map(source).collect(),
            snapshot: snapshot.filter(|_| done),
            ..Report::default()
        }
    }
}
