//! The rehearsal of a restore, beside its dump: what could not be brought back is refused by name
//! while it can still be changed, and not found on the day on which it is needed.
//!
//! It is done again only when something has changed that decides how it ends. The sum over all that
//! is kept in the node's state.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use holdfast_job::{Order, SourceId};

use super::Backup;
use crate::{
    config::{Database, Node},
    failure::{Failure, FailureKind},
    journal::{Journal, Opened},
    mariadb::{ExpectedTable, MariadbError, Play, SchemaFacts, Staged, StoredProgram},
    plans::databases::{self, administer},
    work::Work,
};

/// A rehearsal that may have left something on its server.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Rehearsing {
    number: usize,
    database: Database,
}

/// A schema that was dumped, for its rehearsal.
pub(super) struct Rehearsal<'a> {
    /// Which of the job's databases.
    pub(super) number: usize,
    /// The schema.
    pub(super) facts: SchemaFacts,
    /// Its tables, as the manifest has them.
    pub(super) tables: &'a [ExpectedTable],
    /// Its dump without rows.
    pub(super) structure: Vec<u8>,
    /// Its programs.
    pub(super) programs: Vec<StoredProgram>,
    /// The folder of its dump.
    pub(super) folder: &'a Path,
}

impl Backup {
    /// Rehearses the restore of a database, if the last good rehearsal was of something else.
    pub(super) async fn rehearse(
        &mut self,
        database: &Database,
        rehearsal: Rehearsal<'_>,
        work: &mut Work<'_>,
    ) -> Result<(), Failure> {
        let site = self.site.get()?;
        let patience = site.limits.patience(holdfast_job::Stage::Dump);
        let Rehearsal { number, facts, tables, structure, programs, folder } = rehearsal;
        let (server, lock) = administer(database, work, patience)?;
        let sum = server
            .sum_of_load(&facts, (&structure, &programs))
            .map_err(MariadbError::into_failure)?;
        let record = record_of(work.node, work.customer(), &database.id);
        if fs::read_to_string(&record).is_ok_and(|known| known == sum) {
            return Ok(());
        }
        let Some(charset) = &facts.charset else { return Ok(()) };
        let system = |error| Failure::system("write the structure for a rehearsal", &error);
        let file = unlinked(&folder.join("structure.sql"), &structure).map_err(system)?;
        let [schema, away, user] = databases::names(work, number)?;
        let staged = Staged { schema: &schema, away: &away, user: &user, charset };
        let empty: Vec<ExpectedTable> =
            tables.iter().map(|table| ExpectedTable { rows: 0, ..table.clone() }).collect();
        let play = Play { structure: file, tables: &empty, programs: &programs };
        self.facts.rehearsing.push(Rehearsing { number, database: database.clone() });
        work.note(&self.facts)?;
        server
            .rehearse(&lock, &staged, play, &work.stop)
            .await
            .map_err(|error| would_fail(database, error))?;
        self.facts.rehearsing.pop();
        write(&record, &sum).map_err(|error| Failure::system("keep the sum of a rehearsal", &error))
    }

    /// Takes away what a rehearsal has left. What cannot be taken away now, and what a wish to stop leaves
    /// no time for, `recover` will: it stays noted.
    pub(super) async fn clear_rehearsals(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let mut left = Vec::new();
        for rehearsing in std::mem::take(&mut self.facts.rehearsing) {
            let Rehearsing { number, database } = &rehearsing;
            if let Err(failure) = clear(database, *number, work).await {
                let text = format!("`recover` will clear a rehearsal: {}", failure.operator);
                work.teller.log(holdfast_job::Level::Warn, text);
                left.push(rehearsing);
            } else if work.stop.is_requested() {
                left.push(rehearsing);
            }
        }
        self.facts.rehearsing = left;
        work.note(&self.facts)
    }
}

/// The rehearsals that a backup may have left on their servers: the number of each among the job's
/// databases, and the database.
pub fn rehearsals_of(journal: &Journal) -> Vec<(usize, Database)> {
    let is_backup = |opened: &Opened| matches!(opened.request.order, Order::Backup(_));
    let facts = Work::facts(journal.records()).filter(|_| journal.opened().is_some_and(is_backup));
    let noted = facts.and_then(|facts| facts.get("rehearsing")).cloned().unwrap_or_default();
    let noted: Vec<Rehearsing> = serde_json::from_value(noted).unwrap_or_default();
    noted.into_iter().map(|one| (one.number, one.database)).collect()
}

async fn clear(database: &Database, number: usize, work: &Work<'_>) -> Result<(), Failure> {
    let [schema, away, user] = databases::names(work, number)?;
    let (server, lock) = administer(database, work, databases::PATIENCE)?;
    let schemas = ([schema.as_str(), &away], user.as_str());
    let cleared = server.clear_rehearsal(&lock, schemas, &work.stop).await;
    cleared.map_err(MariadbError::into_failure)
}

/// The failure of a backup that could not be brought back.
fn would_fail(database: &Database, error: MariadbError) -> Failure {
    let table = error.place().map(|place| format!(", in {place}"));
    let failure = error.into_failure();
    if failure.kind != FailureKind::Permanent {
        let operator = format!("rehearse a restore of `{}`: {}", database.id, failure.operator);
        return Failure { operator, ..failure };
    }
    let operator = format!(
        "database `{}`: a restore was rehearsed, and would fail: {}",
        database.id, failure.operator
    );
    Failure::permanent(
        format!(
            "The database \"{}\" has something in it that could not be brought back{}. Nothing was \
             saved. Change that, or contact support.",
            database.name,
            table.unwrap_or_default()
        ),
        operator,
    )
}

fn record_of(node: &Node, customer: holdfast_job::CustomerId, database: &SourceId) -> PathBuf {
    let folder = node.state.join("rehearsed").join(format!("customer-{customer}"));
    folder.join(database.as_str())
}

fn write(record: &Path, sum: &str) -> io::Result<()> {
    let folder = record.parent().unwrap_or(Path::new("/"));
    fs::DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
    let part = record.with_extension("part");
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&part)?.write_all(sum.as_bytes())?;
    fs::rename(&part, record)
}

/// A file with this text that has no name any more.
fn unlinked(path: &Path, text: &[u8]) -> io::Result<File> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    fs::remove_file(path)?;
    file.write_all(text)?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_tried_again_and_what_does_not_names_its_table() {
        let database: Database = serde_json::from_value(serde_json::json!({
            "id": "shop", "name": "The shop", "engine": "mariadb", "schema": "customer_42",
            "reach": { "socket": "/run/s" }, "account": "a@b", "credentials_file": "/etc/c",
        }))
        .unwrap();
        let refused = |number| MariadbError::Refused {
            doing: "load the dump",
            number,
            state: "HY000".into(),
            line: 3,
            table: Some("words".into()),
        };
        let failure = would_fail(&database, refused(1709));
        assert_eq!(failure.kind, FailureKind::Permanent);
        assert!(failure.customer.contains("`words`"), "{failure:?}");
        assert_eq!(would_fail(&database, refused(1205)).kind, FailureKind::Transient);
    }
}
