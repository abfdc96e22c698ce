//! The three schemas of an exchange, as they are: one session, no table of another schema opened.

use super::{Charset, Look, Marker};
use crate::{
    mariadb::{MariadbError, Script, Server, programs, references, rows::Row, script::text},
    stop::Stop,
    swap::Side,
};

/// The content of the three schemas.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The tables of the live schema.
    pub(super) live: Vec<String>,
    /// Its views.
    pub(super) views: Vec<String>,
    /// The tables that are prepared, while they are.
    pub(super) from: Vec<String>,
    /// The tables that were live.
    pub(super) to: Vec<String>,
    /// The defaults of the live schema, if there is one.
    pub(super) charset: Option<Charset>,
    /// Foreign keys whose parent is another schema's table, or is not there.
    pub(super) references: Vec<Reference>,
}

/// A foreign key between the three schemas that needs to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The schema and the table that have it.
    pub(super) child: (String, String),
    /// The schema and the table that it names.
    pub(super) parent: (String, String),
    /// True if InnoDB has no such table.
    pub(super) is_missing: bool,
}

/// The error of a schema that is not there.
const NO_SCHEMA: u32 = 1049;

impl Server<'_> {
    /// Looks at the three schemas, after any earlier statement has ended.
    pub(super) async fn see(
        &self,
        lock: &str,
        marker: Marker<'_>,
        stop: &Stop,
    ) -> Result<Seen, MariadbError> {
        Seen::of(&self.run(&self.seeing(lock, marker), stop).await?)
    }

    /// The same with the programs of the live schema, in one session.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn look_at(
        &self,
        lock: &str,
        marker: Marker<'_>,
        stop: &Stop,
    ) -> Result<Look, MariadbError> {
        let mut script = self.seeing(lock, marker);
        programs::read(&self.database.schema, &mut script);
        match self.run(&script, stop).await {
            Ok(rows) => {
                let of_programs = rows.iter().position(programs::begins).unwrap_or(rows.len());
                let (seen, programs) = rows.split_at(of_programs);
                Ok(Look { seen: Seen::of(seen)?, programs: programs::of(programs)? })
            }
            Err(MariadbError::Refused { number: NO_SCHEMA, .. }) => {
                let seen = self.see(lock, marker, stop).await?;
                Ok(Look { seen, programs: Vec::new() })
            }
            Err(error) => Err(error),
        }
    }

    fn seeing(&self, lock: &str, marker: Marker<'_>) -> Script {
        let live = &self.database.schema;
        let mut script = Script::closed(lock);
        for (tag, schema) in [("live", live.as_str()), ("from", marker.from), ("to", marker.to)] {
            script.push(
                "look at the tables",
                format!(
                    "SELECT IF(TABLE_TYPE = 'VIEW', 'view', '{tag}'), TABLE_NAME \
                     FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
                    text(schema)
                ),
            );
        }
        script.push(
            "look at the foreign keys",
            references::of_schemas(&[live, marker.from, marker.to]),
        );
        script.push(
            "look at the schema",
            format!(
                "SELECT 'schema', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME \
                 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
                text(live)
            ),
        );
        script
    }
}

impl Seen {
    fn of(rows: &[Row]) -> Result<Self, MariadbError> {
        let mut seen = Self::default();
        for row in rows {
            match row.tag() {
                b"live" => seen.live.push(row.text(1)?),
                b"from" => seen.from.push(row.text(1)?),
                b"to" => seen.to.push(row.text(1)?),
                // Our own schemas have none.
                b"view" => seen.views.push(row.text(1)?),
                b"reference" => seen.references.push(Reference {
                    child: (row.text(1)?, row.text(2)?),
                    parent: (row.text(3)?, row.text(4)?),
                    is_missing: row.number(5)? == 1,
                }),
                _ => {
                    seen.charset = Some(Charset { name: row.text(1)?, collation: row.text(2)? });
                }
            }
        }
        Ok(seen)
    }

    /// The tables that become live.
    pub(super) fn comes(&self, side: Side) -> &[String] {
        match side {
            Side::New => &self.from,
            Side::Old => &self.to,
        }
    }

    /// Adds tables to a list that lacks some of them.
    pub(super) fn add<'a>(
        &mut self,
        list: &mut impl FnMut(&mut Self) -> &mut Vec<String>,
        tables: impl Iterator<Item = &'a String>,
    ) {
        for table in tables {
            let list = list(self);
            if !list.contains(table) {
                list.push(table.clone());
            }
        }
    }

    /// The same, to be added to.
    pub(super) fn comes_mut(&mut self, side: Side) -> &mut Vec<String> {
        match side {
            Side::New => &mut self.from,
            Side::Old => &mut self.to,
        }
    }

    /// A foreign key from one of the three schemas into another.
    pub(super) fn crossing(&self) -> Option<&Reference> {
        self.references.iter().find(|reference| reference.child.0 != reference.parent.0)
    }
}
