//! The databases of a restore: looked at in `Check`, taken out of what was fetched, and in `Load`
//! brought into schemas of ours beside the live ones.

use std::{
    fs::{self, File},
    io::{self, Seek},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use holdfast_job::{Progress, Stage};

use super::{
    Facts, Restore,
    fetched::{length_of, text_of},
    not_in_backup, unusable,
};
use crate::{
    aside::Aside,
    config::{Database, Reach},
    failure::{Failure, chain},
    manifest::{self, Manifest, PROGRAMS_FILE, SavedDatabase, TABLES_FILE},
    mariadb::{
        EndOfTime, ExpectedTable, MariadbError, Staged, StoredProgram, TableKind, translate,
    },
    plans::{
        closing::{self, Coming},
        databases::{self, DatabasePart, Programs, SchemaDocument, administer},
        preconditions::{refuse_hangers_on, refuse_old_server},
    },
    space::Free,
    teller::{Teller, megabytes},
    work::{Work, no_stop},
};

impl Restore {
    /// Whether the databases are in the backup, their servers there, and room on them.
    pub(super) async fn check_databases(
        &self,
        wanted: &[&Database],
        manifest: &Manifest,
        facts: &mut Facts,
        work: &Work<'_>,
    ) -> Result<(), Failure> {
        let site = self.site.get()?;
        let stages = work.journal.opened().map(|opened| &opened.outline);
        if !wanted.is_empty() && stages.is_some_and(|o| o.place(Stage::SwapDatabase).is_none()) {
            return Err(Failure::permanent(
                "What belongs to your site was changed meanwhile. Order this again.",
                "the site had no database when this order was first tried: order it again",
            ));
        }
        let stage = Aside::of(&site.base).stage(work.job);
        for (number, database) in wanted.iter().enumerate() {
            let Some(saved) = manifest.database(&database.id) else {
                facts.missing.push(not_in_backup(&database.id, &database.name));
                continue;
            };
            if saved.engine != database.engine {
                return Err(unusable(format!(
                    "database `{}` was on another kind of server",
                    database.id
                )));
            }
            let (server, _) = administer(database, work, site.limits.patience(Stage::Check))?;
            let found = server
                .look(&database.schema, &work.stop)
                .await
                .map_err(MariadbError::into_failure)?;
            refuse_old_server(database, &found)?;
            server.check_rights(&work.stop).await.map_err(MariadbError::into_failure)?;
            refuse_hangers_on(database, &found)?;
            let coming = Coming {
                tables: saved.tables.iter().map(|table| table.name.as_str()).collect(),
                programs: saved.programs,
            };
            let batches =
                closing::check((&server, database), &found, &coming, &site.limits, work).await?;
            check_room(database, saved, Path::new(&found.datadir), site.reserve)?;
            let [from, to, _] = databases::names(work, number)?;
            let file = |kind: &str| stage.join(format!("{}.{kind}.json", database.id));
            facts.switch.databases.push(DatabasePart {
                database: (*database).clone(),
                from,
                to,
                incoming: file("restored"),
                outgoing: file(&format!("displaced-{}", work.job)),
                programs: Programs::FromBackup,
                bytes: saved.dump_bytes,
                rows: saved.tables.iter().map(|table| table.rows).sum(),
                batches,
                closed_seconds: site.limits.closed.as_secs(),
            });
        }
        Ok(())
    }

    /// Takes dumps and programs out of what was fetched; the manifest too, which says what belongs
    /// into them.
    pub(super) fn take_dumps(
        &self,
        fetched: &Path,
        spool: &Path,
        stage: &Path,
    ) -> Result<(), Failure> {
        if self.facts.switch.databases.is_empty() {
            return Ok(());
        }
        let system = |error| Failure::system("take the dumps out", &error);
        let manifest = self.manifest_in(spool)?;
        for part in &self.facts.switch.databases {
            let folder = spool.join(part.database.id.as_str());
            let saved = saved_of(&manifest, part)?;
            let dump = folder.join(TABLES_FILE);
            if length_of(fetched, &dump)? != saved.dump_bytes {
                return Err(unusable("its dump is not as long as its manifest says".into()));
            }
            let text = text_of(fetched, &folder.join(PROGRAMS_FILE))?;
            let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let programs: Vec<StoredProgram> = lines
                .map(serde_json::from_slice)
                .collect::<Result<_, _>>()
                .map_err(|error| unusable(format!("its programs are not understood: {error}")))?;
            if programs.len() != saved.programs {
                return Err(unusable("it has other programs than its manifest says".into()));
            }
            for program in &programs {
                program.check().map_err(MariadbError::into_failure)?;
            }
            SchemaDocument { version: 1, charset: Some(saved.charset.clone()), programs }
                .write(&part.incoming)
                .map_err(system)?;
            fs::rename(dump, dump_of(stage, part)).map_err(system)?;
        }
        fs::rename(spool.join(manifest::FILE), stage.join(manifest::FILE)).map_err(system)
    }

    fn manifest_in(&self, folder: &Path) -> Result<Manifest, Failure> {
        let text = fs::read(folder.join(manifest::FILE))
            .map_err(|error| Failure::system("read the manifest", &error))?;
        Manifest::parse(&text, self.site.get()?.customer).map_err(|error| unusable(chain(&error)))
    }

    /// `Load`.
    pub(super) async fn load(&self, work: &Work<'_>) -> Result<(), Failure> {
        let site = self.site.get()?;
        let stage = self.aside().stage(work.job);
        let manifest = self.manifest_in(&stage)?;
        for (number, part) in self.facts.switch.databases.iter().enumerate() {
            let dump = dump_of(&stage, part);
            // Loaded already, it is gone.
            let file = match File::open(&dump) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(|error| Failure::system("open the dump", &error))?,
            };
            let saved = saved_of(&manifest, part)?;
            let (server, lock) =
                administer(&part.database, work, site.limits.patience(Stage::Load))?;
            let [_, _, user] = databases::names(work, number)?;
            let staged =
                Staged { schema: &part.from, away: &part.to, user: &user, charset: &saved.charset };
            let failed = MariadbError::into_failure;
            let mut tables = saved.tables.clone();
            let end = server.end_of_time(&work.stop).await.map_err(failed)?;
            let file = in_its_time(file, (saved, &mut tables), end, &stage)?;
            server
                .load(&lock, &staged, file, &work.stop, |bytes| {
                    tell(work.teller, bytes, saved.dump_bytes);
                })
                .await
                .map_err(failed)?;
            server
                .check_loaded(&lock, (&part.from, part.batches), &tables, &work.stop)
                .await
                .map_err(failed)?;
            fs::remove_file(&dump)
                .map_err(|error| Failure::system("remove the loaded dump", &error))?;
        }
        Ok(())
    }

    /// The way back from `Load`: nobody loads any more. The schemas are left to `recover`, since
    /// dropping them may take long. So is the account, if its server is away.
    pub(super) async fn unload(&self, work: &Work<'_>) -> Result<(), Failure> {
        for (number, part) in self.facts.switch.databases.iter().enumerate() {
            if let Err(failure) = end_loading(part, number, work).await {
                let text = format!("`recover` will end what loads: {}", failure.operator);
                work.teller.log(holdfast_job::Level::Warn, text);
            }
        }
        Ok(())
    }
}

async fn end_loading(part: &DatabasePart, number: usize, work: &Work<'_>) -> Result<(), Failure> {
    let [_, _, user] = databases::names(work, number)?;
    let (server, lock) = administer(&part.database, work, databases::PATIENCE)?;
    server.forget_loader(&lock, &user, &no_stop()).await.map_err(MariadbError::into_failure)
}

/// A dump as a server with this end of time is to read it, and the current rows of its versioned tables.
fn in_its_time(
    mut dump: File,
    (saved, tables): (&SavedDatabase, &mut [ExpectedTable]),
    to: EndOfTime,
    stage: &Path,
) -> Result<File, Failure> {
    let from = EndOfTime::of(&saved.server_version);
    let has_history = tables.iter().any(|table| table.kind == TableKind::Versioned);
    // A later end has room for all moments of an earlier one.
    if from <= to && !has_history {
        return Ok(dump);
    }
    let system = |error| Failure::system("read the dump", &error);
    let history = match from == to {
        true => translate(&dump, io::sink(), (from, to)).map_err(system)?,
        false => {
            let mut translated = unlinked(&stage.join(format!("{}.translated.sql", saved.id)))
                .map_err(|error| Failure::system("translate the dump", &error))?;
            let history = translate(&dump, &mut translated, (from, to)).map_err(system)?;
            dump = translated;
            history
        }
    };
    dump.rewind().map_err(system)?;
    if let Some((table, column)) = history.too_late {
        return Err(unusable(format!(
            "column `{column}` of table `{table}` has a moment that its server does not have: it was \
             saved on {}, and needs a server of MariaDB 11.5 or newer",
            saved.server_version
        )));
    }
    for table in tables.iter_mut().filter(|table| table.kind == TableKind::Versioned) {
        table.current = Some(history.current.get(&table.name).copied().unwrap_or_default());
    }
    Ok(dump)
}

/// A new file that has no name any more.
fn unlinked(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

fn dump_of(stage: &Path, part: &DatabasePart) -> PathBuf {
    stage.join(format!("{}.tables.sql", part.database.id))
}

fn saved_of<'m>(manifest: &'m Manifest, part: &DatabasePart) -> Result<&'m SavedDatabase, Failure> {
    let id = &part.database.id;
    manifest.database(id).ok_or_else(|| unusable(format!("its manifest does not name `{id}`")))
}

/// The loaded tables stand beside the live ones. How much room a server elsewhere has, we do not
/// know.
fn check_room(
    database: &Database,
    saved: &SavedDatabase,
    datadir: &Path,
    reserve: u64,
) -> Result<(), Failure> {
    let need = saved.table_bytes.max(saved.dump_bytes).saturating_add(reserve);
    let free = match (&database.reach, Free::at(datadir)) {
        (Reach::Socket(_), Ok(free)) => free.bytes,
        _ => return Ok(()),
    };
    if free >= need {
        return Ok(());
    }
    let (need, free) = (megabytes(need), megabytes(free));
    Err(Failure::permanent(
        format!(
            "There is not enough room to restore the database: {need} are needed and {free} are \
             free. Contact support."
        ),
        format!("{}: {need} are needed and {free} are free", datadir.display()),
    ))
}

fn tell(teller: &Teller, bytes: u64, total: u64) {
    let (done, of) = (megabytes(bytes.min(total)), megabytes(total));
    teller.progress(Progress {
        stage: Stage::Load,
        percent: (bytes.saturating_mul(100) / total.max(1)).min(99) as u8,
        bytes_done: bytes.min(total),
        bytes_total: total,
        files_done: 0,
        files_total: 0,
        detail: format!("Loaded {} of {of}", done.trim_end_matches(" MB")),
    });
}
