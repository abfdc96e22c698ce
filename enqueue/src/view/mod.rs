//! How statuses, jobs and backups look in JSON: below the API and the event streams. It knows no HTTP.

pub mod backup;
pub mod job;
pub mod status;

use holdfast_job::Moment;
use serde::Serializer;

/// A moment, as the API writes it: RFC 3339, UTC.
pub fn time(moment: Moment) -> String {
    moment.to_string()
}

/// The same, where serde writes it.
///
/// # Errors
/// The serializer's.
pub fn write_time<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time(*moment))
}
