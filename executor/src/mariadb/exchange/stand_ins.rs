//! Stand-ins: empty tables for parents that a foreign key names and that are not there.
//!
//! A RENAME takes the references to a table along. A reference to a table that InnoDB does not have keeps
//! the name of the schema that its child has left. So an empty table of that name is made, moves in the
//! same statement, and is dropped. A table of another engine, or a partitioned one, may have that name: it
//! steps aside meanwhile. The list is on disk before the first of them is made.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{Marker, Seen, Side, batches::aside_of};
use crate::mariadb::{
    MariadbError, Script,
    script::{hex, name, name_in, text},
};

/// The one column of a stand-in, by which it is known.
const COLUMN: &str = "holdfast_stands_in";

/// One stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandIn {
    /// Its name.
    table: String,
    /// The schema that it is made in.
    made_in: String,
    /// The schema that it moves to.
    goes_to: String,
    /// The table of ours that had its name, if there was one.
    aside: Option<(String, String)>,
}

/// The list as it is on disk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct StandIns {
    /// 1.
    version: u32,
    /// All of them.
    list: Vec<StandIn>,
}

impl Seen {
    /// The stand-ins that an exchange needs.
    pub(super) fn stand_ins(&self, live: &str, marker: Marker<'_>, side: Side) -> StandIns {
        let (come, go) = marker.ways(side);
        let mut list: Vec<StandIn> = Vec::new();
        let ours = |schema: &str| schema == live || schema == come;
        let missing = self.references.iter().filter(|reference| reference.is_missing);
        for reference in missing.filter(|one| one.child.0 == one.parent.0 && ours(&one.child.0)) {
            let (schema, table) = &reference.parent;
            let (goes_to, there) = match schema == live {
                true => (go, &self.live),
                false => (live, &self.comes(side).to_vec()),
            };
            let same = |other: &StandIn| other.table == *table && other.made_in == *schema;
            if list.iter().any(same) {
                continue;
            }
            let keeper = if schema == live { go } else { come };
            let aside = (keeper.to_owned(), aside_of(list.len()));
            list.push(StandIn {
                table: table.clone(),
                made_in: schema.clone(),
                goes_to: goes_to.to_owned(),
                aside: there.contains(table).then_some(aside),
            });
        }
        StandIns { version: 1, list }
    }
}

impl StandIn {
    /// The side that its exchange makes live.
    fn direction(&self, marker: Marker<'_>) -> Side {
        match self.goes_to == marker.to || self.made_in == marker.from {
            true => Side::New,
            false => Side::Old,
        }
    }
}

impl StandIns {
    /// Reads a list; an empty one if there is no file.
    pub(super) fn read(file: &Path) -> Result<Self, MariadbError> {
        match fs::read(file) {
            Ok(text) => match serde_json::from_slice::<Self>(&text) {
                Ok(read) if read.version == 1 => Ok(read),
                _ => Err(MariadbError::Unusable(format!("{} is not understood", file.display()))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(failed(file, &error)),
        }
    }

    /// Writes the list, whole and durable; an empty one leaves no file.
    pub(super) fn write(&self, file: &Path) -> Result<(), MariadbError> {
        let written = match self.list.is_empty() {
            true => match fs::remove_file(file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
            false => self.write_down(file),
        };
        written.map_err(|error| failed(file, &error))
    }

    fn write_down(&self, file: &Path) -> io::Result<()> {
        let part = file.with_extension("part");
        let mut out = File::create(&part)?;
        out.write_all(&serde_json::to_vec(self)?)?;
        out.sync_all()?;
        fs::rename(&part, file)?;
        File::open(file.parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    /// True if there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Makes them.
    pub(super) fn make(&self, script: &mut Script) {
        for one in &self.list {
            if let Some((schema, aside)) = &one.aside {
                let (from, to) = (name_in(&one.made_in, &one.table), name_in(schema, aside));
                script.push("put a table aside", format!("RENAME TABLE {from} TO {to}"));
            }
            let of = name_in(&one.made_in, &one.table);
            let make = format!("CREATE TABLE {of} ({COLUMN} INT PRIMARY KEY) ENGINE=InnoDB");
            script.push("stand in for a missing table", make);
        }
    }

    /// Drops them wherever they are, and gives the tables that stepped aside their names back. Done
    /// already, it does nothing. All tables are on `side`.
    pub(super) fn clear(&self, script: &mut Script, marker: Marker<'_>, side: Side) {
        for one in &self.list {
            let at = if one.direction(marker) == side { &one.goes_to } else { &one.made_in };
            let (schema, table) = (text(at), text(&one.table));
            let drop = format!("DROP TABLE {}", name_in(at, &one.table));
            let is_ours = format!(
                "EXISTS (SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema} \
                 AND TABLE_NAME = {table} AND COLUMN_NAME = '{COLUMN}')"
            );
            script.push("drop a stand-in", only_if(&is_ours, &drop));
            if let Some((keeper, aside)) = &one.aside {
                let back = format!(
                    "RENAME TABLE {} TO {}",
                    name_in(keeper, aside),
                    name_in(at, &one.table)
                );
                let stands = format!(
                    "EXISTS (SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} \
                     AND TABLE_NAME = {})",
                    text(keeper),
                    text(aside)
                );
                script.push("give a table its name back", only_if(&stands, &back));
            }
        }
    }

    /// Their names in a schema.
    pub(super) fn in_schema<'a>(&'a self, schema: &'a str) -> impl Iterator<Item = &'a String> {
        self.list.iter().filter(move |one| one.made_in == schema).map(|one| &one.table)
    }
}

fn only_if(condition: &str, statement: &str) -> String {
    let statement = hex(statement.as_bytes());
    format!("BEGIN NOT ATOMIC IF {condition} THEN EXECUTE IMMEDIATE {statement}; END IF; END")
}

fn failed(file: &Path, error: &io::Error) -> MariadbError {
    MariadbError::Unusable(format!("{}: {error}", file.display()))
}

/// A foreign key in a sentence.
pub(super) fn sentence(reference: &super::seen::Reference) -> String {
    let ((schema, table), (other, parent)) = (&reference.child, &reference.parent);
    format!("a foreign key of {} names {} in {}", name_in(schema, table), name(parent), name(other))
}
