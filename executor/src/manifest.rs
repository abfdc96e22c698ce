//! `manifest.json`: what a snapshot holds, by the stable ids of the site, in the snapshot itself.

use std::path::{Path, PathBuf};

use holdfast_job::{CustomerId, JobId, Moment, SourceId};
use serde::{Deserialize, Serialize};

use crate::config::{FileSource, Node};

/// The version of the manifest that this build writes and understands.
pub const MANIFEST_VERSION: u32 = 1;
/// Its name.
pub const FILE: &str = "manifest.json";

/// What a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// The job that made it.
    pub job: JobId,
    /// Whose.
    pub customer: CustomerId,
    /// When.
    pub created_at: Moment,
    /// The file sources in it.
    pub files: Vec<SavedFiles>,
    /// What of the site is not in it, and why.
    pub left_out: Vec<LeftOut>,
}

/// A file source in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFiles {
    /// Its stable id.
    pub id: SourceId,
    /// Its name for people, then.
    pub name: String,
    /// Where it lived then, which is where it is in the snapshot.
    pub path: PathBuf,
    /// What was left out of it.
    pub excludes: Vec<String>,
    /// Files, directories and links, counted just before.
    pub entries: u64,
    /// Bytes, counted just before.
    pub bytes: u64,
}

/// A source that is not in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its stable id.
    pub id: SourceId,
    /// Why.
    pub why: String,
}

/// Why a text is no manifest of this customer.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a field is missing.
    #[error("the backup's manifest is not understood")]
    Malformed(#[source] serde_json::Error),
    /// A version this build does not know.
    #[error(
        "the backup's manifest has version {0}, and this executor understands {MANIFEST_VERSION}"
    )]
    Version(u64),
    /// Another customer's.
    #[error("the backup's manifest names customer {0}")]
    Foreign(CustomerId),
}

impl Manifest {
    /// Reads the manifest of this customer.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(text: &[u8], customer: CustomerId) -> Result<Self, ManifestError> {
        let value: serde_json::Value =
            serde_json::from_slice(text).map_err(ManifestError::Malformed)?;
        let version = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or_default();
        if version != u64::from(MANIFEST_VERSION) {
            return Err(ManifestError::Version(version));
        }
        let manifest: Self = serde_json::from_value(value).map_err(ManifestError::Malformed)?;
        match manifest.customer == customer {
            true => Ok(manifest),
            false => Err(ManifestError::Foreign(manifest.customer)),
        }
    }

    /// Where the source of this id is in the snapshot.
    pub fn files(&self, id: &SourceId) -> Option<&SavedFiles> {
        self.files.iter().find(|saved| saved.id == *id)
    }
}

impl SavedFiles {
    /// What the manifest says of a source.
    pub fn new(source: &FileSource, entries: u64, bytes: u64) -> Self {
        let FileSource { id, name, path, excludes } = source.clone();
        Self { id, name, path, excludes, entries, bytes }
    }
}

/// The folder that goes into every snapshot beside the sources. Its path never changes, or restic
/// would not find the snapshot before and read every file again.
pub fn spool(node: &Node, customer: CustomerId) -> PathBuf {
    node.state.join("spool").join(format!("customer-{customer}"))
}

/// Whether a path in a snapshot is the spool of this customer, on whichever node it was made.
pub fn is_spool(path: &Path, customer: CustomerId) -> bool {
    path.ends_with(Path::new("spool").join(format!("customer-{customer}")))
}
