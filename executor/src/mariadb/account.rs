//! The throw-away account: made for one load, allowed to touch one schema, and dropped after it.

use std::{fs::File, io::Read};

use super::{
    MariadbError, Script, Server,
    load::Staged,
    script::{account, name, text},
};
use crate::{
    config::{Account, Credentials},
    process::ProcessError,
    stop::Stop,
};

/// The rights of the throw-away account, in the staging schema alone.
pub(super) const LOADING: [&str; 12] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "REFERENCES",
    "LOCK TABLES",
    "CREATE TEMPORARY TABLES",
    "DELETE HISTORY",
];

/// The length of a password. A quarter of it is of each kind of character, so that a server's
/// policy finds enough of each.
const PASSWORD_LENGTH: usize = 48;

/// The kinds of characters. None of them ends a text, begins an escape or has a meaning in an
/// option file.
const KINDS: [&[u8]; 4] =
    [b"ABCDEFGHIJKLMNOP", b"abcdefghijklmnop", b"0123456789012345", b"-_+.:~^!-_+.:~^!"];

impl Server<'_> {
    /// Makes both schemas and the account anew.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub(super) async fn prepare(
        &self,
        lock: &str,
        staged: &Staged<'_>,
        stop: &Stop,
    ) -> Result<Credentials, MariadbError> {
        let host = self.own_host(stop).await?;
        let login = Credentials { user: staged.user.to_owned(), password: random_password()? };
        let to = Account { user: login.user.clone(), host };
        self.run(&preparation(lock, staged, &to, &login)?, stop).await?;
        Ok(login)
    }

    /// The host that the server sees us come from.
    async fn own_host(&self, stop: &Stop) -> Result<String, MariadbError> {
        let ask = "SELECT SUBSTRING_INDEX(USER(), '@', -1)";
        let rows = self.run(&Script::reading().then("ask who we are", ask), stop).await?;
        rows.first().ok_or_else(|| MariadbError::Answer("no host".into()))?.text(0)
    }

    /// Ends what the throw-away account still does, and drops it; from whichever host it came.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn forget_loader(
        &self,
        lock: &str,
        user: &str,
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let u = text(user);
        // Killed, a session goes on until its statement sees it.
        let end = format!(
            "BEGIN NOT ATOMIC DECLARE left_over INT DEFAULT 1; DECLARE tries INT DEFAULT 0; \
             WHILE left_over > 0 AND tries < 600 DO \
             FOR r IN (SELECT ID FROM information_schema.PROCESSLIST WHERE USER = {u}) DO \
             BEGIN DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; KILL r.ID; END; END FOR; \
             SELECT COUNT(*) INTO left_over FROM information_schema.PROCESSLIST WHERE USER = {u}; \
             IF left_over > 0 THEN DO SLEEP(0.05); END IF; SET tries = tries + 1; END WHILE; \
             IF left_over > 0 THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1205, \
             MESSAGE_TEXT = 'still there'; END IF; END"
        );
        let drop = format!(
            "BEGIN NOT ATOMIC FOR r IN (SELECT User u, Host h FROM mysql.user WHERE User = {u}) DO \
             EXECUTE IMMEDIATE CONCAT('DROP USER IF EXISTS ', QUOTE(r.u), '@', QUOTE(r.h)); \
             END FOR; END"
        );
        // Its session may hold the lock, so its end comes first.
        let script = Script::reading().then("end the loading session", end);
        self.run(&script, stop).await?;
        self.run(&Script::changing(lock).then("drop the loading account", drop), stop)
            .await
            .map(|_| ())
    }
}

fn preparation(
    lock: &str,
    staged: &Staged<'_>,
    to: &Account,
    login: &Credentials,
) -> Result<Script, MariadbError> {
    let mut script = Script::changing(lock);
    for schema in [staged.schema, staged.away] {
        let clause = staged.charset.clause()?;
        let of = name(schema);
        script.push("drop an earlier schema", format!("DROP DATABASE IF EXISTS {of}"));
        script.push("make a schema", format!("CREATE DATABASE {of} {clause}"));
    }
    let of = account(to);
    script.push("drop an earlier account", format!("DROP USER IF EXISTS {of}"));
    script.push(
        "make the loading account",
        format!("CREATE USER {of} IDENTIFIED BY '{}'", login.password),
    );
    let pattern = name(&staged.schema.replace('_', "\\_"));
    script.push(
        "give the loading account its rights",
        format!("GRANT {} ON {pattern}.* TO {of}", LOADING.join(", ")),
    );
    Ok(script)
}

/// 48 characters, of each kind in turn, with four bits each of the kernel's randomness.
fn random_password() -> Result<String, MariadbError> {
    let mut bytes = [0; PASSWORD_LENGTH];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|source| ProcessError::Start { name: "mariadb".into(), source })?;
    let characters = bytes.iter().enumerate().map(|(at, byte)| {
        let kind = KINDS[at % KINDS.len()];
        char::from(kind[usize::from(*byte) % kind.len()])
    });
    Ok(characters.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_enough_of_each_kind_and_cannot_leave_its_quotes() {
        let password = random_password().unwrap();
        let count = |kind: fn(&char) -> bool| password.chars().filter(kind).count();
        assert_eq!(count(char::is_ascii_uppercase), 12);
        assert_eq!(count(char::is_ascii_lowercase), 12);
        assert_eq!(count(char::is_ascii_digit), 12);
        assert_eq!(password.len(), PASSWORD_LENGTH);
        assert!(!password.contains(['\'', '"', '\\', '#', '`', ' ']), "{password}");
        assert_ne!(password, random_password().unwrap());
    }
}
