//! The effects of other tenants, tables and programs on the section in which a site is closed.

mod in_the_way;
mod many;
mod neighbour;
mod references;

use std::{
    process::{Child, Stdio},
    thread,
};

use holdfast_tests::{DatabaseSite, MariaDb, StatementProxy, eventually};

/// A client whose one statement goes on until it is ended.
struct Session(Child);

impl Session {
    /// Begins a statement, and waits until the server shows it at work.
    fn begin(server: &MariaDb, statement: &str) -> Self {
        let mut client = server.client();
        client.arg("-e").arg(statement).stdin(Stdio::null());
        let child = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mariadb");
        let text = statement.replace('\'', "''");
        let ask = format!(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO = '{text}' \
             AND STATE = 'User sleep'"
        );
        eventually("the statement at work", || {
            Some(server.query(&ask)).filter(|found| !found.is_empty())
        });
        Self(child)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        if !thread::panicking() {
            assert!(self.0.try_wait().is_ok(), "the session has ended");
        }
    }
}

/// Tables of a site, so many, with a row each.
fn fill(site: &DatabaseSite, tables: usize) {
    let table = |n| {
        format!(
            "CREATE TABLE t{n} (id INT PRIMARY KEY, name VARCHAR(40)); \
             INSERT INTO t{n} VALUES ({n}, 'as saved');"
        )
    };
    let tables: Vec<String> = (0..tables).map(table).collect();
    site.server.load(MariaDb::SCHEMA, tables.concat().as_bytes());
}

/// In hexadecimal, as the executor writes its statements.
const RENAME: &[u8] = b"EXECUTE IMMEDIATE X'52454e414d45205441424c45";

/// The numbers of the RENAMEs among the statements, counted from 1.
fn renames(proxy: &StatementProxy) -> Vec<usize> {
    let is_rename = |statement: &[u8]| statement.windows(RENAME.len()).any(|w| w == RENAME);
    let numbered = (1..).zip(proxy.statements());
    numbered.filter(|(_, statement)| is_rename(statement)).map(|(number, _)| number).collect()
}
