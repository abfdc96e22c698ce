//! The time that a table and a program take on a server, as the last exchange there has shown.
//!
//! It depends on the server's disk and on what else it does, so nothing else says it as well. It is kept
//! in the node's state, a file for each server; without one a common disk is assumed.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{Database, Node};

/// With fewer tables or programs an exchange says little about one of them.
const ENOUGH: usize = 20;

/// Microseconds for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::plans) struct Rates {
    /// For a table to go and another one to come.
    table_us: u64,
    /// For a program to be read, to go and to come.
    program_us: u64,
}

impl Default for Rates {
    /// On a disk whose fdatasync takes 0.4 ms.
    fn default() -> Self {
        Self { table_us: 2_000, program_us: 3_000 }
    }
}

/// The rest of an exchange.
const ELSE: Duration = Duration::from_millis(150);

impl Rates {
    /// The rates of a server.
    pub(in crate::plans) fn of(node: &Node, database: &Database) -> Self {
        let text = fs::read(file_of(node, database)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The time that so many tables and programs will take, about.
    pub(super) fn estimate(self, tables: usize, programs: usize) -> Duration {
        let each = self.table_us * tables as u64 + self.program_us * programs as u64;
        ELSE + Duration::from_micros(each)
    }

    /// With what an exchange has shown: so many of each, and how long they took.
    fn shown(
        self,
        (tables, of_tables): (usize, Duration),
        (programs, of_programs): (usize, Duration),
    ) -> Self {
        let each = |count: usize, took: Duration, was: u64| match count < ENOUGH {
            true => was,
            false => u64::try_from(took.as_micros() / count as u128).unwrap_or(was).max(1),
        };
        Self {
            table_us: each(tables, of_tables.saturating_sub(ELSE), self.table_us),
            program_us: each(programs, of_programs, self.program_us),
        }
    }

    /// Keeps what an exchange has shown. Without it the next estimate is only worse.
    pub(in crate::plans) fn keep(
        node: &Node,
        database: &Database,
        tables: (usize, Duration),
        programs: (usize, Duration),
    ) -> io::Result<()> {
        let known = Self::of(node, database);
        let shown = known.shown(tables, programs);
        if shown == known {
            return Ok(());
        }
        let file = file_of(node, database);
        if let Some(folder) = file.parent() {
            DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
        }
        let part = file.with_extension(format!("{}.part", std::process::id()));
        fs::write(&part, serde_json::to_vec(&shown)?)?;
        fs::rename(part, file)
    }
}

fn file_of(node: &Node, database: &Database) -> PathBuf {
    let sum = Sha256::digest(database.reach.to_string());
    let name: String = sum[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    node.state.join("closing").join(format!("{name}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_of_many_tables_says_how_long_the_next_one_takes() {
        let few = Rates::default().shown((3, Duration::from_secs(9)), (0, Duration::ZERO));
        assert_eq!(few, Rates::default());
        let many = few.shown((100, Duration::from_millis(650)), (50, Duration::from_millis(500)));
        assert_eq!(many, Rates { table_us: 5_000, program_us: 10_000 });
        assert_eq!(many.estimate(200, 10), Duration::from_millis(150 + 1_000 + 100));
    }
}
