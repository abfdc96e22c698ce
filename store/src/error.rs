//! Why the store could not answer: the adapter that saw it says whether it passes by itself.

use std::time::Duration;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The server is away, starting, overloaded or held up: the same call may succeed later.
    #[error("the control database does not answer")]
    Away(#[source] sqlx::Error),
    /// The server has not answered for so long.
    #[error("the control database has not answered for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The server refuses: a right, a table or a column is missing.
    #[error("the control database refuses")]
    Refused(#[source] sqlx::Error),
    /// A row holds what cannot be there.
    #[error("the control database holds a {what} that is none: {problem}")]
    Corrupt {
        /// What was expected.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Redis does not answer, or refuses.
    #[error("Redis does not answer")]
    Redis(#[source] redis::RedisError),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Silent(_) | Self::Redis(_))
    }

    /// Whether the server itself says it: then nothing of the statement was done, and it is there.
    pub(crate) fn is_of_server(&self) -> bool {
        matches!(self, Self::Away(error) | Self::Refused(error) if number(error).is_some())
    }

    /// The same for another who waited for the same answer.
    pub(crate) fn again(&self) -> Self {
        let said = |error: &sqlx::Error| sqlx::Error::Protocol(error.to_string());
        match self {
            Self::Silent(patience) => Self::Silent(*patience),
            Self::Away(error) => Self::Away(said(error)),
            Self::Refused(error) => Self::Refused(said(error)),
            Self::Corrupt { what, problem } => Self::corrupt(what, problem),
            Self::Redis(error) => Self::Redis(error.clone()),
        }
    }

    pub(crate) fn corrupt(what: &'static str, problem: impl ToString) -> Self {
        Self::Corrupt { what, problem: problem.to_string() }
    }
}

/// Errors that pass: too many connections, of all or of an account, shutting down, interrupted, lock waits,
/// deadlocks, read-only.
/// By the server's own list, <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
const PASSING: [u16; 14] =
    [1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1226, 1290, 1317, 1836, 1927];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match number(&error) {
            Some(number) if PASSING.contains(&number) => Self::Away(error),
            Some(_) => Self::Refused(error),
            None => match error {
                sqlx::Error::ColumnDecode { ref index, ref source } => {
                    Self::corrupt("column", format!("{index}: {source}"))
                }
                sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::TypeNotFound { .. }
                | sqlx::Error::Configuration(_) => Self::Refused(error),
                other => Self::Away(other),
            },
        }
    }
}

impl From<redis::RedisError> for StoreError {
    fn from(error: redis::RedisError) -> Self {
        Self::Redis(error)
    }
}

/// The server's number of an error.
pub(crate) fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?;
    Some(error.number())
}

/// Whether a unique key stood in the way, and which: its name stands at the end, behind the value, which
/// may be anybody's.
pub(crate) fn violates(error: &sqlx::Error, key: &str) -> bool {
    number(error) == Some(1062)
        && error.as_database_error().is_some_and(|error| names_key(error.message(), key))
}

/// `Duplicate entry '42-mine' for key 'one_job_a_key'`; some servers write the table before it.
fn names_key(message: &str, key: &str) -> bool {
    let named = message.rsplit('\'').nth(1);
    named.is_some_and(|named| named.rsplit('.').next() == Some(key))
}

/// Whether the server took this transaction back for another's sake: it may be tried again at once.
pub(crate) fn is_deadlock(error: &StoreError) -> bool {
    matches!(error, StoreError::Away(error) if number(error) == Some(1213))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_stood_in_the_way_is_not_taken_from_the_value() {
        let message = "Duplicate entry '42-for key 'one_active_job'' for key 'one_job_a_key'";
        assert!(names_key(message, "one_job_a_key") && !names_key(message, "one_active_job"));
        let message = "Duplicate entry '42' for key 'customer_backup_jobs.one_active_job'";
        assert!(names_key(message, "one_active_job") && !names_key(message, "active_job"));
    }
}
