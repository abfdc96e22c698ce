//! MariaDB, through its own client programs.
//!
//! Statements go as hexadecimal literals to `EXECUTE IMMEDIATE`, one a line: neither the client's
//! parser nor a second statement ever gets to see a name or a text of a tenant's. Whoever logs in
//! is told to the client on a pipe, never in argv, environment or a file. Every session that
//! changes a schema first takes a lock that outlives its client exactly as long as its statement
//! does. This module must not know plans, journals or restic.

mod account;
mod digest;
mod dump;
mod dump_place;
mod dump_reader;
mod exchange;
mod floats;
mod history;
mod load;
mod look;
mod prepared;
mod programs;
mod reconcile;
mod redirect;
mod references;
mod rehearse;
mod rights;
mod rows;
mod said;
mod schemata;
mod script;
mod settings;
mod time;
mod values;
mod verdict;

use std::{fs::File, path::PathBuf, time::Duration};

pub use dump::{DumpFile, DumpSum, Which};
pub use exchange::{Charset, Exchange, Exchanged, Look, Marker, exchange, standing};
pub use history::{EndOfTime, translate};
pub use load::{ExpectedTable, Staged};
pub use look::{Astray, SchemaFacts, TableFact, TableKind};
pub use programs::{ProgramKind, StoredProgram, programs_for_people};
pub use reconcile::Definers;
pub use rehearse::Play;
pub use schemata::CUSTOMERS;
pub use script::Script;
use script::WAITING;
pub use time::ClosedTime;
pub use verdict::MariadbError;

use self::rows::{Row, row_of};
use crate::{
    config::{Credentials, Database, Node, Reach, Tls, check_root_owned},
    confine::Confinement,
    process::{Input, Moved, Program},
    services::docker_environment,
    stop::Stop,
};

/// Reads user and password from the first two lines of stdin and hands them to the client as a
/// file that is only a pipe; the rest of stdin is the client's.
const LOGIN: &str = "IFS= read -r user; IFS= read -r password; exec \"$@\" 3<<EOF\n\
                     [client]\nuser=\"$user\"\npassword=\"$password\"\nEOF\n";

/// How the client is to understand us and the server: nothing from option files, no command of its
/// own, no file of its own, every character.
const OPTIONS: [&str; 2] = ["--defaults-file=/dev/fd/3", "--default-character-set=utf8mb4"];

/// The longest row of an answer. A program's text is at most as long as a statement may be, 16 MiB by
/// default, and twice that where each byte is escaped.
const LONGEST_ROW_BYTES: usize = 64 << 20;

/// Accepts any server. A client that does not know this option passes over it.
const ANY_SERVER: &str = "--loose-ssl-verify-server-cert=0";

/// How long a server may take to answer at all: one that hangs must not keep other customers waiting.
const CONNECT_SECONDS: u32 = 10;

/// One database's server, and who talks to it.
#[derive(Debug)]
pub struct Server<'a> {
    node: &'a Node,
    /// The database.
    pub database: &'a Database,
    login: Credentials,
    patience: Duration,
}

/// Which of the client programs.
#[derive(Debug, Clone, Copy)]
enum Tool {
    Client,
    Dump,
}

impl<'a> Server<'a> {
    /// The server as its administering account sees it. `patience` is how long one of the programs
    /// may go on without progress.
    ///
    /// # Errors
    /// [`MariadbError::Configuration`] if the credentials or a program cannot be used.
    pub fn administered(
        node: &'a Node,
        database: &'a Database,
        patience: Duration,
    ) -> Result<Self, MariadbError> {
        let login = Credentials::read(&database.credentials_file)?;
        let programs: &[&PathBuf] = match database.reach {
            Reach::Container(_) => &[&node.docker],
            _ => &[&node.mariadb, &node.mariadb_dump],
        };
        programs.iter().try_for_each(|program| check_root_owned(program))?;
        Ok(Self { node, database, login, patience })
    }

    /// The same server as this account sees it.
    fn as_login(&self, login: Credentials) -> Self {
        Self { node: self.node, database: self.database, login, patience: self.patience }
    }

    /// Runs a script to its end or to its first error, and returns what it answered.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn run(&self, script: &Script, stop: &Stop) -> Result<Vec<Row>, MariadbError> {
        self.run_hearing(script, stop, |_| ()).await
    }

    /// The same; each row is told to `hear` as it comes.
    async fn run_hearing(
        &self,
        script: &Script,
        stop: &Stop,
        mut hear: impl FnMut(&Row),
    ) -> Result<Vec<Row>, MariadbError> {
        // Each answer is heard as it comes: a long script goes on as long as it does.
        let args = [
            "--max-allowed-packet=1G",
            "--batch",
            "--unbuffered",
            "--skip-column-names",
            "--binary-mode",
            "--local-infile=0",
        ];
        let input = Input { text: script.text().to_vec(), file: None };
        let mut rows = Vec::new();
        let program = self.program(Tool::Client, &args.map(str::to_owned), input);
        let ended = program
            .start()?
            .wait_for_lines(stop, LONGEST_ROW_BYTES, |line| {
                let row = row_of(line);
                // Somebody else's statement is still at work, and is waited for.
                if row.tag() != WAITING {
                    hear(&row);
                    rows.push(row);
                }
                Moved::Yes
            })
            .await?;
        match ended.status.success() {
            true => Ok(rows),
            false => Err(MariadbError::of("mariadb", &ended, |line| script.doing(line))),
        }
    }

    /// One of the client programs, confined: it sees no customer's tree.
    fn program(&self, tool: Tool, args: &[String], input: Input) -> Program {
        let mut argv: Vec<String> = Vec::new();
        let (client, dump) = match &self.database.reach {
            Reach::Container(container) => {
                argv.push(self.node.docker.display().to_string());
                argv.extend(["exec", "-i", container].map(str::to_owned));
                ("mariadb".to_owned(), "mariadb-dump".to_owned())
            }
            _ => (
                self.node.mariadb.display().to_string(),
                self.node.mariadb_dump.display().to_string(),
            ),
        };
        let shell = if argv.is_empty() { "/bin/sh" } else { "sh" };
        argv.extend([shell, "-c", LOGIN, "sh"].map(str::to_owned));
        argv.push(match tool {
            Tool::Client => client,
            Tool::Dump => dump,
        });
        argv.extend(OPTIONS.map(str::to_owned));
        if matches!(tool, Tool::Client) {
            argv.push(format!("--connect-timeout={CONNECT_SECONDS}"));
        }
        argv.extend(self.encryption().iter().map(|&option| option.to_owned()));
        match &self.database.reach {
            Reach::Socket(socket) => argv.push(format!("--socket={}", socket.display())),
            Reach::Tcp { host, port } => {
                argv.extend([format!("--host={host}"), format!("--port={port}")]);
                argv.push("--protocol=tcp".into());
            }
            Reach::Container(_) => {}
        }
        argv.extend_from_slice(args);
        let confinement = Confinement { hide: self.node.customers.clone(), show: None, at: None };
        let mut text = Vec::new();
        for secret in [&self.login.user, &self.login.password] {
            text.extend_from_slice(in_option_file(secret).as_bytes());
            text.push(b'\n');
        }
        text.extend_from_slice(&input.text);
        Program {
            name: match tool {
                Tool::Client => "mariadb".into(),
                Tool::Dump => "mariadb-dump".into(),
            },
            path: PathBuf::from("/proc/self/exe"),
            args: confinement.arguments(argv),
            env: docker_environment(&self.node.docker_socket),
            stdin: Input { text, file: input.file },
            patience: self.patience,
        }
    }

    /// The options for encryption. Clients since 11.4 want it everywhere, also on a socket, where it
    /// protects nothing.
    fn encryption(&self) -> &[&'static str] {
        match (&self.database.reach, self.database.tls) {
            (Reach::Socket(_) | Reach::Container(_), _) => &[ANY_SERVER],
            (Reach::Tcp { .. }, Tls::AsTheClient) => &[],
            (Reach::Tcp { .. }, Tls::Off) => &["--skip-ssl"],
            (Reach::Tcp { .. }, Tls::Required) => &["--ssl", ANY_SERVER],
            (Reach::Tcp { .. }, Tls::Verified) => &["--ssl", "--ssl-verify-server-cert"],
        }
    }

    fn with_file(text: Vec<u8>, file: File) -> Input {
        Input { text, file: Some(file) }
    }
}

/// A value between double quotes in an option file.
fn in_option_file(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}
