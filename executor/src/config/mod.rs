//! The root-owned configuration: what this node is and what each customer's site is.
//!
//! `executor.toml` describes the node and the template of a site; `customers/<id>.toml` overrides
//! the template for one customer. Every mistake is refused with a sentence that names file and
//! key, before anything is done. Nothing a customer can write is ever read here.

mod database;
mod hooks;
mod limits;
mod node;
mod probe;
mod repository;
mod services;
mod site;
mod template;
mod ticket_keys;
mod trust;

use std::path::{Path, PathBuf};

pub use database::{Account, Credentials, Database, Engine, OUR_PREFIX, Reach, Tls};
pub use hooks::Hooks;
pub use limits::{IoClass, Limits};
pub use node::Node;
pub use probe::Probe;
pub use repository::{PasswordSource, Repository};
pub use services::{Containers, Others, Services};
pub use site::{FileSource, Owners, Pools, QuotaKind, Site};
pub use ticket_keys::TicketKeys;
pub use trust::check_root_owned;

/// Where the configuration is unless root says otherwise at the shell.
pub const DEFAULT_FOLDER: &str = "/etc/holdfast";

/// Why the configuration cannot be used. Each names the file, and the key where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("{}: cannot be read; see `executor.example.toml` for what belongs there", .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML, or a key is unknown, missing or of the wrong type.
    #[error("{}: not a valid configuration", .file.display())]
    Parse {
        /// Which file.
        file: PathBuf,
        /// Line, column and key.
        source: Box<toml::de::Error>,
    },
    /// A value is impossible.
    #[error("{}: `{key}`: {problem}", .file.display())]
    Value {
        /// Which file.
        file: PathBuf,
        /// Which key.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file or folder that only root may write can be written by others.
    #[error("{}: {problem}", .path.display())]
    Untrusted {
        /// Which file or folder.
        path: PathBuf,
        /// Who may write it, and what to do.
        problem: String,
    },
    /// The site is described rightly, but the world is not so.
    #[error("{}: {problem}", .path.display())]
    World {
        /// Which path.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl ConfigError {
    /// The same mistake, told by the file and key that name the path where it is.
    fn named_by(self, file: &Path, key: &str) -> Self {
        let (path, problem) = match self {
            Self::Untrusted { path, problem } | Self::World { path, problem } => (path, problem),
            Self::Read { file: path, source } => (path, format!("cannot be read: {source}")),
            other => return other,
        };
        Self::value(file, key, format!("{} {problem}", path.display()))
    }

    /// The key that a mistake is about, where one is named.
    fn key(&self) -> Option<&str> {
        match self {
            Self::Value { key, .. } => Some(key),
            _ => None,
        }
    }

    /// For a plan that is only asked what it noted.
    pub(crate) fn not_needed() -> Self {
        Self::World { path: PathBuf::new(), problem: "the configuration was not read".into() }
    }

    fn value(file: &Path, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Value { file: file.to_owned(), key: key.into(), problem: problem.into() }
    }
}

/// Reads a root-owned text file.
fn read_text(file: &Path) -> Result<String, ConfigError> {
    let read = |source| ConfigError::Read { file: file.to_owned(), source };
    let text = std::fs::read_to_string(file).map_err(read)?;
    trust::check_root_owned(file)?;
    Ok(text)
}

/// Reads a root-owned TOML file.
fn read_toml<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, ConfigError> {
    toml::from_str(&read_text(file)?)
        .map_err(|source| ConfigError::Parse { file: file.to_owned(), source: Box::new(source) })
}

/// A number of things that there must be at least one of.
fn positive(file: &Path, key: &str, given: Option<u32>) -> Result<Option<u32>, ConfigError> {
    match given {
        Some(0) => Err(ConfigError::value(file, key, "must be at least 1")),
        given => Ok(given),
    }
}
