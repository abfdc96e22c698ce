//! The journal: an append-only file that says what was meant, for each job, on this node.
//!
//! A record is a JSON line, made durable before what it announces is done. The file's blocks are
//! taken beforehand, so a full disk cannot stop a swap half way. A torn last line is ignored: what
//! it announced was never begun.

mod record;
mod shelf;

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::fcntl::{FallocateFlags, fallocate};

pub use record::{JOURNAL_VERSION, Opened, Origin, Record, Settlement};
pub use shelf::Shelf;

/// Bytes taken beforehand for one attempt: some forty records of at most 64 sources.
const ROOM_BYTES: u64 = 512 * 1024;

/// The journal of one job.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    records: Vec<Record>,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("journal {}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line before the last is no record: written by another version, or damaged.
    #[error("journal {}, line {line}, is not understood: {problem}", .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

impl Journal {
    /// Begins the journal of a job: its room is taken and its first record durable on return.
    ///
    /// # Errors
    /// [`JournalError::Io`]; nothing but an empty file can be left then.
    pub fn begin(path: &Path, opened: Opened) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let mut journal = Self { path: path.to_owned(), file, end: 0, records: Vec::new() };
        journal.take_room()?;
        journal.append(Record::Opened(Box::new(opened)))?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(journal)
    }

    /// Opens a journal that was begun earlier. One without any whole record has none.
    ///
    /// # Errors
    /// [`JournalError`] if it cannot be read or is not understood.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let bytes = std::fs::read(path).map_err(failed)?;
        let (records, end) = read_records(&bytes).map_err(|(line, problem)| {
            JournalError::Damaged { path: path.to_owned(), line, problem }
        })?;
        Ok(Self { path: path.to_owned(), file, end, records })
    }

    /// Begins another attempt in the same journal.
    ///
    /// # Errors
    /// [`JournalError::Io`] if there is no room.
    pub fn begin_attempt(&mut self, record: Record) -> Result<(), JournalError> {
        self.take_room()?;
        self.append(record)
    }

    fn take_room(&mut self) -> Result<(), JournalError> {
        fallocate(&self.file, FallocateFlags::empty(), self.end as i64, ROOM_BYTES as i64)
            .map_err(|errno| JournalError::Io { path: self.path.clone(), source: errno.into() })
    }

    /// Writes a record and makes it durable.
    ///
    /// # Errors
    /// [`JournalError::Io`]: whether the record is there is then for the next reader to see.
    pub fn append(&mut self, record: Record) -> Result<(), JournalError> {
        let failed = |source| JournalError::Io { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(&record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.file.write_all_at(&line, self.end).map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        self.end += line.len() as u64;
        self.records.push(record);
        Ok(())
    }

    /// Gives back the room that was not needed.
    ///
    /// # Errors
    /// [`JournalError::Io`], after which the file is merely larger than it need be.
    pub fn trim(&mut self) -> Result<(), JournalError> {
        self.file
            .set_len(self.end)
            .map_err(|source| JournalError::Io { path: self.path.clone(), source })
    }

    /// All records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What the first record says; absent in a journal that a crash left without one.
    pub fn opened(&self) -> Option<&Opened> {
        match self.records.first() {
            Some(Record::Opened(opened)) => Some(opened),
            _ => None,
        }
    }

    /// How many attempts were begun.
    pub fn attempts(&self) -> u32 {
        let number = |record: &Record| match record {
            Record::Attempt { number, .. } => Some(*number),
            _ => None,
        };
        self.records.iter().rev().find_map(number).unwrap_or(1)
    }

    /// Where the journal is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The whole records at the beginning of `bytes` and where they end; or the line that is none.
fn read_records(bytes: &[u8]) -> Result<(Vec<Record>, u64), (usize, String)> {
    let mut records = Vec::new();
    let mut end = 0;
    // Behind the last record is the room that was taken beforehand, all zero.
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let number = records.len() + 1;
        let whole = line.ends_with(b"\n") && !line.contains(&0);
        match serde_json::from_slice(line) {
            Ok(record) if whole => {
                if number == 1 && !matches!(record, Record::Opened(_)) {
                    return Err((number, "the first record does not open a job".into()));
                }
                records.push(record);
                end += line.len() as u64;
            }
            _ if !whole => break,
            Err(error) => return Err((number, version_of(line).unwrap_or(error.to_string()))),
            Ok(_) => break,
        }
    }
    Ok((records, end))
}

/// What to say of a first record of another version.
fn version_of(line: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    let version = value.get("version")?.as_u64()?;
    (version != u64::from(JOURNAL_VERSION)).then(|| {
        format!("it has version {version}, and this executor understands {JOURNAL_VERSION}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASED: &[u8] = include_bytes!("../../tests/released/0.1.0-restore.journal");

    #[test]
    fn a_journal_of_each_released_version_is_read() {
        let (records, end) = read_records(RELEASED).unwrap();
        assert_eq!(end, RELEASED.len() as u64);
        assert!(matches!(records.last(), Some(Record::Ended { .. })));
    }

    #[test]
    fn who_gave_an_order_is_told_by_one_word_or_by_key() {
        let key = "web-1".parse().unwrap();
        for (origin, text) in
            [(Origin::Root, r#""root""#), (Origin::Web { key }, r#"{"web":{"key":"web-1"}}"#)]
        {
            assert_eq!(serde_json::to_string(&origin).unwrap(), text);
            assert_eq!(serde_json::from_str::<Origin>(text).unwrap(), origin);
        }
    }

    #[test]
    fn a_torn_last_line_is_ignored_wherever_it_is_torn() {
        let (all, _) = read_records(RELEASED).unwrap();
        let last = RELEASED[..RELEASED.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
        for cut in last..RELEASED.len() {
            let mut torn = RELEASED[..cut].to_vec();
            torn.resize(RELEASED.len() + 100, 0);
            let (records, end) = read_records(&torn).unwrap();
            assert_eq!((records.len(), end), (all.len() - 1, last as u64), "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_named() {
        let mut damaged = RELEASED.to_vec();
        let second = damaged.iter().position(|b| *b == b'\n').unwrap() + 1;
        damaged[second] = b'#';
        assert_eq!(read_records(&damaged).unwrap_err().0, 2);
    }

    #[test]
    fn another_version_is_refused_by_number() {
        let text = String::from_utf8(RELEASED.to_vec()).unwrap();
        let newer =
            text.replacen("\"version\":1", "\"version\":9", 1).replacen("\"plan\"", "\"nalp\"", 1);
        let (_, problem) = read_records(newer.as_bytes()).unwrap_err();
        assert!(problem.contains("version 9"), "{problem}");
    }
}
