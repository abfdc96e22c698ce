//! The table that a line of a dump is about, for an error of which the client says only the line.

use std::{
    fs::File,
    io::{self, Read, Seek},
};

/// The beginnings of lines that name a table.
const BEGINNINGS: [&[u8]; 7] = [
    b"INSERT INTO `",
    b"CREATE TABLE `",
    b"CREATE SEQUENCE `",
    b"DROP TABLE IF EXISTS `",
    b"DROP SEQUENCE IF EXISTS `",
    b"DO SETVAL(`",
    b"/*!40000 ALTER TABLE `",
];

/// A line is kept up to here: a beginning, and a name of 64 characters.
const KEPT_BYTES: usize = 300;

/// The bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// The table of this line, counted from 1, in a dump that is read from its beginning.
///
/// # Errors
/// The error of reading.
pub(super) fn table_at(file: &mut File, line: usize) -> io::Result<Option<String>> {
    file.rewind()?;
    let mut finder = Finder { line: 1, until: line, kept: Vec::new(), table: None };
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 || !finder.take(&chunk[..count]) {
            finder.look();
            return Ok(finder.table);
        }
    }
}

struct Finder {
    line: usize,
    until: usize,
    /// The beginning of the line.
    kept: Vec<u8>,
    table: Option<String>,
}

impl Finder {
    /// Takes the next bytes; whether more are wanted.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        loop {
            let end = memchr::memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            let room = KEPT_BYTES.saturating_sub(self.kept.len()).min(line.len());
            self.kept.extend_from_slice(&line[..room]);
            let Some(end) = end else { return true };
            if self.line >= self.until {
                return false;
            }
            self.look();
            self.kept.clear();
            self.line += 1;
            rest = &rest[end + 1..];
        }
    }

    fn look(&mut self) {
        let named = BEGINNINGS.iter().find_map(|beginning| self.kept.strip_prefix(*beginning));
        if let Some(named) = named {
            let end = memchr::memchr(b'`', named).unwrap_or(named.len());
            self.table = Some(String::from_utf8_lossy(&named[..end]).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_of_the_table_that_was_named_last() {
        let dump = b"-- head\nDROP TABLE IF EXISTS `a`;\nCREATE TABLE `a` (\n  `b` int\n);\n\
            INSERT INTO `a` VALUES\n(1),\n(2);\nCREATE TABLE `c` (\n";
        let at = |line| {
            let mut finder = Finder { line: 1, until: line, kept: Vec::new(), table: None };
            finder.take(dump);
            finder.look();
            finder.table
        };
        assert_eq!(at(1), None);
        assert_eq!(at(2).as_deref(), Some("a"));
        assert_eq!(at(8).as_deref(), Some("a"));
        assert_eq!(at(9).as_deref(), Some("c"));
        assert_eq!(at(99).as_deref(), Some("c"));
    }
}
