//! Anything at all: random schemas under random settings of the server, saved and brought back.
//!
//! What a backup that says "completed" holds is restored exactly. What it refuses, it refuses by the name
//! of a thing of the schema or of a setting.

mod names;
mod programs;
mod settings;
mod tables;

use std::fmt::Write;

use holdfast_job::{Outcome, SnapshotId};

use self::names::Names;
pub use self::settings::{Changed, Setting};
use crate::{DatabaseSite, Ended, MariaDb, Schema, Seed};

/// The delimiter of random statements, which none of them has in it.
const DELIMITER: &str = "$$next$$";

/// The result of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// All came back.
    Back,
    /// The backup was refused by name.
    Refused,
}

/// A site for many cases.
#[derive(Debug)]
pub struct Anything {
    site: DatabaseSite,
    settings: Vec<Setting>,
}

impl Anything {
    /// On a server with these options.
    pub fn on(site: DatabaseSite) -> Self {
        let settings = Setting::all(&site.server);
        Self { site, settings }
    }

    /// One case: the same for the same seed.
    ///
    /// # Errors
    /// What is not as promised.
    ///
    /// # Panics
    /// If the server is gone.
    pub fn case(&mut self, number: u64) -> Result<Came, String> {
        let mut seed = Seed::of(number);
        let about = fill(&self.site, &mut seed);
        let good = self.site.schema().expect("a schema");
        let changed = match seed.below(3) {
            0 => Changed::default(),
            _ => Changed::random(&self.site.server, &self.settings, &mut seed),
        };
        let came = self.goes_round(&good, &changed, &mut seed);
        changed.put_back(&self.site.server);
        let came = came.and_then(|came| self.compare(&good, came));
        self.site.node.recover();
        let left = self.site.left_on_server();
        let came = came.and_then(|came| match left.is_empty() {
            true => Ok(came),
            false => Err(format!("left behind: {left}")),
        });
        came.map_err(|why| {
            format!("HOLDFAST_TEST_SEED={number}: {:?}\n{about}\n{why}", changed.now)
        })
    }

    /// Saved and brought back under these settings, or refused.
    fn goes_round(
        &self,
        good: &Schema,
        changed: &Changed,
        seed: &mut Seed,
    ) -> Result<Came, String> {
        let ended = self.site.node.backup_of("db").run();
        let Some(snapshot) = snapshot_of(&ended) else {
            let named = is_named(&ended, good, changed);
            return if named { Ok(Came::Refused) } else { Err(format!("not by name: {ended:?}")) };
        };
        damage(&self.site, seed);
        let ended = self.site.restore(&snapshot).run();
        let completed = ended.try_result().is_some_and(|it| it.outcome == Outcome::Completed);
        if completed { Ok(Came::Back) } else { Err(format!("not restored: {ended:?}")) }
    }

    fn compare(&self, good: &Schema, came: Came) -> Result<Came, String> {
        let is = self.site.schema().expect("a schema");
        match came == Came::Refused || *good == is {
            true => Ok(came),
            false => Err(good.differences(&is)),
        }
    }
}

fn snapshot_of(ended: &Ended) -> Option<SnapshotId> {
    let result = ended.try_result().filter(|result| result.outcome == Outcome::Completed);
    result.and_then(|result| result.snapshot)
}

/// Makes a random schema; returns its statements.
fn fill(site: &DatabaseSite, seed: &mut Seed) -> String {
    let mut statements = Vec::new();
    let mut names = Names::default();
    let made = tables::tables(seed, &mut names, &mut statements);
    programs::programs(seed, &mut names, &made, &mut statements);
    let mut script = format!("DELIMITER {DELIMITER}\n");
    for statement in &statements {
        writeln!(script, "{statement}\n{DELIMITER}").expect("a string");
    }
    site.filled("");
    // What the server does not take is left out.
    let mut client = site.server.client();
    client.args(["--force", MariaDb::SCHEMA]);
    let _ = MariaDb::run(&mut client, script.as_bytes());
    script
}

/// Some of the schema is dropped or changed, or all of it.
fn damage(site: &DatabaseSite, seed: &mut Seed) {
    let schema = MariaDb::SCHEMA;
    let begin = "SET SESSION sql_mode = '', foreign_key_checks = 0, max_statement_time = 0, \
                 autocommit = 1, sql_safe_updates = 0, lock_wait_timeout = 50";
    let write = "SET SESSION TRANSACTION READ WRITE";
    let harm = match seed.below(2) {
        0 => format!("DROP DATABASE {schema}; CREATE DATABASE {schema}"),
        _ => format!(
            "CREATE TABLE {schema}.`new one` (id INT PRIMARY KEY) ENGINE=InnoDB;
             INSERT INTO {schema}.`new one` VALUES (1)"
        ),
    };
    let mut client = site.server.client();
    let _ = MariaDb::run(client.arg("--force"), format!("{begin}; {write}; {harm}").as_bytes());
}

/// Whether the refusal names a thing of the schema, or a setting that was changed.
fn is_named(ended: &Ended, schema: &Schema, changed: &Changed) -> bool {
    let Some(result) = ended.try_result() else { return false };
    let said = &result.operator_message;
    let names = |thing: &&str| {
        let name = thing.split_once(' ').map_or("", |(_, name)| name);
        !name.is_empty()
            && (said.contains(&format!("`{name}`")) || said.contains(&names::quoted(name)))
    };
    changed.now.iter().any(|(name, _)| said.contains(name.as_str()))
        || schema.things().iter().any(names)
}
