//! SQL as the client gets it: each statement a hexadecimal literal on a line of its own.

use std::{fmt::Write, ops::Range};

/// How long a session waits for another one's statement on the same customer to end. It may be
/// that of a client that is dead; after this its connection is killed.
const LOCK_WAIT_SECONDS: u32 = 60;

/// The number of sessions that may change something of one customer's side by side. Never to be fewer: an
/// executor of before may have died with so many.
pub(super) const SESSIONS: usize = 4;

/// The tag of a row that says that an earlier session's statement is still at work.
pub(super) const WAITING: &[u8] = b"waiting";

/// The time for which one statement waits for somebody else's lock while a site is closed. No connection
/// of the site's holds one then, since those have been ended.
const CLOSED_WAIT_SECONDS: u32 = 2;

/// The time after which a waiting session looks whether the statement that it waits for is still at work.
const STATEMENT_WAIT_SECONDS: u32 = 5;

/// The beginning of every session of ours. Names and texts are understood one way, whatever the
/// server's defaults, and come back as the bytes they are. Nothing is cut off, and nothing is refused
/// that stood in the live tables. A session may set each of these without a right of its own, on 10.6
/// to 11.8.
const SESSION: &str = "SET SESSION sql_mode = 'NO_AUTO_CREATE_USER', lock_wait_timeout = 5, \
     innodb_lock_wait_timeout = 5, max_statement_time = 0, autocommit = 1, completion_type = 0, \
     character_set_results = NULL, sql_select_limit = 18446744073709551615, \
     max_join_size = 18446744073709551615, sql_big_selects = 1, sql_safe_updates = 0, \
     sql_auto_is_null = 0, innodb_strict_mode = 0, check_constraint_checks = 0, \
     innodb_compression_default = 0, innodb_default_encryption_key_id = 1, \
     max_heap_table_size = 18446744073709551615, \
     tmp_disk_table_size = 18446744073709551615, \
     max_session_mem_used = 9223372036854775807, old_passwords = 0, sql_if_exists = 0, \
     sql_quote_show_create = 1, sort_buffer_size = 2097152, max_sort_length = 1024, \
     alter_algorithm = 'DEFAULT', idle_transaction_timeout = 0, \
     idle_write_transaction_timeout = 0, idle_readonly_transaction_timeout = 0, \
     wait_timeout = 28800, net_read_timeout = 600, net_write_timeout = 600";
/// The rest of it, which `tx_read_only` and `tx_isolation` say, or newer servers by other names.
const TRANSACTIONS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE";

/// Settings that not every server has, since some were taken away and some came: each is set where it is.
const OF_SOME_SERVERS: [&str; 2] = ["old_alter_table = 0", "max_tmp_session_space_usage = 0"];

/// Statements in order, and what each is for.
#[derive(Debug, Clone)]
pub struct Script {
    text: Vec<u8>,
    doing: Vec<&'static str>,
}

impl Script {
    /// For looking only.
    pub fn reading() -> Self {
        Self { text: Vec::new(), doing: Vec::new() }
            .then("prepare the session", SESSION)
            .then("prepare the session", TRANSACTIONS)
            .then("prepare the session", of_some_servers())
    }

    /// For changing something: takes this lock and those of [`Self::beside`] first, and so waits for the
    /// end of whatever a dead client's sessions may still be doing.
    pub fn changing(lock: &str) -> Self {
        Self::reading().then("wait for an earlier session", take(lock, 0..SESSIONS))
    }

    /// For one of several sessions that change something side by side, counted from 0: takes a lock of
    /// its own. Whoever comes later with [`Self::changing`] waits for all of them.
    pub(super) fn beside(lock: &str, session: usize) -> Self {
        let own = session..session + 1;
        Self::reading().then("wait for an earlier session", take(lock, own)).not_waiting_long()
    }

    /// For changing something while the site is closed: as [`Self::changing`], and nobody else's lock is
    /// waited for longer than [`CLOSED_WAIT_SECONDS`].
    pub fn closed(lock: &str) -> Self {
        Self::changing(lock).not_waiting_long()
    }

    /// Lets go of the locks of all sessions but the first, which this script has taken: those may begin.
    pub(super) fn let_others(self, lock: &str) -> Self {
        let others: Vec<String> = (1..SESSIONS)
            .map(|session| format!("RELEASE_LOCK({})", lock_of(lock, session)))
            .collect();
        self.then("let other sessions begin", format!("DO {}", others.join(", ")))
    }

    fn not_waiting_long(self) -> Self {
        let wait = format!(
            "SET SESSION lock_wait_timeout = {CLOSED_WAIT_SECONDS}, \
             innodb_lock_wait_timeout = {CLOSED_WAIT_SECONDS}"
        );
        self.then("prepare the session", wait)
    }

    /// With one more statement. `doing` completes "could not …".
    pub fn then(mut self, doing: &'static str, sql: impl AsRef<[u8]>) -> Self {
        self.push(doing, sql);
        self
    }

    /// As [`Self::then`].
    pub fn push(&mut self, doing: &'static str, sql: impl AsRef<[u8]>) {
        let statement = format!("EXECUTE IMMEDIATE {};\n", hex(sql.as_ref()));
        self.push_line(doing, statement);
    }

    /// With a line of our own making, which has no name or text of a tenant's in it but in
    /// hexadecimal.
    pub fn push_line(&mut self, doing: &'static str, line: impl AsRef<[u8]>) {
        self.text.extend_from_slice(line.as_ref());
        self.doing.push(doing);
    }

    /// The lines.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        self.doing.len()
    }

    /// What the statement on this line, counted from 1, is for.
    pub fn doing(&self, line: usize) -> &'static str {
        self.doing.get(line.saturating_sub(1)).or(self.doing.last()).copied().unwrap_or("talk")
    }
}

/// The name of a session's lock, as a literal.
fn lock_of(lock: &str, session: usize) -> String {
    match session {
        0 => text(lock),
        number => text(&format!("{lock}-{number}")),
    }
}

/// A statement that takes the locks of these sessions, one after the other. A lock is by name, and only
/// we can know this one. A RENAME that is at work comes to its end, however long that takes: killed, it
/// may go on.
fn take(lock: &str, sessions: Range<usize>) -> String {
    let (lock, first, last) = (text(lock), sessions.start, sessions.end.saturating_sub(1));
    format!(
        "BEGIN NOT ATOMIC\n\
         DECLARE name VARCHAR(64) CHARACTER SET utf8mb4; \
         DECLARE held INT; DECLARE session INT DEFAULT {first};\n\
         WHILE session <= {last} DO\n\
         SET name = IF(session = 0, {lock}, CONCAT({lock}, '-', session));\n\
         SET held = GET_LOCK(name, {STATEMENT_WAIT_SECONDS});\n\
         WHILE held IS NOT TRUE AND EXISTS (SELECT 1 FROM information_schema.PROCESSLIST \
         WHERE ID = IS_USED_LOCK(name) AND INFO LIKE 'RENAME TABLE %' \
         AND STATE NOT LIKE 'Waiting for%') DO\n\
         SELECT 'waiting'; SET held = GET_LOCK(name, {STATEMENT_WAIT_SECONDS}); END WHILE;\n\
         IF held IS NOT TRUE AND GET_LOCK(name, {LOCK_WAIT_SECONDS}) IS NOT TRUE THEN\n\
         BEGIN DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; \
         SET @holder = IS_USED_LOCK(name); \
         IF @holder IS NOT NULL THEN EXECUTE IMMEDIATE CONCAT('KILL ', @holder); END IF; END;\n\
         IF GET_LOCK(name, {LOCK_WAIT_SECONDS}) IS NOT TRUE THEN \
         SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'lock'; END IF;\n\
         END IF;\n\
         SET session = session + 1; END WHILE; END"
    )
}

/// 1193 is the error of a setting that the server does not have.
fn of_some_servers() -> String {
    let set = |setting| {
        format!("EXECUTE IMMEDIATE {};", hex(format!("SET SESSION {setting}").as_bytes()))
    };
    let all: String = OF_SOME_SERVERS.iter().map(set).collect();
    format!("BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1193 BEGIN END; {all} END")
}

/// A hexadecimal literal, which is a binary string.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut literal = String::with_capacity(bytes.len() * 2 + 3);
    literal.push_str("X'");
    for byte in bytes {
        let _ = write!(literal, "{byte:02x}");
    }
    literal.push('\'');
    literal
}

/// A text as a literal.
pub(super) fn text(text: &str) -> String {
    format!("_utf8mb4 {}", hex(text.as_bytes()))
}

/// A name as SQL has it, between backticks.
pub(super) fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A name in a schema.
pub(super) fn name_in(schema: &str, of: &str) -> String {
    format!("{}.{}", name(schema), name(of))
}

/// An account or a role as SQL has it.
pub(super) fn account(account: &crate::config::Account) -> String {
    match (account.user.as_str(), account.host.as_str()) {
        ("PUBLIC", "") => "PUBLIC".into(),
        (role, "") => name(role),
        (user, host) => format!("{}@{}", name(user), name(host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(name("it's"), "`it's`");
        assert_eq!(name("a`; DROP TABLE b; --"), "`a``; DROP TABLE b; --`");
    }

    #[test]
    fn a_statement_is_one_line_of_hexadecimal() {
        let script = Script::reading().then("test", "SELECT '\n;\\!'");
        let text = String::from_utf8(script.text().to_vec()).unwrap();
        assert_eq!(text.lines().count(), script.lines());
        assert!(text.ends_with("EXECUTE IMMEDIATE X'53454c45435420270a3b5c2127';\n"));
        assert_eq!(script.doing(script.lines()), "test");
    }
}
