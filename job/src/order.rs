//! The request: one JSON object that says who ordered what for which customer.
//!
//! Names cross the privilege boundary, never paths, commands or secrets. The request is bounded
//! and versioned, and an unknown field of a known version is an error: a misspelt option must not
//! be an option silently ignored.

use serde::{Deserialize, Serialize};

use crate::{CustomerId, JobId, Moment, NodeName, RepositoryName, Scope, SnapshotId};

/// The most bytes a request may have, its line end included.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The version of the request that this build writes and understands.
pub const REQUEST_VERSION: u32 = 1;

/// One order for one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`REQUEST_VERSION`].
    pub version: u32,
    /// The job this is, chosen by whoever ordered it.
    pub job: JobId,
    /// The node that is meant; root at its own shell may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// Whose site.
    pub customer: CustomerId,
    /// When the order was given.
    pub issued_at: Moment,
    /// After this the order is void, and a day later its journal may go.
    pub not_after: Moment,
    /// What is to be done.
    pub order: Order,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Order {
    /// Save the site.
    Backup(Backup),
    /// Bring a snapshot back.
    Restore(Restore),
    /// Take a restore back.
    Undo(Undo),
    /// Forget snapshots.
    Delete(Delete),
}

/// Save sources of the site into one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Which repository.
    pub repository: RepositoryName,
    /// Which sources.
    pub scope: Scope,
    /// The tag that tells a person's backup from the nightly one.
    pub label: Label,
}

/// Bring sources of one snapshot back in place of the live ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Which repository.
    pub repository: RepositoryName,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// Which sources.
    pub scope: Scope,
    /// Whether what is displaced can be brought back.
    #[serde(default)]
    pub undo: UndoCopy,
    /// When the site is closed; the site's configuration says if this does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceMode>,
    /// Whether the restored site stays though it does not answer as it should.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_unhealthy: bool,
}

/// Swap back what a restore or an undo displaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The job that displaced it; the latest when left out, which only root at a shell may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<JobId>,
}

/// Forget snapshots of this customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Which repository.
    pub repository: RepositoryName,
    /// Which snapshots; at least one.
    pub snapshots: Vec<SnapshotId>,
}

/// The tag that tells a person's backup from the nightly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A person asked for it.
    Manual,
    /// A schedule did.
    Daily,
}

impl Label {
    /// The tag.
    pub fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Daily => "daily",
        }
    }
}

/// Whether what a restore displaces is kept for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoCopy {
    /// Kept for the hours that the site's configuration gives.
    #[default]
    Keep,
    /// Thrown away: for a disk without room for both.
    None,
}

/// When a restore closes the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceMode {
    /// For the moment of the switch.
    #[default]
    Swap,
    /// From before the fetch until the end.
    Whole,
}

/// The four verbs that take a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// See [`Backup`].
    Backup,
    /// See [`Restore`].
    Restore,
    /// See [`Undo`].
    Undo,
    /// See [`Delete`].
    Delete,
}

impl Verb {
    /// The word on the command line and in the request.
    pub fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Undo => "undo",
            Self::Delete => "delete",
        }
    }
}

/// Why a text is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Larger than [`MAX_REQUEST_BYTES`].
    #[error("the request is larger than {MAX_REQUEST_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or without a version.
    #[error("the request is no JSON object with a version")]
    Malformed(#[source] serde_json::Error),
    /// A version this build does not speak.
    #[error(
        "the request has version {0}, and this executor understands version {REQUEST_VERSION}: \
         update whichever is older"
    )]
    Version(u32),
    /// A field is missing, unknown or wrong.
    #[error("the request is not valid")]
    Invalid(#[source] serde_json::Error),
    /// Nothing is named to be deleted.
    #[error("the request names no snapshot to delete")]
    NothingToDelete,
}

impl Request {
    /// Reads a request from one line.
    ///
    /// # Errors
    /// [`RequestError`] names what is wrong with it; nothing of a bad request is used.
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        if line.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLarge);
        }
        let Versioned { version } =
            serde_json::from_slice(line).map_err(RequestError::Malformed)?;
        if version != REQUEST_VERSION {
            return Err(RequestError::Version(version));
        }
        let request: Self = serde_json::from_slice(line).map_err(RequestError::Invalid)?;
        match &request.order {
            Order::Delete(delete) if delete.snapshots.is_empty() => {
                Err(RequestError::NothingToDelete)
            }
            _ => Ok(request),
        }
    }
}

impl Order {
    /// The verb this order needs.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Backup(_) => Verb::Backup,
            Self::Restore(_) => Verb::Restore,
            Self::Undo(_) => Verb::Undo,
            Self::Delete(_) => Verb::Delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"version":1,"job":"0193e5c0-0000-7000-8000-000000000001","customer":42,
        "issued_at":1,"not_after":2,
        "order":{"verb":"backup","repository":"manual","scope":"both","label":"manual"}}"#;

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        let request = Request::parse(GOOD.as_bytes()).unwrap();
        let written = serde_json::to_vec(&request).unwrap();
        assert_eq!(Request::parse(&written).unwrap(), request);
    }

    #[test]
    fn a_misspelt_field_is_refused_by_name() {
        for (from, to) in [("\"label\"", "\"lable\""), ("\"customer\"", "\"costumer\"")] {
            let error = Request::parse(GOOD.replace(from, to).as_bytes()).unwrap_err();
            let RequestError::Invalid(cause) = error else { panic!("{error:?}") };
            assert!(cause.to_string().contains(to.trim_matches('"')), "{cause}");
        }
    }

    #[test]
    fn another_version_is_refused_by_number() {
        let newer = GOOD.replace("\"version\":1", "\"version\":7,\"novel\":true");
        assert!(matches!(Request::parse(newer.as_bytes()), Err(RequestError::Version(7))));
    }

    #[test]
    fn ten_megabytes_are_refused_unread() {
        let large = vec![b' '; 10 << 20];
        assert!(matches!(Request::parse(&large), Err(RequestError::TooLarge)));
    }
}
