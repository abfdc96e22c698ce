//! The exchange: all tables of the live schema and all prepared ones change places.
//!
//! The live tables go to a schema of ours that was empty, the prepared ones come from another. A
//! marker table travels with them, from one of our two schemas to the other, in the same statement:
//! where it is says which tables are live, whatever the client saw. Few tables move in one statement,
//! many in several: see [`batches`].

mod batches;
mod seen;
mod sessions;
mod stand_ins;

use std::{collections::BTreeSet, path::Path};

pub(super) use self::batches::is_reserved;
use self::{
    batches::Position,
    seen::Seen,
    sessions::Scripts,
    stand_ins::{StandIns, sentence},
};
use super::{
    ClosedTime, MariadbError, Script, Server, StoredProgram,
    script::{name, name_in, text},
};
use crate::{stop::Stop, swap::Side};

/// The number of times that the tables are listed and renamed, if they are others each time.
const ATTEMPTS: u32 = 4;

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

impl<'a> Marker<'a> {
    /// The schema from which tables become live on this side, and the one to which the live ones go.
    fn ways(self, side: Side) -> (&'a str, &'a str) {
        match side {
            Side::New => (self.from, self.to),
            Side::Old => (self.to, self.from),
        }
    }
}

/// Statements that make the markers of so many batches in a schema. The first one says that its tables are
/// ready, so it comes last; where it is there already, the others are added in their order, since at each
/// moment they are to be all of a number.
pub(super) fn make_markers(schema: &str, batches: usize, is_marked: bool, script: &mut Script) {
    let mut numbers: Vec<usize> = (0..batches.max(1)).collect();
    if !is_marked {
        numbers.reverse();
    }
    for batch in numbers {
        let of = name_in(schema, &batches::marker_of(batch));
        script.push(
            "mark the schema as ready",
            format!("CREATE TABLE IF NOT EXISTS {of} (moved INT PRIMARY KEY) ENGINE=InnoDB"),
        );
    }
}

/// Which side is live, after any earlier statement has ended, and the defaults of the live schema.
///
/// # Errors
/// [`MariadbError::Unusable`] if a marker is in neither schema or in both, or if only some tables have
/// changed places.
pub async fn standing(
    server: &Server<'_>,
    lock: &str,
    marker: Marker<'_>,
    stop: &Stop,
) -> Result<(Side, Option<Charset>), MariadbError> {
    let seen = server.see(lock, marker, stop).await?;
    match seen.position(marker)? {
        Position::Whole(side) => Ok((side, seen.charset)),
        Position::Between => Err(MariadbError::Unusable(format!(
            "only some tables of {} have changed places",
            name(&server.database.schema)
        ))),
    }
}

/// An exchange: between which schemas, and to which side.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The name of the lock.
    pub lock: &'a str,
    /// The schemas.
    pub marker: Marker<'a>,
    /// The side that is to be live.
    pub side: Side,
    /// The defaults of the live schema then; `None` if there is to be no schema.
    pub charset: Option<&'a Charset>,
    /// A file for what must survive a crash, in a folder that lasts as long as the schemas.
    pub stand_ins: &'a Path,
    /// The time that it may take.
    pub time: ClosedTime,
}

/// A look at the three schemas and at the programs of the live one.
#[derive(Debug)]
pub struct Look {
    seen: Seen,
    /// The programs.
    pub programs: Vec<StoredProgram>,
}

impl Look {
    /// The defaults of the live schema, if there is one.
    pub fn charset(&self) -> Option<&Charset> {
        self.seen.charset.as_ref()
    }

    /// True if all tables are on this side.
    ///
    /// # Errors
    /// [`MariadbError::Unusable`] if a marker is in neither schema or in both.
    pub fn is_on(&self, side: Side, marker: Marker<'_>) -> Result<bool, MariadbError> {
        Ok(self.seen.position(marker)? == Position::Whole(side))
    }
}

/// What came of an exchange.
#[derive(Debug)]
pub struct Exchanged {
    /// The programs that the live schema has now.
    pub programs: Vec<StoredProgram>,
    /// The number of tables, by their names, that changed places.
    pub tables: usize,
}

/// Makes one side live. Done already, it does nothing but give the schema its defaults. `first` is a look
/// that was taken just now.
///
/// # Errors
/// [`MariadbError`]; the markers then say which side is live.
pub async fn exchange(
    server: &Server<'_>,
    this: Exchange<'_>,
    first: Look,
    stop: &Stop,
) -> Result<Exchanged, MariadbError> {
    let Exchange { lock, marker, side, charset, .. } = this;
    let live = &server.database.schema;
    let Look { seen: mut now, mut programs } = first;
    let mut moved = false;
    let mut tables = 0;
    let mut expected = BTreeSet::new();
    for attempt in 1.. {
        let position = now.position(marker)?;
        if position == Position::Whole(side) {
            break;
        }
        this.time.check()?;
        let stand_ins = this.stand_in(server, position, &mut now, stop).await?;
        expected = now.expected(side);
        tables += now.number_of_names(side);
        let left = now.batches_to_move(side).len();
        let ran = this.scripts(server, &now, &stand_ins)?.run(server, stop).await;
        // The statement may go on without its client, and it may have been done.
        (now, programs) = match (server.look_at(lock, marker, stop).await, ran.as_ref().err()) {
            (Ok(Look { seen, programs }), _) => (seen, programs),
            (Err(error), None) => return Err(error),
            (Err(_), Some(_)) => return ran.map(|()| Exchanged { programs, tables }),
        };
        moved = true;
        let left_now = now.batches_to_move(side).len();
        match ran {
            Ok(()) if left_now > 0 => {
                return Err(MariadbError::Answer("the tables have not changed places".into()));
            }
            Err(error)
                if left_now == left && (attempt >= ATTEMPTS || !error.is_of_other_tables()) =>
            {
                return this.time.check().and(Err(error));
            }
            _ => {}
        }
    }
    this.clear(server, side, stop).await?;
    if moved {
        if let Some(first) = now.crossing().filter(|_| side == Side::New) {
            return Err(MariadbError::Unusable(sentence(first)));
        }
        // A table that was made in between, by a connection that came in between, has stayed.
        let (_, away) = marker.ways(side);
        let strays = now.live.iter().filter(|table| !expected.contains(*table));
        let moves: Vec<String> = strays.map(|table| move_of(table, live, away)).collect();
        if !moves.is_empty() {
            let rename = format!("RENAME TABLE {}", moves.join(", "));
            let script = Script::closed(lock).then("move what came meanwhile", rename);
            server.run(&script, stop).await?;
            now.live.retain(|table| expected.contains(table));
        }
    }
    let mut script = Script::closed(lock);
    match charset {
        Some(charset) if now.charset.as_ref() == Some(charset) => {
            return Ok(Exchanged { programs, tables });
        }
        Some(charset) => {
            let (live, clause) = (name(live), charset.clause()?);
            script.push("set the schema's defaults", format!("ALTER DATABASE {live} {clause}"));
        }
        None if now.charset.is_none() => return Ok(Exchanged { programs, tables }),
        None if now.live.is_empty() => {
            script.push("drop the schema", format!("DROP DATABASE IF EXISTS {}", name(live)));
        }
        None => {
            let problem = format!("schema {} should be gone and has tables", name(live));
            return Err(MariadbError::Unusable(problem));
        }
    }
    server.run(&script, stop).await.map(|_| Exchanged { programs, tables })
}

fn move_of(table: &str, from: &str, to: &str) -> String {
    format!("{} TO {}", name_in(from, table), name_in(to, table))
}

impl Exchange<'_> {
    /// The stand-ins of this exchange, written down; `now` is told of them. Those of an attempt that has
    /// come to nothing are cleared first. Once a batch has moved they are what they are.
    async fn stand_in(
        &self,
        server: &Server<'_>,
        position: Position,
        now: &mut Seen,
        stop: &Stop,
    ) -> Result<StandIns, MariadbError> {
        let Position::Whole(before) = position else { return Ok(StandIns::default()) };
        if self.clear(server, before, stop).await? {
            *now = server.see(self.lock, self.marker, stop).await?;
        }
        let live = &server.database.schema;
        let (come, _) = self.marker.ways(self.side);
        let stand_ins = now.stand_ins(live, self.marker, self.side);
        stand_ins.write(self.stand_ins)?;
        now.add(&mut |seen| &mut seen.live, stand_ins.in_schema(live));
        let side = self.side;
        now.add(&mut |seen| seen.comes_mut(side), stand_ins.in_schema(come));
        Ok(stand_ins)
    }

    /// Drops stand-ins, all tables being on this side; whether there were any.
    async fn clear(
        &self,
        server: &Server<'_>,
        side: Side,
        stop: &Stop,
    ) -> Result<bool, MariadbError> {
        let stand_ins = StandIns::read(self.stand_ins)?;
        if stand_ins.is_empty() {
            return Ok(false);
        }
        let unchecked = "SET SESSION foreign_key_checks = 0";
        let mut script = Script::closed(self.lock).then("prepare the session", unchecked);
        stand_ins.clear(&mut script, self.marker, side);
        server.run(&script, stop).await?;
        StandIns::default().write(self.stand_ins)?;
        Ok(true)
    }

    fn scripts(
        &self,
        server: &Server<'_>,
        now: &Seen,
        stand_ins: &StandIns,
    ) -> Result<Scripts, MariadbError> {
        let live = &server.database.schema;
        let mut script = Script::closed(self.lock);
        if now.charset.is_none() {
            let clause = self.charset.map_or(Ok(String::new()), Charset::clause)?;
            script.push(
                "make the schema",
                format!("CREATE DATABASE IF NOT EXISTS {} {clause}", name(live)),
            );
        }
        let kill = kill_statement(live, &server.database.account.user);
        // Each event that begins would hold a table again.
        script.push("drop the events", drop_each(live, "EVENT", ENABLED_EVENTS));
        script.push("end the site's connections", &kill);
        script.push("drop the triggers", drop_each(live, "TRIGGER", TRIGGERS));
        // A view that stands where a table comes; it is made again, or the table was before it.
        let comes = now.comes(self.side);
        let in_the_way = |view: &&String| {
            comes.contains(view) || stand_ins.in_schema(live).any(|table| table == *view)
        };
        for view in now.views.iter().filter(in_the_way) {
            let drop = format!("DROP VIEW IF EXISTS {}", name_in(live, view));
            script.push("drop a view in the place of a table", drop);
        }
        script.push("end the site's connections", &kill);
        if !stand_ins.is_empty() {
            script.push("prepare the session", "SET SESSION foreign_key_checks = 0");
            stand_ins.make(&mut script);
        }
        Ok(self.moving(server, now, (script, !stand_ins.is_empty())))
    }
}

/// Names `n` of the events that may begin by themselves.
const ENABLED_EVENTS: &str =
    "SELECT EVENT_NAME n FROM information_schema.EVENTS WHERE STATUS = 'ENABLED' AND EVENT_SCHEMA";
/// Names `n` of triggers. The server finds them by their table's schema alone.
const TRIGGERS: &str =
    "SELECT TRIGGER_NAME n FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA";

/// Drops each program of a schema that a query names, in one statement.
fn drop_each(schema: &str, kind: &str, query: &str) -> String {
    let (s, of) = (text(schema), text(&format!("DROP {kind} IF EXISTS {}.", name(schema))));
    format!(
        "BEGIN NOT ATOMIC FOR r IN ({query} = {s}) DO \
         EXECUTE IMMEDIATE CONCAT({of}, '`', REPLACE(r.n, '`', '``'), '`'); END FOR; END"
    )
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
