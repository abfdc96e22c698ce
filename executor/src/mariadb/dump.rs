//! The dump of tables and data: written where it is told, its rows counted as they pass by.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, Write},
};

use super::{
    MariadbError, SchemaFacts, Server, Tool,
    digest::Summing,
    dump_reader::{COMPLETION_MARK, DumpReader, Longest},
    redirect::Redirect,
};
use crate::{
    process::{Heard, Input, Moved, ProcessError},
    stop::Stop,
};

/// The longest packet that there can be: no row is too long for the client.
pub(super) const LONGEST_PACKET: &str = "--max-allowed-packet=1G";

/// The bytes of rows that go into one statement, if the server takes so many.
const STATEMENT_BYTES: u64 = 1_046_528;

/// The fewest that the program can be told.
const FEWEST_STATEMENT_BYTES: u64 = 4096;

/// A LIMIT of its own goes before the server's `sql_select_limit`, which the program obeys.
const ALL_ROWS: &str = "--where=1 LIMIT 18446744073709551615";

/// The options by which the program writes.
pub(super) const WRITING: [&str; 10] = [
    "--single-transaction",
    "--quick",
    "--hex-blob",
    "--no-tablespaces",
    "--skip-triggers",
    "--skip-dump-date",
    "--dump-history",
    "--skip-add-locks",
    LONGEST_PACKET,
    ALL_ROWS,
];

/// A table by itself is read by one query, which sees it at one moment. A view of before could not
/// read a table that was made anew since.
const ONE_TABLE: [&str; 2] = ["--skip-single-transaction", "--skip-lock-tables"];

/// What a dump came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpSum {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The rows of each table that has any.
    pub rows: BTreeMap<String, u64>,
    /// Its longest statement.
    pub longest: Longest,
    /// The dump without its rows.
    pub structure: Vec<u8>,
}

/// The tables of a schema that a run of the program writes.
#[derive(Debug, Clone, Copy)]
pub enum Which<'t> {
    /// All but these.
    AllBut(&'t [String]),
    /// One alone.
    One(&'t str),
}

/// A dump that is being written, by one run of the program or by several.
#[derive(Debug)]
pub struct DumpFile {
    file: File,
    sum: Summing,
    reader: DumpReader,
    redirect: Redirect,
    bytes: u64,
}

impl DumpFile {
    /// A dump of this schema without a byte, in a file that need not outlive a power cut.
    pub fn new(file: File, facts: &SchemaFacts) -> Self {
        let (reader, redirect) = (DumpReader::default(), Redirect::of(facts));
        Self { file, sum: Summing::start(), reader, redirect, bytes: 0 }
    }

    fn take(&mut self, said: &[u8]) -> io::Result<()> {
        let Self { file, sum, reader, redirect, bytes } = self;
        redirect.take(said, |said| {
            file.write_all(said)?;
            sum.add(said)?;
            reader.take(said);
            *bytes += said.len() as u64;
            Ok(())
        })
    }

    /// Adds another dump.
    ///
    /// # Errors
    /// The error of reading or writing.
    pub fn append(&mut self, mut other: Self) -> io::Result<()> {
        other.file.rewind()?;
        let mut piece = vec![0; 1 << 20];
        loop {
            match other.file.read(&mut piece)? {
                0 => return Ok(()),
                count => self.take(&piece[..count])?,
            }
        }
    }

    /// The sum of it.
    ///
    /// # Errors
    /// If the sum is lost.
    pub fn end(self) -> Result<DumpSum, MariadbError> {
        let sha256 = self.sum.end().map_err(keep)?;
        let DumpReader { rows, longest, structure, .. } = self.reader;
        Ok(DumpSum { bytes: self.bytes, sha256, rows, longest, structure })
    }
}

fn keep(source: io::Error) -> ProcessError {
    ProcessError::Keep { name: "mariadb-dump".into(), source }
}

impl Server<'_> {
    /// Dumps tables and data of a schema, without views and programs. `on_bytes` is told how long
    /// the dump is, and may end it.
    ///
    /// # Errors
    /// [`MariadbError`], also if the program ended well and the dump is not complete.
    pub async fn dump(
        &self,
        (schema, which): (&str, Which<'_>),
        facts: &SchemaFacts,
        dump: &mut DumpFile,
        stop: &Stop,
        mut on_bytes: impl FnMut(u64) -> io::Result<()>,
    ) -> Result<(), MariadbError> {
        let mut args = WRITING.map(str::to_owned).to_vec();
        let statement = facts.settings.max_allowed_packet.saturating_sub(FEWEST_STATEMENT_BYTES);
        let statement = statement.clamp(FEWEST_STATEMENT_BYTES, STATEMENT_BYTES);
        args.push(format!("--net-buffer-length={statement}"));
        let ignore = |table: &String| format!("--ignore-table={schema}.{table}");
        match which {
            Which::AllBut(left_out) => {
                args.extend(facts.views.iter().chain(left_out).map(ignore));
                args.extend(["--".to_owned(), schema.to_owned()]);
            }
            Which::One(table) => {
                args.extend(ONE_TABLE.map(str::to_owned));
                args.extend(["--", schema, table].map(str::to_owned));
            }
        }
        let ended = self
            .program(Tool::Dump, &args, Input::default())
            .start()?
            .attend(stop, |heard| {
                if let Heard::Said(said) = heard {
                    dump.take(said)?;
                    on_bytes(dump.bytes)?;
                }
                Ok(Moved::Yes)
            })
            .await?;
        if !ended.status.success() {
            return Err(MariadbError::of("mariadb-dump", &ended, |_| "dump the tables"));
        }
        if !dump.reader.last_line().starts_with(COMPLETION_MARK) {
            let problem = "the dump ended without its completion mark: it is cut short";
            return Err(MariadbError::Answer(problem.into()));
        }
        Ok(())
    }
}
