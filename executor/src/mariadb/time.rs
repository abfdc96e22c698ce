//! The time that a site's databases may take while it is closed.

use std::time::Duration;

use tokio::time::Instant;

use super::{MariadbError, Script};

/// The number of the error with which a session ends when its time is over: that of a statement that
/// took too long.
const OVER: u32 = 3024;

/// The end of the time, if there is one. On the way back there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClosedTime(Option<(Instant, Duration)>);

impl ClosedTime {
    /// So long from now on; without a limit, for ever.
    pub fn from_now(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (Instant::now() + limit, limit)))
    }

    /// An error if the time is over.
    ///
    /// # Errors
    /// [`MariadbError::TooLong`].
    pub(super) fn check(self) -> Result<(), MariadbError> {
        match self.0 {
            Some((end, limit)) if Instant::now() > end => Err(MariadbError::TooLong(limit)),
            _ => Ok(()),
        }
    }

    /// Tells a session when its time is over.
    pub(super) fn begin(self, script: &mut Script) {
        if let Some((end, _)) = self.0 {
            let left = end.saturating_duration_since(Instant::now()).as_micros();
            let until = format!("SET @until = SYSDATE(6) + INTERVAL {left} MICROSECOND");
            script.push("prepare the session", until);
        }
    }

    /// Ends the session here if its time is over. No statement is ended half way.
    pub(super) fn keep(self, script: &mut Script) {
        if self.0.is_some() {
            script.push(
                "keep to limits.closed_seconds",
                format!(
                    "BEGIN NOT ATOMIC IF SYSDATE(6) > @until THEN SIGNAL SQLSTATE '45000' \
                     SET MYSQL_ERRNO = {OVER}, MESSAGE_TEXT = 'time'; END IF; END"
                ),
            );
        }
    }
}
