//! `manifest.json`: what a snapshot holds, by the stable ids of the site, in the snapshot itself.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use holdfast_job::{CustomerId, JobId, Moment, SourceId};
use serde::{Deserialize, Serialize};

use crate::{
    config::{Engine, FileSource, Node},
    mariadb::{Charset, ExpectedTable},
    tree::Mark,
};

/// The version of the manifest that this build writes. It understands the one before as well,
/// which had no databases.
pub const MANIFEST_VERSION: u32 = 2;
/// Its name.
pub const FILE: &str = "manifest.json";
/// The tag of a snapshot with folders that must have their flags before anything is in them.
pub const MARKED: &str = "marked";
/// A database's tables and data, in the folder of its id beside the manifest.
pub const TABLES_FILE: &str = "tables.sql";
/// Its programs as data, one a line.
pub const PROGRAMS_FILE: &str = "programs.jsonl";
/// The same for people.
pub const PROGRAMS_SQL_FILE: &str = "programs.sql";

/// By source, entries with flags of chattr(1) that they would not inherit.
pub type MarksOfSources = BTreeMap<SourceId, Vec<Mark>>;

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
    /// The flags in the file sources.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marks: MarksOfSources,
    /// The databases in it.
    #[serde(default)]
    pub databases: Vec<SavedDatabase>,
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

/// A database in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedDatabase {
    /// Its stable id, and the name of its folder beside the manifest.
    pub id: SourceId,
    /// Its name for people, then.
    pub name: String,
    /// What kind of server it was on.
    pub engine: Engine,
    /// Which version of it.
    pub server_version: String,
    /// Its schema, then.
    pub schema: String,
    /// The schema's defaults.
    pub charset: Charset,
    /// Its tables and sequences.
    pub tables: Vec<ExpectedTable>,
    /// Bytes of data and indexes, as the server estimated them.
    pub table_bytes: u64,
    /// The length of the dump in bytes.
    pub dump_bytes: u64,
    /// The SHA-256 of the dump, in hexadecimal.
    pub dump_sha256: String,
    /// How many programs there are: views, triggers, functions, procedures and events.
    pub programs: usize,
    /// What is not in it, or not at one moment in time, a sentence each.
    pub notes: Vec<String>,
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
        "the backup's manifest has version {0}, and this executor understands 1 and {MANIFEST_VERSION}"
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
        if !(1..=u64::from(MANIFEST_VERSION)).contains(&version) {
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

    /// What is in the snapshot of the database of this id.
    pub fn database(&self, id: &SourceId) -> Option<&SavedDatabase> {
        self.databases.iter().find(|saved| saved.id == *id)
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
