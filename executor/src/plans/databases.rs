//! What restore and undo share about databases: which schemas change places, and how far they are.
//!
//! All of it works on what the journal has noted and on the server: the marker says which tables
//! are live, the file that was written before the first change says what there was.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_job::{CustomerId, JobId, Level};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::closing::Rates;
use crate::{
    aside::UndoDatabase,
    config::{ConfigError, Database, Node, OUR_PREFIX},
    failure::{Failure, FailureKind},
    mariadb::{
        Charset, ClosedTime, Definers, Exchange, Exchanged, Look, MariadbError, Marker, Server,
        StoredProgram, exchange, standing,
    },
    secret::{database_lock, installation},
    swap::Side,
    work::{Work, no_stop},
};

/// How long a statement of the swap may go without an answer: its own waits end long before.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// How long what is half done waits for its server before it is left to `recover`.
pub const AWAY_FOR: Duration = Duration::from_secs(10);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// One database that changes places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabasePart {
    /// Which, and how its server is reached.
    pub database: Database,
    /// The schema whose tables are to be live.
    pub from: String,
    /// The schema that the live tables go to.
    pub to: String,
    /// What else the schema is to be: a [`SchemaDocument`].
    pub incoming: PathBuf,
    /// What it was: written before the first change, and there as long as it can be taken back.
    pub outgoing: PathBuf,
    /// Whose rights the programs get that are made.
    pub programs: Programs,
    /// The length of its dump, where there is one.
    pub bytes: u64,
    /// Its rows, where they are known.
    pub rows: u64,
    /// In how many batches its tables move; 0 in journals of before there were batches.
    #[serde(default)]
    pub batches: usize,
    /// For how long it may keep the site closed; 0 in journals of before there was a limit.
    #[serde(default)]
    pub closed_seconds: u64,
}

/// Where the programs come from that are to be live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Programs {
    /// From a backup: they run with the rights of the site's own account.
    FromBackup,
    /// From this very schema: they keep their definers.
    Displaced,
}

/// What a schema is beside its tables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaDocument {
    /// 1.
    pub version: u32,
    /// Its defaults; `None` if there is no schema.
    pub charset: Option<Charset>,
    /// Its programs.
    pub programs: Vec<StoredProgram>,
}

impl SchemaDocument {
    /// Reads a document.
    ///
    /// # Errors
    /// What the system said, or what is not understood.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            let problem = format!("{}: {error}", file.display());
            Failure::permanent(super::CONTACT_SUPPORT, problem)
        };
        let text = fs::read(file).map_err(|error| failed(&error))?;
        let read: Self = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        match read.version {
            1 => Ok(read),
            other => Err(failed(&format!("has version {other}, and this executor understands 1"))),
        }
    }

    /// Writes it, whole and durable or not at all; what could not be read again is not written.
    ///
    /// # Errors
    /// What the system said, or what in it could not be brought back.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let text = serde_json::to_vec(self)?;
        if serde_json::from_slice::<Self>(&text)? != *self {
            return Err(std::io::Error::other("it would be read as something else"));
        }
        for program in self.programs.iter().filter(|program| !program.broken) {
            program.check().map_err(std::io::Error::other)?;
        }
        let part = file.with_extension("part");
        let mut out = File::create(&part)?;
        out.write_all(&text)?;
        out.sync_all()?;
        fs::rename(&part, file)?;
        File::open(file.parent().unwrap_or(Path::new("/")))?.sync_all()
    }
}

/// The names of our schemas and accounts begin with these, for one customer of this installation.
///
/// # Errors
/// [`ConfigError`] if the master secret cannot be used.
pub fn beginnings(node: &Node, customer: CustomerId) -> Result<([String; 2], String), ConfigError> {
    let installation = installation(node)?;
    let of = |kind: &str| format!("{OUR_PREFIX}{kind}_{customer}_{installation}_");
    Ok(([of("stage"), of("undo")], of("load")))
}

/// The schemas and the throw-away account of one database of a job: staging, undo, account. A name
/// has 64 characters at most, so of the job it has the half that is random.
///
/// # Errors
/// [`ConfigError`] if the master secret cannot be used.
pub fn names_of(
    node: &Node,
    customer: CustomerId,
    job: JobId,
    number: usize,
) -> Result<[String; 3], ConfigError> {
    let job: String = job.to_string().chars().filter(|c| *c != '-').collect();
    let half = &job[job.len() / 2..];
    let ([stage, undo], load) = beginnings(node, customer)?;
    Ok([stage, undo, load].map(|beginning| format!("{beginning}{half}_{number}")))
}

/// Those of this job.
///
/// # Errors
/// The failure of a stage that cannot do without.
pub fn names(work: &Work<'_>, number: usize) -> Result<[String; 3], Failure> {
    names_of(work.node, work.customer(), work.job, number)
        .map_err(|error| super::misconfigured(&error))
}

/// The server of a database, and the name of the lock.
///
/// # Errors
/// The failure of a stage that cannot do without.
pub fn administer<'a>(
    database: &'a Database,
    work: &Work<'a>,
    patience: Duration,
) -> Result<(Server<'a>, String), Failure> {
    let server =
        Server::administered(work.node, database, patience).map_err(MariadbError::into_failure)?;
    let lock =
        database_lock(work.node, work.customer()).map_err(|error| super::misconfigured(&error))?;
    Ok((server, lock))
}

impl DatabasePart {
    fn marker(&self) -> Marker<'_> {
        Marker { from: &self.from, to: &self.to }
    }

    /// Whether the tables that are to be live are where they should be.
    ///
    /// # Errors
    /// Why that cannot be said.
    pub(super) async fn is_ready(&self, work: &Work<'_>) -> Result<bool, Failure> {
        let (server, lock) = administer(&self.database, work, PATIENCE)?;
        match standing(&server, &lock, self.marker(), &work.stop).await {
            Ok((side, _)) => Ok(side == Side::Old),
            Err(MariadbError::Unusable(_)) => Ok(false),
            Err(error) => Err(error.into_failure()),
        }
    }

    fn definers(&self) -> Definers<'_> {
        match self.programs {
            Programs::FromBackup => Definers::Of(&self.database.account),
            Programs::Displaced => Definers::AsSaved,
        }
    }

    /// The longest time for which it may keep the site closed, if there is one.
    pub(super) fn closed(&self) -> Option<Duration> {
        Some(self.closed_seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }

    async fn exchange(
        &self,
        server: &Server<'_>,
        (lock, time): (&str, ClosedTime),
        (side, charset): (Side, Option<&Charset>),
        first: Look,
    ) -> Result<Exchanged, MariadbError> {
        let stand_ins = self.outgoing.with_extension("stand-ins");
        let marker = self.marker();
        let this = Exchange { lock, marker, side, charset, stand_ins: &stand_ins, time };
        exchange(server, this, first, &no_stop()).await
    }

    /// Makes the new side live. What there was is written down first.
    pub(super) async fn put_new(&self, time: ClosedTime, work: &Work<'_>) -> Result<(), Failure> {
        let (server, lock) = administer(&self.database, work, PATIENCE)?;
        let schema = &self.database.schema;
        let failed = MariadbError::into_failure;
        let first = server.look_at(&lock, self.marker(), &no_stop()).await.map_err(failed)?;
        if !self.outgoing.exists() {
            // Nothing is changed before both sides are known to be there.
            if !first.is_on(Side::Old, self.marker()).map_err(failed)? {
                return Err(Failure::permanent(
                    super::CONTACT_SUPPORT,
                    format!("the tables of schema {schema} have changed places already"),
                ));
            }
            let (charset, programs) = (first.charset().cloned(), first.programs.clone());
            SchemaDocument { version: 1, charset, programs }
                .write(&self.outgoing)
                .map_err(|error| Failure::system("write down what the schema was", &error))?;
        }
        let was = SchemaDocument::read(&self.outgoing)?;
        let new = SchemaDocument::read(&self.incoming)?;
        let whose = (lock.as_str(), time);
        let side = (Side::New, new.charset.as_ref());
        let since = Instant::now();
        let exchanged = self.exchange(&server, whose, side, first).await.map_err(failed)?;
        let of_tables = since.elapsed();
        let Some(charset) = &new.charset else { return Ok(()) };
        let programs = (&exchanged.programs[..], &was.programs[..], &new.programs[..]);
        let reconciled = server
            .reconcile(whose, (schema, charset), programs, self.definers(), &no_stop())
            .await
            .map_err(failed)?;
        self.tell_unmade(&reconciled.unmade, work);
        let of_programs = (reconciled.changed, since.elapsed() - of_tables);
        let of_tables = (exchanged.tables, of_tables);
        if let Err(error) = Rates::keep(work.node, &self.database, of_tables, of_programs) {
            let text = format!("how long the exchange took could not be kept: {error}");
            work.teller.log(Level::Warn, text);
        }
        Ok(())
    }

    /// Makes the old side live again. A server that is away is waited for, and what is not done
    /// then is done later.
    pub(super) async fn put_old(&self, work: &Work<'_>) -> Result<(), Failure> {
        let deadline = Instant::now() + AWAY_FOR;
        loop {
            match self.try_put_old(work).await {
                Err(failure) if failure.kind == FailureKind::Permanent => return Err(failure),
                Err(failure) if Instant::now() >= deadline => {
                    return Err(Failure { kind: FailureKind::Away, ..failure });
                }
                Err(_) => sleep(LOOK_AGAIN_AFTER).await,
                Ok(()) => return Ok(()),
            }
        }
    }

    async fn try_put_old(&self, work: &Work<'_>) -> Result<(), Failure> {
        if !self.outgoing.exists() {
            return Ok(());
        }
        let was = SchemaDocument::read(&self.outgoing)?;
        let (server, lock) = administer(&self.database, work, PATIENCE)?;
        let failed = MariadbError::into_failure;
        // What is half done is not left so because it takes long.
        let whose = (lock.as_str(), ClosedTime::default());
        let side = (Side::Old, was.charset.as_ref());
        let first = server.look_at(&lock, self.marker(), &no_stop()).await.map_err(failed)?;
        let live = self.exchange(&server, whose, side, first).await.map_err(failed)?.programs;
        if let Some(charset) = &was.charset {
            let schema = (self.database.schema.as_str(), charset);
            let programs = (&live[..], &was.programs[..], &was.programs[..]);
            let reconciled = server
                .reconcile(whose, schema, programs, Definers::AsSaved, &no_stop())
                .await
                .map_err(failed)?;
            self.tell_unmade(&reconciled.unmade, work);
        }
        fs::remove_file(&self.outgoing)
            .map_err(|error| Failure::system("remove what the schema was", &error))
    }

    fn tell_unmade(&self, unmade: &[String], work: &Work<'_>) {
        if !unmade.is_empty() {
            let list = unmade.join(", ");
            let text = format!("views that were broken before could not be made: {list}");
            work.teller.log(Level::Warn, text);
        }
    }

    /// Which side is live.
    ///
    /// # Errors
    /// Why that cannot be said.
    pub async fn look(&self, work: &Work<'_>) -> Result<Side, Failure> {
        let (server, lock) = administer(&self.database, work, PATIENCE)?;
        let failed = MariadbError::into_failure;
        let side = match standing(&server, &lock, self.marker(), &no_stop()).await {
            // Nothing is loaded, and nothing was changed.
            Err(MariadbError::Unusable(_)) if !self.outgoing.exists() => return Ok(Side::Old),
            looked => looked.map_err(failed)?.0,
        };
        if !self.outgoing.exists() {
            return Ok(side);
        }
        let was = SchemaDocument::read(&self.outgoing)?;
        let (document, definers) = match side {
            Side::Old => (was.clone(), Definers::AsSaved),
            Side::New => (SchemaDocument::read(&self.incoming)?, self.definers()),
        };
        if document.charset.is_none() {
            return Ok(side);
        }
        let schema = &self.database.schema;
        let programs = (&was.programs[..], &document.programs[..]);
        match server.has_programs(schema, programs, definers, &no_stop()).await.map_err(failed)? {
            true => Ok(side),
            false => Err(Failure::permanent(
                super::CONTACT_SUPPORT,
                format!("the tables of schema {schema} are {side:?}, and its programs are not"),
            )),
        }
    }

    /// What its undo copy says of it.
    pub fn kept(&self) -> UndoDatabase {
        let document = self.outgoing.file_name().unwrap_or_default().to_string_lossy().into_owned();
        UndoDatabase { database: self.database.clone(), schema: self.to.clone(), document }
    }

    /// What a person must know to bring it to one side.
    pub(super) fn advice(&self) -> String {
        let Self { database, from, to, .. } = self;
        format!(
            "  schema {} on {}: while the tables holdfast_marker, holdfast_marker_1 and so on are in \
             {from}, the live tables are old; the new ones are live when these are in {to}. Move all \
             tables and them in one RENAME \
             TABLE. Its programs were those of {}; the new ones are those of {}.",
            database.schema,
            database.reach,
            self.outgoing.display(),
            self.incoming.display()
        )
    }
}
