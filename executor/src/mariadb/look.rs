//! What a schema is: its tables and their kinds, its character set, and what about it cannot be
//! saved or restored.

use super::{
    MariadbError, Script, Server,
    exchange::{Charset, is_reserved},
    references,
    rows::Row,
    script::{name as quoted, name_in, text},
    settings::{self, Settings},
};
use crate::{config::OUR_PREFIX, stop::Stop};

/// What was found of a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaFacts {
    /// The server's version.
    pub version: String,
    /// Where the server keeps its data, on its own machine.
    pub datadir: String,
    /// The schema's defaults; `None` if there is no such schema.
    pub charset: Option<Charset>,
    /// Its tables and sequences, by name.
    pub tables: Vec<TableFact>,
    /// Its views, by name.
    pub views: Vec<String>,
    /// The columns of the widest table.
    pub widest: u64,
    /// The columns whose numbers a dump rounds, with their tables before them.
    pub floats: Vec<(String, String)>,
    /// The columns of geometry that a dump holds, with their tables before them.
    pub geometries: Vec<(String, String)>,
    /// Foreign keys that name a table in a schema of ours, as earlier versions left them behind.
    pub astray: Vec<Astray>,
    /// The server's settings.
    pub settings: Settings,
    /// Why its server cannot be saved from at all.
    pub refusal: Option<String>,
    /// What stands in the way of saving it or bringing it back, a sentence each.
    pub obstacles: Vec<String>,
    /// The foreign keys of other schemas to its tables, a sentence each; they are obstacles too. They
    /// follow a table that is displaced.
    pub hangers_on: Vec<String>,
}

/// A foreign key that names a table in a schema of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Astray {
    /// The table that has it.
    pub table: String,
    /// The schema that it names.
    pub schema: String,
    /// The table that it names there.
    pub parent: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFact {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Its engine.
    pub engine: String,
    /// Data and indexes, as the server estimates them.
    pub bytes: u64,
    /// A sum over its columns: another one, if they are others.
    pub columns: u64,
}

/// What a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Rows.
    Table,
    /// Rows and what they were before.
    Versioned,
    /// A sequence.
    Sequence,
}

impl TableFact {
    /// Whether a dump sees it at one moment in time.
    pub fn is_transactional(&self) -> bool {
        self.engine.eq_ignore_ascii_case("InnoDB")
    }
}

impl Server<'_> {
    /// Looks at a schema.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn look(&self, schema: &str, stop: &Stop) -> Result<SchemaFacts, MariadbError> {
        let mut facts = SchemaFacts::default();
        let rows = match self.run(&script(schema), stop).await {
            // InnoDB's dictionary is for accounts that may see it: what is lacking has a name.
            Err(error @ MariadbError::Refused { number: 1227, .. }) => {
                self.check_rights(stop).await?;
                return Err(error);
            }
            looked => looked?,
        };
        for row in rows {
            facts.take(&row)?;
        }
        facts.refusal = facts.settings.cuts_off(&facts);
        Ok(facts)
    }
}

/// Engines whose tables show rows that are kept elsewhere: `mariadb-dump` leaves those out.
const UNSAVED_ENGINES: [&str; 7] =
    ["MRG_MyISAM", "FEDERATED", "CONNECT", "SPIDER", "S3", "OQGRAPH", "SPHINX"];

/// True of a column whose values are geometry, and are in a dump.
const GEOMETRY: &str = "(GENERATION_EXPRESSION IS NULL AND DATA_TYPE IN ('geometry', 'point', \
     'linestring', 'polygon', 'multipoint', 'multilinestring', 'multipolygon', \
     'geometrycollection'))";

fn script(schema: &str) -> Script {
    let (s, geometry) = (text(schema), GEOMETRY);
    settings::ask(Script::reading())
        .then("ask for the version", "SELECT 'server', VERSION(), @@datadir")
        .then(
            "look at the schema",
            format!(
                "SELECT 'schema', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME \
                 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {s}"
            ),
        )
        .then(
            "look at the tables",
            format!(
                "SELECT 'table', TABLE_NAME, TABLE_TYPE, IFNULL(ENGINE, ''), \
                 IFNULL(DATA_LENGTH, 0) + IFNULL(INDEX_LENGTH, 0), IFNULL(CREATE_OPTIONS, ''), \
                 IFNULL(TABLE_COMMENT, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = {s} ORDER BY TABLE_NAME"
            ),
        )
        .then(
            "look at the foreign keys",
            format!(
                "SELECT 'foreign', CONSTRAINT_SCHEMA, TABLE_NAME, UNIQUE_CONSTRAINT_SCHEMA, \
                 REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS \
                 WHERE CONSTRAINT_SCHEMA = {s} AND UNIQUE_CONSTRAINT_SCHEMA <> {s}"
            ),
        )
        .then("look at the foreign keys", references::hangers_on(schema))
        .then(
            "look at the columns",
            format!(
                "SELECT 'columns', TABLE_NAME, BIT_XOR(CONV(LEFT(MD5(CONCAT_WS('|', \
                 ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, \
                 IFNULL(COLLATION_NAME, ''), EXTRA, IFNULL(GENERATION_EXPRESSION, ''))), 15), \
                 16, 10)), COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {s} \
                 GROUP BY TABLE_NAME"
            ),
        )
        .then(
            "look at the defaults",
            format!(
                "SELECT 'column', TABLE_NAME, COLUMN_NAME, \
                 DATA_TYPE = 'float' AND NUMERIC_SCALE IS NULL, IFNULL(COLUMN_DEFAULT, ''), \
                 GENERATION_EXPRESSION = 'ROW START', {geometry} \
                 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {s} \
                 AND (DATA_TYPE = 'float' OR {geometry} \
                 OR (GENERATION_EXPRESSION = 'ROW START' AND DATA_TYPE = 'bigint') OR COLUMN_DEFAULT LIKE '%nextval(%' \
                 OR COLUMN_DEFAULT LIKE '%lastval(%' OR COLUMN_DEFAULT LIKE '%setval(%')"
            ),
        )
        .then(
            "look at the packages",
            format!(
                "SELECT 'package', ROUTINE_NAME FROM information_schema.ROUTINES \
                 WHERE ROUTINE_SCHEMA = {s} AND ROUTINE_TYPE LIKE 'PACKAGE%'"
            ),
        )
}

impl SchemaFacts {
    fn take(&mut self, row: &Row) -> Result<(), MariadbError> {
        match row.tag() {
            b"server" => {
                self.version = row.text(1)?;
                self.datadir = row.text(2)?;
            }
            b"settings" => self.settings = Settings::of(row)?,
            b"schema" => {
                self.charset = Some(Charset { name: row.text(1)?, collation: row.text(2)? });
            }
            b"table" => {
                let kind = match row.bytes(2)? {
                    b"VIEW" => return row.text(1).map(|view| self.views.push(view)),
                    b"SEQUENCE" => TableKind::Sequence,
                    b"SYSTEM VERSIONED" => TableKind::Versioned,
                    _ => TableKind::Table,
                };
                let (name, engine) = (row.text(1)?, row.text(3)?);
                self.take_broken(&name, &engine, row)?;
                if outside_texts(&row.text(5)?).contains(" DIRECTORY=") {
                    let of = quoted(&name);
                    self.obstacles
                        .push(format!("table {of} has its data in a directory of its own"));
                }
                if UNSAVED_ENGINES.iter().any(|other| engine.eq_ignore_ascii_case(other)) {
                    let of = quoted(&name);
                    self.obstacles.push(format!("table {of} has its rows elsewhere ({engine})"));
                }
                if is_reserved(&name) {
                    let obstacle = "has a name that is kept for Holdfast's own tables";
                    let sentence = format!("table {} {obstacle}", quoted(&name));
                    self.hangers_on.push(sentence.clone());
                    self.obstacles.push(sentence);
                }
                self.tables.push(TableFact {
                    name,
                    kind,
                    engine,
                    bytes: row.number(4)?,
                    columns: 0,
                });
            }
            b"columns" => {
                let (of, sum) = (row.text(1)?, row.number(2)?);
                let table = self.tables.iter_mut().find(|table| table.name == of);
                table.into_iter().for_each(|table| table.columns = sum);
                self.widest = self.widest.max(row.number(3)?);
            }
            b"foreign" if row.text(3)?.starts_with(OUR_PREFIX) => {
                let (table, schema, parent) = (row.text(2)?, row.text(3)?, row.text(4)?);
                self.astray.push(Astray { table, schema, parent });
            }
            tag @ (b"foreign" | b"hanger-on") => {
                let sentence = format!(
                    "table {} has a foreign key to {} in another schema",
                    name_in(&row.text(1)?, &row.text(2)?),
                    name_in(&row.text(3)?, &row.text(4)?),
                );
                self.hangers_on.extend((tag == b"hanger-on").then(|| sentence.clone()));
                self.obstacles.push(sentence);
            }
            b"column" => self.take_column(row.text(1)?, row.text(2)?, row)?,
            b"package" => {
                self.obstacles.push(format!("{} is a package", quoted(&row.text(1)?)));
            }
            _ => {}
        }
        Ok(())
    }

    /// A table that the server cannot open has no engine; its comment says why.
    fn take_broken(&mut self, table: &str, engine: &str, row: &Row) -> Result<(), MariadbError> {
        if engine.is_empty() {
            let why: String = row.text(6)?.chars().take(200).collect();
            let of = quoted(table);
            self.obstacles.push(format!("table {of} is broken, and cannot be read ({why})"));
        }
        Ok(())
    }

    fn take_column(
        &mut self,
        table: String,
        column: String,
        row: &Row,
    ) -> Result<(), MariadbError> {
        if row.bytes(5)? == b"1" {
            self.obstacles.push(format!(
                "table {} has its history by numbers of transactions, which no dump can hold: it \
                 needs columns of the type TIMESTAMP(6) for that",
                quoted(&table)
            ));
        }
        let default = outside_texts(&row.text(4)?).to_ascii_lowercase();
        if ["nextval(", "lastval(", "setval("].iter().any(|call| default.contains(call)) {
            self.obstacles.push(format!(
                "column {} of table {} takes its default from a sequence by the schema's name",
                quoted(&column),
                quoted(&table),
            ));
        }
        if row.bytes(6)? == b"1" {
            self.geometries.push((table, column));
        } else if row.bytes(3)? == b"1" {
            self.floats.push((table, column));
        }
        Ok(())
    }

    /// Whether the server is MariaDB 10.6 or newer.
    pub fn is_supported(&self) -> bool {
        let mut parts = self.version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
        let version = (parts.next().flatten(), parts.next().flatten());
        self.version.contains("MariaDB") && version >= (Some(10), Some(6))
    }

    /// What all its tables have, as the server estimates it.
    pub fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.bytes).sum()
    }
}

/// An expression or a list of options without what stands in its texts and names.
fn outside_texts(of: &str) -> String {
    let (mut outside, mut inside, mut escaped) = (String::new(), None, false);
    for character in of.chars() {
        match inside {
            Some(_) if std::mem::take(&mut escaped) => {}
            Some(quote) if character == '\\' && quote != '`' => escaped = true,
            Some(quote) if character == quote => inside = None,
            Some(_) => {}
            None if ['\'', '"', '`'].contains(&character) => inside = Some(character),
            None => outside.push(character),
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_text_is_no_call_and_no_option() {
        assert_eq!(outside_texts("nextval(`shop`.`s`)"), "nextval(.)");
        assert_eq!(outside_texts("concat('it\\'s nextval(','x')"), "concat(,)");
        assert_eq!(outside_texts("'it''s' || nextval(`s`)"), " || nextval()");
        assert_eq!(outside_texts("`bad`='x DATA DIRECTORY=y'"), "=");
        assert_eq!(outside_texts("DATA DIRECTORY='/srv/x/'"), "DATA DIRECTORY=");
    }
}
