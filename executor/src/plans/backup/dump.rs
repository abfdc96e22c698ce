//! `Dump`: databases and manifest go into the spool.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use holdfast_job::{Level, Progress, Stage};

use super::{
    Backup, Dumped,
    dumping::{Finished, dump_tables, schema_is_gone},
    rehearse::Rehearsal,
};
use crate::{
    config::{Database, Site},
    failure::Failure,
    manifest::{
        self, LeftOut, MANIFEST_VERSION, Manifest, PROGRAMS_FILE, PROGRAMS_SQL_FILE, SavedDatabase,
    },
    mariadb::{
        self, Charset, DumpSum, ExpectedTable, MariadbError, ProgramKind, SchemaFacts,
        StoredProgram, TableKind, programs_for_people,
    },
    plans::{databases::administer, preconditions::sources_of},
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
        let site = self.site.get()?.clone();
        let site = &site;
        let wanted = sources_of(site, &self.order.scope)?.databases;
        let mut databases = Vec::new();
        let mut dumped = Vec::new();
        for (number, &database) in wanted.iter().enumerate() {
            let folder = spool.join(database.id.as_str());
            make_folder(&folder).map_err(system)?;
            let looked = self.looked.get(&database.id).cloned();
            let (saved, facts, structure, programs) =
                dump_database(site, (database, looked), &folder, work).await?;
            let (tables, folder) = (saved.tables.as_slice(), folder.as_path());
            let rehearsal = Rehearsal { number, facts, tables, structure, programs, folder };
            self.rehearse(database, rehearsal, work).await?;
            dumped.push(Dumped {
                id: saved.id.clone(),
                name: saved.name.clone(),
                bytes: size_of(folder).map_err(system)?,
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
            marks: self.marks.clone(),
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
) -> Result<(SavedDatabase, SchemaFacts, Vec<u8>, Vec<StoredProgram>), Failure> {
    let (server, _) = administer(database, work, site.limits.patience(Stage::Dump))?;
    let failed = MariadbError::into_failure;
    let schema = &database.schema;
    let programs = server.programs(schema, &work.stop).await.map_err(failed)?;
    for program in programs.iter().filter(|program| !program.broken) {
        program.check().map_err(|error| refused(database, &error))?;
    }
    let mut room = Room::of(site, &work.node.state);
    let Finished { facts, sum, apart } =
        dump_tables(&server, looked, folder, work, |facts, bytes| {
            tell(work.teller, bytes, facts.bytes());
            room.check(bytes)
        })
        .await?;
    if let Some(error) = sum.longest.beyond(facts.settings.max_allowed_packet) {
        return Err(too_long(database, error));
    }
    let Some(charset) = facts.charset.clone() else { return Err(schema_is_gone(database)) };
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
    let saved = SavedDatabase {
        id: database.id.clone(),
        name: database.name.clone(),
        engine: database.engine,
        server_version: facts.version.clone(),
        schema: schema.clone(),
        charset,
        tables: facts.tables.iter().map(|table| expected(table, &sum)).collect(),
        table_bytes: facts.bytes(),
        dump_bytes: sum.bytes,
        dump_sha256: sum.sha256,
        programs: whole.len(),
        notes: notes(&facts, &broken, &apart),
    };
    Ok((saved, facts, sum.structure, whole))
}

fn expected(table: &crate::mariadb::TableFact, sum: &DumpSum) -> ExpectedTable {
    let rows = match table.kind {
        TableKind::Sequence => 0,
        _ => sum.rows.get(&table.name).copied().unwrap_or_default(),
    };
    let (name, engine) = (table.name.clone(), table.engine.clone());
    ExpectedTable { name, kind: table.kind, engine, rows, current: None }
}

/// What could not be brought back is not saved as if it could.
fn refused(database: &Database, error: &MariadbError) -> Failure {
    Failure::permanent(
        format!(
            "The database \"{}\" has a program in it that could not be brought back. Contact \
             support.",
            database.name
        ),
        format!("database `{}`: {error}", database.id),
    )
}

/// A row that the server would not take back.
fn too_long(database: &Database, error: MariadbError) -> Failure {
    let table = match &error {
        MariadbError::Packet { table, .. } => table.clone(),
        _ => String::new(),
    };
    Failure::permanent(
        format!(
            "The database \"{}\" has a row in table `{table}` that is too long to be brought back. \
             Nothing was saved. Shorten that row, or contact support.",
            database.name
        ),
        format!("database `{}`: {error}", database.id),
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

fn notes(facts: &SchemaFacts, broken: &[StoredProgram], apart: &[String]) -> Vec<String> {
    let view = |program: &StoredProgram| {
        debug_assert_eq!(program.kind, ProgramKind::View);
        format!("view {} cannot be read and is left out", program.name)
    };
    let table = |table: &crate::mariadb::TableFact| {
        format!("table {} is {}, and not saved at one moment in time", table.name, table.engine)
    };
    let tables = facts.tables.iter().filter(|table| !table.is_transactional());
    let apart = apart.iter().map(|table| {
        format!("table {table} was being changed, and is saved at a moment of its own")
    });
    let floats = facts.floats.iter().map(|(table, column)| {
        format!("column {column} of table {table} is a FLOAT, of which a dump has six digits")
    });
    let astray = facts.astray.iter().map(|astray| {
        let mariadb::Astray { table, schema, parent } = astray;
        format!(
            "table {table} has a foreign key into {schema}, a schema of Holdfast's own; it is saved as \
             one to {parent} of this schema"
        )
    });
    broken
        .iter()
        .map(view)
        .chain(astray)
        .chain(tables.map(table))
        .chain(apart)
        .chain(floats)
        .collect()
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
