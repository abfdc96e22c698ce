//! The dump of tables and data: written where it is told, its rows counted as they pass by.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
};

use memchr::{memchr, memchr2};

use super::{MariadbError, SchemaFacts, Server, Tool, digest::Summing};
use crate::{
    process::{Heard, Input, Moved},
    stop::Stop,
};

/// What the dump's last line must be: its exit code alone has been 0 for dumps cut short.
const COMPLETION_MARK: &[u8] = b"-- Dump completed";

/// So much of a dump's end holds its last line.
const END_BYTES: usize = 128;

/// What a dump came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpSum {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The rows of each table that has any.
    pub rows: BTreeMap<String, u64>,
}

impl Server<'_> {
    /// Dumps the tables and data of a schema, without views and programs, into a file that need not
    /// outlive a power cut. `on_bytes` is told how long it is, and may end it.
    ///
    /// # Errors
    /// [`MariadbError`], also if the dump ended well and is not complete.
    pub async fn dump(
        &self,
        schema: &str,
        facts: &SchemaFacts,
        mut file: File,
        stop: &Stop,
        mut on_bytes: impl FnMut(u64) -> io::Result<()>,
    ) -> Result<DumpSum, MariadbError> {
        let mut args: Vec<String> = [
            "--single-transaction",
            "--quick",
            "--hex-blob",
            "--no-tablespaces",
            "--skip-triggers",
            "--skip-dump-date",
            "--dump-history",
            "--skip-add-locks",
        ]
        .map(str::to_owned)
        .to_vec();
        args.extend(facts.views.iter().map(|view| format!("--ignore-table={schema}.{view}")));
        args.extend(["--".to_owned(), schema.to_owned()]);
        let mut reader = DumpReader::default();
        let (sum, mut bytes) = (Summing::start(), 0);
        let ended = self
            .program(Tool::Dump, &args, Input::default())
            .start()?
            .attend(stop, |heard| {
                if let Heard::Said(said) = heard {
                    file.write_all(said)?;
                    sum.add(said)?;
                    reader.take(said);
                    bytes += said.len() as u64;
                    on_bytes(bytes)?;
                }
                Ok(Moved::Yes)
            })
            .await?;
        if !ended.status.success() {
            return Err(MariadbError::of(&ended, |_| "dump the tables"));
        }
        if !reader.last_line().starts_with(COMPLETION_MARK) {
            let problem = "the dump ended without its completion mark: it is cut short";
            return Err(MariadbError::Answer(problem.into()));
        }
        let keep =
            |source| crate::process::ProcessError::Keep { name: "mariadb-dump".into(), source };
        let sha256 = sum.end().map_err(keep)?;
        Ok(DumpSum { bytes, sha256, rows: reader.rows })
    }
}

/// Reads a dump byte by byte and counts the rows of its INSERTs.
#[derive(Debug, Default)]
struct DumpReader {
    at: At,
    /// The beginning of the statement, or the name of its table.
    word: Vec<u8>,
    depth: u32,
    rows: BTreeMap<String, u64>,
    table: String,
    counted: u64,
    end: Vec<u8>,
}

/// Where in a dump the reader is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// Between statements.
    #[default]
    Between,
    /// In a comment to the end of the line, between statements.
    Comment,
    /// In a comment between `/*` and `*/`, between statements; whether the last byte was `*`.
    Block(bool),
    /// In the first words of a statement.
    Opening,
    /// In a statement that is no INSERT.
    Elsewhere,
    /// In a text or name of such a statement, and whether the next byte is escaped.
    ElsewhereQuoted(u8, bool),
    /// In the table's name of an INSERT.
    Table,
    /// After a backtick in it, which may be doubled.
    TableQuote,
    /// Before its VALUES, or between rows.
    Rows,
    /// In a column's name, before its VALUES.
    Column,
    /// In a text, and whether the next byte is escaped.
    Text(bool),
}

const INSERT: &[u8] = b"INSERT INTO `";

impl DumpReader {
    fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let [byte, behind @ ..] = rest {
            self.at = self.step(*byte);
            rest = &behind[self.idle(behind)..];
        }
        self.remember_end(bytes);
    }

    /// How many bytes may be passed over, because they change nothing where the reader is: nearly all
    /// of a dump is values.
    fn idle(&self, bytes: &[u8]) -> usize {
        let next = match self.at {
            At::Text(false) => memchr2(b'\'', b'\\', bytes),
            At::Rows if self.depth == 1 => bytes.iter().position(|byte| b"()`'".contains(byte)),
            At::Comment => memchr(b'\n', bytes),
            _ => Some(0),
        };
        next.unwrap_or(bytes.len())
    }

    /// Keeps the end of what has been said, which the last line is part of.
    fn remember_end(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(END_BYTES)..];
        let old = self.end.len().saturating_sub(END_BYTES - new.len());
        self.end.drain(..old);
        self.end.extend_from_slice(new);
    }

    /// The last line; empty if it began before what is kept, where the cut could fall into a
    /// tenant's own text.
    fn last_line(&self) -> &[u8] {
        let end = self.end.strip_suffix(b"\n").unwrap_or_default();
        let before = end.iter().rposition(|byte| *byte == b'\n');
        before.map(|before| &end[before + 1..]).unwrap_or_default()
    }

    fn step(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (At::Between, b'\n' | b' ' | b';') => At::Between,
            (At::Between, b'-') => At::Comment,
            (At::Between, b'/') => At::Block(false),
            (At::Block(true), b'/') => At::Between,
            (At::Block(_), _) => At::Block(byte == b'*'),
            (At::Between, _) => {
                self.word.clear();
                self.opening(byte)
            }
            (At::Comment, b'\n') => At::Between,
            (At::Comment, _) => At::Comment,
            (At::Opening, _) => self.opening(byte),
            (At::Elsewhere, b';') => At::Between,
            (At::Elsewhere, b'\'' | b'"' | b'`') => At::ElsewhereQuoted(byte, false),
            (At::Elsewhere, _) => At::Elsewhere,
            (At::ElsewhereQuoted(quote, true), _) => At::ElsewhereQuoted(quote, false),
            (At::ElsewhereQuoted(quote, _), b'\\') if quote != b'`' => {
                At::ElsewhereQuoted(quote, true)
            }
            (At::ElsewhereQuoted(quote, _), byte) if byte == quote => At::Elsewhere,
            (quoted @ At::ElsewhereQuoted(..), _) => quoted,
            (At::Table, b'`') => At::TableQuote,
            (At::Table, _) => {
                self.word.push(byte);
                At::Table
            }
            (At::TableQuote, b'`') => {
                self.word.push(byte);
                At::Table
            }
            (At::TableQuote, _) => {
                self.table = String::from_utf8_lossy(&self.word).into_owned();
                self.depth = 0;
                self.counted = 0;
                self.row_byte(byte)
            }
            (At::Rows, _) => self.row_byte(byte),
            (At::Column, b'`') => At::Rows,
            (At::Column, _) => At::Column,
            (At::Text(true), _) => At::Text(false),
            (At::Text(false), b'\\') => At::Text(true),
            (At::Text(false), b'\'') => At::Rows,
            (At::Text(false), _) => At::Text(false),
        }
    }

    fn opening(&mut self, byte: u8) -> At {
        self.word.push(byte);
        if self.word == INSERT {
            self.word.clear();
            return At::Table;
        }
        match INSERT.starts_with(&self.word) {
            true => At::Opening,
            false => {
                self.at = At::Elsewhere;
                self.step(byte)
            }
        }
    }

    /// A byte of an INSERT outside names and texts. The list of columns, if there is one, is
    /// counted with the rows and taken off by the `V` of VALUES behind it.
    fn row_byte(&mut self, byte: u8) -> At {
        match byte {
            b'(' => {
                self.counted += u64::from(self.depth == 0);
                self.depth += 1;
            }
            b')' => self.depth = self.depth.saturating_sub(1),
            b'V' if self.depth == 0 => self.counted = 0,
            b'`' => return At::Column,
            b'\'' => return At::Text(false),
            b';' if self.depth == 0 => {
                *self.rows.entry(self.table.clone()).or_default() += self.counted;
                return At::Between;
            }
            _ => {}
        }
        At::Rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "/*M!999999\\- enable the sandbox mode */ \n-- Table `INSERT INTO `x` VALUES (1);\n\
        CREATE TABLE `t` (\n  `a` text DEFAULT 'x;\\'INSERT INTO `t` VALUES (1);'\n) COMMENT='y';\n\
        INSERT INTO `t` VALUES\n(1,'it\\'s (2),\\\\'),\n(2,'),(;\\n'),\n(3,NULL);\n\
        INSERT INTO `t` VALUES\n(4,0x28);\n\
        INSERT INTO `odd``name'` (`V(`, row_start) VALUES (1,'2'),\n(3,'4');\n\
        -- Dump completed\n";

    #[test]
    fn rows_are_counted_however_the_dump_is_cut() {
        for size in [1, 2, 3, 7, 64, DUMP.len()] {
            let mut reader = DumpReader::default();
            DUMP.as_bytes().chunks(size).for_each(|chunk| reader.take(chunk));
            let expected = BTreeMap::from([("t".to_owned(), 4), ("odd`name'".to_owned(), 2)]);
            assert_eq!(reader.rows, expected, "pieces of {size}");
            assert!(reader.last_line().starts_with(COMPLETION_MARK));
        }
    }

    #[test]
    fn a_completion_mark_within_a_row_is_none() {
        for filling in 0..2 * END_BYTES {
            let row = format!("INSERT INTO `t` VALUES ('{}", "x".repeat(filling));
            let mut reader = DumpReader::default();
            reader.take(b"-- a head\n");
            reader.take(row.as_bytes());
            reader.take(COMPLETION_MARK);
            reader.take(&[b'y'; END_BYTES][COMPLETION_MARK.len() + 1..]);
            reader.take(b"\n");
            assert!(!reader.last_line().starts_with(COMPLETION_MARK), "after {filling} bytes");
        }
    }
}
