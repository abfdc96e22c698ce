//! "Take my last restore back."
//!
//! | stage | run | revert |
//! |---|---|---|
//! | `Check` | the undo copy is there and whole, and is made durable | what was announced is taken back |
//! | `Close` | `.maintenance` on | `.maintenance` off |
//! | `SwapFiles` | each live tree and the one in the undo copy change places | they change back |
//! | `Open` | `.maintenance` off | `.maintenance` on |
//! | `Keep` | the copy, which now holds what was displaced, becomes that of this job | it becomes the old one |
//!
//! So an undo can itself be undone.

use std::fs::{self, File};

use holdfast_job::{JobId, Level, Moment, Stage, Undo as Order, Verb, WhatHappened};
use nix::unistd::syncfs;
use serde::{Deserialize, Serialize};

use super::{
    SiteOrError, foreign_stage,
    switch::{Switch, milliseconds, open_site},
};
use crate::{
    aside::{Aside, UndoCopy},
    conductor::{Plan, Reached, Report},
    driver::Outline,
    failure::Failure,
    swap::{Part, Side, live_inode},
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

    fn check(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let base = open_site(&self.site)?;
        let site = self.site.get()?;
        let system = |error| Failure::system("look at the undo copies", &error);
        let aside = Aside::of(&site.base);
        let mut copies = aside.standing_copies().map_err(system)?;
        copies.retain(|(_, copy)| copy.until >= Work::now());
        if let Some(of) = self.order.of {
            copies.retain(|(_, copy)| copy.job == of);
        }
        let (folder, copy) = copies.pop().ok_or_else(|| nothing_to_undo(self.order.of))?;
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
        let until = Work::now().plus(site.undo_for);
        let made_at_ms = milliseconds();
        let next = UndoCopy { job: work.job, made_at_ms, until, ..copy.clone() };
        self.facts = Facts {
            switch: Switch { base: site.base.clone(), parts, ..Switch::default() },
            copy: Some(copy),
            undo_until: Some(until),
        };
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
            work.teller.log(Level::Warn, format!("no undo of this is possible: {error}"));
            self.facts.undo_until = None;
            work.note(&self.facts)?;
        }
        Ok(())
    }

    fn unkeep(&self, work: &Work<'_>) -> Result<(), Failure> {
        let Some(copy) = &self.facts.copy else { return Ok(()) };
        let aside = self.aside();
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

fn nothing_to_undo(of: Option<JobId>) -> Failure {
    match of {
        Some(job) => Failure::permanent(
            "This restore cannot be taken back any more: a later one replaced what it had kept, \
             or the time for it has passed.",
            format!("there is no undo copy of job {job}"),
        ),
        None => Failure::permanent(
            "There is nothing to take back: no restore of this site has kept a copy.",
            "there is no undo copy",
        ),
    }
}

impl Plan for Undo {
    const VERB: Verb = Verb::Undo;

    fn outline(&self) -> Outline {
        Outline {
            stages: vec![Stage::Check, Stage::Close, Stage::SwapFiles, Stage::Open, Stage::Keep],
            unstoppable_from: Stage::SwapFiles,
            committed_by: Stage::SwapFiles,
        }
    }

    async fn run(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check => self.check(work),
            Stage::Close => {
                self.facts.switch.look_at_door(work.job)?;
                work.note(&self.facts)?;
                self.facts.switch.close(work.job)
            }
            Stage::SwapFiles => {
                self.facts.switch.look_at_trees()?;
                work.note(&self.facts)?;
                self.facts.switch.put(Side::New)
            }
            Stage::Open => {
                self.facts.switch.open(work.job)?;
                self.facts.switch.opened();
                work.note(&self.facts)
            }
            Stage::Keep => self.keep(work),
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    async fn revert(&mut self, stage: Stage, work: &mut Work<'_>) -> Result<(), Failure> {
        match stage {
            Stage::Check => self.uncheck(),
            Stage::Close => self.facts.switch.open(work.job),
            Stage::SwapFiles => self.facts.switch.put(Side::Old),
            Stage::Open => self.facts.switch.close(work.job),
            Stage::Keep => self.unkeep(work),
            other => Err(foreign_stage(Self::VERB, other)),
        }
    }

    fn stuck(&self, _: &Failure, work: &Work<'_>) -> String {
        self.facts.switch.stuck(work.job, work.customer())
    }

    fn report(&self, reached: Reached, _: &Work<'_>) -> Report {
        let done = reached == Reached::Goal;
        let what = if done { WhatHappened::Undone } else { WhatHappened::Untouched };
        Report {
            done: "Your restore is taken back: the site is as it was before it.".into(),
            sources: self.facts.switch.results(what),
            closed_ms: self.facts.switch.closed_ms(),
            undo_until: self.facts.undo_until.filter(|_| done),
            ..Report::default()
        }
    }
}
