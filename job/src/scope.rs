//! What part of a site an order is about.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{IdError, SourceId};

/// All databases, all files, both, or the sources named by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every database of the site.
    Db,
    /// Every file source of the site.
    Files,
    /// Whatever the site has.
    Both,
    /// These sources alone; never empty.
    Sources(BTreeSet<SourceId>),
}

impl Scope {
    /// Whether a file source of this id is meant.
    pub fn covers_files(&self, source: &SourceId) -> bool {
        match self {
            Self::Db => false,
            Self::Files | Self::Both => true,
            Self::Sources(named) => named.contains(source),
        }
    }

    /// Whether a database of this id is meant.
    pub fn covers_databases(&self, source: &SourceId) -> bool {
        match self {
            Self::Files => false,
            Self::Db | Self::Both => true,
            Self::Sources(named) => named.contains(source),
        }
    }

    /// The word for tags and columns: a list of sources is told by `sources`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Files => "files",
            Self::Both => "both",
            Self::Sources(_) => "sources",
        }
    }
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// One of the listed sources has no possible id.
    #[error("{0}")]
    Source(IdError),
    /// Nothing was named.
    #[error("the scope is empty: give db, files, both, or source ids parted by commas")]
    Empty,
}

/// `db`, `files`, `both`, or ids parted by commas: the form of the shell.
impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(given: &str) -> Result<Self, ScopeError> {
        match given {
            "" => Err(ScopeError::Empty),
            "db" => Ok(Self::Db),
            "files" => Ok(Self::Files),
            "both" => Ok(Self::Both),
            list => list
                .split(',')
                .map(|id| id.parse().map_err(ScopeError::Source))
                .collect::<Result<_, _>>()
                .map(Self::Sources),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sources(named) => {
                let ids: Vec<_> = named.iter().map(SourceId::as_str).collect();
                f.write_str(&ids.join(","))
            }
            word => f.write_str(word.word()),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back_as_it_was_written() {
        for text in ["db", "files", "both", "blog,web"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for bad in ["", "web,", "Files", "web,../x"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
        }
    }
}
