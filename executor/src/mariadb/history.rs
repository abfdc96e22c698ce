//! The end of time in a dump of versioned tables, and the rows that are current by it.
//!
//! A row that is current ends at the last moment of a TIMESTAMP. That was in 2038, and is in 2106 since
//! MariaDB 11.5. To a server of the other kind such a row is one that has ended, and no plain query shows
//! it: the moment is translated. A TIMESTAMP behind 2038 becomes a zero without a word on a server that
//! does not have it.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

/// The last moment of a TIMESTAMP(6), before MariaDB 11.5 and since.
const ENDS: [&str; 2] = ["2038-01-19 03:14:07.999999", "2106-02-07 06:28:15.999999"];

/// The mark of a name among words.
const NAME: &str = "`";

/// The longest value that is looked at.
const LONGEST_VALUE: usize = 40;

/// What a dump says of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The current rows of each versioned table that has any.
    pub current: BTreeMap<String, u64>,
    /// The first table and column with a moment that the server does not have.
    pub too_late: Option<(String, String)>,
}

/// The end of time on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndOfTime(&'static str);

impl EndOfTime {
    /// That of a server of this version.
    pub fn of(version: &str) -> Self {
        let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
        let version = (parts.next().flatten(), parts.next().flatten());
        Self(ENDS[usize::from(version >= (Some(11), Some(5)))])
    }
}

/// Copies a dump, with the end of time of the server that it is for.
///
/// # Errors
/// The error of reading or writing.
pub fn translate(
    mut dump: impl Read,
    mut into: impl Write,
    (from, to): (EndOfTime, EndOfTime),
) -> io::Result<History> {
    let mut reader = Reader::new(from, to);
    let (mut chunk, mut out) = (vec![0; 1 << 20], Vec::new());
    loop {
        let count = dump.read(&mut chunk)?;
        out.clear();
        if count == 0 {
            reader.release(&mut out);
            into.write_all(&out)?;
            return Ok(reader.history);
        }
        chunk[..count].iter().for_each(|byte| reader.take(*byte, &mut out));
        into.write_all(&out)?;
    }
}

/// Where in a dump the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Outside names, texts and comments.
    Plain,
    /// In a name; whether the last byte was a backtick, which may be doubled.
    Name(bool),
    /// In a text, whether it is looked at, and whether the next byte is escaped.
    Text(bool, bool),
    /// In a comment to the end of the line.
    Line,
    /// In a comment between `/*` and `*/`; the byte before.
    Block(u8),
}

/// A statement, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Statement {
    /// Between statements, or in the first words of one, which are kept.
    Begins(Vec<String>),
    /// CREATE TABLE.
    Create,
    /// INSERT INTO.
    Insert,
    Other,
}

/// A table that was created.
#[derive(Debug, Clone, Default)]
struct Table {
    columns: Vec<String>,
    /// The columns of the type TIMESTAMP.
    moments: Vec<String>,
    /// True if it is versioned.
    versioned: bool,
    /// The column with the end of each row.
    row_end: Option<String>,
}

struct Reader {
    from: EndOfTime,
    to: EndOfTime,
    history: History,
    tables: BTreeMap<String, Table>,
    at: At,
    statement: Statement,
    /// The table of the statement.
    name: String,
    /// The table that is being created.
    table: Table,
    /// The words of a column's or a key's line, or of a list of columns.
    words: Vec<String>,
    /// The bytes of a word or a name.
    word: Vec<u8>,
    depth: u32,
    /// The columns that an INSERT names, and whether its VALUES have begun.
    listed: Vec<String>,
    in_values: bool,
    /// The number of the value in its row.
    column: usize,
    /// A value that is looked at, with its quotes, and not passed on yet.
    held: Vec<u8>,
}

impl Reader {
    fn new(from: EndOfTime, to: EndOfTime) -> Self {
        Self {
            from,
            to,
            history: History::default(),
            tables: BTreeMap::new(),
            at: At::Plain,
            statement: Statement::Begins(Vec::new()),
            name: String::new(),
            table: Table::default(),
            words: Vec::new(),
            word: Vec::new(),
            depth: 0,
            listed: Vec::new(),
            in_values: false,
            column: 0,
            held: Vec::new(),
        }
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        if let At::Text(true, escaped) = self.at {
            self.held.push(byte);
            match byte {
                b'\\' if !escaped => self.at = At::Text(true, true),
                b'\'' if !escaped => {
                    self.at = At::Plain;
                    self.look_at_value();
                    self.release(out);
                }
                _ if self.held.len() > LONGEST_VALUE => {
                    self.at = At::Text(false, false);
                    self.release(out);
                }
                _ => self.at = At::Text(true, false),
            }
            return;
        }
        let opens_value = self.at == At::Plain && byte == b'\'' && self.is_looked_at();
        if opens_value {
            self.held.push(byte);
            self.at = At::Text(true, false);
            return;
        }
        out.push(byte);
        self.step(byte);
    }

    /// Passes on what was held.
    fn release(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }

    fn step(&mut self, byte: u8) {
        self.at = match (self.at, byte) {
            (At::Name(false), b'`') => At::Name(true),
            (At::Name(true), b'`') | (At::Name(false), _) => {
                self.word.push(byte);
                At::Name(false)
            }
            (At::Name(true), _) => {
                self.at = At::Plain;
                self.end_word(NAME);
                return self.step(byte);
            }
            (At::Text(looked, true), _) => At::Text(looked, false),
            (At::Text(looked, false), b'\\') => At::Text(looked, true),
            (At::Text(_, false), b'\'') => At::Plain,
            (text @ At::Text(..), _) => text,
            (At::Line, b'\n') => At::Plain,
            (At::Line, _) => At::Line,
            (At::Block(b'*'), b'/') => At::Plain,
            (At::Block(_), _) => At::Block(byte),
            (At::Plain, _) => return self.plain(byte),
        };
    }

    fn plain(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80 {
            // Of numbers and hexadecimal values nothing is kept.
            if !self.in_values || self.depth == 0 {
                self.word.push(byte);
            }
            return;
        }
        self.end_word("");
        match byte {
            b'`' => self.at = At::Name(false),
            b'\'' => self.at = At::Text(false, false),
            b'-' if self.is_between() => self.at = At::Line,
            b'/' if self.is_between() => self.at = At::Block(b'/'),
            b'(' => self.open(),
            b')' => self.close(),
            b',' => self.comma(),
            b';' if self.depth == 0 => self.end_statement(),
            _ => {}
        }
    }

    fn is_between(&self) -> bool {
        matches!(&self.statement, Statement::Begins(words) if words.is_empty())
    }

    /// A word or a name has ended. Names are kept with a mark before them.
    fn end_word(&mut self, mark: &str) {
        if self.word.is_empty() {
            return;
        }
        let word = String::from_utf8_lossy(&self.word).into_owned();
        self.word.clear();
        match &mut self.statement {
            Statement::Begins(words) => {
                words.push(word);
                let is = |kind: &[&str]| {
                    words.iter().map(String::as_str).take(2).eq(kind.iter().copied())
                };
                if words.len() < 3 {
                    return;
                }
                self.name = words.get(2).cloned().unwrap_or_default();
                let next = if is(&["CREATE", "TABLE"]) {
                    Statement::Create
                } else if is(&["INSERT", "INTO"]) {
                    Statement::Insert
                } else {
                    Statement::Other
                };
                self.statement = next;
                self.table = Table::default();
            }
            Statement::Create => {
                let ends = self.words.last().is_some_and(|last| last == "SYSTEM");
                self.table.versioned |= self.depth == 0 && ends && word == "VERSIONING";
                self.words.push(format!("{mark}{word}"));
            }
            Statement::Insert if self.depth == 1 && !self.in_values => self.listed.push(word),
            Statement::Insert if self.depth == 0 && word == "VALUES" => self.begin_values(),
            _ => {}
        }
    }

    fn begin_values(&mut self) {
        self.in_values = true;
        if self.listed.is_empty() {
            let table = self.tables.get(&self.name);
            self.listed = table.map(|table| table.columns.clone()).unwrap_or_default();
        }
    }

    fn open(&mut self) {
        self.depth += 1;
        if self.depth == 1 {
            self.column = 0;
            self.words.clear();
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 && self.statement == Statement::Create {
            self.end_line();
        }
    }

    fn comma(&mut self) {
        if self.depth != 1 {
            return;
        }
        self.column += 1;
        if self.statement == Statement::Create {
            self.end_line();
        }
    }

    /// The line of a column or of a period in a CREATE TABLE has ended.
    fn end_line(&mut self) {
        let words = std::mem::take(&mut self.words);
        let all: Vec<&str> = words.iter().map(String::as_str).collect();
        match all.as_slice() {
            ["PERIOD", "FOR", "SYSTEM_TIME", _, end] => {
                self.table.row_end = end.strip_prefix(NAME).map(str::to_owned);
            }
            [name, kind, ..] => {
                if let Some(name) = name.strip_prefix(NAME) {
                    self.table.columns.push(name.to_owned());
                    self.table.moments.extend((*kind == "timestamp").then(|| name.to_owned()));
                }
            }
            _ => {}
        }
    }

    fn end_statement(&mut self) {
        if self.statement == Statement::Create {
            if self.table.versioned && self.table.row_end.is_none() {
                self.table.row_end = Some("row_end".into());
            }
            self.tables.insert(self.name.clone(), std::mem::take(&mut self.table));
        }
        self.statement = Statement::Begins(Vec::new());
        self.words.clear();
        self.listed.clear();
        self.in_values = false;
    }

    /// Whether the text that begins here is a moment.
    fn is_looked_at(&self) -> bool {
        self.in_values && self.depth == 1 && self.moment().is_some()
    }

    /// The column of the value, if it holds moments, and its table.
    fn moment(&self) -> Option<(&Table, &String)> {
        let (column, table) = (self.listed.get(self.column)?, self.tables.get(&self.name)?);
        let is_moment = table.moments.contains(column) || table.row_end.as_ref() == Some(column);
        is_moment.then_some((table, column))
    }

    fn look_at_value(&mut self) {
        let Some((table, column)) = self.moment() else { return };
        let value = self.held.get(1..self.held.len() - 1).unwrap_or_default();
        if table.row_end.as_ref() == Some(column) && value == self.from.0.as_bytes() {
            *self.history.current.entry(self.name.clone()).or_default() += 1;
            self.held = format!("'{}'", self.to.0).into_bytes();
        } else if value > self.to.0.as_bytes() && value.starts_with(b"2") {
            let found = (self.name.clone(), column.clone());
            self.history.too_late.get_or_insert(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "-- x `y` '\n/*!40101 SET NAMES 'utf8mb4' */;\n\
        CREATE TABLE `t` (\n  `id` int(11) NOT NULL DEFAULT 1,\n  `a` text DEFAULT 'x,(''y',\n\
        \x20 `m` timestamp NULL DEFAULT '2030-01-01 00:00:00',\n\
        \x20 `g` int(11) GENERATED ALWAYS AS (`id` + 1) VIRTUAL,\n  PRIMARY KEY (`id`,`row_end`)\n\
        ) ENGINE=InnoDB COMMENT='it''s; (' WITH SYSTEM VERSIONING;\n\
        INSERT INTO `t` (`id`, `a`, `m`, row_start, row_end) VALUES\n\
        (1,'2038-01-19 03:14:07.999999',NULL,'2020-01-01 00:00:00.000000','2038-01-19 03:14:07.999999'),\n\
        (-2,'it\\'s (2),\\\\','2031-01-01 00:00:00','2020-01-01 00:00:00.000000','2021-01-01 00:00:00.000000');\n\
        CREATE TABLE `p ``q` (\n  `b` timestamp(6) GENERATED ALWAYS AS ROW END INVISIBLE,\n\
        \x20 `id` int(11) NOT NULL,\n  `s` timestamp(6) GENERATED ALWAYS AS ROW START,\n\
        \x20 CONSTRAINT `c` CHECK (`id` in (1,2)),\n  PERIOD FOR SYSTEM_TIME (`s`, `b`)\n\
        ) WITH SYSTEM VERSIONING\n PARTITION BY SYSTEM_TIME INTERVAL 1 DAY\n\
        (PARTITION `p0` HISTORY ENGINE = InnoDB);\n\
        INSERT INTO `p ``q` (`b`, `id`, `s`) VALUES ('2038-01-19 03:14:07.999999',0x27,'2020-01-01 00:00:00.000000');\n\
        CREATE TABLE `plain` (\n  `a` text,\n  `m` timestamp(6) NULL\n);\n\
        INSERT INTO `plain` VALUES ('2038-01-19 03:14:07.999999','2037-01-19 03:14:07.999999');\n\
        -- Dump completed\n";

    fn ends(from: usize, to: usize) -> (EndOfTime, EndOfTime) {
        (EndOfTime(ENDS[from]), EndOfTime(ENDS[to]))
    }

    #[test]
    fn the_end_of_time_is_translated_where_a_row_ends_and_nowhere_else() {
        let mut out = Vec::new();
        let history = translate(DUMP.as_bytes(), &mut out, ends(0, 1)).unwrap();
        let expected = DUMP
            .replace(
                "00.000000','2038-01-19 03:14:07.999999')",
                "00.000000','2106-02-07 06:28:15.999999')",
            )
            .replace("('2038-01-19 03:14:07.999999',0x", "('2106-02-07 06:28:15.999999',0x");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let current: Vec<(&str, u64)> =
            history.current.iter().map(|(name, rows)| (name.as_str(), *rows)).collect();
        assert_eq!(current, [("p `q", 1), ("t", 1)]);
        assert_eq!(history.too_late, None);
    }

    #[test]
    fn a_moment_that_the_server_does_not_have_is_found() {
        let newer = DUMP.replace("2038-01-19 03:14:07.999999", ENDS[1]);
        let mut out = Vec::new();
        let history = translate(newer.as_bytes(), &mut out, ends(1, 0)).unwrap();
        assert_eq!(history.too_late, None);
        let late = newer.replace("'2037-01", "'2039-01");
        let history = translate(late.as_bytes(), &mut out, ends(1, 0)).unwrap();
        assert_eq!(history.too_late, Some(("plain".into(), "m".into())));
    }

    #[test]
    fn the_end_of_time_is_by_version() {
        let of = |version| EndOfTime::of(version).0;
        assert_eq!(of("10.11.19-MariaDB-0+deb12u1"), ENDS[0]);
        assert_eq!(of("11.4.2-MariaDB"), ENDS[0]);
        assert_eq!(of("11.8.9-MariaDB"), ENDS[1]);
        assert_eq!(of("12.0.1-MariaDB"), ENDS[1]);
    }
}
