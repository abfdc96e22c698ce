//! What a client program's end means.
//!
//! The client prints the whole failing statement, which may be megabytes of a customer's data: of
//! what it says, only number, state and line are kept.

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
    #[error("could not {doing}: the database server answered error {number} ({state}) at line {line}{}", advice(*.number))]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// The server's error number.
        number: u32,
        /// The SQLSTATE.
        state: String,
        /// The line of what the client was given.
        line: usize,
    },
    /// The client did not understand what it was given.
    #[error("could not {doing}: the database client does not understand line {line}")]
    Misread {
        /// What was being done.
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
        1290 | 1836 => ": the database server is read-only",
        1153 => ": its max_allowed_packet is too small for a row of this database",
        _ => "",
    }
}

/// What docker says when there is nothing to execute the client in.
const DOCKER_SAYS: [&str; 2] =
    ["Error response from daemon", "Cannot connect to the Docker daemon"];

/// Errors of a server that is stopping, starting, full or gone.
fn is_away(number: u32) -> bool {
    matches!(number, 1040 | 1053 | 1077..=1080 | 1152 | 1158..=1161 | 1203 | 1927 | 2000..=2013 | 2026 | 2055)
}

/// Errors of a server that is full, read-only for a while, or has somebody else in the way: no person
/// has to look at what they have interrupted.
fn passes(number: u32) -> bool {
    matches!(number, 3 | 1021 | 1026 | 1030 | 1114 | 1205 | 1213 | 1290 | 1412 | 1836 | 3024)
}

impl MariadbError {
    /// What the bad end of a client program means; `doing` tells what a line of its input is for.
    pub(super) fn of(ended: &Ended, doing: impl Fn(usize) -> &'static str) -> Self {
        match find_error(&ended.stderr) {
            Some(Found { number, .. }) if is_away(number) => Self::Away(format!("error {number}")),
            Some(Found { number: 0, line, .. }) => Self::Misread { doing: doing(line), line },
            Some(Found { number, state, line }) => {
                Self::Refused { doing: doing(line), number, state, line }
            }
            None if DOCKER_SAYS.iter().any(|words| ended.stderr.contains(words)) => {
                Self::Away("its container does not run".into())
            }
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

    /// Whether a statement met other tables than were listed, or somebody who used one of them: the same
    /// may work when they are listed again.
    pub(super) fn is_of_other_tables(&self) -> bool {
        matches!(self, Self::Refused { number: 1050 | 1051 | 1146 | 1205 | 1213 | 1347 | 1435, .. })
    }

    /// The failure of the stage in which this happened.
    pub fn into_failure(self) -> Failure {
        let operator = chain(&self);
        let later = "The database could not be used just now. Nothing was changed; please try again \
                     later.";
        match self {
            Self::Process(ProcessError::Stopped { .. }) => Failure::stopped(),
            Self::Away(_) => Failure::away(later, operator),
            Self::Refused { number, .. } if passes(number) => Failure::transient(later, operator),
            Self::Process(_) => Failure::transient(later, operator),
            Self::Unknown { .. } | Self::Answer(_) => Failure::transient(later, operator),
            Self::Configuration(_) | Self::Rights(_) => {
                Failure::permanent(crate::plans::CONTACT_SUPPORT, operator)
            }
            Self::Refused { .. } => Failure::permanent(
                "The database server refused what is needed for this. Nothing was changed; please \
                 contact support.",
                operator,
            ),
            Self::Misread { .. } | Self::Unusable(_) => Failure::permanent(
                "The database in this backup cannot be brought back from here. Nothing was \
                 changed; please choose another backup or contact support.",
                operator,
            ),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Found {
    number: u32,
    state: String,
    line: usize,
}

/// The last error that is named: `ERROR 1146 (42S02) at line 3: …` of the server, `ERROR at line 3: …`
/// of the client itself, which has no number, and of the dump
/// `Got error: 2002: "…"`, `Error 2013: …` or `…: View '…' references … (1356)`.
fn find_error(stderr: &str) -> Option<Found> {
    stderr.lines().rev().find_map(|line| {
        if let Some(rest) = line.strip_prefix("ERROR at line ") {
            let line = leading_number(rest)? as usize;
            return Some(Found { number: 0, state: String::new(), line });
        }
        if let Some(rest) = line.strip_prefix("ERROR ") {
            let number = leading_number(rest)?;
            let state = rest.split(['(', ')']).nth(1).unwrap_or_default();
            let state = state.chars().take(5).filter(char::is_ascii_alphanumeric).collect();
            let at = rest.split_once(" at line ").and_then(|(_, rest)| leading_number(rest));
            return Some(Found { number, state, line: at.unwrap_or(0) as usize });
        }
        let rest = line.strip_prefix("mariadb-dump: ").or(line.strip_prefix("mysqldump: "))?;
        let named = ["Got error: ", "Error: ", "Error "]
            .iter()
            .find_map(|mark| rest.split_once(mark).and_then(|(_, rest)| leading_number(rest)));
        let last = || {
            let inside = rest.trim_end().strip_suffix(')')?.rsplit_once('(')?.1;
            inside.parse().ok()
        };
        let number = named.or_else(last)?;
        Some(Found { number, state: "dump".into(), line: 0 })
    })
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use holdfast_job::Outcome;

    use super::*;

    #[test]
    fn only_number_state_and_line_of_an_error_are_kept() {
        let said = "--------------\nINSERT INTO secret VALUES ('ERROR 1 (x)')\n--------------\n\n\
                    ERROR 1062 (23000) at line 41: Duplicate entry 'secret' for key 'PRIMARY'\n";
        let found = Found { number: 1062, state: "23000".into(), line: 41 };
        assert_eq!(find_error(said), Some(found));
        let found = |number| Some(Found { number, state: "dump".into(), line: 0 });
        let client = "ERROR at line 7: Unknown command '\\!'.";
        assert_eq!(find_error(client), Some(Found { number: 0, state: String::new(), line: 7 }));
        let dump = "mariadb-dump: Got error: 2002: \"Can't connect\" when trying to connect\n";
        assert_eq!(find_error(dump), found(2002));
        let dump = "mariadb-dump: Error 2013: Lost connection to server during query when dumping";
        assert_eq!(find_error(dump), found(2013));
        let dump = "mariadb-dump: Couldn't execute 'SHOW FIELDS FROM `v`': View is broken (1356)";
        assert_eq!(find_error(dump), found(1356));
        assert_eq!(find_error("Segmentation fault"), None);
    }

    #[test]
    fn what_passes_by_itself_is_tried_again_and_what_does_not_is_not() {
        let refused = |number| {
            let state = "HY000".into();
            let refused = MariadbError::Refused { doing: "swap", number, state, line: 1 };
            refused.into_failure().outcome()
        };
        for number in [1021, 1030, 1114, 1205, 1290, 1836] {
            assert_eq!(refused(number), Outcome::FailedForNow, "error {number}");
        }
        for number in [1044, 1064, 1142, 1146] {
            assert_eq!(refused(number), Outcome::Failed, "error {number}");
        }
    }
}
