//! Reconciling the programs of a live schema with those it is to have: what is the same stays.
//!
//! Deciding is pure; what is decided goes to the server in one session.

use super::{
    Charset, ClosedTime, MariadbError, ProgramKind, Script, Server, StoredProgram,
    programs::{Grant, Right, charset_of, for_creation},
    script::{account, hex, name, name_in, text},
};
use crate::{config::Account, stop::Stop};

/// Whose rights a program gets that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definers<'a> {
    /// Those it was saved with: what was live here before.
    AsSaved,
    /// This account's, except where the live one says the same: it keeps its own.
    Of(&'a Account),
}

/// One program that must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Making<'a> {
    program: &'a StoredProgram,
    definer: Account,
}

/// What must be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Changes<'a> {
    drop: Vec<&'a StoredProgram>,
    make: Vec<Making<'a>>,
    revoke: Vec<(&'a StoredProgram, Grant)>,
    grant: Vec<(&'a StoredProgram, &'a Grant)>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// Views that could not be made and need not be: they were broken where they were saved.
    pub unmade: Vec<String>,
    /// The number of programs that were dropped or made.
    pub changed: usize,
}

impl Server<'_> {
    /// Makes the programs of a schema those that are wanted. `live` is what they are, and `before` what they
    /// were before all tables moved, for the definers that stay. Done already, it does nothing.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn reconcile(
        &self,
        (lock, time): (&str, ClosedTime),
        (schema, charset): (&str, &Charset),
        (live, before, wanted): (&[StoredProgram], &[StoredProgram], &[StoredProgram]),
        definers: Definers<'_>,
        stop: &Stop,
    ) -> Result<Reconciled, MariadbError> {
        let changes = decide(live, before, wanted, definers);
        if changes == Changes::default() {
            return Ok(Reconciled::default());
        }
        let changed = changes.drop.len() + changes.make.len();
        time.check()?;
        let script = changes.script((lock, time), schema, charset)?;
        let ran = self.run(&script, stop).await;
        let rows = match ran {
            Err(error @ MariadbError::Refused { .. }) => return time.check().and(Err(error)),
            ran => ran?,
        };
        let mut unmade = Vec::new();
        for row in rows.iter().filter(|row| row.tag() == b"view") {
            unmade.push((row.text(1)?, row.text(2)?));
        }
        let broken = |view: &str| {
            let same = |program: &&StoredProgram| {
                program.kind == ProgramKind::View && program.name == view && program.broken
            };
            wanted.iter().find(same).is_some()
        };
        match unmade.iter().find(|(view, _)| !broken(view)) {
            Some((view, why)) => Err(MariadbError::Unusable(format!(
                "view {} could not be made: {}",
                name(view),
                why.split(':').next().unwrap_or_default()
            ))),
            None => {
                let unmade = unmade.into_iter().map(|(view, _)| view).collect();
                Ok(Reconciled { unmade, changed })
            }
        }
    }
}

impl Server<'_> {
    /// Whether a schema has the programs that are wanted, but for views that were broken.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn has_programs(
        &self,
        schema: &str,
        (before, wanted): (&[StoredProgram], &[StoredProgram]),
        definers: Definers<'_>,
        stop: &Stop,
    ) -> Result<bool, MariadbError> {
        let live = self.programs(schema, stop).await?;
        let changes = decide(&live, before, wanted, definers);
        let unbroken = |making: &Making<'_>| !making.program.broken;
        Ok(changes.drop.is_empty() && !changes.make.iter().any(unbroken))
    }
}

/// What to do so that `live` becomes `wanted`.
fn decide<'a>(
    live: &'a [StoredProgram],
    before: &'a [StoredProgram],
    wanted: &'a [StoredProgram],
    definers: Definers<'_>,
) -> Changes<'a> {
    let named = |programs: &'a [StoredProgram], like: &StoredProgram| {
        let same = |other: &&StoredProgram| (other.kind, &other.name) == (like.kind, &like.name);
        programs.iter().find(same)
    };
    let definer_of = |program: &StoredProgram| match definers {
        Definers::AsSaved => program.definer.clone(),
        Definers::Of(site) => before
            .iter()
            .chain(live)
            .find(|other| other.says_the_same(program))
            .map_or_else(|| site.clone(), |other| other.definer.clone()),
    };
    let stands = |program: &StoredProgram| {
        named(live, program)
            .is_some_and(|live| live.says_the_same(program) && live.definer == definer_of(program))
    };
    // Triggers act in the order in which they were made: one that differs takes all along.
    let of = |programs: &'a [StoredProgram]| -> Vec<&'a StoredProgram> {
        programs.iter().filter(|program| program.kind == ProgramKind::Trigger).collect()
    };
    let triggers_stand = of(live).len() == of(wanted).len()
        && of(live)
            .iter()
            .zip(of(wanted))
            .all(|(live, wanted)| live.name == wanted.name && stands(wanted));
    let was_broken = |program: &StoredProgram| named(before, program).is_some_and(|v| v.broken);
    let goes = |program: &&StoredProgram| match program.kind {
        ProgramKind::Trigger => !triggers_stand,
        // A backup has no broken views, and what was broken here before could not be made again, so
        // it is left where it is. What was here is known whole, and a view that came since goes.
        ProgramKind::View if definers != Definers::AsSaved && was_broken(program) => false,
        _ => named(wanted, program).is_none(),
    };
    let comes = |program: &&StoredProgram| match program.kind {
        ProgramKind::Trigger => !triggers_stand,
        _ => !stands(program),
    };
    let making = |program: &'a StoredProgram| Making { program, definer: definer_of(program) };
    let mut changes = Changes {
        drop: live.iter().filter(goes).collect(),
        make: for_creation(wanted).into_iter().filter(comes).map(making).collect(),
        ..Changes::default()
    };
    for program in wanted {
        let has = named(live, program).map_or(&[][..], |live| live.grants.as_slice());
        let surplus = has.iter().filter(|grant| !program.grants.contains(grant));
        changes.revoke.extend(surplus.map(|grant| (program, grant.clone())));
        let missing = program.grants.iter().filter(|grant| !has.contains(grant));
        changes.grant.extend(missing.map(|grant| (program, grant)));
    }
    changes
}

impl Changes<'_> {
    fn script(
        &self,
        (lock, time): (&str, ClosedTime),
        schema: &str,
        charset: &Charset,
    ) -> Result<Script, MariadbError> {
        let mut script =
            Script::closed(lock).then("use the schema", format!("USE {}", name(schema)));
        time.begin(&mut script);
        // The last first: a view before the routine that it calls.
        for (number, program) in self.drop.iter().rev().enumerate() {
            keep_at(number, time, &mut script);
            let (kind, of) = (program.kind.word(), name_in(schema, &program.name));
            script.push("drop a program", format!("DROP {kind} IF EXISTS {of}"));
        }
        let views = self.make.iter().filter(|making| making.program.kind == ProgramKind::View);
        let views: Vec<&Making<'_>> = views.collect();
        let mut collation = &charset.collation;
        let mut session = String::new();
        for (number, making) in self.make.iter().enumerate() {
            keep_at(number, time, &mut script);
            let needed = &making.program.database_collation;
            if !needed.is_empty() && needed != collation {
                let needed =
                    Charset { name: charset_of(needed).to_owned(), collation: needed.clone() };
                push_defaults(schema, &needed, &mut script)?;
                collation = &making.program.database_collation;
            }
            match making.program.kind {
                ProgramKind::View if views.first().is_some_and(|first| *first == making) => {
                    making_of_views(&views, &mut script)?;
                    session.clear();
                }
                ProgramKind::View => {}
                _ => {
                    let needed = session_of(making.program)?;
                    if needed != session {
                        script.push("set a program's character set", &needed);
                        session = needed;
                    }
                    script.push_line("make a program", format!("{};\n", making.statement()?));
                }
            }
        }
        push_defaults(schema, charset, &mut script)?;
        script.push("use the time zone", "SET time_zone = DEFAULT, character_set_client = utf8mb4");
        let right = "change the grants of a routine";
        script.push(right, "SET sql_mode = 'NO_AUTO_CREATE_USER'");
        for (program, Grant { account: to, .. }) in &self.revoke {
            let of = name_in(schema, &program.name);
            let (kind, from) = (program.kind.word(), account(to));
            let revoke =
                format!("REVOKE EXECUTE, ALTER ROUTINE, GRANT OPTION ON {kind} {of} FROM {from}");
            script.push(right, tolerating("1133, 1141, 1147, 1403", &revoke));
        }
        for (program, Grant { account: to, rights }) in &self.grant {
            let (kind, of) = (program.kind.word(), name_in(schema, &program.name));
            let (listed, to) = (Right::listed(rights), account(to));
            let grant = format!("GRANT {listed} ON {kind} {of} TO {to}{}", Right::option(rights));
            // An account that is not there any more gets no rights.
            script.push(right, tolerating("1133, 1410", &grant));
        }
        Ok(script)
    }
}

fn push_defaults(schema: &str, charset: &Charset, script: &mut Script) -> Result<(), MariadbError> {
    let (of, clause) = (name(schema), charset.clause()?);
    script.push("set the schema's defaults", format!("ALTER DATABASE {of} {clause}"));
    Ok(())
}

/// A statement whose failure for these reasons is none.
fn tolerating(numbers: &str, statement: &str) -> String {
    let statement = hex(statement.as_bytes());
    format!(
        "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR {numbers} BEGIN END; \
         EXECUTE IMMEDIATE {statement}; END"
    )
}

/// So many programs go or come between two looks at the time.
const BETWEEN_LOOKS: usize = 50;

fn keep_at(number: usize, time: ClosedTime, script: &mut Script) {
    if number.is_multiple_of(BETWEEN_LOOKS) {
        time.keep(script);
    }
}

/// The session as it was when the program was made.
fn session_of(program: &StoredProgram) -> Result<String, MariadbError> {
    program.check()?;
    let StoredProgram { character_set_client: charset, collation_connection: collation, .. } =
        program;
    let zone = program.time_zone.as_deref().map_or("DEFAULT".into(), text);
    Ok(format!(
        "SET SESSION sql_mode = {}, character_set_client = {charset}, \
         collation_connection = {collation}, time_zone = {zone}",
        text(&program.sql_mode)
    ))
}

fn unusable(program: &StoredProgram, problem: &str) -> MariadbError {
    let (kind, of) = (program.kind.word().to_lowercase(), name(&program.name));
    MariadbError::Unusable(format!("{kind} {of} cannot be brought back: {problem}"))
}

impl Making<'_> {
    /// `EXECUTE IMMEDIATE` of our head, in the program's character set, and its own rest.
    fn statement(&self) -> Result<String, MariadbError> {
        let program = self.program;
        let head = program.head().map_err(|error| unusable(program, &error.to_string()))?;
        let (definer, of) = (account(&self.definer), name(&program.name));
        let ours = match program.kind {
            ProgramKind::Trigger => {
                let bound = program.bound.as_ref();
                let bound = bound.ok_or_else(|| unusable(program, "it is bound to no table"))?;
                let (timing, event) = (bound.timing.word(), bound.event.word());
                let names = [&program.name, &bound.table, timing, event];
                if let Some(typed) = head.typed.as_ref().filter(|typed| typed.names == names) {
                    return Ok(self.creation(
                        &format!("CREATE DEFINER={definer} TRIGGER{}", typed.text),
                        &head.rest,
                    ));
                }
                let follows = match &head.follows {
                    Some(other) => format!(" FOLLOWS {}", name(&String::from_utf8_lossy(other))),
                    None => String::new(),
                };
                let table = name(&bound.table);
                format!(
                    "CREATE DEFINER={definer} TRIGGER {of} {timing} {event} ON {table} \
                     FOR EACH ROW{follows}"
                )
            }
            ProgramKind::View => {
                let (algorithm, security) =
                    head.view.as_ref().ok_or_else(|| unusable(program, "it has no algorithm"))?;
                format!(
                    "CREATE OR REPLACE ALGORITHM={algorithm} DEFINER={definer} \
                     SQL SECURITY {security} VIEW {of}"
                )
            }
            kind => {
                let aggregate = if head.aggregate { "AGGREGATE " } else { "" };
                format!("CREATE OR REPLACE DEFINER={definer} {aggregate}{} {of}", kind.word())
            }
        };
        Ok(self.creation(&ours, &head.rest))
    }

    fn creation(&self, head: &str, rest: &[u8]) -> String {
        let charset = &self.program.character_set_client;
        let (head, rest) = (text(head), hex(rest));
        format!("EXECUTE IMMEDIATE CONCAT(CONVERT({head} USING {charset}), {rest})")
    }
}

/// Views name each other, and a view may name one that is made after it: each is tried until a
/// round brings none. Those that are left are answered with what the server said.
fn making_of_views(views: &[&Making<'_>], script: &mut Script) -> Result<(), MariadbError> {
    let mut round = String::new();
    for (number, making) in views.iter().enumerate() {
        let session = session_of(making.program)?;
        let statement = making.statement()?;
        round.push_str(&format!(
            "IF @made_{number} IS NULL THEN BEGIN \
             DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN \
             GET DIAGNOSTICS CONDITION 1 @number = MYSQL_ERRNO; \
             SET @failed = 1, @why_{number} = @number; END; \
             SET @failed = 0; {session}; {statement}; \
             IF @failed = 0 THEN SET @made_{number} = 1, @came = 1; END IF; END; END IF;\n"
        ));
    }
    let block =
        format!("BEGIN NOT ATOMIC REPEAT SET @came = 0;\n{round}UNTIL @came = 0 END REPEAT; END");
    script.push("make the views", block);
    script.push("make the views", "SET SESSION character_set_client = utf8mb4");
    for (number, making) in views.iter().enumerate() {
        let of = text(&making.program.name);
        script.push(
            "make the views",
            format!(
                "SELECT 'view', {of}, CONCAT('error ', @why_{number}) FROM DUAL \
                 WHERE @made_{number} IS NULL"
            ),
        );
    }
    Ok(())
}

impl super::programs::Timing {
    fn word(self) -> &'static str {
        match self {
            Self::Before => "BEFORE",
            Self::After => "AFTER",
        }
    }
}

impl super::programs::RowEvent {
    fn word(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}
