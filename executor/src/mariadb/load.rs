//! The load: a dump, which is code, run by a throw-away account that can touch nothing but the
//! staging schema, and what came of it compared with the manifest.

use std::{
    fs::File,
    io::{self, Read, Seek},
};

use super::{
    EndOfTime, MariadbError, Script, Server, TableKind, Tool,
    dump_place::table_at,
    dump_reader::DumpReader,
    exchange::{Charset, is_reserved, make_markers},
    script::{name, name_in, text},
};
use crate::{
    process::{Heard, Moved, ProcessError},
    stop::Stop,
};

/// The options of a load: the client reads comments, executes none of its own commands and no file.
const LOADING_OPTIONS: [&str; 5] =
    ["--comments", "--sandbox", "--binary-mode", "--local-infile=0", "--batch"];

/// A moment shortly before the end of time, which is in 2038 on some servers.
const LATE: &str = "2038-01-18 00:00:00";

/// Errors of a server that has closed the connection, perhaps since a packet was too long.
const MAY_BE_PACKET: [&str; 2] = ["error 2006", "error 2013"];

/// Where a dump is loaded, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged<'a> {
    /// The schema that it is loaded into.
    pub schema: &'a str,
    /// The empty schema that the live tables will go to.
    pub away: &'a str,
    /// The throw-away account's user.
    pub user: &'a str,
    /// What the schema is to have.
    pub charset: &'a Charset,
}

/// What the manifest says of a table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExpectedTable {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Its engine.
    pub engine: String,
    /// Its rows, with what they were before if it is versioned; a sequence has none.
    pub rows: u64,
    /// Its current rows alone, where they were counted in the dump.
    #[serde(skip)]
    pub current: Option<u64>,
}

impl Server<'_> {
    /// Makes both schemas anew and loads the dump.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn load(
        &self,
        lock: &str,
        staged: &Staged<'_>,
        dump: File,
        stop: &Stop,
        mut tell: impl FnMut(u64),
    ) -> Result<(), MariadbError> {
        let again = dump.try_clone().map_err(unread)?;
        let login = self.prepare(lock, staged, stop).await?;
        let mut args = LOADING_OPTIONS.map(str::to_owned).to_vec();
        args.push(staged.schema.to_owned());
        // The lock guards the live schema until this session's last statement has ended.
        let first = Script::changing(lock);
        let input = Self::with_file(first.text().to_vec(), dump);
        let ended = self
            .as_login(login)
            .program(Tool::Client, &args, input)
            .start()?
            .attend(stop, |heard| {
                if let Heard::Took(bytes) = heard {
                    tell(bytes);
                }
                Ok(Moved::Yes)
            })
            .await;
        let ended = ended?;
        if !ended.status.success() {
            let error = MariadbError::of("mariadb", &ended, |_| "load the dump");
            return Err(self.of_dump(error, first.lines(), again, stop).await);
        }
        self.forget_loader(lock, staged.user, stop).await
    }

    /// The end of time on the server.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn end_of_time(&self, stop: &Stop) -> Result<EndOfTime, MariadbError> {
        let script = Script::reading().then("ask for the version", "SELECT VERSION()");
        let rows = self.run(&script, stop).await?;
        let version = rows.first().map(|row| row.text(0)).transpose()?;
        Ok(EndOfTime::of(&version.unwrap_or_default()))
    }

    /// The error of a load with its table, and its line in the dump. A server that answers has not
    /// gone away: the longest statement says whether it was too long.
    async fn of_dump(
        &self,
        error: MariadbError,
        lines_before: usize,
        mut dump: File,
        stop: &Stop,
    ) -> MariadbError {
        let of_dump = |line: usize| line.saturating_sub(lines_before);
        match error {
            MariadbError::Refused { number: 1153, .. } => {
                self.too_long(dump, stop).await.unwrap_or(error)
            }
            MariadbError::Away(ref how) if MAY_BE_PACKET.contains(&how.as_str()) => {
                self.too_long(dump, stop).await.unwrap_or(error)
            }
            MariadbError::Refused { doing, number, state, line, .. } => {
                let line = of_dump(line);
                let table = table_at(&mut dump, line).unwrap_or_default();
                MariadbError::Refused { doing, number, state, line, table }
            }
            MariadbError::Misread { doing, line } => {
                MariadbError::Misread { doing, line: of_dump(line) }
            }
            other => other,
        }
    }

    /// The longest statement of a dump, if the server does not take it.
    async fn too_long(&self, mut dump: File, stop: &Stop) -> Option<MariadbError> {
        let ask = "SELECT 'packet', @@GLOBAL.max_allowed_packet";
        let script = Script::reading().then("ask for the longest packet", ask);
        let rows = self.run(&script, stop).await.ok()?;
        let limit = rows.first()?.number(1).ok()?;
        let mut reader = DumpReader::default();
        let mut chunk = vec![0; 1 << 20];
        dump.rewind().ok()?;
        loop {
            match dump.read(&mut chunk).ok()? {
                0 => break,
                count => reader.take(&chunk[..count]),
            }
        }
        reader.longest.beyond(limit)
    }

    /// Compares what was loaded with what the manifest says, checks it, and marks it as ready.
    ///
    /// # Errors
    /// [`MariadbError::Unusable`] names the first difference.
    pub async fn check_loaded(
        &self,
        lock: &str,
        (schema, batches): (&str, usize),
        expected: &[ExpectedTable],
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let unusable = |problem: String| Err(MariadbError::Unusable(problem));
        let found = self.look(schema, stop).await?;
        if let Some(obstacle) = found.obstacles.first() {
            return unusable(format!("what was loaded cannot go live: {obstacle}"));
        }
        if let Some(view) = found.views.first() {
            return unusable(format!("the dump made a view, {}", name(view)));
        }
        for table in &found.tables {
            let same = |other: &&ExpectedTable| {
                (&other.name, other.kind, &other.engine) == (&table.name, table.kind, &table.engine)
            };
            if is_reserved(&table.name) || expected.iter().find(same).is_none() {
                let (of, engine) = (name(&table.name), &table.engine);
                let other = expected.iter().find(|other| other.name == table.name);
                let other = other.filter(|other| other.engine != *engine);
                if let Some(ExpectedTable { engine: wanted, .. }) = other {
                    return unusable(format!(
                        "the server makes {engine} of table {of}, which is {wanted}: its \
                         enforce_storage_engine says so, or the engine's plugin is missing"
                    ));
                }
                return unusable(format!("table {of} ({engine}) is not as the manifest says"));
            }
        }
        if let Some(missing) =
            expected.iter().find(|table| !found.tables.iter().any(|found| found.name == table.name))
        {
            return unusable(format!("table {} is missing", name(&missing.name)));
        }
        self.compare_rows(schema, expected, stop).await?;
        let mut script = Script::changing(lock);
        make_markers(schema, batches, false, &mut script);
        self.run(&script, stop).await.map(|_| ())
    }

    /// Marks a schema that is marked already for so many batches at least.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn mark_more(
        &self,
        lock: &str,
        schema: &str,
        batches: usize,
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let mut script = Script::changing(lock);
        make_markers(schema, batches, true, &mut script);
        self.run(&script, stop).await.map(|_| ())
    }

    async fn compare_rows(
        &self,
        schema: &str,
        expected: &[ExpectedTable],
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let mut script = Script::reading();
        for (number, table) in expected.iter().enumerate() {
            let of = name_in(schema, &table.name);
            let history = match table.kind {
                TableKind::Sequence => continue,
                TableKind::Versioned => " FOR SYSTEM_TIME ALL",
                TableKind::Table => "",
            };
            let count = format!("SELECT 'rows', {number}, COUNT(*) FROM {of}{history}");
            script.push("count the rows", count);
            if table.current.is_some() {
                // Of a moment that ends before time does on any server.
                let now = format!("{of} FOR SYSTEM_TIME AS OF TIMESTAMP'{LATE}'");
                let count = format!("SELECT 'current', {number}, COUNT(*) FROM {now}");
                script.push("count the current rows", count);
            }
            script.push("check a table", format!("CHECK TABLE {of}"));
        }
        for row in self.run(&script, stop).await? {
            if row.tag() == b"rows" {
                let table = expected.get(row.number(1)? as usize);
                let counted = row.number(2)?;
                if let Some(table) = table.filter(|table| table.rows != counted) {
                    return Err(MariadbError::Unusable(format!(
                        "table {} has {counted} rows and should have {}",
                        name(&table.name),
                        table.rows
                    )));
                }
            } else if row.tag() == b"current" {
                let table = expected.get(row.number(1)? as usize);
                let counted = row.number(2)?;
                if let Some(table) = table.filter(|table| table.current != Some(counted)) {
                    return Err(MariadbError::Unusable(format!(
                        "table {} has {counted} current rows and should have {}",
                        name(&table.name),
                        table.current.unwrap_or_default()
                    )));
                }
            } else if row.bytes(2)?.eq_ignore_ascii_case(b"error") {
                let table = row.text(0)?;
                return Err(MariadbError::Unusable(format!("loaded table {table} is corrupt")));
            }
        }
        Ok(())
    }

    /// Schemas and accounts of ours whose names begin so and that are not among these to keep.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn drop_orphans(
        &self,
        lock: &str,
        (schemas, users): (&[String], &str),
        keep: &[String],
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let mut ask = Script::reading();
        for beginning in schemas {
            let like = text(&format!("{}%", beginning.replace('_', "\\_")));
            ask.push(
                "look for old schemas",
                format!(
                    "SELECT 'schema', SCHEMA_NAME FROM information_schema.SCHEMATA \
                     WHERE SCHEMA_NAME LIKE {like}"
                ),
            );
        }
        let like = text(&format!("{}%", users.replace('_', "\\_")));
        ask.push(
            "look for old accounts",
            format!("SELECT DISTINCT 'user', User FROM mysql.user WHERE User LIKE {like}"),
        );
        for row in self.run(&ask, stop).await? {
            let of = row.text(1)?;
            if row.tag() == b"user" {
                self.forget_loader(lock, &of, stop).await?;
            } else if !keep.contains(&of) {
                let drop = format!("DROP DATABASE IF EXISTS {}", name(&of));
                // Another copy of ours may refer to it.
                let script = Script::changing(lock)
                    .then("prepare the session", "SET SESSION foreign_key_checks = 0")
                    .then("drop an old schema", drop);
                self.run(&script, stop).await?;
            }
        }
        Ok(())
    }

    /// Makes an empty schema for what an exchange displaces.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn make_away(
        &self,
        lock: &str,
        schema: &str,
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let make = format!("CREATE DATABASE IF NOT EXISTS {}", name(schema));
        self.run(&Script::changing(lock).then("make a schema", make), stop).await.map(|_| ())
    }
}

fn unread(source: io::Error) -> MariadbError {
    MariadbError::Process(ProcessError::Lost { name: "the dump".into(), source })
}
