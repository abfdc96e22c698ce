//! Before the door closes: how long a database will keep a site closed, and what would keep its tables
//! from changing places.

mod rates;

use std::collections::BTreeSet;

use holdfast_job::Level;

pub(super) use self::rates::Rates;
use crate::{
    config::{Database, Limits},
    failure::Failure,
    mariadb::{MariadbError, SchemaFacts, Server, StoredProgram},
    work::Work,
};

/// The tables and programs that are to be live.
#[derive(Debug, Clone)]
pub(super) struct Coming<'a> {
    /// Their names.
    pub(super) tables: Vec<&'a str>,
    /// Their number.
    pub(super) programs: usize,
}

/// Looks at the live schema of a database whose tables are to change places, and says for how long that
/// will close the site. Returns in how many batches the tables move.
///
/// # Errors
/// The sentence about what is in the way, by name.
pub(super) async fn check(
    (server, database): (&Server<'_>, &Database),
    found: &SchemaFacts,
    coming: &Coming<'_>,
    limits: &Limits,
    work: &Work<'_>,
) -> Result<usize, Failure> {
    let schema = &database.schema;
    let failed = MariadbError::into_failure;
    let programs = match found.charset {
        Some(_) => server.programs(schema, &work.stop).await.map_err(failed)?,
        None => Vec::new(),
    };
    if let Some(program) =
        programs.iter().find(|one| is_too_long(one, found.settings.max_allowed_packet))
    {
        return Err(in_the_way(
            database,
            &format!(
                "the text of {} is too long for the server's max_allowed_packet",
                program.name
            ),
            "shorten it, or set max_allowed_packet to three times its length",
        ));
    }
    let prepared = server.prepared(schema, &found.tables, &work.stop).await.map_err(failed)?;
    if let Some(prepared) = prepared {
        return Err(in_the_way(
            database,
            &format!("a prepared transaction holds the table {}", prepared.table),
            &format!("XA COMMIT or XA ROLLBACK one of: {}", prepared.transactions),
        ));
    }
    let live = found.tables.iter().map(|table| table.name.as_str());
    let names: BTreeSet<&str> = live.chain(coming.tables.iter().copied()).collect();
    let (tables, programs) = (names.len(), programs.len().max(coming.programs));
    let closed = Rates::of(work.node, database).estimate(tables, programs);
    let said = format!(
        "database `{}`: {tables} tables and {programs} programs change places, which closes the site \
         for about {:.1} s",
        database.id,
        closed.as_secs_f64()
    );
    work.teller.log(Level::Info, &said);
    if closed > limits.closed {
        return Err(Failure::permanent(
            format!(
                "The database \"{}\" has so many tables that your site would be closed for longer \
                 than allowed. Nothing was changed. Contact support to have it done all the same.",
                database.name
            ),
            format!(
                "{said}; limits.closed_seconds is {}: raise it for this customer",
                limits.closed.as_secs()
            ),
        ));
    }
    Ok(batches_for(&names, schema.len(), limits.tables_at_once, found.settings.max_allowed_packet))
}

fn in_the_way(database: &Database, what: &str, cure: &str) -> Failure {
    Failure::permanent(
        format!(
            "The database \"{}\" cannot be exchanged now: {what}. Nothing was changed. End that, or \
             contact support.",
            database.name
        ),
        format!("database `{}`: {what}: {cure}", database.id),
    )
}

/// A statement that makes a program has its text in hexadecimal.
fn is_too_long(program: &StoredProgram, max_allowed_packet: u64) -> bool {
    let statement = program.text.bytes().len() as u64 * 2 + 4096;
    max_allowed_packet > 0 && statement > max_allowed_packet
}

/// The number of batches by which each has few tables, and its RENAME fits into a third of a packet: the
/// batches are not equally large.
fn batches_for(
    names: &BTreeSet<&str>,
    schema_bytes: usize,
    tables_at_once: usize,
    max_allowed_packet: u64,
) -> usize {
    // A table's name stands in two moves, on both sides of each; each schema's name is 64 bytes at most.
    let text: usize =
        names.iter().map(|name| 4 * (name.len() + 4) + 2 * (schema_bytes + 64 + 8)).sum();
    let packets = (text as u64 * 2 * 3).div_ceil(max_allowed_packet.max(1)) as usize;
    let packets = if max_allowed_packet == 0 { 1 } else { packets };
    names.len().div_ceil(tables_at_once.max(1)).max(packets).clamp(1, names.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_tables_move_in_one_statement_and_many_in_several() {
        let names: Vec<String> = (0..400).map(|n| format!("table_{n}")).collect();
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let batches = |at_once, packet| batches_for(&names, 11, at_once, packet);
        assert_eq!(batches(100, 16 << 20), 4);
        assert_eq!(batches(1000, 16 << 20), 1);
        assert_eq!(batches(1000, 64 << 10), 8);
        assert_eq!(batches(1000, 1), 400);
        assert_eq!(batches_for(&BTreeSet::new(), 11, 100, 16 << 20), 1);
    }
}
