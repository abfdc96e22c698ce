//! `Keep`: the stage, which now holds what was displaced, becomes the undo copy.

use std::{fs, io, path::Path};

use holdfast_job::{JobId, Level, UndoCopy as Undoing};

use super::Restore;
use crate::{
    aside::{Aside, UndoCopy},
    failure::Failure,
    plans::switch,
    work::Work,
};

impl Restore {
    /// The site is open again: whatever fails here is no reason to take the restore back.
    pub(super) fn keep(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let aside = self.aside();
        let stage = aside.stage(work.job);
        let kept = match self.order.undo {
            Undoing::Keep => aside.keep(&stage, work.job),
            Undoing::None => self.keep_nothing(&aside, &stage, work)?,
        };
        if let Err(error) = kept {
            let folder = aside.folder().display();
            let text = format!("{folder}: no undo of this is possible: {error}");
            work.teller.log(Level::Warn, text);
            // An earlier copy would take back an earlier restore in the place of this one.
            self.facts.switch.note_uncopied(work);
            self.facts.undo_until = None;
            work.note(&self.facts)?;
        }
        Ok(())
    }

    /// Neither what was displaced nor what an earlier restore of the same sources displaced.
    fn keep_nothing(
        &mut self,
        aside: &Aside,
        stage: &Path,
        work: &mut Work<'_>,
    ) -> Result<io::Result<()>, Failure> {
        let switch = &self.facts.switch;
        let of_ours = |copy: &UndoCopy| {
            switch.parts.iter().any(|part| copy.holds(&part.source))
                || switch.databases.iter().any(|part| copy.holds(&part.database.id))
        };
        let copies = match aside.undo_copies() {
            Ok(copies) => copies.into_iter().map(|(_, copy)| copy).filter(of_ours),
            Err(error) => return Ok(Err(error)),
        };
        let replaced: Vec<JobId> = copies.map(|copy| copy.job).collect();
        // Taken twice, there is nothing left of what was noted the first time.
        self.facts.replaced.extend(replaced);
        work.note(&self.facts)?;
        let mut folders = self.facts.replaced.iter().map(|job| aside.undo(*job));
        Ok(aside
            .discard(stage)
            .and_then(|()| folders.try_for_each(|folder| aside.discard(&folder))))
    }

    /// The displaced trees are needed for the way back, so they become the stage again.
    pub(super) fn unkeep(&self, work: &Work<'_>) -> Result<(), Failure> {
        let aside = self.aside();
        switch::forget_uncopied(work)?;
        for job in &self.facts.replaced {
            aside
                .undiscard(&aside.undo(*job))
                .map_err(|error| Failure::system("bring an undo copy back", &error))?;
        }
        let (stage, undo) = (aside.stage(work.job), aside.undo(work.job));
        if !undo.exists() {
            return aside.undiscard(&stage).map_err(|e| Failure::system("find the stage", &e));
        }
        fs::rename(undo, stage)
            .and_then(|()| aside.sync())
            .map_err(|error| Failure::system("take the undo copy back", &error))
    }
}
