//! "Take my last restore back."
//!
//! | stage | run | revert |
//! |---|---|---|
//! | `Check` | the undo copy is there and whole, and is made durable | what was announced is taken back |
//! | `Close` | what runs is looked at again; `.maintenance` on | `.maintenance` off |
//! | `Halt` | what runs on the site is noted and stopped | it is started again |
//! | `SwapDatabase` | the tables of each live schema and those of the copy change places; programs are reconciled | they change back |
//! | `SwapFiles` | who has come up is stopped; each live tree and the one in the undo copy change places | they change back |
//! | `Resume` | what ran is started; `after_swap`; the site is asked how it is | it is stopped |
//! | `Open` | `.maintenance` off | `.maintenance` on |
//! | `Keep` | the copy, which now holds what was displaced, becomes that of this job; what runs is looked at for a while; `after` | it becomes the old one |
//!
//! So an undo can itself be undone.

use std::{
    fs::{self, File},
    path::Path,
};

use holdfast_job::{JobId, Level, Moment, Stage, Undo as Order, Verb, WhatHappened};
use nix::unistd::syncfs;
use serde::{Deserialize, Serialize};

use super::{
    SiteOrError, administer,
    closing::{self, Coming},
    databases::{self, DatabasePart, Programs, SchemaDocument},
    foresee::foresee,
    hooks::{ask_before, tell_after},
    life::Life,
    preconditions::refuse_hangers_on,
    switch::{self, Switch, Switching, milliseconds, open_site},
};
use crate::{
    aside::{Aside, UndoCopy, UndoDatabase},
    conductor::{Plan, Reached, Report},
    config::{Database, Site},
    driver::Outline,
    failure::Failure,
    foresight::Swapped,
    mariadb::MariadbError,
    swap::{Part, live_inode},
    uncopied::Uncopied,
    work::Work,
};

/// The plan.
#[derive(Debug)]
pub struct Undo {
    order: Order,
    site: SiteOrError,
    facts: Facts,
}

/// What the journal keeps of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    switch: Switch,
    /// The copy as it was before.
    copy: Option<UndoCopy>,
    undo_until: Option<Moment>,
}

impl Undo {
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
        Ok(Self { order, site, facts })
    }

    /// What changes places, for whoever settles a stuck one.
    pub fn switch(&self) -> &Switch {
        &self.facts.switch
    }

    fn aside(&self) -> Aside {
        Aside::of(&self.facts.switch.base)
    }

    async fn check(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let base = open_site(&self.site)?;
        let site = self.site.get()?;
        ask_before(site, work).await?;
        let system = |error| Failure::system("look at the undo copies", &error);
        let aside = Aside::of(&site.base);
        let mut copies = aside.standing_copies().map_err(system)?;
        let uncopied = Uncopied::read(&work.node.state, work.customer()).map_err(system)?;
        copies.retain(|(_, copy)| copy.until >= Work::now() && !uncopied.supersedes(copy));
        if let Some(of) = self.order.of {
            copies.retain(|(_, copy)| copy.job == of);
        }
        let (folder, copy) = copies.pop().ok_or_else(|| nothing_to_undo(self.order.of))?;
        if self.order.of.is_none() && uncopied.is_later_than(&copy) {
            return Err(latest_kept_nothing(copy.job));
        }
        let kept: Vec<_> = copy
            .parts
            .iter()
            .map(|part| (part.live.as_path(), folder.join(part.source.as_str())))
            .collect();
        let trees: Vec<Swapped<'_>> =
            kept.iter().map(|(live, kept)| Swapped { live, kept: Some(kept) }).collect();
        foresee(&base, &trees).await?;
        let mut parts = Vec::new();
        for part in &copy.parts {
            let kept = folder.join(part.source.as_str());
            parts.push(Part {
                source: part.source.clone(),
                name: part.name.clone(),
                live: part.live.clone(),
                new: live_inode(&base, &kept)
                    .map_err(|error| Failure::system("look at the undo copy", &error))?,
                aside: kept,
                old: None,
            });
        }
        let databases = database_parts(&copy, &folder, site, work)?;
        let until = Work::now().plus(site.undo_for);
        let made_at_ms = milliseconds();
        let kept = databases.iter().map(DatabasePart::kept).collect();
        let next = UndoCopy {
            version: 2,
            job: work.job,
            made_at_ms,
            until,
            databases: kept,
            ..copy.clone()
        };
        let base = site.base.clone();
        // What is brought back may have been unwell: that is no reason to refuse it.
        let life = Life::look(site, &parts, true, work).await?;
        let places = Switch { base, parts, databases, life, ..Switch::default() };
        for part in &places.databases {
            let (server, lock) =
                administer(&part.database, work, site.limits.patience(Stage::Check))?;
            server.check_rights(&work.stop).await.map_err(MariadbError::into_failure)?;
            let found = server
                .look(&part.database.schema, &work.stop)
                .await
                .map_err(MariadbError::into_failure)?;
            refuse_hangers_on(&part.database, &found)?;
            let kept =
                server.look(&part.from, &work.stop).await.map_err(MariadbError::into_failure)?;
            let document = SchemaDocument::read(&part.incoming)?;
            let coming = Coming {
                tables: kept.tables.iter().map(|table| table.name.as_str()).collect(),
                programs: document.programs.len(),
            };
            let of = (&server, &part.database);
            let batches = closing::check(of, &found, &coming, &site.limits, work).await?;
            server
                .make_away(&lock, &part.to, &work.stop)
                .await
                .map_err(MariadbError::into_failure)?;
            if !part.is_ready(work).await? {
                return Err(nothing_to_undo(self.order.of));
            }
            server
                .mark_more(&lock, &part.from, batches, &work.stop)
                .await
                .map_err(MariadbError::into_failure)?;
        }
        self.facts = Facts { switch: places, copy: Some(copy), undo_until: Some(until) };
        work.note(&self.facts)?;
        aside.announce_undo(&folder, &next).map_err(system)?;
        let folder = File::open(folder).map_err(system)?;
        syncfs(&folder).map_err(|errno| system(errno.into()))
    }

    fn uncheck(&self) -> Result<(), Failure> {
        let Some(copy) = &self.facts.copy else { return Ok(()) };
        let aside = self.aside();
        let folder = aside.undo(copy.job);
        match folder.exists() {
            true => aside
                .retract_undo(&folder)
                .map_err(|error| Failure::system("take the announcement back", &error)),
            false => Ok(()),
        }
    }

    /// The site is open again: whatever fails here is no reason to take the undo back.
    fn keep(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let Some(copy) = &self.facts.copy else { return Ok(()) };
        let aside = self.aside();
        if let Err(error) = aside.keep(&aside.undo(copy.job), work.job) {
            let folder = aside.folder().display();
            let text = format!("{folder}: no undo of this is possible: {error}");
            work.teller.log(Level::Warn, text);
            self.facts.switch.note_uncopied(work);
            self.facts.undo_until = None;
            work.note(&self.facts)?;
        }
        Ok(())
    }

    fn unkeep(&self, work: &Work<'_>) -> Result<(), Failure> {
        let Some(copy) = &self.facts.copy else { return Ok(()) };
        let aside = self.aside();
        switch::forget_uncopied(work)?;
        let (ours, before) = (aside.undo(work.job), aside.undo(copy.job));
        let folder = if ours.exists() { &ours } else { &before };
        aside
            .announce_undo(folder, copy)
            .and_then(|()| aside.confirm_undo(folder))
            .and_then(|()| if *folder == ours { fs::rename(&ours, &before) } else { Ok(()) })
            .and_then(|()| aside.sync())
            .map_err(|error| Failure::system("take the undo copy back", &error))
    }
}

/// The databases of a copy, by the configuration of today where it still names the same schema.
fn database_parts(
    copy: &UndoCopy,
    folder: &Path,
    site: &Site,
    work: &Work<'_>,
) -> Result<Vec<DatabasePart>, Failure> {
    let part = |(number, kept): (usize, &UndoDatabase)| {
        let same = |today: &&Database| {
            (&today.id, &today.schema) == (&kept.database.id, &kept.database.schema)
        };
        let database = site.databases.iter().find(same).unwrap_or(&kept.database).clone();
        let [_, to, _] = databases::names(work, number)?;
        let outgoing = folder.join(format!("{}.displaced-{}.json", database.id, work.job));
        Ok(DatabasePart {
            from: kept.schema.clone(),
            to,
            incoming: folder.join(&kept.document),
            outgoing,
            programs: Programs::Displaced,
            bytes: 0,
            rows: 0,
            batches: 1,
            closed_seconds: site.limits.closed.as_secs(),
            database,
        })
    };
    copy.databases.iter().enumerate().map(part).collect()
}

fn nothing_to_undo(of: Option<JobId>) -> Failure {
    match of {
        Some(job) => Failure::permanent(
            "This restore cannot be taken back any more: a later one replaced what it had kept, \
             or the time for it has passed.",
            format!("there is no undo copy of job {job}"),
        ),
        None => Failure::permanent(
            "There is nothing to take back: the latest restore of this site has kept no copy, or \
             the time for it has passed.",
            "there is no undo copy of the latest restore",
        ),
    }
}

/// An order without a job means the latest restore, and never an older one in its place.
fn latest_kept_nothing(older: JobId) -> Failure {
    Failure::permanent(
        "The latest restore of this site cannot be taken back: no copy of what it replaced could be \
         kept.",
        format!(
            "the latest restore kept no undo copy; that of job {older} is taken back by its id"
        ),
    )
}

impl Switching for Undo {
    fn switching(&mut self) -> &mut Switch {
        &mut self.facts.switch
    }

    fn note(&self, work: &mut Work<'_>) -> Result<(), Failure> {
        work.note(&self.facts)
    }
}

impl Plan for Undo {
    const VERB: Verb = Verb::Undo;

    fn outline(&self) -> Outline {
        Outline {
            stages: vec![
                Stage::Check,
                Stage::Close,
                Stage::Halt,
                Stage::SwapDatabase,
                Stage::SwapFiles,
                Stage::Resume,
                Stage::Open,
                Stage::Keep,
            ],
            unstoppable_from: Stage::Halt,
            committed_by: Stage::SwapFiles,
        }
    }

    async fn run(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check => self.check(work).await,
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
            Stage::Check => self.uncheck(),
            Stage::Keep => self.unkeep(work),
            shared => switch::revert(self, shared, work).await,
        }
    }

    async fn stuck(&self, _: &Failure, work: &Work<'_>) -> String {
        self.facts.switch.stuck(work).await
    }

    fn report(&self, reached: Reached, _: &Work<'_>) -> Report {
        let done = reached == Reached::Goal;
        let what = if done { WhatHappened::Undone } else { WhatHappened::Untouched };
        Report {
            done: switch::told(
                "This was taken back: your site is as it was before it.",
                self.facts.undo_until,
            ),
            notes: self.facts.switch.life.notes(),
            sources: self.facts.switch.results(what),
            closed_ms: self.facts.switch.closed_ms(),
            services_ms: self.facts.switch.closed_ms().and(self.facts.switch.life.took_ms()),
            undo_until: self.facts.undo_until.filter(|_| done),
            healthy: self.facts.switch.life.is_well().filter(|_| done),
            warnings: self.facts.switch.life.warnings(),
            ..Report::default()
        }
    }
}
