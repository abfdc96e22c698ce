//! Ids: one type each, one constructor each, so that a bare string or integer stops at the edge.
//!
//! The texts of [`IdError`] are read by people at a shell and by customers of the API: each says
//! what was wrong and what a good one looks like.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Why a text is not the id it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a positive decimal number without sign or leading zero.
    #[error("{0:?} is no customer id: give the customer's number, such as 42")]
    Customer(String),
    /// Not a UUID.
    #[error("{0:?} is no job id: give the job's UUID")]
    Job(String),
    /// Not 64 lower-case hexadecimal digits.
    #[error(
        "{0:?} is no snapshot id: give all 64 hexadecimal digits, as the backup's result names them \
         (short ids and `latest` could mean another customer's backup)"
    )]
    Snapshot(String),
    /// Not a short lower-case name.
    #[error(
        "{given:?} is no {what}: use 1 to 32 lower-case letters, digits and dashes, \
         beginning with a letter or digit"
    )]
    Name {
        /// What kind of name was expected.
        what: &'static str,
        /// What was given, cut to 80 characters.
        given: String,
    },
}

/// Cuts what somebody typed, so that an error never repeats megabytes of it.
fn cut(given: &str) -> String {
    given.chars().take(80).collect()
}

/// A customer's number, as the host's own tables and paths (`customer-42`) have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(u32);

impl CustomerId {
    /// The number itself.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for CustomerId {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        let canonical = given.bytes().all(|b| b.is_ascii_digit()) && !given.starts_with('0');
        match given.parse() {
            // The column of the host's table is a signed INT.
            Ok(number) if canonical && number <= i32::MAX as u32 => Ok(Self(number)),
            _ => Err(IdError::Customer(cut(given))),
        }
    }
}

impl Serialize for CustomerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for CustomerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(number) => number.to_string().parse(),
            other => Err(IdError::Customer(cut(&other.to_string()))),
        }
        .map_err(de::Error::custom)
    }
}

/// A job's UUID: the name it has in requests, tags, bells, logs and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// The job with this UUID. Whoever orders makes it: nothing here reads a clock or a source of
    /// chance.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID itself.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for JobId {
    fn from(uuid: Uuid) -> Self {
        Self::new(uuid)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for JobId {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        // The hyphenated form alone: it is what file names and tags are made of.
        match Uuid::try_parse(given) {
            Ok(uuid) if given.len() == 36 => Ok(Self(uuid)),
            _ => Err(IdError::Job(cut(given))),
        }
    }
}

/// A restic snapshot's full id: 64 lower-case hexadecimal digits, never a prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId(String);

impl SnapshotId {
    /// The 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SnapshotId {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if given.len() == 64 && given.bytes().all(hex) {
            Ok(Self(given.to_owned()))
        } else {
            Err(IdError::Snapshot(cut(given)))
        }
    }
}

/// What every short name must look like; also what makes it safe in a path, a tag and a URL.
fn name(what: &'static str, given: &str) -> Result<String, IdError> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=32).contains(&given.len()) && given.bytes().all(good) && !given.starts_with('-') {
        Ok(given.to_owned())
    } else {
        let given = cut(given);
        Err(IdError::Name { what, given })
    }
}

/// A source's stable id within its site, such as `web`: it outlives changes of name and path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(String);

impl SourceId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceId {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        name("source id", given).map(Self)
    }
}

/// A repository's name in the configuration, such as `manual` or `daily`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

impl RepositoryName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        name("repository name", given).map(Self)
    }
}

/// The name of a node, as its configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        name("node name", given).map(Self)
    }
}

/// The name of a key that signs tickets; its public half is the file `<name>.pub` on each node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = IdError;

    fn from_str(given: &str) -> Result<Self, IdError> {
        name("key id", given).map(Self)
    }
}

/// Ids that are text travel as text and are parsed on arrival by the one constructor.
macro_rules! travels_as_text {
    ($($id:ty),+) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

travels_as_text!(SnapshotId, SourceId, RepositoryName, NodeName, KeyId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_id_is_a_plain_positive_number() {
        assert_eq!("42".parse::<CustomerId>().unwrap().number(), 42);
        for bad in ["", "0", "042", "+42", "-1", "4 2", "42x", "../1", "--help", "2147483648", "٤٢"]
        {
            assert!(bad.parse::<CustomerId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_snapshot_id_is_never_short_never_latest() {
        let full = "a".repeat(64);
        assert_eq!(full.parse::<SnapshotId>().unwrap().as_str(), full);
        let with_path = format!("{full}:/etc");
        for bad in ["latest", "abcdef12", &"A".repeat(64), &with_path, &"a".repeat(63)] {
            assert!(bad.parse::<SnapshotId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_safe_in_a_path() {
        assert!("shop-2".parse::<SourceId>().is_ok());
        for bad in ["", "-a", "..", "a/b", "A", "a b", &"a".repeat(33), "é"] {
            assert!(bad.parse::<SourceId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_never_repeats_megabytes() {
        let long = "x".repeat(1 << 20);
        assert!(long.parse::<CustomerId>().unwrap_err().to_string().len() < 300);
    }
}
