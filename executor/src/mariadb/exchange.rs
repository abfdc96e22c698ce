//! The exchange: all tables of the live schema and all prepared ones change places in one statement.
//!
//! The live tables go to a schema of ours that was empty, the prepared ones come from another. A
//! marker table travels with them, from one of our two schemas to the other, in the same statement:
//! where it is says which tables are live, whatever the client saw.

use super::{
    MariadbError, Script, Server,
    script::{name, name_in, text},
};
use crate::{stop::Stop, swap::Side};

/// The marker's name, in schemas of ours alone.
const MARKER: &str = "holdfast_marker";

/// The defaults of a schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Charset {
    /// The character set.
    pub name: String,
    /// The collation.
    pub collation: String,
}

/// Where the marker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker<'a> {
    /// The schema whose tables are prepared, while they are.
    pub from: &'a str,
    /// The schema that the live tables go to.
    pub to: &'a str,
}

/// What is in the three schemas.
#[derive(Debug, Default)]
struct Seen {
    live: Vec<String>,
    from: Vec<String>,
    to: Vec<String>,
    triggers: Vec<String>,
    views: Vec<String>,
    /// The defaults of the live schema, if there is one.
    charset: Option<Charset>,
}

impl Charset {
    /// As a clause of CREATE or ALTER DATABASE.
    ///
    /// # Errors
    /// [`MariadbError::Unusable`] if a name is none.
    pub fn clause(&self) -> Result<String, MariadbError> {
        let plain = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        match plain(&self.name) && plain(&self.collation) {
            true => Ok(format!("CHARACTER SET {} COLLATE {}", self.name, self.collation)),
            false => Err(MariadbError::Unusable("a character set has no possible name".into())),
        }
    }
}

/// A statement that makes the marker in a schema whose tables are ready.
pub(super) fn making_of_marker(schema: &str) -> String {
    // A server may refuse tables without a key.
    let of = name_in(schema, MARKER);
    format!("CREATE TABLE {of} (moved_with_the_tables INT PRIMARY KEY) ENGINE=InnoDB")
}

/// Whether a table is the marker.
pub(super) fn is_marker(table: &str) -> bool {
    table == MARKER
}

/// Which side is live, after any earlier statement has ended.
///
/// # Errors
/// [`MariadbError::Unusable`] if the marker is in neither schema or in both.
pub async fn marker_is_in(
    server: &Server<'_>,
    lock: &str,
    marker: Marker<'_>,
    stop: &Stop,
) -> Result<Side, MariadbError> {
    server.see(lock, marker, stop).await?.side(marker)
}

/// Makes one side live: `charset` is what the live schema is to have then, none if there is to be
/// no schema. Done already, it does nothing but that.
///
/// # Errors
/// [`MariadbError`]; the marker then says which side is live.
pub async fn exchange(
    server: &Server<'_>,
    lock: &str,
    marker: Marker<'_>,
    (side, charset): (Side, Option<&Charset>),
    stop: &Stop,
) -> Result<(), MariadbError> {
    let live = &server.database.schema;
    let seen = server.see(lock, marker, stop).await?;
    let mut now = seen;
    if now.side(marker)? != side {
        let script = now.script(server, lock, marker, side, charset)?;
        server.run(&script, stop).await?;
        let comes = now.comes(side).to_vec();
        now = server.see(lock, marker, stop).await?;
        if now.side(marker)? != side {
            return Err(MariadbError::Answer("the tables have not changed places".into()));
        }
        // A table that was made in between, by a connection that came in between, has stayed.
        let strays = now.live.iter().filter(|table| !comes.contains(table));
        let away = match side {
            Side::New => marker.to,
            Side::Old => marker.from,
        };
        let moves: Vec<String> = strays.map(|table| move_of(table, live, away)).collect();
        if !moves.is_empty() {
            let rename = format!("RENAME TABLE {}", moves.join(", "));
            let script = Script::changing(lock).then("move what came meanwhile", rename);
            server.run(&script, stop).await?;
            now.live.clear();
        }
    }
    let mut script = Script::changing(lock);
    match charset {
        Some(charset) if now.charset.as_ref() == Some(charset) => return Ok(()),
        Some(charset) => {
            let (live, clause) = (name(live), charset.clause()?);
            script.push("set the schema's defaults", format!("ALTER DATABASE {live} {clause}"));
        }
        None if now.charset.is_none() => return Ok(()),
        None if now.live.is_empty() => {
            script.push("drop the schema", format!("DROP DATABASE IF EXISTS {}", name(live)));
        }
        None => {
            let problem = format!("schema {} should be gone and has tables", name(live));
            return Err(MariadbError::Unusable(problem));
        }
    }
    server.run(&script, stop).await.map(|_| ())
}

fn move_of(table: &str, from: &str, to: &str) -> String {
    format!("{} TO {}", name_in(from, table), name_in(to, table))
}

impl Server<'_> {
    async fn see(&self, lock: &str, marker: Marker<'_>, stop: &Stop) -> Result<Seen, MariadbError> {
        let live = &self.database.schema;
        let mut script = Script::changing(lock);
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
        let s = text(live);
        script.push(
            "look at the triggers",
            format!(
                "SELECT 'trigger', TRIGGER_NAME FROM information_schema.TRIGGERS \
                 WHERE TRIGGER_SCHEMA = {s}"
            ),
        );
        script.push(
            "look at the schema",
            format!(
                "SELECT 'schema', DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME \
                 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {s}"
            ),
        );
        let mut seen = Seen::default();
        for row in self.run(&script, stop).await? {
            let list = match row.tag() {
                b"live" => &mut seen.live,
                b"from" => &mut seen.from,
                b"to" => &mut seen.to,
                b"trigger" => &mut seen.triggers,
                // Our own schemas have none.
                b"view" => &mut seen.views,
                _ => {
                    let (name, collation) = (row.text(1)?, row.text(2)?);
                    seen.charset = Some(Charset { name, collation });
                    continue;
                }
            };
            list.push(row.text(1)?);
        }
        Ok(seen)
    }
}

impl Seen {
    fn side(&self, marker: Marker<'_>) -> Result<Side, MariadbError> {
        let has = |tables: &[String]| tables.iter().any(|table| is_marker(table));
        match (has(&self.from), has(&self.to)) {
            (true, false) => Ok(Side::Old),
            (false, true) => Ok(Side::New),
            _ => Err(MariadbError::Unusable(format!(
                "the table {MARKER} must be in exactly one of {} and {}",
                name(marker.from),
                name(marker.to)
            ))),
        }
    }

    /// The tables that become live.
    fn comes(&self, side: Side) -> &[String] {
        match side {
            Side::New => &self.from,
            Side::Old => &self.to,
        }
    }

    fn script(
        &self,
        server: &Server<'_>,
        lock: &str,
        marker: Marker<'_>,
        side: Side,
        charset: Option<&Charset>,
    ) -> Result<Script, MariadbError> {
        let live = &server.database.schema;
        let (come, go) = match side {
            Side::New => (marker.from, marker.to),
            Side::Old => (marker.to, marker.from),
        };
        let leaving = self.live.iter().map(|table| move_of(table, live, go));
        let coming = self.comes(side).iter().map(|table| match is_marker(table) {
            true => move_of(table, come, go),
            false => move_of(table, come, live),
        });
        let moves: Vec<String> = leaving.chain(coming).collect();
        let mut script = Script::changing(lock);
        if self.charset.is_none() {
            let clause = charset.map_or(Ok(String::new()), Charset::clause)?;
            script.push(
                "make the schema",
                format!("CREATE DATABASE IF NOT EXISTS {} {clause}", name(live)),
            );
        }
        let kill = kill_statement(live, &server.database.account.user);
        script.push("end the site's connections", &kill);
        for trigger in &self.triggers {
            script.push(
                "drop a trigger",
                format!("DROP TRIGGER IF EXISTS {}", name_in(live, trigger)),
            );
        }
        // A view that stands where a table comes; it is made again, or the table was before it.
        for view in self.views.iter().filter(|view| self.comes(side).contains(view)) {
            let drop = format!("DROP VIEW IF EXISTS {}", name_in(live, view));
            script.push("drop a view in the place of a table", drop);
        }
        script.push("end the site's connections", &kill);
        script.push("rename the tables", format!("RENAME TABLE {}", moves.join(", ")));
        Ok(script)
    }
}

/// Ends every connection that uses the schema or is the site's, but our own.
fn kill_statement(schema: &str, user: &str) -> String {
    format!(
        "BEGIN NOT ATOMIC FOR r IN (SELECT ID FROM information_schema.PROCESSLIST \
         WHERE (DB = {} OR USER = {}) AND ID <> CONNECTION_ID()) DO \
         BEGIN DECLARE CONTINUE HANDLER FOR 1094, 1095 BEGIN END; KILL r.ID; END; END FOR; END",
        text(schema),
        text(user)
    )
}
