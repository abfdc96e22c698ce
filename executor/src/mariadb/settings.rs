//! The settings of a server that decide whether a dump is whole and whether it can be loaded.

use super::{MariadbError, SchemaFacts, Script, rows::Row};

/// The settings that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The longest packet that it takes, in bytes.
    pub max_allowed_packet: u64,
    /// The rows that a query of a new session gets at most.
    select_limit: u64,
    /// The bytes that a temporary table of a new session gets at most on disk.
    temporary_bytes: u64,
    /// A sum over all settings and plugins: another one, if they are others.
    pub sum: String,
}

/// The lists of tables and columns that the dump program asks for are temporary tables.
const FEWEST_TEMPORARY_BYTES: u64 = 1 << 20;

/// Settings that move by themselves, and decide nothing about a load.
const MOVING: &str = "VARIABLE_NAME NOT LIKE 'GTID%' AND VARIABLE_NAME NOT LIKE 'WSREP%' \
     AND VARIABLE_NAME NOT LIKE 'RPL%' AND VARIABLE_NAME NOT LIKE 'SLAVE%' \
     AND VARIABLE_NAME NOT LIKE '%LOG%' AND VARIABLE_NAME NOT LIKE '%BUFFER_POOL%' \
     AND VARIABLE_NAME NOT IN ('READ_ONLY', 'TIMESTAMP', 'EVENT_SCHEDULER')";

/// Adds the question.
pub(super) fn ask(script: Script) -> Script {
    let sum = |of: &str| format!("BIT_XOR(CONV(LEFT(MD5(CONCAT_WS('=', {of})), 15), 16, 10))");
    let (settings, plugins) = (
        sum("VARIABLE_NAME, VARIABLE_VALUE"),
        sum("PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_STATUS, PLUGIN_TYPE"),
    );
    script.then(
        "ask for the server's settings",
        format!(
            "SELECT 'settings', @@GLOBAL.max_allowed_packet, @@GLOBAL.sql_select_limit, \
             @@GLOBAL.tmp_disk_table_size, \
             (SELECT {settings} FROM information_schema.GLOBAL_VARIABLES WHERE {MOVING}), \
             (SELECT {plugins} FROM information_schema.PLUGINS)"
        ),
    )
}

impl Settings {
    pub(super) fn of(row: &Row) -> Result<Self, MariadbError> {
        Ok(Self {
            max_allowed_packet: row.number(1)?,
            select_limit: row.number(2)?,
            temporary_bytes: row.number(3)?,
            sum: format!("{}-{}", row.text(4)?, row.text(5)?),
        })
    }

    /// Why the program that dumps could not read a whole schema; it lists tables and columns as any
    /// session does.
    pub(super) fn cuts_off(&self, facts: &SchemaFacts) -> Option<String> {
        if self.temporary_bytes < FEWEST_TEMPORARY_BYTES {
            return Some(format!(
                "the server's tmp_disk_table_size is {}, and the dump program needs more: \
                 SET GLOBAL tmp_disk_table_size = DEFAULT",
                self.temporary_bytes
            ));
        }
        let relations = (facts.tables.len() + facts.views.len()) as u64;
        let most = relations.max(facts.widest).max(1);
        (self.select_limit < most).then(|| {
            format!(
                "the server's sql_select_limit is {}, and {most} rows are needed: \
                 SET GLOBAL sql_select_limit = DEFAULT",
                self.select_limit
            )
        })
    }
}
