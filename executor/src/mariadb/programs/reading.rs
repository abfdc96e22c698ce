//! Reading the stored programs of a schema, in one session.

use super::{Bound, Grant, ProgramKind, Right, RowEvent, StoredProgram, Text, Timing};
use crate::{
    config::Account,
    mariadb::{
        MariadbError, Script, Server,
        rows::Row,
        script::{name, text},
    },
    stop::Stop,
};

impl Server<'_> {
    /// Every stored program of a schema, triggers in the order in which they act.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn programs(
        &self,
        schema: &str,
        stop: &Stop,
    ) -> Result<Vec<StoredProgram>, MariadbError> {
        let mut script = Script::reading();
        read(schema, &mut script);
        of(&self.run(&script, stop).await?)
    }
}

/// The tag of the first row of an answer about programs.
const BEGIN: &[u8] = b"programs";

/// True if what follows this row is about programs.
pub(in crate::mariadb) fn begins(row: &Row) -> bool {
    row.tag() == BEGIN
}

/// The programs that an answer to [`read`] tells of.
///
/// # Errors
/// [`MariadbError`] if it cannot be understood.
pub(in crate::mariadb) fn of(rows: &[Row]) -> Result<Vec<StoredProgram>, MariadbError> {
    let told = rows.first().is_some_and(begins);
    let mut rows = rows.iter().skip(usize::from(told));
    let mut programs: Vec<StoredProgram> = Vec::new();
    while let Some(row) = rows.next() {
        match row.tag() {
            b"grant" => take_grant(&mut programs, row)?,
            b"program" => {
                let created = rows.next().ok_or_else(|| too_long(row))?;
                programs.push(program_of(row, created)?);
            }
            // What CHECK TABLE says of the view before.
            _ => {
                let view = programs.last_mut().filter(|last| last.kind == ProgramKind::View);
                let bad = row.bytes(2)?.eq_ignore_ascii_case(b"error");
                view.into_iter().for_each(|view| view.broken |= bad);
            }
        }
    }
    Ok(programs)
}

/// A row that is too long is passed over.
fn too_long(row: &Row) -> MariadbError {
    let part = |column: usize| row.text(column).unwrap_or_default();
    let (kind, of) = (part(1).to_lowercase(), name(&part(2)));
    MariadbError::Unusable(format!("the text of {kind} {of} is too long to be read"))
}

/// Adds the questions: each program's facts, then what SHOW CREATE says, unqualified since it is asked in
/// the schema, which must be there.
pub(in crate::mariadb) fn read(schema: &str, script: &mut Script) {
    let s = text(schema);
    let quoted = "CONCAT('`', REPLACE(r.n, '`', '``'), '`')";
    let each = |kind: &str, query: String, then: &str| {
        format!(
            "BEGIN NOT ATOMIC FOR r IN ({query}) DO \
             SELECT 'program', '{kind}', r.n, r.d, r.a, r.b, r.c; \
             EXECUTE IMMEDIATE CONCAT('SHOW CREATE {kind} ', {quoted}); {then} END FOR; END"
        )
    };
    let routines = |kind: &str| {
        format!(
            "SELECT ROUTINE_NAME n, DEFINER d, '' a, '' b, '' c FROM information_schema.ROUTINES \
             WHERE ROUTINE_SCHEMA = {s} AND ROUTINE_TYPE = '{kind}' ORDER BY ROUTINE_NAME"
        )
    };
    let views = format!(
        "SELECT TABLE_NAME n, DEFINER d, '' a, '' b, '' c FROM information_schema.VIEWS \
         WHERE TABLE_SCHEMA = {s} ORDER BY TABLE_NAME"
    );
    let triggers = format!(
        "SELECT TRIGGER_NAME n, DEFINER d, ACTION_TIMING a, EVENT_MANIPULATION b, \
         EVENT_OBJECT_TABLE c FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {s} \
         ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER"
    );
    let events = format!(
        "SELECT EVENT_NAME n, DEFINER d, '' a, '' b, '' c FROM information_schema.EVENTS \
         WHERE EVENT_SCHEMA = {s} ORDER BY EVENT_NAME"
    );
    let check = format!("EXECUTE IMMEDIATE CONCAT('CHECK TABLE ', {quoted});");
    script.push("use the schema", format!("USE {}", name(schema)));
    script.push("read the programs", "SELECT 'programs'");
    script.push("read the functions", each("FUNCTION", routines("FUNCTION"), ""));
    script.push("read the procedures", each("PROCEDURE", routines("PROCEDURE"), ""));
    script.push("read the views", each("VIEW", views, &check));
    script.push("read the triggers", each("TRIGGER", triggers, ""));
    script.push("read the events", each("EVENT", events, ""));
    script.push(
        "read the grants of routines",
        format!(
            "SELECT 'grant', Routine_type, Routine_name, User, Host, Proc_priv \
             FROM mysql.procs_priv WHERE Db = {s} ORDER BY User, Host"
        ),
    );
}

fn program_of(row: &Row, created: &Row) -> Result<StoredProgram, MariadbError> {
    let kind = match row.bytes(1)? {
        b"FUNCTION" => ProgramKind::Function,
        b"PROCEDURE" => ProgramKind::Procedure,
        b"VIEW" => ProgramKind::View,
        b"TRIGGER" => ProgramKind::Trigger,
        _ => ProgramKind::Event,
    };
    // The columns of each SHOW CREATE: sql_mode, text, character set, collation, the schema's
    // collation, time zone.
    let columns = match kind {
        ProgramKind::View => [None, Some(1), Some(2), Some(3), None, None],
        ProgramKind::Event => [Some(1), Some(3), Some(4), Some(5), Some(6), Some(2)],
        _ => [Some(1), Some(2), Some(3), Some(4), Some(5), None],
    };
    let text = |at: usize| columns[at].map_or(Ok(String::new()), |column| created.text(column));
    let bound = match kind {
        ProgramKind::Trigger => {
            let timing = match row.bytes(4)? {
                b"BEFORE" => Timing::Before,
                _ => Timing::After,
            };
            let event = match row.bytes(5)? {
                b"INSERT" => RowEvent::Insert,
                b"UPDATE" => RowEvent::Update,
                _ => RowEvent::Delete,
            };
            Some(Bound { timing, event, table: row.text(6)? })
        }
        _ => None,
    };
    let name = row.text(2)?;
    if created.text(0)? != name {
        return Err(too_long(row));
    }
    Ok(StoredProgram {
        kind,
        name,
        bound,
        definer: Account::as_told(&row.text(3)?),
        sql_mode: text(0)?,
        character_set_client: text(2)?,
        collation_connection: text(3)?,
        database_collation: text(4)?,
        time_zone: columns[5].map(|column| created.text(column)).transpose()?,
        text: Text::of(created.bytes(columns[1].unwrap_or_default())?),
        grants: Vec::new(),
        broken: false,
    })
}

fn take_grant(programs: &mut [StoredProgram], row: &Row) -> Result<(), MariadbError> {
    let kind = match row.bytes(1)? {
        b"FUNCTION" => ProgramKind::Function,
        _ => ProgramKind::Procedure,
    };
    // The server keeps the names of routines here in lower case.
    let routine = row.text(2)?.to_lowercase();
    let account = Account { user: row.text(3)?, host: row.text(4)? };
    let words = row.text(5)?;
    let right = |word: &str| match word {
        "Execute" => Some(Right::Execute),
        "Alter Routine" => Some(Right::AlterRoutine),
        "Grant" => Some(Right::GrantOption),
        _ => None,
    };
    let rights = words.split(',').filter_map(right).collect();
    let of = |program: &&mut StoredProgram| {
        program.kind == kind && program.name.to_lowercase() == routine
    };
    if let Some(program) = programs.iter_mut().find(of) {
        program.grants.push(Grant { account, rights });
    }
    Ok(())
}
