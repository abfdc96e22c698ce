//! The load: a dump, which is code, run by a throw-away account that can touch nothing but the
//! staging schema, and what came of it compared with the manifest.

use std::fs::File;

use super::{
    MariadbError, Script, Server, TableKind, Tool,
    exchange::{Charset, is_reserved, make_markers},
    script::{account, name, name_in, text},
};
use crate::{
    config::{Account, Credentials},
    process::{Heard, Moved},
    stop::Stop,
};

/// What the throw-away account may do, and nowhere but in the staging schema.
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

/// Where a dump is loaded, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged<'a> {
    /// The schema that it is loaded into.
    pub schema: &'a str,
    /// The empty schema that the live tables will go to.
    pub away: &'a str,
    /// The throw-away account's user.
    pub user: &'a str,
    /// What the schema is to have.
    pub charset: &'a Charset,
}

/// What the manifest says of a table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExpectedTable {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Its engine.
    pub engine: String,
    /// Its rows, with what they were before if it is versioned; a sequence has none.
    pub rows: u64,
}

impl Server<'_> {
    /// Makes both schemas anew and loads the dump.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn load(
        &self,
        lock: &str,
        staged: &Staged<'_>,
        dump: File,
        stop: &Stop,
        mut tell: impl FnMut(u64),
    ) -> Result<(), MariadbError> {
        let host = self.own_host(stop).await?;
        let login = Credentials { user: staged.user.to_owned(), password: random_password()? };
        let to = Account { user: login.user.clone(), host };
        self.run(&preparation(lock, staged, &to, &login)?, stop).await?;
        let args = ["--comments", "--sandbox", "--binary-mode", "--local-infile=0", "--batch"];
        let mut args = args.map(str::to_owned).to_vec();
        args.push(staged.schema.to_owned());
        // The lock guards the live schema until this session's last statement has ended.
        let first = Script::changing(lock);
        let input = Self::with_file(first.text().to_vec(), dump);
        let ended = self
            .as_login(login)
            .program(Tool::Client, &args, input)
            .start()?
            .attend(stop, |heard| {
                if let Heard::Took(bytes) = heard {
                    tell(bytes);
                }
                Ok(Moved::Yes)
            })
            .await;
        let ended = ended?;
        if !ended.status.success() {
            let error = MariadbError::of(&ended, |_| "load the dump");
            let of_dump = |line: usize| line.saturating_sub(first.lines());
            return Err(match error {
                MariadbError::Refused { doing, number, state, line } => {
                    MariadbError::Refused { doing, number, state, line: of_dump(line) }
                }
                MariadbError::Misread { doing, line } => {
                    MariadbError::Misread { doing, line: of_dump(line) }
                }
                other => other,
            });
        }
        self.forget_loader(lock, staged.user, stop).await
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

    /// Compares what was loaded with what the manifest says, checks it, and marks it as ready.
    ///
    /// # Errors
    /// [`MariadbError::Unusable`] names the first difference.
    pub async fn check_loaded(
        &self,
        lock: &str,
        (schema, batches): (&str, usize),
        expected: &[ExpectedTable],
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let unusable = |problem: String| Err(MariadbError::Unusable(problem));
        let found = self.look(schema, stop).await?;
        if let Some(obstacle) = found.obstacles.first() {
            return unusable(format!("what was loaded cannot go live: {obstacle}"));
        }
        if let Some(view) = found.views.first() {
            return unusable(format!("the dump made a view, {}", name(view)));
        }
        for table in &found.tables {
            let same = |other: &&ExpectedTable| {
                (&other.name, other.kind, &other.engine) == (&table.name, table.kind, &table.engine)
            };
            if is_reserved(&table.name) || expected.iter().find(same).is_none() {
                let (of, engine) = (name(&table.name), &table.engine);
                return unusable(format!("table {of} ({engine}) is not as the manifest says"));
            }
        }
        if let Some(missing) =
            expected.iter().find(|table| !found.tables.iter().any(|found| found.name == table.name))
        {
            return unusable(format!("table {} is missing", name(&missing.name)));
        }
        self.compare_rows(schema, expected, stop).await?;
        self.mark(lock, schema, batches, stop).await
    }

    /// Marks a schema whose tables are ready to move in so many batches.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn mark(
        &self,
        lock: &str,
        schema: &str,
        batches: usize,
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let mut script = Script::changing(lock);
        make_markers(schema, batches, &mut script);
        self.run(&script, stop).await.map(|_| ())
    }

    async fn compare_rows(
        &self,
        schema: &str,
        expected: &[ExpectedTable],
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let mut script = Script::reading();
        for (number, table) in expected.iter().enumerate() {
            let of = name_in(schema, &table.name);
            let history = match table.kind {
                TableKind::Sequence => continue,
                TableKind::Versioned => " FOR SYSTEM_TIME ALL",
                TableKind::Table => "",
            };
            let count = format!("SELECT 'rows', {number}, COUNT(*) FROM {of}{history}");
            script.push("count the rows", count);
            script.push("check a table", format!("CHECK TABLE {of}"));
        }
        for row in self.run(&script, stop).await? {
            if row.tag() == b"rows" {
                let table = expected.get(row.number(1)? as usize);
                let counted = row.number(2)?;
                if let Some(table) = table.filter(|table| table.rows != counted) {
                    return Err(MariadbError::Unusable(format!(
                        "table {} has {counted} rows and should have {}",
                        name(&table.name),
                        table.rows
                    )));
                }
            } else if row.bytes(2)?.eq_ignore_ascii_case(b"error") {
                return Err(MariadbError::Unusable("a loaded table is corrupt".into()));
            }
        }
        Ok(())
    }

    /// Schemas and accounts of ours whose names begin so and that are not among these to keep.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn drop_orphans(
        &self,
        lock: &str,
        (schemas, users): (&[String], &str),
        keep: &[String],
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let mut ask = Script::reading();
        for beginning in schemas {
            let like = text(&format!("{}%", beginning.replace('_', "\\_")));
            ask.push(
                "look for old schemas",
                format!(
                    "SELECT 'schema', SCHEMA_NAME FROM information_schema.SCHEMATA \
                     WHERE SCHEMA_NAME LIKE {like}"
                ),
            );
        }
        let like = text(&format!("{}%", users.replace('_', "\\_")));
        ask.push(
            "look for old accounts",
            format!("SELECT DISTINCT 'user', User FROM mysql.user WHERE User LIKE {like}"),
        );
        for row in self.run(&ask, stop).await? {
            let of = row.text(1)?;
            if row.tag() == b"user" {
                self.forget_loader(lock, &of, stop).await?;
            } else if !keep.contains(&of) {
                let drop = format!("DROP DATABASE IF EXISTS {}", name(&of));
                // Another copy of ours may refer to it.
                let script = Script::changing(lock)
                    .then("prepare the session", "SET SESSION foreign_key_checks = 0")
                    .then("drop an old schema", drop);
                self.run(&script, stop).await?;
            }
        }
        Ok(())
    }

    /// Makes an empty schema for what an exchange displaces.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn make_away(
        &self,
        lock: &str,
        schema: &str,
        stop: &Stop,
    ) -> Result<(), MariadbError> {
        let make = format!("CREATE DATABASE IF NOT EXISTS {}", name(schema));
        self.run(&Script::changing(lock).then("make a schema", make), stop).await.map(|_| ())
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
    // Hexadecimal digits: nothing in it could leave its quotes.
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

/// 48 hexadecimal digits of the kernel's randomness.
fn random_password() -> Result<String, MariadbError> {
    use std::io::Read;
    let mut bytes = [0; 24];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    let lost = |source| crate::process::ProcessError::Start { name: "mariadb".into(), source };
    read.map_err(lost)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
