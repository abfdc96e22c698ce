//! Prepared transactions: they outlive their session, and hold their tables until somebody ends them.

use super::{MariadbError, Script, Server, TableFact, rows::Row, script::hex, script::name_in};
use crate::stop::Stop;

/// The time for which one table is looked through for a row that a transaction holds.
const LOOK_SECONDS: u32 = 5;
/// The number of looks at a table: a transaction of the site's own is over sooner.
const LOOKS: usize = 3;

/// Prepared transactions, and a table that one of them holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The arguments of `XA ROLLBACK`, parted by commas.
    pub transactions: String,
    /// The table.
    pub table: String,
}

impl Server<'_> {
    /// A table of a schema that a prepared transaction holds, if there is one. Nothing is looked at if the
    /// server has no prepared transaction.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn prepared(
        &self,
        schema: &str,
        tables: &[TableFact],
        stop: &Stop,
    ) -> Result<Option<Prepared>, MariadbError> {
        let ask = Script::reading().then("look for prepared transactions", "XA RECOVER");
        let found = self.run(&ask, stop).await?;
        if found.is_empty() {
            return Ok(None);
        }
        let mut held: Vec<&str> = tables
            .iter()
            .filter(|table| table.is_transactional())
            .map(|table| table.name.as_str())
            .collect();
        for _ in 0..LOOKS {
            let rows = match self.run(&looking(schema, &held), stop).await {
                // A table is too large to be looked through.
                Err(MariadbError::Refused { number: 1969, .. }) => return Ok(None),
                looked => looked?,
            };
            let still: Vec<usize> = rows.iter().filter_map(number_of).collect();
            let mut number = 0..;
            held.retain(|_| number.next().is_some_and(|n: usize| still.contains(&n)));
        }
        let Some(table) = held.first() else { return Ok(None) };
        let transactions: Result<Vec<String>, _> = found.iter().map(transaction).collect();
        Ok(Some(Prepared { transactions: transactions?.join(", "), table: (*table).to_owned() }))
    }
}

/// Answers `held` and the number of each table of which somebody holds a row.
fn looking(schema: &str, tables: &[&str]) -> Script {
    let mut script = Script::reading().then(
        "prepare the session",
        format!("SET SESSION innodb_lock_wait_timeout = 0, max_statement_time = {LOOK_SECONDS}"),
    );
    for (number, table) in tables.iter().enumerate() {
        let of = name_in(schema, table);
        script.push(
            "look for a table that is held",
            format!(
                "BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1205 SELECT 'held', {number}; \
                 SELECT COUNT(*) INTO @held FROM {of} LOCK IN SHARE MODE; END"
            ),
        );
    }
    script.push("let them be for a moment", "DO SLEEP(0.5)");
    script
}

fn number_of(row: &Row) -> Option<usize> {
    (row.tag() == b"held").then(|| row.number(1).ok())?.map(|number| number as usize)
}

/// A transaction as `XA ROLLBACK` takes it.
fn transaction(row: &Row) -> Result<String, MariadbError> {
    let (format, first) = (row.number(0)?, row.number(1)? as usize);
    let data = row.bytes(3)?;
    let (global, branch) = data.split_at(first.min(data.len()));
    Ok(format!("{}, {}, {format}", hex(global), hex(branch)))
}
