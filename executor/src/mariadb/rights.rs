//! What the administering account must be allowed to: without some of it, programs would be missing
//! from a backup without a word, or a swap would fail in the middle.

use super::{
    MariadbError, Script, Server,
    account::LOADING,
    rows::Row,
    script::{name, text},
};
use crate::{
    config::{OUR_PREFIX, Tls},
    stop::Stop,
};

/// The client's number for a server that does not encrypt.
const CLEARTEXT: u32 = 2026;

/// Needed on all schemas, before MariaDB 10.11 given by SUPER as well.
const GLOBAL: [&str; 4] = ["PROCESS", "CONNECTION ADMIN", "SET USER", "CREATE USER"];
/// Said beside each other right, not as one of its own.
const GRANT_OPTION: &str = "GRANT OPTION";
/// Needed on our own schemas to rehearse programs there.
const PROGRAMS: [&str; 7] =
    ["CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE", "EVENT", "TRIGGER"];
/// Needed on the live schema.
const LIVE: [&str; 13] = [
    "SELECT",
    "INSERT",
    "CREATE",
    "DROP",
    "ALTER",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EXECUTE",
    "EVENT",
    "TRIGGER",
    GRANT_OPTION,
];
/// The rows of the administering account, in tables of rights.
const MINE: &str = "GRANTEE = CONCAT('\\'', REPLACE(CURRENT_USER(), '@', '\\'@\\''), '\\'')";

impl Server<'_> {
    /// The server's clock, in seconds since 1970.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn clock(&self, stop: &Stop) -> Result<u64, MariadbError> {
        let script = Script::reading().then("ask for the time", "SELECT 'clock', UNIX_TIMESTAMP()");
        let rows = self.run(&script, stop).await?;
        let clock = rows.first().map(|row| row.text(1)).transpose()?;
        clock
            .and_then(|clock| clock.parse().ok())
            .ok_or_else(|| MariadbError::Answer("it does not tell the time".into()))
    }

    /// Checks that the account may make programs in our own schemas, which accounts of earlier versions
    /// may not.
    ///
    /// # Errors
    /// [`MariadbError::Rights`] names what is missing.
    pub async fn check_rights_to_rehearse(&self, stop: &Stop) -> Result<(), MariadbError> {
        let ours = text(&format!("{OUR_PREFIX}stage"));
        let ask = format!(
            "SELECT PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES WHERE {MINE} \
             UNION SELECT PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.SCHEMA_PRIVILEGES \
             WHERE {MINE} AND {ours} LIKE TABLE_SCHEMA"
        );
        let rows = self.run(&Script::reading().then("ask for our rights", ask), stop).await?;
        let has = |right: &str| rows.iter().any(|row| row.tag() == right.as_bytes());
        let missing: Vec<&str> = PROGRAMS.into_iter().filter(|right| !has(right)).collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(MariadbError::Rights(format!(
                "{} on `{}%`.*",
                missing.join(", "),
                OUR_PREFIX.replace('_', "\\_")
            ))),
        }
    }

    /// Checks that the account may do everything that a backup, a restore or an undo will need.
    ///
    /// # Errors
    /// [`MariadbError::Rights`] names what is missing.
    pub async fn check_rights(&self, stop: &Stop) -> Result<(), MariadbError> {
        let schema = &self.database.schema;
        let on = |tag: &str, schema: &str| {
            format!(
                "SELECT '{tag}', PRIVILEGE_TYPE, IS_GRANTABLE \
                 FROM information_schema.SCHEMA_PRIVILEGES \
                 WHERE {MINE} AND {} LIKE TABLE_SCHEMA",
                text(schema)
            )
        };
        let ours = format!("{OUR_PREFIX}stage");
        let mut script = Script::reading()
            .then("ask for the server's settings", "SELECT 'binary log', @@log_bin, @@log_bin_trust_function_creators, VERSION()")
            .then(
                "ask for the session's encryption",
                "SELECT 'cipher', VARIABLE_VALUE FROM information_schema.SESSION_STATUS \
                 WHERE VARIABLE_NAME = 'SSL_CIPHER'",
            )
            .then(
                "ask for our rights",
                format!("SELECT 'global', PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES WHERE {MINE}"),
            )
            .then("ask for our rights", on("live", schema))
            .then("ask for our rights", on("ours", &ours));
        // Without these, what they hold is not there for us, and nobody says so.
        for table in ["user", "proc", "procs_priv"] {
            let read = format!("SELECT 'read', COUNT(*) FROM mysql.{table}");
            script.push("read mysql.user, mysql.proc and mysql.procs_priv", read);
        }
        let (mut global, mut live, mut ours) = (Vec::new(), Vec::new(), Vec::new());
        let (mut logs, mut old) = (false, false);
        for row in self.run(&script, stop).await? {
            match row.tag() {
                b"binary log" => {
                    logs = row.bytes(1)? == b"1" && row.bytes(2)? == b"0";
                    old = ["10.6.", "10.7.", "10.8.", "10.9.", "10.10."]
                        .iter()
                        .any(|series| row.text(3).is_ok_and(|version| version.starts_with(series)));
                }
                // The client of 10.11 goes on without, if it is not told to verify.
                b"cipher" if self.database.tls == Tls::Required && row.bytes(1)?.is_empty() => {
                    return Err(MariadbError::Tls(CLEARTEXT));
                }
                b"global" => take(&mut global, &row)?,
                b"live" => take(&mut live, &row)?,
                b"ours" => take(&mut ours, &row)?,
                _ => {}
            }
        }
        let has = |list: &[String], right: &str| list.iter().any(|had| had == right);
        let is_super = has(&global, "SUPER");
        let mut missing: Vec<String> = Vec::new();
        let lacking = |right: &&&str| !(has(&global, right) || (old && is_super));
        missing.extend(GLOBAL.iter().filter(lacking).map(|right| format!("{right} on *.*")));
        let lacking = |right: &&&str| !has(&global, right) && !has(&live, right);
        let on = name(schema);
        missing.extend(LIVE.iter().filter(lacking).map(|right| format!("{right} on {on}.*")));
        let lacking = |right: &&&str| !has(&global, right) && !has(&ours, right);
        missing.extend(
            // Ours must be able to give on whatever the loading account is given.
            LOADING
                .iter()
                .chain([&GRANT_OPTION])
                .filter(lacking)
                .map(|right| format!("{right} on `{}%`.*", OUR_PREFIX.replace('_', "\\_"))),
        );
        if logs && !is_super {
            missing.push(
                "SUPER, since there is a binary log and log_bin_trust_function_creators is off"
                    .into(),
            );
        }
        match missing.is_empty() {
            true => Ok(()),
            false => Err(MariadbError::Rights(missing.join(", "))),
        }
    }
}

/// A right, and whether it may be given on.
fn take(rights: &mut Vec<String>, row: &Row) -> Result<(), MariadbError> {
    rights.push(row.text(1)?);
    if row.bytes(2)? == b"YES" {
        rights.push(GRANT_OPTION.into());
    }
    Ok(())
}
