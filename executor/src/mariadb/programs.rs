//! Stored programs: triggers, views, functions, procedures and events, saved as data.
//!
//! A text from a backup is never executed as it is. Its head is ours, built from names that are
//! quoted; only what follows the head comes from the text, and goes to the server as one statement
//! that cannot be anything but the creation of this program.

mod head;
mod reading;

use serde::{Deserialize, Serialize};

pub use self::head::{Head, HeadError};
pub(super) use self::reading::{begins, of, read};
use super::{Charset, MariadbError, script::name};
use crate::config::Account;

/// What a stored program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramKind {
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// A view.
    View,
    /// A trigger.
    Trigger,
    /// An event.
    Event,
}

impl ProgramKind {
    /// Its SQL word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Function => "FUNCTION",
            Self::Procedure => "PROCEDURE",
            Self::View => "VIEW",
            Self::Trigger => "TRIGGER",
            Self::Event => "EVENT",
        }
    }
}

/// A stored program, as the server told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredProgram {
    /// What it is.
    pub kind: ProgramKind,
    /// Its name.
    pub name: String,
    /// What a trigger is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// Whose rights it runs with.
    pub definer: Account,
    /// The sql_mode that it was made under; a view keeps none.
    pub sql_mode: String,
    /// The character set that its text is in.
    pub character_set_client: String,
    /// The collation of its literals.
    pub collation_connection: String,
    /// The schema's collation when it was made, which its parameters and variables have; none for
    /// a view.
    pub database_collation: String,
    /// An event's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What SHOW CREATE says.
    pub text: Text,
    /// Who may do what with a routine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Whether it is a view that cannot be read, and so could not be made again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
}

/// What a trigger is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// BEFORE or AFTER.
    pub timing: Timing,
    /// INSERT, UPDATE or DELETE.
    pub event: RowEvent,
    /// The table.
    pub table: String,
}

/// When a trigger acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Timing {
    /// Before the row is changed.
    Before,
    /// After it.
    After,
}

/// What a trigger acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RowEvent {
    /// A new row.
    Insert,
    /// A changed row.
    Update,
    /// A row that goes.
    Delete,
}

/// A right on a routine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// To whom.
    pub account: Account,
    /// Which.
    pub rights: std::collections::BTreeSet<Right>,
}

/// What one may do with a routine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Call it.
    Execute,
    /// Change or drop it.
    AlterRoutine,
    /// Give the right away.
    GrantOption,
}

/// A text in whatever character set it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// In UTF-8.
    Plain(String),
    /// In another one, in hexadecimal.
    Hex {
        /// The bytes.
        hex: String,
    },
}

impl Text {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Plain(text.to_owned()),
            Err(_) => Self::Hex { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() },
        }
    }

    /// The bytes; none where the hexadecimal is none.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Plain(text) => text.clone().into_bytes(),
            Self::Hex { hex } => {
                let pairs = hex.as_bytes().chunks(2);
                let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                pairs.map_while(byte).collect()
            }
        }
    }
}

impl StoredProgram {
    /// Its text taken apart.
    ///
    /// # Errors
    /// [`HeadError`] if it is not what its kind says.
    pub fn head(&self) -> Result<Head, HeadError> {
        let dialect = head::Dialect::of(&self.sql_mode, &self.character_set_client);
        Head::of(self.kind, &self.text.bytes(), dialect)
    }

    /// Whether it may be made at all: what it says of itself has nothing in it that belongs into
    /// another place of a statement.
    ///
    /// # Errors
    /// [`MariadbError::Unusable`] says what is wrong.
    pub fn check(&self) -> Result<(), MariadbError> {
        let refuse = |problem: &str| {
            let (kind, of) = (self.kind.word().to_lowercase(), name(&self.name));
            Err(MariadbError::Unusable(format!("{kind} {of} cannot be brought back: {problem}")))
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_word = |text: &str| !text.is_empty() && text.chars().all(plain);
        if !is_word(&self.character_set_client) || !is_word(&self.collation_connection) {
            return refuse("its character set has no possible name");
        }
        if !self.database_collation.chars().all(plain) {
            return refuse("its schema's collation has no possible name");
        }
        if !self.sql_mode.chars().all(|c| plain(c) || c == ',') {
            return refuse("its sql_mode is none");
        }
        if self.bound.is_some() != (self.kind == ProgramKind::Trigger) {
            return refuse("only a trigger is bound to a table, and it must be");
        }
        let is_routine = matches!(self.kind, ProgramKind::Function | ProgramKind::Procedure);
        if !is_routine && !self.grants.is_empty() {
            return refuse("only routines have grants");
        }
        match self.head() {
            Err(error) => refuse(&error.to_string()),
            Ok(_) => Ok(()),
        }
    }

    /// Disables an event that is enabled. The server writes the head of each itself.
    pub(super) fn disable(&mut self) {
        const ENABLED: &[u8] = b" PRESERVE ENABLE";
        let text = self.text.bytes();
        if let Some(place) = text.windows(ENABLED.len()).position(|window| window == ENABLED) {
            let (before, behind) = (&text[..place], &text[place + ENABLED.len()..]);
            self.text = Text::of(&[before, b" PRESERVE DISABLE", behind].concat());
        }
    }

    /// Whether two are the same but for their definers and grants.
    pub fn says_the_same(&self, other: &Self) -> bool {
        // The same head can be typed in many ways.
        let rest = |program: &Self| program.head().ok().map(|head| Head { typed: None, ..head });
        (self.kind, &self.name, &self.bound) == (other.kind, &other.name, &other.bound)
            && (&self.sql_mode, &self.time_zone) == (&other.sql_mode, &other.time_zone)
            && self.character_set_client == other.character_set_client
            && self.collation_connection == other.collation_connection
            && self.database_collation == other.database_collation
            && rest(self).is_some()
            && rest(self) == rest(other)
    }
}

/// The same programs as a script for the client, for people: with the definers they had.
///
/// # Errors
/// [`MariadbError::Unusable`] if a character set has no possible name.
pub fn programs_for_people(
    charset: &Charset,
    programs: &[StoredProgram],
) -> Result<Vec<u8>, MariadbError> {
    let defaults = charset.clause()?;
    let mut script = b"-- Views, triggers, functions, procedures and events.\n\
                       -- Run this after tables.sql, as the site's own account, or as an\n\
                       -- administrator if you trust whoever wrote them: they are code.\n"
        .to_vec();
    let texts: Vec<Vec<u8>> = programs.iter().map(|program| program.text.bytes()).collect();
    let within = |delimiter: &str| {
        texts.iter().any(|text| text.windows(delimiter.len()).any(|w| w == delimiter.as_bytes()))
    };
    let delimiter =
        (0..).map(|n| format!("$${n}")).find(|d| !within(d)).unwrap_or_else(|| "$$".into());
    script.extend_from_slice(format!("DELIMITER {delimiter}\n").as_bytes());
    let mut say = |statement: &[u8]| {
        script.extend_from_slice(statement);
        script.extend_from_slice(format!("\n{delimiter}\n").as_bytes());
    };
    say(b"SET @holdfast_time_zone = @@time_zone");
    // What a routine's variables are depends on the schema's defaults when it is made.
    say(format!("ALTER DATABASE {defaults}").as_bytes());
    for program in for_creation(programs) {
        let StoredProgram { sql_mode, character_set_client, collation_connection, .. } = program;
        say(format!("SET sql_mode = '{}'", sql_mode.replace('\'', "''")).as_bytes());
        say(format!("SET character_set_client = {character_set_client}").as_bytes());
        say(format!("SET collation_connection = {collation_connection}").as_bytes());
        let other = &program.database_collation;
        let other = Some(other).filter(|other| !other.is_empty() && **other != charset.collation);
        if let Some(collation) = other {
            let other =
                Charset { name: charset_of(collation).into(), collation: collation.clone() };
            say(format!("ALTER DATABASE {}", other.clause()?).as_bytes());
        }
        if let Some(zone) = &program.time_zone {
            say(format!("SET time_zone = '{}'", zone.replace('\'', "''")).as_bytes());
        }
        say(&program.text.bytes());
        say(b"SET time_zone = @holdfast_time_zone");
        if other.is_some() {
            say(format!("ALTER DATABASE {defaults}").as_bytes());
        }
        for Grant { account, rights } in &program.grants {
            let kind = program.kind.word();
            let rights_listed = Right::listed(rights);
            let option = Right::option(rights);
            let to = super::script::account(account);
            say(b"SET sql_mode = 'NO_AUTO_CREATE_USER'");
            say(format!("GRANT {rights_listed} ON {kind} {} TO {to}{option}", name(&program.name))
                .as_bytes());
        }
    }
    Ok(script)
}

/// The character set of a collation, which its name begins with.
pub(super) fn charset_of(collation: &str) -> &str {
    collation.split('_').next().unwrap_or(collation)
}

/// Routines first, then views, each behind those it names, then triggers and events.
pub(super) fn for_creation(programs: &[StoredProgram]) -> Vec<&StoredProgram> {
    let mut ordered: Vec<&StoredProgram> = programs.iter().collect();
    ordered.sort_by_key(|program| program.kind);
    let is_view = |program: &&&StoredProgram| program.kind == ProgramKind::View;
    let (first, last): (Vec<_>, Vec<_>) = ordered
        .iter()
        .copied()
        .filter(|program| program.kind != ProgramKind::View)
        .partition(|program| program.kind < ProgramKind::View);
    let mut waiting: Vec<_> = ordered.iter().filter(is_view).copied().collect();
    let mut views: Vec<&StoredProgram> = Vec::new();
    while !waiting.is_empty() {
        // A view whose text has no other waiting view's name in it; in a circle, whichever.
        let free = |view: &&StoredProgram| {
            let text = view.text.bytes();
            let names = |other: &&StoredProgram| {
                let quoted = name(&other.name).into_bytes();
                other.name != view.name && text.windows(quoted.len()).any(|w| w == quoted)
            };
            !waiting.iter().any(names)
        };
        let at = waiting.iter().position(free).unwrap_or_default();
        views.push(waiting.remove(at));
    }
    first.into_iter().chain(views).chain(last).collect()
}

impl Right {
    /// The rights as GRANT names them; USAGE if there is nothing but the right to give away.
    pub(super) fn listed(rights: &std::collections::BTreeSet<Self>) -> String {
        let word = |right: &Self| match right {
            Self::Execute => Some("EXECUTE"),
            Self::AlterRoutine => Some("ALTER ROUTINE"),
            Self::GrantOption => None,
        };
        let words: Vec<&str> = rights.iter().filter_map(word).collect();
        if words.is_empty() { "USAGE".into() } else { words.join(", ") }
    }

    pub(super) fn option(rights: &std::collections::BTreeSet<Self>) -> &'static str {
        if rights.contains(&Self::GrantOption) { " WITH GRANT OPTION" } else { "" }
    }
}
