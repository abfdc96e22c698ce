//! A look at a site's database: it can be saved, and could be brought back.

use std::{fs::File, io::ErrorKind, time::SystemTime};

use holdfast_job::{CustomerId, Moment};

use super::PATIENCE;
use crate::{
    config::{Database, Node},
    failure::chain,
    lock::{CustomerLock, LockError},
    mariadb::{Charset, MariadbError, Play, Server, Staged},
    plans::beginnings,
    secret::database_lock,
    stop::Stop,
};

/// The series of MariaDB that are tested.
const TESTED_MARIADB: [&str; 2] = ["10.11.", "11.8."];
/// Clocks that are further apart make a mess of times, of what is kept and of what is void.
const MOST_SKEW_SECONDS: u64 = 60;
/// A structure without a table. Client, session, account and marker are rehearsed all the same.
const NO_STRUCTURE: &str = "/dev/null";

/// Looks at a database.
pub(super) async fn examine_database(
    node: &Node,
    customer: CustomerId,
    (number, database): (usize, &Database),
) -> Result<String, String> {
    let stop = Stop::default();
    let server = Server::administered(node, database, PATIENCE).map_err(said)?;
    let facts = server.look(&database.schema, &stop).await.map_err(said)?;
    let version = &facts.version;
    if !facts.is_supported() {
        return Err(format!("the server is {version}, and must be MariaDB 10.6 or newer"));
    }
    let Some(charset) = &facts.charset else {
        return Err(format!("there is no schema {} on {}", database.schema, database.reach));
    };
    if let Some(refusal) = &facts.refusal {
        return Err(format!("it is not saved: {refusal}"));
    }
    let values = server.unloadable_values(&database.schema, &facts, &stop).await.map_err(said)?;
    if let Some(obstacle) = facts.obstacles.iter().chain(&values).next() {
        return Err(format!("it is not saved, since it could not be brought back: {obstacle}"));
    }
    server.check_rights(&stop).await.map_err(said)?;
    server.check_rights_to_rehearse(&stop).await.map_err(said)?;
    server.check_dump_program(&stop).await.map_err(said)?;
    same_clock("the database server", server.clock(&stop).await.map_err(said)?)?;
    rehearse(&server, node, customer, (number, charset)).await?;
    let tested = match TESTED_MARIADB.iter().any(|series| version.starts_with(series)) {
        true => String::new(),
        false => {
            format!(", which is untested: {} are what is tested", TESTED_MARIADB.join(" and "))
        }
    };
    let (schema, tables) = (&database.schema, facts.tables.len());
    Ok(format!("schema {schema} with {tables} tables on {version}{tested}"))
}

fn said(error: MariadbError) -> String {
    chain(&error)
}

/// Rehearses a load, unless an order of the customer's is under way, which does so itself.
async fn rehearse(
    server: &Server<'_>,
    node: &Node,
    customer: CustomerId,
    (number, charset): (usize, &Charset),
) -> Result<(), String> {
    let _alone = match CustomerLock::try_take(&node.state, customer) {
        Ok(lock) => Some(lock),
        Err(LockError::Held(_)) => return Ok(()),
        // There has been no order yet.
        Err(LockError::File { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(chain(&error)),
    };
    let lock = database_lock(node, customer).map_err(|error| chain(&error))?;
    let ([stage, undo], load) = beginnings(node, customer).map_err(|error| chain(&error))?;
    let [schema, away, user] = [stage, undo, load].map(|begin| format!("{begin}doctor_{number}"));
    let staged = Staged { schema: &schema, away: &away, user: &user, charset };
    let structure = File::open(NO_STRUCTURE).map_err(|error| format!("{NO_STRUCTURE}: {error}"))?;
    let play = Play { structure, tables: &[], programs: &[] };
    let rehearsed = server.rehearse(&lock, &staged, play, &Stop::default()).await;
    rehearsed.map_err(|error| format!("a restore would fail: {}", chain(&error)))
}

/// A comparison of another clock with ours.
fn same_clock(whose: &str, theirs: u64) -> Result<(), String> {
    let ours = Moment::of(SystemTime::now()).unix_seconds();
    let skew = ours.abs_diff(theirs);
    match skew <= MOST_SKEW_SECONDS {
        true => Ok(()),
        false => {
            Err(format!("the clock of {whose} is {skew} s away from this node's: set both by NTP"))
        }
    }
}
