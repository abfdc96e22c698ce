//! `Check`: what is to be saved is there, is what it should be, and is not too large.

use std::collections::BTreeMap;

use holdfast_job::Level;

use super::Backup;
use crate::{
    base::Base,
    config::{Database, FileSource, Site},
    failure::Failure,
    manifest::{MarksOfSources, SavedFiles},
    mariadb::{MariadbError, SchemaFacts},
    plans::{
        CONTACT_SUPPORT,
        databases::administer,
        hooks::ask_before,
        preconditions::{Place, look_at, open_base, refuse_old_server, repository},
    },
    space::Free,
    tree::{Mark, Marks, WalkError, measure_live},
    work::Work,
};

impl Backup {
    pub(super) async fn check(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let (site, sources) = self.sources()?;
        repository(site, &self.order.repository)?;
        let base = open_base(site)?;
        ask_before(site, work).await?;
        let (saved, marks) = measure_files(site, &sources.files, &base, work)?;
        let mut looked = BTreeMap::new();
        for database in sources.databases {
            looked.insert(database.id.clone(), check_database(site, database, work).await?);
        }
        let bytes = looked.values().map(SchemaFacts::bytes).sum();
        if bytes > 0 {
            check_spool(bytes, site, work)?;
        }
        self.looked = looked;
        self.marks = marks;
        self.facts.saved = saved;
        self.look_for_unsaved(work).await?;
        work.note(&self.facts)
    }
}

fn measure_files(
    site: &Site,
    sources: &[&FileSource],
    base: &Base,
    work: &Work<'_>,
) -> Result<(Vec<SavedFiles>, MarksOfSources), Failure> {
    let mut saved = Vec::new();
    let mut marked = MarksOfSources::new();
    let mut total = 0;
    for source in sources {
        if look_at(source, base)? == Place::Empty {
            return Err(Failure::permanent(
                format!("The folder of \"{}\" is missing, so nothing was saved.", source.name),
                format!("source `{}`: {} is missing", source.id, source.path.display()),
            ));
        }
        let root = base
            .open_folder(&source.path)
            .map_err(|error| Failure::system(format!("open source `{}`", source.id), &error))?;
        let limit = site.limits.max_source_bytes.map(|limit| limit.saturating_sub(total));
        let (size, marks) = measure_live(root, &source.excludes, limit, &work.stop).map_err(
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
                format!("the sources have over {limit} bytes, which is limits.max_source_bytes"),
            ));
        }
        if size.entries == 1 {
            let text = format!("source `{}` is empty, and is saved as such", source.id);
            work.teller.log(Level::Warn, text);
        }
        tell_marks(source, &marks, work);
        if !marks.found.is_empty() {
            marked.insert(source.id.clone(), marks.found);
        }
        saved.push(SavedFiles::new(source, size.entries, size.bytes));
    }
    Ok((saved, marked))
}

/// What of the flags will not come back is said now.
fn tell_marks(source: &FileSource, marks: &Marks, work: &Work<'_>) {
    let warn =
        |text: String| work.teller.log(Level::Warn, format!("source `{}`: {text}", source.id));
    if marks.left_out > 0 {
        warn(format!("flags of {} entries are not saved: there are too many", marks.left_out));
    }
    let alone = |mark: &&Mark| mark.is_encrypted() && !mark.path.is_empty();
    if let Some(mark) = marks.found.iter().find(alone) {
        let path = &mark.path;
        warn(format!(
            "{path:?} lies encrypted (fscrypt) by itself, and no restore would encrypt it again: \
             encrypt the site's base directory, and nothing below it by itself"
        ));
    }
}

/// What the server says of a database; what cannot be brought back is refused before it is saved.
async fn check_database(
    site: &Site,
    database: &Database,
    work: &Work<'_>,
) -> Result<SchemaFacts, Failure> {
    let patience = site.limits.patience(holdfast_job::Stage::Check);
    let (server, _) = administer(database, work, patience)?;
    let mut facts =
        server.look(&database.schema, &work.stop).await.map_err(MariadbError::into_failure)?;
    refuse_old_server(database, &facts)?;
    server.check_rights(&work.stop).await.map_err(MariadbError::into_failure)?;
    if facts.charset.is_none() {
        return Err(Failure::permanent(
            format!("The database \"{}\" is missing, so nothing was saved.", database.name),
            format!("database `{}`: there is no schema {}", database.id, database.schema),
        ));
    }
    if let Some(refusal) = &facts.refusal {
        let operator = format!("database `{}`: {refusal}", database.id);
        return Err(Failure::permanent(CONTACT_SUPPORT, operator));
    }
    let values = server.unloadable_values(&database.schema, &facts, &work.stop).await;
    facts.obstacles.extend(values.map_err(MariadbError::into_failure)?);
    if let Some(obstacle) = facts.obstacles.first() {
        return Err(Failure::permanent(
            format!(
                "The database \"{}\" has something in it that could not be brought back: \
                 {obstacle}. Change that, or contact support.",
                database.name
            ),
            format!("database `{}`: {}", database.id, facts.obstacles.join("; ")),
        ));
    }
    tell_untransactional(database, &facts, work);
    Ok(facts)
}

fn tell_untransactional(database: &Database, facts: &SchemaFacts, work: &Work<'_>) {
    let tables = facts.tables.iter().filter(|table| !table.is_transactional());
    let tables: Vec<&str> = tables.map(|table| table.name.as_str()).collect();
    if !tables.is_empty() {
        let text = format!(
            "database `{}`: {} tables are not InnoDB and are not saved at one moment in time: {}",
            database.id,
            tables.len(),
            tables.join(", ")
        );
        work.teller.log(Level::Warn, text);
    }
}

/// A dump is about as large as its tables.
fn check_spool(bytes: u64, site: &Site, work: &Work<'_>) -> Result<(), Failure> {
    let free = Free::at(&work.node.state)
        .map_err(|error| Failure::system("measure the free space", &error))?;
    if free.bytes >= bytes.saturating_add(site.reserve) {
        return Ok(());
    }
    Err(Failure::transient(
        "There is not enough room on our side to save the database. Nothing was changed. \
         Try again later.",
        format!(
            "{}: {} bytes are free, a dump may need {bytes}, and site.reserve is {}",
            work.node.state.display(),
            free.bytes,
            site.reserve
        ),
    ))
}
