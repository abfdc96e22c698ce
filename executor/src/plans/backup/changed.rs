//! Files that changed while they were saved: named in the result, and a SQLite database among them makes
//! the backup incomplete, since what is saved of it may be damaged.

use std::{path::Path, time::Duration};

use super::Backup;
use crate::{base::Base, failure::Failure, note::Note, tree::changed_since, work::Work};

impl Backup {
    /// Behind the saving, which began at this moment.
    pub(super) fn look_for_changes(
        &mut self,
        since: Duration,
        work: &Work<'_>,
    ) -> Result<(), Failure> {
        let (site, sources) = self.sources()?;
        let base =
            Base::open(&site.base).map_err(|error| Failure::system(site.base.display(), &error))?;
        let (mut files, mut named, mut sqlite) = (0, Vec::new(), Vec::new());
        for source in &sources.files {
            // One that is gone since then has nothing that could be looked at.
            let Ok(root) = base.open_folder(&source.path) else { continue };
            // What cannot be looked at was told by the saving itself; a stop is heeded soon.
            let looked = changed_since(root, &source.excludes, since, &work.stop);
            let Ok(changes) = looked else { continue };
            let shown = |path: &Path| {
                let name = format!("{}/{}", source.id, path.display());
                name.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>()
            };
            files += changes.files;
            named.extend(changes.named.iter().map(|path| shown(path)));
            sqlite.extend(changes.sqlite.iter().map(|path| shown(path)));
        }
        if files > 0 {
            self.facts.notes.push(note(files, &named, sqlite.len()));
        }
        self.facts.torn = sqlite;
        Ok(())
    }
}

fn note(files: u64, named: &[String], databases: usize) -> Note {
    let customer = (databases > 0).then(|| {
        "A SQLite database of yours changed while it was saved, and may be damaged in this backup. \
         Order another one at a quiet moment."
            .to_owned()
    });
    let more = match files.saturating_sub(named.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let operator =
        format!("{files} files changed while they were saved: {}{more}.", named.join(", "));
    Note { customer, operator }
}
