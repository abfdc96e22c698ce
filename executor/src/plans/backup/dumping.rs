//! One dump of a schema whose tables may be changed meanwhile.
//!
//! A dump sees rows at one moment, but tables as it comes to them. A table that was changed after
//! that moment cannot be read in it: it is dumped by itself, behind the others, at a moment of its own.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use holdfast_job::Level;

use crate::{
    config::Database,
    failure::{Failure, chain},
    manifest::TABLES_FILE,
    mariadb::{DumpFile, DumpSum, MariadbError, SchemaFacts, Server, Which},
    work::Work,
};

/// So often the dump is begun anew.
const MOST_DUMPS: u32 = 8;

/// A dump, and what it is of.
pub(super) struct Finished {
    /// The schema as it was dumped.
    pub(super) facts: SchemaFacts,
    /// The dump.
    pub(super) sum: DumpSum,
    /// The tables that were dumped by themselves.
    pub(super) apart: Vec<String>,
}

/// Why a dump has to be begun anew.
struct Changed {
    /// The table, where it is known.
    table: Option<String>,
    how: String,
}

/// A dump that did not come to its end.
enum Unfinished {
    Changed(Changed),
    Failed(Failure),
}

/// Dumps a schema into this folder.
///
/// # Errors
/// The failure of the stage; a schema that is changed all the time is named with its table.
pub(super) async fn dump_tables(
    server: &Server<'_>,
    looked: Option<SchemaFacts>,
    folder: &Path,
    work: &Work<'_>,
    mut on_bytes: impl FnMut(&SchemaFacts, u64) -> io::Result<()>,
) -> Result<Finished, Failure> {
    let mut facts = match looked {
        Some(looked) => looked,
        None => look(server, work).await?,
    };
    let mut apart: Vec<String> = Vec::new();
    let mut dumps = 0;
    loop {
        dumps += 1;
        let changed = match once(server, &facts, &apart, folder, work, &mut on_bytes).await {
            Ok(sum) => return Ok(Finished { facts, sum, apart }),
            Err(Unfinished::Failed(failure)) => return Err(failure),
            Err(Unfinished::Changed(changed)) => changed,
        };
        if dumps == MOST_DUMPS {
            return Err(changed_meanwhile(server.database, &changed));
        }
        let text = format!(
            "database `{}`: it is dumped once more, since {}",
            server.database.id, changed.how
        );
        work.teller.log(Level::Warn, text);
        apart.extend(changed.table.filter(|table| !apart.contains(table)));
        facts = look(server, work).await?;
        if facts.charset.is_none() {
            return Err(schema_is_gone(server.database));
        }
        apart.retain(|table| facts.tables.iter().any(|found| found.name == *table));
    }
}

async fn look(server: &Server<'_>, work: &Work<'_>) -> Result<SchemaFacts, Failure> {
    let schema = &server.database.schema;
    server.look(schema, &work.stop).await.map_err(MariadbError::into_failure)
}

async fn once(
    server: &Server<'_>,
    facts: &SchemaFacts,
    apart: &[String],
    folder: &Path,
    work: &Work<'_>,
    on_bytes: &mut impl FnMut(&SchemaFacts, u64) -> io::Result<()>,
) -> Result<DumpSum, Unfinished> {
    let schema = server.database.schema.as_str();
    let system = |error| Unfinished::Failed(Failure::system("write the dump", &error));
    let mut dump = DumpFile::new(File::create(folder.join(TABLES_FILE)).map_err(system)?, facts);
    let all = (schema, Which::AllBut(apart));
    let dumped = server.dump(all, facts, &mut dump, &work.stop, |bytes| on_bytes(facts, bytes));
    dumped.await.map_err(|error| unfinished(error, server.database))?;
    for table in apart {
        let one = dump_one(server, facts, table, folder, work).await?;
        dump.append(one).map_err(system)?;
    }
    let sum = dump.end().map_err(|error| unfinished(error, server.database))?;
    let after = look(server, work).await.map_err(Unfinished::Failed)?;
    check_unchanged(facts, &after, &sum)?;
    Ok(sum)
}

/// A table by itself.
async fn dump_one(
    server: &Server<'_>,
    facts: &SchemaFacts,
    table: &str,
    folder: &Path,
    work: &Work<'_>,
) -> Result<DumpFile, Unfinished> {
    let file = folder.join("one.sql");
    let schema = server.database.schema.as_str();
    let system = |error| Unfinished::Failed(Failure::system("write the dump", &error));
    let opened = File::options().read(true).write(true).create(true).truncate(true).open(&file);
    let mut dump = DumpFile::new(opened.map_err(system)?, facts);
    // The open file is all that is needed.
    fs::remove_file(&file).map_err(system)?;
    let one = (schema, Which::One(table));
    match server.dump(one, facts, &mut dump, &work.stop, |_| Ok(())).await {
        Ok(()) => Ok(dump),
        Err(error) => Err(unfinished(error, server.database)),
    }
}

/// A table that is gone, or is another one than when the dump began, is no failure yet.
fn unfinished(error: MariadbError, database: &Database) -> Unfinished {
    match error {
        MariadbError::Refused { number: 1054 | 1146 | 1412, ref table, .. } => {
            let what = "its tables were changed during the dump";
            let how = format!("{what}: {}", chain(&error));
            Unfinished::Changed(Changed { table: table.clone(), how })
        }
        error => {
            let mut failure = error.into_failure();
            failure.operator = format!("database `{}`: {}", database.id, failure.operator);
            Unfinished::Failed(failure)
        }
    }
}

/// Compares a schema before and after its dump.
fn check_unchanged(
    before: &SchemaFacts,
    after: &SchemaFacts,
    sum: &DumpSum,
) -> Result<(), Unfinished> {
    let shape = |facts: &SchemaFacts| {
        let table = |table: &crate::mariadb::TableFact| {
            (table.name.clone(), table.kind, table.engine.clone(), table.columns)
        };
        (facts.tables.iter().map(table).collect::<Vec<_>>(), facts.views.clone())
    };
    let known = |name: &String| before.tables.iter().any(|table| table.name == *name);
    if shape(before) == shape(after) && sum.rows.keys().all(known) {
        return Ok(());
    }
    let other = |table: &&crate::mariadb::TableFact| {
        !after.tables.iter().any(|found| {
            (&found.name, found.kind, &found.engine, found.columns)
                == (&table.name, table.kind, &table.engine, table.columns)
        })
    };
    let of = match before.tables.iter().find(other) {
        Some(table) => format!(", such as `{}`", table.name),
        None => String::new(),
    };
    let how = format!("its tables were changed during the dump{of}");
    Err(Unfinished::Changed(Changed { table: None, how }))
}

fn changed_meanwhile(database: &Database, changed: &Changed) -> Failure {
    let table = changed.table.as_ref().map(|table| format!(", such as table `{table}`"));
    Failure::transient(
        format!(
            "The database \"{}\" was being changed while it was saved{}. Order the backup again \
             when nobody changes its tables.",
            database.name,
            table.unwrap_or_default()
        ),
        format!("database `{}`: {}, {MOST_DUMPS} times", database.id, changed.how),
    )
}

/// The failure of a schema that was there in `Check`.
pub(super) fn schema_is_gone(database: &Database) -> Failure {
    changed_meanwhile(database, &Changed { table: None, how: "its schema is gone".into() })
}
