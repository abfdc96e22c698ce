//! The rehearsal of a load: the client, the session, the account and the marker of a restore, on a
//! structure without rows. What would refuse a restore refuses this as well.

use std::{fs::File, os::unix::fs::MetadataExt};

use sha2::{Digest, Sha256};

use super::{
    ClosedTime, Definers, ExpectedTable, MariadbError, ProgramKind, SchemaFacts, Script, Server,
    Staged, StoredProgram, Tool, dump::WRITING, programs::for_creation, script::name,
};
use crate::{
    config::{Account, Reach},
    process::{Input, Moved},
    stop::Stop,
};

/// A schema whose restore is rehearsed.
#[derive(Debug)]
pub struct Play<'a> {
    /// Its dump without rows.
    pub structure: File,
    /// Its tables, without rows.
    pub tables: &'a [ExpectedTable],
    /// Its programs.
    pub programs: &'a [StoredProgram],
}

impl Server<'_> {
    /// Loads a structure as a restore would, makes its programs, looks at what came of it, and takes it
    /// all away again.
    ///
    /// # Errors
    /// [`MariadbError`] of the first thing that a restore would fail by.
    pub async fn rehearse(
        &self,
        lock: &str,
        staged: &Staged<'_>,
        play: Play<'_>,
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let tried = self.play(lock, staged, play, stop).await;
        let schemas = ([staged.schema, staged.away], staged.user);
        let cleared = self.clear_rehearsal(lock, schemas, stop).await;
        tried.and(cleared)
    }

    async fn play(
        &self,
        lock: &str,
        staged: &Staged<'_>,
        play: Play<'_>,
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        self.load(lock, staged, play.structure, stop, |_| ()).await?;
        self.check_loaded(lock, (staged.schema, 1), play.tables, stop).await?;
        if play.programs.is_empty() || self.check_rights_to_rehearse(stop).await.is_err() {
            return Ok(());
        }
        let programs: Vec<StoredProgram> =
            for_creation(play.programs).into_iter().map(at_rest).collect();
        let Err(error) = self.make(lock, staged, &programs, stop).await else { return Ok(()) };
        if !error.is_permanent() {
            return Err(error);
        }
        // The first of them that cannot be made is the one behind the most that can.
        let (mut good, mut bad, mut why) = (0, programs.len(), error);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match self.make(lock, staged, &programs[..middle], stop).await {
                Ok(()) => good = middle,
                Err(error) => (bad, why) = (middle, error),
            }
        }
        let Some(program) = programs.get(bad - 1) else { return Err(why) };
        let (kind, name) = (program.kind.word().to_lowercase(), program.name.clone());
        Err(MariadbError::Program { kind, name, source: Box::new(why) })
    }

    /// Makes the programs of a staging schema those.
    async fn make(
        &self,
        lock: &str,
        staged: &Staged<'_>,
        programs: &[StoredProgram],
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let schema = (staged.schema, staged.charset);
        // The site's account has no rights in this schema, and would be no use as a definer of views.
        let who = Script::reading().then("ask who we are", "SELECT CURRENT_USER()");
        let rows = self.run(&who, stop).await?;
        let me = rows.first().map(|row| row.text(0)).transpose()?.unwrap_or_default();
        let definers = Definers::Of(&Account::as_told(&me));
        let live = self.programs(schema.0, stop).await?;
        let (whose, programs) = ((lock, ClosedTime::default()), (&live[..], &[][..], programs));
        self.reconcile(whose, schema, programs, definers, stop).await.map(|_| ())
    }

    /// Takes away what a rehearsal has made, wherever it ended. Dropping many tables may take longer than
    /// whoever wishes a stop is to wait: then nobody loads any more, and the schemas are left to `recover`.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn clear_rehearsal(
        &self,
        lock: &str,
        (schemas, user): ([&str; 2], &str),
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        self.forget_loader(lock, user, &Stop::default()).await?;
        if stop.is_requested() {
            return Ok(());
        }
        let mut script = Script::changing(lock);
        for schema in schemas {
            let drop = format!("DROP DATABASE IF EXISTS {}", name(schema));
            script.push("drop the rehearsal's schema", drop);
        }
        self.run(&script, stop).await.map(|_| ())
    }

    /// Asks the program that dumps whether it knows all that it is told.
    ///
    /// # Errors
    /// [`MariadbError::TooOld`] names what it does not know.
    pub async fn check_dump_program(&self, stop: &Stop) -> Result<(), MariadbError> {
        let mut args = WRITING.map(str::to_owned).to_vec();
        args.push("--help".into());
        let program = self.program(Tool::Dump, &args, Input::default());
        let ended = program.start()?.wait(stop, |_| Moved::Yes).await?;
        match ended.status.success() {
            true => Ok(()),
            false => Err(MariadbError::of("mariadb-dump", &ended, |_| "ask the dump program")),
        }
    }

    /// A sum over all that decides how a load of this structure ends: with the same one it need not
    /// be rehearsed again.
    ///
    /// # Errors
    /// [`MariadbError::Configuration`] if the client program is not there.
    pub fn sum_of_load(
        &self,
        facts: &SchemaFacts,
        (structure, programs): (&[u8], &[StoredProgram]),
    ) -> Result<String, MariadbError> {
        let client = match &self.database.reach {
            // It comes with the server, whose version is in the sum.
            Reach::Container(container) => container.clone(),
            _ => {
                let path = &self.node.mariadb;
                let found = path.metadata().map_err(|source| crate::config::ConfigError::Read {
                    file: path.clone(),
                    source,
                })?;
                format!("{} {} {} {}", path.display(), found.ino(), found.size(), found.mtime())
            }
        };
        let reach = format!("{} {:?}", self.database.reach, self.database.tls);
        let charset = format!("{:?}", facts.charset);
        let mut sum = Sha256::new();
        for part in [
            env!("CARGO_PKG_VERSION"),
            &client,
            &reach,
            &self.login.user,
            &self.login.password,
            &facts.version,
            &facts.settings.sum,
            &charset,
        ] {
            sum.update(part.len().to_le_bytes());
            sum.update(part);
        }
        for program in programs {
            let text = serde_json::to_vec(program).unwrap_or_default();
            sum.update(text.len().to_le_bytes());
            sum.update(text);
        }
        for line in structure.split(|byte| *byte == b'\n') {
            // An INSERT leaves its line end behind.
            let moves = line.is_empty() || line.starts_with(b"DO SETVAL(");
            if !moves && !line.starts_with(b"-- ") {
                sum.update(without_counter(line));
                sum.update(b"\n");
            }
        }
        Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A program as it is rehearsed: no event begins, and nobody gets a right.
fn at_rest(program: &StoredProgram) -> StoredProgram {
    let mut program = StoredProgram { grants: Vec::new(), ..program.clone() };
    if program.kind == ProgramKind::Event {
        program.disable();
    }
    program
}

/// The end of a CREATE TABLE without its next number, which each row changes.
fn without_counter(line: &[u8]) -> Vec<u8> {
    const COUNTER: &[u8] = b" AUTO_INCREMENT=";
    let place = line.windows(COUNTER.len()).position(|window| window == COUNTER);
    match place.filter(|_| line.starts_with(b") ENGINE=")) {
        None => line.to_vec(),
        Some(place) => {
            let (before, number) = line.split_at(place);
            let digits = number[COUNTER.len()..].iter().take_while(|b| b.is_ascii_digit()).count();
            [before, &number[COUNTER.len() + digits..]].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_of_a_table_is_no_part_of_its_structure() {
        let line = b") ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4";
        assert_eq!(without_counter(line), b") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
        let column = b"  `a` int COMMENT ' AUTO_INCREMENT=42'";
        assert_eq!(without_counter(column), column);
    }
}
