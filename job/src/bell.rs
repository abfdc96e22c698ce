//! The bell: the entry in Redis that says that a job is due.
//!
//! It names the job and nothing else, since the row is the truth: an entry that is lost, doubled or
//! late changes nothing but latency.

use serde::{Deserialize, Serialize};

use crate::JobId;

/// The version of the entry that this build writes.
const BELL_VERSION: u32 = 1;
/// The most bytes an entry may have.
const MAX_BELL_BYTES: usize = 256;

/// An entry in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bell {
    version: u32,
    job: JobId,
}

/// Why an entry is none.
#[derive(Debug, thiserror::Error)]
pub enum BellError {
    /// Larger than any entry of ours.
    #[error("it has {0} bytes")]
    TooLarge(usize),
    /// A version this build does not speak.
    #[error("it has version {0}, and this worker understands version {BELL_VERSION}")]
    Version(u64),
    /// Not JSON, or not of the form.
    #[error("it is no entry: {0}")]
    Malformed(#[source] serde_json::Error),
}

impl Bell {
    /// The bell of a job.
    pub fn of(job: JobId) -> Self {
        Self { version: BELL_VERSION, job }
    }

    /// The job that is due.
    pub fn job(self) -> JobId {
        self.job
    }

    /// The entry's text. The same job has always the same, so that ringing again adds nothing.
    pub fn text(self) -> String {
        format!("{{\"version\":{},\"job\":\"{}\"}}", self.version, self.job)
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`BellError`]: such an entry is counted, logged and dropped.
    pub fn parse(entry: &[u8]) -> Result<Self, BellError> {
        if entry.len() > MAX_BELL_BYTES {
            return Err(BellError::TooLarge(entry.len()));
        }
        let value: serde_json::Value =
            serde_json::from_slice(entry).map_err(BellError::Malformed)?;
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version != u64::from(BELL_VERSION) => Err(BellError::Version(version)),
            _ => serde_json::from_value(value).map_err(BellError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        let bell = Bell::of("0193e5c0-0000-7000-8000-000000000001".parse().unwrap());
        assert_eq!(Bell::parse(bell.text().as_bytes()).unwrap(), bell);
    }

    #[test]
    fn garbage_is_told_from_a_later_version() {
        for garbage in ["", "{}", "[1]", "null", "\u{0}", r#"{"version":1,"job":"42"}"#] {
            assert!(matches!(Bell::parse(garbage.as_bytes()), Err(BellError::Malformed(_))));
        }
        assert!(matches!(Bell::parse(br#"{"version":2,"to":[]}"#), Err(BellError::Version(2))));
        assert!(matches!(Bell::parse(&[b'x'; 1000]), Err(BellError::TooLarge(1000))));
    }
}
