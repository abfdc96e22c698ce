//! Reads a dump as it passes by: the rows of each table, the longest statement, the structure.

use std::collections::BTreeMap;

use memchr::{memchr, memchr2};

use super::MariadbError;

/// The last line of a dump: its exit code alone has been 0 for dumps cut short.
pub(super) const COMPLETION_MARK: &[u8] = b"-- Dump completed";

/// So much of a dump's end holds its last line.
const END_BYTES: usize = 128;

/// Reads a dump byte by byte and counts the rows of its INSERTs.
#[derive(Debug, Default)]
pub(super) struct DumpReader {
    at: At,
    /// The bytes that were read.
    position: u64,
    /// The place where the statement begins.
    began: u64,
    /// The beginning of the statement, or the name of its table.
    word: Vec<u8>,
    depth: u32,
    /// The rows of each table that has any.
    pub(super) rows: BTreeMap<String, u64>,
    /// The longest INSERT.
    pub(super) longest: Longest,
    /// Everything but the INSERTs.
    pub(super) structure: Vec<u8>,
    table: String,
    counted: u64,
    end: Vec<u8>,
}

/// The longest statement of a dump that has rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Longest {
    /// Its table.
    pub table: String,
    /// Its length in bytes, without the semicolon.
    pub bytes: u64,
}

impl Longest {
    /// The error of a server that takes packets of `limit` bytes, if this one is longer. A packet has
    /// one byte before the statement, and must be shorter than the limit.
    pub fn beyond(&self, limit: u64) -> Option<MariadbError> {
        let table = self.table.clone();
        let is_too_long = self.bytes + 2 > limit;
        is_too_long.then_some(MariadbError::Packet { table, bytes: self.bytes, limit })
    }
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

impl At {
    fn is_in_insert(self) -> bool {
        matches!(self, Self::Table | Self::TableQuote | Self::Rows | Self::Column | Self::Text(_))
    }
}

impl DumpReader {
    /// Takes the next bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let [byte, behind @ ..] = rest {
            let before = self.at;
            self.at = self.step(*byte);
            self.keep_structure(before, *byte);
            let (idle, next) = behind.split_at(self.idle(behind));
            if self.at == At::Comment {
                self.structure.extend_from_slice(idle);
            }
            self.position += 1 + idle.len() as u64;
            rest = next;
        }
        self.remember_end(bytes);
    }

    /// Keeps a byte that is in no INSERT. That a statement is one is known at its table's name.
    fn keep_structure(&mut self, before: At, byte: u8) {
        if self.at == At::Table && before == At::Opening {
            self.structure.truncate(self.structure.len() + 1 - INSERT.len());
        } else if !before.is_in_insert() && !self.at.is_in_insert() {
            self.structure.push(byte);
        }
    }

    /// The number of bytes that may be passed over, because they change nothing where the reader is: nearly all
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
    pub(super) fn last_line(&self) -> &[u8] {
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
                self.began = self.position;
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
                let bytes = self.position - self.began;
                if bytes > self.longest.bytes {
                    self.longest = Longest { table: self.table.clone(), bytes };
                }
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

    const STRUCTURE: &str = "/*M!999999\\- enable the sandbox mode */ \n-- Table `INSERT INTO `x` VALUES (1);\n\
        CREATE TABLE `t` (\n  `a` text DEFAULT 'x;\\'INSERT INTO `t` VALUES (1);'\n) COMMENT='y';\n\
        \n\n\n-- Dump completed\n";

    #[test]
    fn rows_are_counted_however_the_dump_is_cut() {
        for size in [1, 2, 3, 7, 64, DUMP.len()] {
            let mut reader = DumpReader::default();
            DUMP.as_bytes().chunks(size).for_each(|chunk| reader.take(chunk));
            let expected = BTreeMap::from([("t".to_owned(), 4), ("odd`name'".to_owned(), 2)]);
            assert_eq!(reader.rows, expected, "pieces of {size}");
            // INSERT INTO `odd``name'` (`V(`, row_start) VALUES (1,'2'),\n(3,'4')
            assert_eq!(reader.longest, Longest { table: "odd`name'".into(), bytes: 66 });
            let structure = String::from_utf8(reader.structure.clone()).unwrap();
            assert_eq!(structure, STRUCTURE, "pieces of {size}");
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
