//! `list`: the backups of a customer; and how long lists are read, page by page.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::{
    client::escaped,
    ending::Ending,
    failure::Failure,
    session::Session,
    shown::{self, Backup},
    table::Table,
    units,
    when::{self, When},
};

/// So many are listed if nothing is said.
const USUAL: NonZeroUsize = NonZeroUsize::new(20).expect("more than none");
/// So many the server gives at once at most.
const PAGE: usize = 100;

/// Lists backups.
#[derive(Debug, Args)]
pub struct List {
    /// Only those that were made so
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only those that were made of this
    #[arg(long, value_enum)]
    scope: Option<Made>,
    /// Only those that stand so; if left out, all that are not deleted
    #[arg(long, value_enum)]
    state: Option<State>,
    #[command(flatten)]
    extent: Extent,
}

/// How much of a list is wanted.
#[derive(Debug, Args)]
pub struct Extent {
    /// Not older than this: 36h, 7d, 2026-11-20, 2026-11-20T19:10:50Z
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Older than this
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// So many at most
    #[arg(long, value_name = "NUMBER", default_value_t = USUAL)]
    limit: NonZeroUsize,
    /// However many there are
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Manual,
    Daily,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Made {
    Db,
    Files,
    Both,
    Sources,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Active,
    Deleting,
    Deleted,
}

impl List {
    /// Lists them.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let mut filter = Vec::new();
        push(&mut filter, "kind", self.kind);
        push(&mut filter, "scope", self.scope);
        push(&mut filter, "state", self.state);
        let mut table =
            Table::new(["BACKUP", "MADE (UTC)", "KIND", "SCOPE", "SIZE", "STATE", "NOTE"]);
        let found = self.extent.read(session, "backups", &filter, |item| {
            let backup: Backup = shown::read(item)?;
            table.row([
                backup.uuid.clone(),
                when::shown(&backup.created_at),
                backup.kind.clone(),
                backup.scope.clone(),
                units::bytes(backup.bytes),
                backup.standing().to_owned(),
                backup.note.clone().unwrap_or_default(),
            ]);
            Ok(())
        })?;
        if !session.voice.is_json() {
            found.tell(session, "backup", &table.text())?;
        }
        Ok(Ending::Done)
    }
}

/// What was found of a list.
#[derive(Debug)]
pub struct Found {
    items: usize,
    has_more: bool,
}

impl Found {
    /// Prints the table, or that there is nothing in it.
    ///
    /// # Errors
    /// If nobody reads it.
    pub fn tell(&self, session: &Session, what: &str, table: &str) -> Result<(), Failure> {
        if self.items == 0 {
            session.voice.note(&format!("There is no such {what} of {}.", session.customer()?));
            return Ok(());
        }
        session.voice.line(table)?;
        if self.has_more {
            session.voice.note("There are more: --limit, --all.");
        }
        Ok(())
    }
}

impl Extent {
    /// Reads a list page by page. With --json each item is a line; else `show` gets it.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn read(
        &self,
        session: &Session,
        list: &str,
        filter: &[(&str, String)],
        mut show: impl FnMut(&Value) -> Result<(), Failure>,
    ) -> Result<Found, Failure> {
        let mut query: Vec<_> =
            filter.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        for (name, when) in [("since", &self.since), ("until", &self.until)] {
            query.extend(when.as_ref().map(|when| format!("{name}={}", escaped(when.as_str()))));
        }
        let wanted = if self.all { usize::MAX } else { self.limit.get() };
        let (mut items, mut cursor) = (0, None::<String>);
        while items < wanted {
            let mut page = query.clone();
            page.push(format!("limit={}", (wanted - items).min(PAGE)));
            page.extend(cursor.take().map(|cursor| format!("cursor={}", escaped(&cursor))));
            let path = session.site(&format!("/{list}?{}", page.join("&")))?;
            let answer = session.client.get(&path)?;
            for item in answer["items"].as_array().map_or(&[][..], Vec::as_slice) {
                items += 1;
                match session.voice.is_json() {
                    true => session.voice.json(item)?,
                    false => show(item)?,
                }
            }
            match answer["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(Found { items, has_more: false }),
            }
        }
        Ok(Found { items, has_more: true })
    }
}

/// Narrows a list down, if that was asked for.
pub fn push(filter: &mut Vec<(&str, String)>, name: &'static str, value: Option<impl ValueEnum>) {
    let word = value.and_then(|value| value.to_possible_value());
    filter.extend(word.map(|word| (name, word.get_name().to_owned())));
}
