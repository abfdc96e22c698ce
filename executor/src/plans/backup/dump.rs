//! `Dump`: databases and manifest go into the spool.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use holdfast_job::{Level, Progress, Stage};

use super::{Backup, Dumped};
use crate::{
    config::{Database, Site},
    failure::{Failure, chain},
    manifest::{
        self, LeftOut, MANIFEST_VERSION, Manifest, PROGRAMS_FILE, PROGRAMS_SQL_FILE, SavedDatabase,
        TABLES_FILE,
    },
    mariadb::{
        Charset, DumpSum, ExpectedTable, MariadbError, ProgramKind, SchemaFacts, Server,
        StoredProgram, TableKind, programs_for_people,
    },
    plans::databases::administer,
    space::Free,
    teller::{Teller, megabytes},
    work::Work,
};

/// How often the room that is left is looked at.
const LOOK_EVERY_BYTES: u64 = 8 << 20;

impl Backup {
    pub(super) async fn dump(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let spool = manifest::spool(work.node, work.customer());
        let system = |error| Failure::system("write the spool", &error);
        self.turn_away().await;
        // What an attempt that was killed has left there is not ours to save.
        super::remove_spool(&spool)?;
        make_folder(&spool).map_err(system)?;
        self.open_repository(work).await?;
        let (site, sources) = self.sources()?;
        let mut databases = Vec::new();
        let mut dumped = Vec::new();
        for database in &sources.databases {
            let folder = spool.join(database.id.as_str());
            make_folder(&folder).map_err(system)?;
            let looked = self.looked.get(&database.id).cloned();
            let saved = dump_database(site, (database, looked), &folder, work).await?;
            dumped.push(Dumped {
                id: saved.id.clone(),
                name: saved.name.clone(),
                bytes: size_of(&folder).map_err(system)?,
                rows: saved.tables.iter().map(|table| table.rows).sum(),
            });
            databases.push(saved);
        }
        let manifest = Manifest {
            version: MANIFEST_VERSION,
            job: work.job,
            customer: work.customer(),
            created_at: Work::now(),
            files: self.facts.saved.clone(),
            left_out: self.left_out(site),
            databases,
        };
        let mut text = serde_json::to_vec_pretty(&manifest).map_err(|e| system(e.into()))?;
        text.push(b'\n');
        fs::write(spool.join(manifest::FILE), text).map_err(system)?;
        self.facts.databases = dumped;
        work.note(&self.facts)
    }

    fn left_out(&self, site: &Site) -> Vec<LeftOut> {
        let scope = &self.order.scope;
        let files = site.files.iter().map(|source| &source.id).filter(|id| !scope.covers_files(id));
        let databases = site.databases.iter().map(|database| &database.id);
        let databases = databases.filter(|id| !scope.covers_databases(id));
        let why = format!("not in the scope `{scope}`");
        files.chain(databases).map(|id| LeftOut { id: id.clone(), why: why.clone() }).collect()
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(folder)
}

fn size_of(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

async fn dump_database(
    site: &Site,
    (database, looked): (&Database, Option<SchemaFacts>),
    folder: &Path,
    work: &Work<'_>,
) -> Result<SavedDatabase, Failure> {
    let (server, _) = administer(database, work, site.limits.patience(Stage::Dump))?;
    let failed = MariadbError::into_failure;
    let schema = &database.schema;
    let facts = match looked {
        Some(looked) => looked,
        None => server.look(schema, &work.stop).await.map_err(failed)?,
    };
    let Some(charset) = facts.charset.clone() else {
        return Err(changed_meanwhile(database, "its schema is gone"));
    };
    let programs = server.programs(schema, &work.stop).await.map_err(failed)?;
    for program in programs.iter().filter(|program| !program.broken) {
        program.check().map_err(|error| refused(database, &error))?;
    }
    let file = File::create(folder.join(TABLES_FILE))
        .map_err(|error| Failure::system("write the dump", &error))?;
    let total = facts.bytes();
    let mut room = Room::of(site, &work.node.state);
    let sum = server
        .dump(schema, &facts, file, &work.stop, |bytes| {
            tell(work.teller, bytes, total);
            room.check(bytes)
        })
        .await
        .map_err(|error| match error {
            // A table that is gone, or is another one than when the dump began.
            MariadbError::Refused { number: 1054 | 1146 | 1412, .. } => {
                let what = "its tables were changed during the dump";
                changed_meanwhile(database, &format!("{what}: {}", chain(&error)))
            }
            error => failed(error),
        })?;
    check_unchanged(&server, &facts, &sum, work).await?;
    let (broken, whole): (Vec<_>, Vec<_>) = programs.into_iter().partition(|p| p.broken);
    write_programs(folder, &charset, &whole)
        .map_err(|error| Failure::system("write programs", &error))?;
    for view in &broken {
        let text = format!(
            "database `{}`: view {} cannot be read and is left out",
            database.id, view.name
        );
        work.teller.log(Level::Warn, text);
    }
    Ok(SavedDatabase {
        id: database.id.clone(),
        name: database.name.clone(),
        engine: database.engine,
        server_version: facts.version.clone(),
        schema: schema.clone(),
        charset,
        tables: facts.tables.iter().map(|table| expected(table, &sum)).collect(),
        table_bytes: total,
        dump_bytes: sum.bytes,
        dump_sha256: sum.sha256,
        programs: whole.len(),
        notes: notes(&facts, &broken),
    })
}

fn expected(table: &crate::mariadb::TableFact, sum: &DumpSum) -> ExpectedTable {
    let rows = match table.kind {
        TableKind::Sequence => 0,
        _ => sum.rows.get(&table.name).copied().unwrap_or_default(),
    };
    ExpectedTable { name: table.name.clone(), kind: table.kind, engine: table.engine.clone(), rows }
}

/// A dump sees rows at one moment, but tables as it comes to them.
async fn check_unchanged(
    server: &Server<'_>,
    before: &SchemaFacts,
    sum: &DumpSum,
    work: &Work<'_>,
) -> Result<(), Failure> {
    let database = server.database;
    let after =
        server.look(&database.schema, &work.stop).await.map_err(MariadbError::into_failure)?;
    let shape = |facts: &SchemaFacts| {
        let table = |table: &crate::mariadb::TableFact| {
            (table.name.clone(), table.kind, table.engine.clone(), table.columns)
        };
        (facts.tables.iter().map(table).collect::<Vec<_>>(), facts.views.clone())
    };
    let known = |name: &String| before.tables.iter().any(|table| table.name == *name);
    match shape(before) == shape(&after) && sum.rows.keys().all(known) {
        true => Ok(()),
        false => Err(changed_meanwhile(database, "its tables were changed during the dump")),
    }
}

/// What could not be brought back is not saved as if it could.
fn refused(database: &Database, error: &MariadbError) -> Failure {
    Failure::permanent(
        format!(
            "The database \"{}\" has a program in it that could not be brought back. Please contact \
             support.",
            database.name
        ),
        format!("database `{}`: {error}", database.id),
    )
}

fn changed_meanwhile(database: &Database, what: &str) -> Failure {
    Failure::transient(
        format!(
            "The database \"{}\" was being changed while it was saved. Please try again.",
            database.name
        ),
        format!("database `{}`: {what}", database.id),
    )
}

fn write_programs(folder: &Path, charset: &Charset, programs: &[StoredProgram]) -> io::Result<()> {
    let script = programs_for_people(charset, programs).map_err(io::Error::other)?;
    let mut lines = Vec::new();
    for program in programs {
        serde_json::to_writer(&mut lines, program)?;
        lines.push(b'\n');
    }
    File::create(folder.join(PROGRAMS_FILE))?.write_all(&lines)?;
    File::create(folder.join(PROGRAMS_SQL_FILE))?.write_all(&script)
}

fn notes(facts: &SchemaFacts, broken: &[StoredProgram]) -> Vec<String> {
    let view = |program: &StoredProgram| {
        debug_assert_eq!(program.kind, ProgramKind::View);
        format!("view {} cannot be read and is left out", program.name)
    };
    let table = |table: &crate::mariadb::TableFact| {
        format!("table {} is {}, and not saved at one moment in time", table.name, table.engine)
    };
    let tables = facts.tables.iter().filter(|table| !table.is_transactional());
    broken.iter().map(view).chain(tables.map(table)).collect()
}

/// What a dump may take: a table's estimate can be thousands of times less than its rows as text, and
/// the journals are on the same disk.
struct Room<'a> {
    most: Option<u64>,
    reserve: u64,
    state: &'a Path,
    looked_at: u64,
}

impl<'a> Room<'a> {
    fn of(site: &Site, state: &'a Path) -> Self {
        let most = site.limits.max_source_bytes;
        Self { most, reserve: site.reserve, state, looked_at: 0 }
    }

    fn check(&mut self, bytes: u64) -> io::Result<()> {
        if self.most.is_some_and(|most| bytes > most) {
            return Err(io::Error::other("the dump is larger than limits.max_source_bytes"));
        }
        if bytes < self.looked_at + LOOK_EVERY_BYTES {
            return Ok(());
        }
        self.looked_at = bytes;
        match Free::at(self.state)?.bytes < self.reserve {
            true => {
                Err(io::Error::other("less than site.reserve is left on the disk of node.state"))
            }
            false => Ok(()),
        }
    }
}

fn tell(teller: &Teller, bytes: u64, total: u64) {
    let total = total.max(bytes);
    let detail = format!("Saved {} of the database", megabytes(bytes));
    teller.progress(Progress {
        stage: Stage::Dump,
        percent: (bytes.saturating_mul(100) / total.max(1)).min(99) as u8,
        bytes_done: bytes,
        bytes_total: total,
        files_done: 0,
        files_total: 0,
        detail,
    });
}
