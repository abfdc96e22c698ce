//! "Bring my site back as it was in this backup."
//!
//! | stage | run | revert |
//! |---|---|---|
//! | `Check` | the backup is this customer's, holds what is asked for, and there is room | – |
//! | `Fetch` | restic restores into the stage; compared, sanitized, made durable | the stage becomes trash |
//! | `Load` | each dump is loaded into a schema of ours, compared and checked | what loads is ended |
//! | `Close` | what runs is looked at again; `.maintenance` on | `.maintenance` off |
//! | `Halt` | what runs on the site is noted and stopped | it is started again |
//! | `SwapDatabase` | what each schema was is written down; its tables and the loaded ones change places; programs are reconciled | they change back |
//! | `SwapFiles` | who has come up is stopped; each live tree and the one in the stage change places | they change back |
//! | `Resume` | what ran is started; `after_swap`; the site is asked how it is | it is stopped |
//! | `Open` | `.maintenance` off | `.maintenance` on |
//! | `Keep` | the stage, which now holds what was displaced, becomes the undo copy; what runs is looked at for a while; `after` | it becomes the stage |
//!
//! With `maintenance = "whole"`, `Close` stands before `Fetch`. `Load` and `SwapDatabase` are there if
//! the order is about a database, `SwapFiles` if it is about files.
//!
//! After a crash the journal says where the plan was, and the world what has come of it:
//!
//! | the last swap has finished | marker | live tree | then |
//! |---|---|---|---|
//! | yes | undo schema | new | forward: `Open`, `Keep` |
//! | no | undo schema | old or new | back: tables and trees change back |
//! | no | staging schema | old or new | back: what was dropped is made again, trees change back |
//! | no | nowhere | old | back: nothing has changed places |

mod check;
mod fetch;
mod fetched;
mod ground;
mod keep;
mod load;
mod ways;

use std::path::PathBuf;

use holdfast_job::{
    JobId, MaintenanceMode, Moment, Restore as Order, SourceResult, Stage, UndoCopy, Verb,
    WhatHappened,
};
use serde::{Deserialize, Serialize};

use super::{
    SiteOrError,
    hooks::tell_after,
    switch::{self, Switch, Switching},
};
use crate::{
    aside::Aside,
    conductor::{Plan, Reached, Report},
    driver::Outline,
    failure::Failure,
    tree::{Mark, TreeSum},
    work::Work,
};

/// The plan.
#[derive(Debug)]
pub struct Restore {
    order: Order,
    site: SiteOrError,
    facts: Facts,
    /// Marks that must be there before the trees are, by the place where each tree was saved.
    beforehand: Vec<(PathBuf, Mark)>,
}

/// What the journal keeps of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    switch: Switch,
    /// Where each part is in the snapshot, in the order of the parts.
    saved_at: Vec<PathBuf>,
    /// Where the manifest's folder is in the snapshot.
    spool: PathBuf,
    /// What each part is in the snapshot, in the order of the parts.
    sums: Vec<TreeSum>,
    /// The length of the longest path in the snapshot, in bytes, or a little more.
    #[serde(default)]
    longest_path: usize,
    /// Sources of the site that the backup does not hold.
    missing: Vec<SourceResult>,
    undo_until: Option<Moment>,
    /// The undo copies that go because this restore keeps none.
    replaced: Vec<JobId>,
}

impl Restore {
    /// The plan of an order, from whatever facts its journal holds.
    ///
    /// # Errors
    /// If the facts are of another form.
    pub fn new(
        order: Order,
        site: SiteOrError,
        facts: Option<&serde_json::Value>,
    ) -> serde_json::Result<Self> {
        let facts = facts.map(Facts::deserialize).transpose()?.unwrap_or_default();
        Ok(Self { order, site, facts, beforehand: Vec::new() })
    }

    /// What changes places, for whoever settles a stuck one.
    pub fn switch(&self) -> &Switch {
        &self.facts.switch
    }

    fn aside(&self) -> Aside {
        Aside::of(&self.facts.switch.base)
    }
}

use check::not_in_backup;

fn unusable(problem: String) -> Failure {
    Failure::permanent(
        "This backup cannot be restored from here. Choose another one or contact support.",
        problem,
    )
}

impl Switching for Restore {
    fn switching(&mut self) -> &mut Switch {
        &mut self.facts.switch
    }

    fn note(&self, work: &mut Work<'_>) -> Result<(), Failure> {
        work.note(&self.facts)
    }
}

impl Plan for Restore {
    const VERB: Verb = Verb::Restore;

    fn outline(&self) -> Outline {
        let configured = self.site.get().map(|site| site.maintenance).unwrap_or_default();
        let scope = &self.order.scope;
        let site = self.site.get();
        let databases = site.as_ref().is_ok_and(|site| !site.databases_in(scope).is_empty());
        let files = site.is_ok_and(|site| !site.files_in(scope).is_empty());
        let swaps: &[Stage] = match (databases, files) {
            (true, true) => &[Stage::SwapDatabase, Stage::SwapFiles],
            (true, false) => &[Stage::SwapDatabase],
            (false, _) => &[Stage::SwapFiles],
        };
        let mut stages = vec![Stage::Check, Stage::Fetch];
        stages.extend(databases.then_some(Stage::Load));
        match self.order.maintenance.unwrap_or(configured) {
            MaintenanceMode::Swap => stages.push(Stage::Close),
            MaintenanceMode::Whole => stages.insert(1, Stage::Close),
        }
        stages.push(Stage::Halt);
        stages.extend(swaps);
        stages.extend([Stage::Resume, Stage::Open, Stage::Keep]);
        Outline { stages, unstoppable_from: Stage::Halt, committed_by: swaps[swaps.len() - 1] }
    }

    async fn run(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check => self.check(work).await,
            Stage::Fetch => self.fetch(work).await,
            Stage::Load => self.load(work).await,
            Stage::Keep => {
                self.keep(work)?;
                self.facts.switch.life.watch(work).await;
                work.note(&self.facts)?;
                tell_after(&self.site, work).await;
                Ok(())
            }
            shared => switch::run(self, shared, work).await,
        }
    }

    async fn revert(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check => Ok(()),
            Stage::Fetch => {
                let aside = self.aside();
                aside
                    .discard(&aside.stage(work.job))
                    .map_err(|error| Failure::system("discard the stage", &error))
            }
            Stage::Load => self.unload(work).await,
            Stage::Keep => self.unkeep(work),
            shared => switch::revert(self, shared, work).await,
        }
    }

    async fn stuck(&self, _: &Failure, work: &Work<'_>) -> String {
        self.facts.switch.stuck(work).await
    }

    fn report(&self, reached: Reached, _: &Work<'_>) -> Report {
        let done = reached == Reached::Goal;
        let what = if done { WhatHappened::Restored } else { WhatHappened::Untouched };
        let mut sources = self.facts.switch.results(what);
        for (source, sum) in sources.iter_mut().zip(&self.facts.sums) {
            source.bytes = sum.size.bytes;
            source.entries = sum.size.entries;
        }
        sources.extend(self.facts.missing.clone());
        Report {
            done: match self.order.undo {
                UndoCopy::Keep => switch::told("Your site is restored.", self.facts.undo_until),
                UndoCopy::None => "Your site is restored.".into(),
            },
            notes: self.facts.switch.life.notes(),
            sources,
            snapshot: Some(self.order.snapshot.clone()).filter(|_| done),
            closed_ms: self.facts.switch.closed_ms(),
            services_ms: self.facts.switch.closed_ms().and(self.facts.switch.life.took_ms()),
            undo_until: self.facts.undo_until.filter(|_| done),
            healthy: self.facts.switch.life.is_well().filter(|_| done),
            warnings: self.facts.switch.life.warnings(),
            ..Report::default()
        }
    }
}
