//! The meaning of a client program's end: what went wrong, of which table, and whether it passes.

use super::said::{Found, find_error, unknown_option};
use crate::{
    config::ConfigError,
    failure::{Failure, chain},
    process::{Ended, ProcessError},
};

/// Why MariaDB did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum MariadbError {
    /// The credentials or a program cannot be used.
    #[error("the database cannot be used as it is configured")]
    Configuration(#[from] ConfigError),
    /// The client program did not come to its own end.
    #[error("the database client failed")]
    Process(#[from] ProcessError),
    /// The server is not there, or went away.
    #[error("the database server is not there ({0}): start it, or see its log")]
    Away(String),
    /// The server refused a statement.
    #[error("could not {doing}{}: the database server answered error {number} ({state}) at line {line}{}", of_table(.table), advice(*.number))]
    Refused {
        /// The step that failed.
        doing: &'static str,
        /// The server's error number.
        number: u32,
        /// The SQLSTATE.
        state: String,
        /// The line of what the client was given.
        line: usize,
        /// The table, where it is known.
        table: Option<String>,
    },
    /// A table cannot be opened or read.
    #[error("could not {doing}{}: it is broken (error {number}{}): repair it, drop it, or restore the database from an earlier backup", of_table(.table), of_engine(.engine))]
    Broken {
        /// The step that failed.
        doing: &'static str,
        /// The server's error number.
        number: u32,
        /// The storage engine's own.
        engine: Option<u32>,
        /// The table, where it is known.
        table: Option<String>,
    },
    /// A program cannot be made.
    #[error("{kind} `{name}` cannot be made")]
    Program {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// The first reason.
        source: Box<MariadbError>,
    },
    /// An option of the server's forbids a statement.
    #[error("could not {doing}: the server's {option} does not let it")]
    Forbidden {
        /// The step that failed.
        doing: &'static str,
        /// The option.
        option: String,
    },
    /// A statement is longer than the server takes.
    #[error(
        "table `{table}` has a row of {bytes} bytes as the dump writes it, and the server takes packets of {limit}: set its max_allowed_packet to more than {bytes}, and order it again"
    )]
    Packet {
        /// The table.
        table: String,
        /// The length of its longest statement.
        bytes: u64,
        /// The server's `max_allowed_packet`.
        limit: u64,
    },
    /// A client program does not know an option.
    #[error(
        "`{program}` does not know the option {option}: it is too old; install the client programs of MariaDB 10.6 or newer"
    )]
    TooOld {
        /// The program.
        program: String,
        /// The option.
        option: String,
    },
    /// Client and server do not agree about encryption.
    #[error(
        "the database client and its server do not agree about TLS (error {0}): give the server a certificate that the client trusts, or set `tls` in [[site.databases]]"
    )]
    Tls(u32),
    /// The client did not understand what it was given.
    #[error("could not {doing}: the database client does not understand line {line}")]
    Misread {
        /// The step that failed.
        doing: &'static str,
        /// The line of what the client was given.
        line: usize,
    },
    /// The client program ended badly and named no error.
    #[error("the database client ended with {how}: {said}")]
    Unknown {
        /// Its exit code or signal.
        how: String,
        /// The first line of its own that it said.
        said: String,
    },
    /// The answer was not what belongs there.
    #[error("the database server's answer is not understood: {0}")]
    Answer(String),
    /// The administering account may not do everything that it must.
    #[error("the administering account lacks {0}: grant it what `mariadb-account.sql` says")]
    Rights(String),
    /// What is in the backup cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// It would have kept the site closed for longer than that.
    #[error(
        "the databases kept the site closed for longer than limits.closed_seconds, which is {}: all was taken back; raise it for this customer, and order it again",
        .0.as_secs()
    )]
    TooLong(std::time::Duration),
}

/// What to do about an error that the operator can mend.
fn advice(number: u32) -> &'static str {
    match number {
        1045 | 1698 => ": user or password in the credentials file is wrong",
        1044 | 1142 | 1143 | 1227 | 1370 => {
            ": the account in the credentials file has not the right to; `doctor` says what it lacks"
        }
        1205 | 3024 => ": somebody held a lock for too long; see SHOW FULL PROCESSLIST",
        3 | 1021 | 1026 | 1030 | 1114 => ": the disk of the database server is full, or broken",
        1104 => ": its max_join_size is too small for the dump; SET GLOBAL max_join_size = DEFAULT",
        1153 => ": its max_allowed_packet is too small for this",
        1184 => ": the connection was ended as it began; its init_connect may fail, see its log",
        1173 => ": its innodb_force_primary_key refuses tables without a key",
        1180 => ": two rows have the same unique key, as the dump writes them",
        1290 | 1836 => ": the database server is read-only",
        1461 => {
            ": its max_prepared_stmt_count is too small; SET GLOBAL max_prepared_stmt_count = DEFAULT"
        }
        1709 => ": a key is too long for its innodb_default_row_format",
        1819 => ": its policy for passwords refuses the loading account's",
        3159 => ": it wants encrypted connections; set `tls` in [[site.databases]]",
        _ => "",
    }
}

fn of_table(table: &Option<String>) -> String {
    table.as_ref().map(|table| format!(" (table `{table}`)")).unwrap_or_default()
}

fn of_engine(engine: &Option<u32>) -> String {
    engine.map(|number| format!(", of its engine {number}")).unwrap_or_default()
}

/// Errors of a table that cannot be opened or read, and that no wait heals.
fn is_broken(number: u32, engine: Option<u32>) -> bool {
    // By my_base.h and errno.h: a full disk or quota, and a table that is being changed.
    let passing = [11, 12, 23, 24, 28, 122, 135, 139, 146, 149, 159];
    match number {
        1030 => engine.is_some_and(|engine| !passing.contains(&engine)),
        126 | 127 | 130 | 144 | 145 | 1016 | 1033..=1035 | 1194 | 1195 | 1712 | 1812 | 1932 => true,
        _ => false,
    }
}

/// The error of an engine whose disk is full, at a commit.
const ENGINE_DISK_FULL: u32 = 28;

/// What docker says when there is nothing to execute the client in.
const DOCKER_SAYS: [&str; 2] =
    ["Error response from daemon", "Cannot connect to the Docker daemon"];

/// Errors of a server that is stopping, starting, full or gone.
fn is_away(number: u32) -> bool {
    matches!(number, 1040 | 1053 | 1077..=1080 | 1152 | 1158..=1161 | 1203 | 1927 | 2000..=2013 | 2055)
}

/// Errors of a server that is full, read-only for a while, or has somebody else in the way: no person
/// has to look at what they have interrupted.
fn passes(number: u32) -> bool {
    matches!(number, 3 | 1021 | 1026 | 1030 | 1114 | 1205 | 1213 | 1290 | 1412 | 1836 | 3024)
}

impl MariadbError {
    /// The error that ended a client program; `doing` tells the purpose of a line of its input.
    pub(super) fn of(program: &str, ended: &Ended, doing: impl Fn(usize) -> &'static str) -> Self {
        match find_error(&ended.stderr) {
            Some(Found { number: 2026, broke: false, .. }) => Self::Tls(2026),
            Some(Found { number, .. }) if is_away(number) || number == 2026 => {
                Self::Away(format!("error {number}"))
            }
            // A server that is read-only, or behind its master, will not be so for ever.
            Some(Found { number: 1290, line, option: Some(option), .. })
                if !option.starts_with("read") =>
            {
                Self::Forbidden { doing: doing(line), option }
            }
            Some(Found { number: 0, line, .. }) => Self::Misread { doing: doing(line), line },
            Some(Found { number, line, engine, table, .. }) if is_broken(number, engine) => {
                Self::Broken { doing: doing(line), number, engine, table }
            }
            Some(Found {
                number: 1180,
                engine: Some(ENGINE_DISK_FULL),
                state,
                line,
                table,
                ..
            }) => Self::Refused { doing: doing(line), number: 1021, state, line, table },
            Some(Found { number, state, line, table, .. }) => {
                Self::Refused { doing: doing(line), number, state, line, table }
            }
            None if DOCKER_SAYS.iter().any(|words| ended.stderr.contains(words)) => {
                Self::Away("its container does not run".into())
            }
            None if unknown_option(&ended.stderr).is_some() => Self::TooOld {
                program: program.to_owned(),
                option: unknown_option(&ended.stderr).unwrap_or_default(),
            },
            None => {
                let ours = |line: &&str| {
                    !line.is_empty()
                        && (line.contains("mariadb")
                            || line.contains("sh:")
                            || line.contains("ocker"))
                };
                let said =
                    ended.stderr.lines().map(str::trim).find(ours).unwrap_or("it said nothing");
                Self::Unknown { how: ended.how(), said: said.chars().take(200).collect() }
            }
        }
    }

    /// True if a statement met other tables than were listed, or somebody who used one of them: the same
    /// may work when they are listed again.
    pub(super) fn is_of_other_tables(&self) -> bool {
        matches!(self, Self::Refused { number: 1050 | 1051 | 1146 | 1205 | 1213 | 1347 | 1435, .. })
    }

    /// The table that it is about, where it is known.
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Refused { table, .. } | Self::Broken { table, .. } => table.as_deref(),
            Self::Packet { table, .. } => Some(table),
            _ => None,
        }
    }

    /// The table or program that it is about, where it is known, in words.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Program { kind, name, .. } => Some(format!("{kind} `{name}`")),
            other => other.table().map(|table| format!("table `{table}`")),
        }
    }

    /// True if the same would end in the same way.
    pub(super) fn is_permanent(&self) -> bool {
        match self {
            Self::Refused { number, .. } => !passes(*number),
            Self::Process(_) | Self::Away(_) | Self::Unknown { .. } | Self::Answer(_) => false,
            _ => true,
        }
    }

    /// The failure of the stage in which this happened.
    pub fn into_failure(self) -> Failure {
        let operator = chain(&self);
        let later = "The database could not be used just now. Nothing was changed. Try again \
                     later.";
        match self {
            Self::Process(ProcessError::Stopped { .. }) => Failure::stopped(),
            Self::Away(_) => Failure::away(later, operator),
            Self::Refused { number, .. } if passes(number) => Failure::transient(later, operator),
            Self::Process(_) => Failure::transient(later, operator),
            Self::Unknown { .. } | Self::Answer(_) => Failure::transient(later, operator),
            Self::Configuration(_)
            | Self::Rights(_)
            | Self::Forbidden { .. }
            | Self::TooOld { .. }
            | Self::Tls(_) => Failure::permanent(crate::plans::CONTACT_SUPPORT, operator),
            Self::Broken { table, .. } => {
                let table = table.map(|table| format!("A table of it, `{table}`,"));
                let table = table.as_deref().unwrap_or("A table of it");
                let customer = format!(
                    "The database could not be used. {table} is broken. Nothing was changed. Repair \
                     or drop that table, restore the database, or contact support."
                );
                Failure::permanent(customer, operator)
            }
            Self::Packet { table, .. } => Failure::permanent(
                format!(
                    "The database has a row in table `{table}` that is too long for its server. \
                     Nothing was changed. Shorten that row, or contact support."
                ),
                operator,
            ),
            Self::TooLong(_) => Failure::permanent(
                "Your site would have been closed for longer than allowed, and was put back as it \
                 was. Contact support to have this done all the same.",
                operator,
            ),
            Self::Refused { .. } | Self::Program { .. } => Failure::permanent(
                "The database server refused what is needed for this. Nothing was changed. \
                 Contact support.",
                operator,
            ),
            Self::Misread { .. } | Self::Unusable(_) => Failure::permanent(
                "The database in this backup cannot be brought back from here. Nothing was \
                 changed. Choose another backup or contact support.",
                operator,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_job::Outcome;

    use super::*;

    #[test]
    fn what_passes_by_itself_is_tried_again_and_what_does_not_is_not() {
        let refused = |number| {
            let (state, table) = ("HY000".into(), None);
            let refused = MariadbError::Refused { doing: "swap", number, state, line: 1, table };
            refused.into_failure().outcome()
        };
        for number in [1021, 1030, 1114, 1205, 1290, 1836] {
            assert_eq!(refused(number), Outcome::FailedForNow, "error {number}");
        }
        for number in [1044, 1064, 1104, 1142, 1146, 1153, 1173, 1180, 1709, 1819] {
            assert_eq!(refused(number), Outcome::Failed, "error {number}");
        }
    }

    #[test]
    fn a_full_disk_is_no_broken_table() {
        assert!(is_broken(1030, Some(194)));
        assert!(is_broken(1194, None));
        assert!(!is_broken(1030, Some(ENGINE_DISK_FULL)));
        assert!(!is_broken(1030, None));
        assert!(!is_broken(1146, None));
    }
}
