//! A whole schema as a value: everything a restore promises to bring back, comparable.
//!
//! When something was made or last ran, and what the server has counted for itself, is no part of
//! it. It is read by two runs of the client, since sweeps read it hundreds of times: the first
//! lists what is there together with the statements that the second runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fmt::Write,
};

use crate::MariaDb;

/// A schema: each thing in it by its kind and name, as lines that say all of it.
///
/// The kinds are `schema` (which has no name), `table`, `rows`, `history` (the rows that a versioned
/// table has and had, with their times), `sequence`, `view`, `trigger`, `procedure`, `function`,
/// `event` and `grant`.
#[derive(Clone, PartialEq, Eq)]
pub struct Schema(BTreeMap<String, String>);

const LISTING: &str = include_str!("schema/listing.sql");

/// What begins the line before those of a thing, with its number after it. No other line has but
/// one value.
const MARKER: &str = "holdfast thing ";

impl Schema {
    /// Reads a schema; none if it is not there.
    ///
    /// # Panics
    /// If something in it cannot be read, such as a table whose sequence is gone.
    pub fn read(server: &MariaDb, schema: &str) -> Option<Self> {
        let listed = server.query(&LISTING.replace("{schema}", &literal(schema)));
        let listed: Vec<(String, String)> = lines(&listed)
            .map(|line| line.split_once('\t').expect("two values"))
            .map(|(thing, statements)| (unescaped(thing), unescaped(statements)))
            .collect();
        listed.iter().find(|(thing, _)| thing == "schema")?;
        let said = server.query(&script(schema, &listed));
        let mut things: BTreeMap<String, String> = BTreeMap::new();
        let mut thing = "";
        for line in lines(&said) {
            if let Some(number) = line.strip_prefix(MARKER) {
                thing = &listed[number.parse::<usize>().expect("a number")].0;
                continue;
            }
            let made_at = thing.starts_with("trigger ") && line.contains('\t');
            let line = if made_at { line.rsplit_once('\t').expect("a tab").0 } else { line };
            let line = if made_at { unquoted_head(line) } else { line.to_owned() };
            writeln!(things.entry(thing.to_owned()).or_default(), "  {line}").expect("a string");
        }
        Some(Self(things))
    }

    /// Whether it has this thing, such as `view prices_then`.
    pub fn has(&self, thing: &str) -> bool {
        self.0.contains_key(thing)
    }

    /// What it has, by kind and name.
    pub fn things(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The lines of a thing.
    ///
    /// # Panics
    /// If it is not there.
    pub fn lines(&self, thing: &str) -> &str {
        self.0.get(thing).unwrap_or_else(|| panic!("no {thing} in {:?}", self.things()))
    }

    /// The same schema without these things.
    pub fn without(&self, things: &[&str]) -> Self {
        let keep = |thing: &str| !things.contains(&thing);
        Self(self.0.iter().filter(|(t, _)| keep(t)).map(|(t, l)| (t.clone(), l.clone())).collect())
    }

    /// By kind and name, what is not the same there.
    pub fn differing<'a>(&'a self, there: &'a Self) -> Vec<&'a str> {
        let things: BTreeSet<&String> = self.0.keys().chain(there.0.keys()).collect();
        let differs = |thing: &&String| self.0.get(*thing) != there.0.get(*thing);
        things.into_iter().filter(differs).map(String::as_str).collect()
    }

    /// What a failing test shows: each thing that differs, here and there.
    pub fn differences(&self, there: &Self) -> String {
        let lines = |schema: &Self, thing| match schema.0.get(thing) {
            Some(lines) => lines.clone(),
            None => "  not there\n".to_owned(),
        };
        let differing = self.differing(there).into_iter().take(20);
        differing
            .map(|thing| format!("{thing}\n{}{}", lines(self, thing), lines(there, thing)))
            .collect()
    }
}

/// A whole schema is too long to read: see [`Schema::differences`].
impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} things", self.0.len())
    }
}

/// All statements, those of each thing behind a marker. What `SHOW CREATE` says depends on the
/// session's settings, and on the schema that it is in.
fn script(schema: &str, listed: &[(String, String)]) -> String {
    let mut script = format!(
        "SET sql_mode = '', time_zone = '+00:00', sql_quote_show_create = 1;\nUSE `{}`;\n",
        schema.replace('`', "``")
    );
    for (number, (_, statements)) in listed.iter().enumerate() {
        writeln!(script, "SELECT '{MARKER}{number}';\n{statements};").expect("a string");
    }
    script
}

/// The server keeps a trigger's head as it was typed: whether its names stand between quotes means
/// nothing, and a restore may put them there.
fn unquoted_head(trigger: &str) -> String {
    let head =
        trigger.split_once(" TRIGGER ").and_then(|(_, rest)| rest.split_once("FOR EACH ROW"));
    match head {
        Some((head, _)) => trigger.replacen(head, &head.replace(['`', '"'], ""), 1),
        None => trigger.to_owned(),
    }
}

/// The lines of the client, of which a carriage return is no end.
fn lines(said: &str) -> impl Iterator<Item = &str> {
    said.split('\n').filter(|line| !line.is_empty())
}

/// A text for a statement in which a backslash escapes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A value as it was before the client made a line of it.
fn unescaped(value: &str) -> String {
    let mut characters = value.chars();
    let mut text = String::new();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next().expect("something escaped") {
                'n' => '\n',
                't' => '\t',
                '0' => '\0',
                other => other,
            },
            other => other,
        });
    }
    text
}
