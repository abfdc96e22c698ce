//! Repository passwords, read from a root-only file or derived from the master secret; and what
//! else is derived from it.

use std::fmt::Write;

use hkdf::Hkdf;
use holdfast_job::CustomerId;
use sha2::Sha256;

use crate::config::{ConfigError, Node, PasswordSource, Repository};

/// A password, which is never shown by `Debug`.
pub struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    /// The password of this repository for this customer.
    ///
    /// # Errors
    /// [`ConfigError`] if the file or the master secret cannot be used.
    pub fn of(
        node: &Node,
        repository: &Repository,
        customer: CustomerId,
    ) -> Result<Self, ConfigError> {
        match &repository.password {
            PasswordSource::Derived => {
                Ok(Self(derive(&node.master_secret()?, repository, customer)))
            }
            PasswordSource::File(file) => {
                let read = |source| ConfigError::Read { file: file.clone(), source };
                let text = std::fs::read_to_string(file).map_err(read)?;
                let first = text.lines().next().unwrap_or_default().trim();
                if first.is_empty() {
                    return Err(ConfigError::World {
                        path: file.clone(),
                        problem: "has no password in its first line".into(),
                    });
                }
                Ok(Self(first.to_owned()))
            }
        }
    }

    /// The text itself, for restic's stdin and for `repository-password`.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The name of the lock that every session takes that changes a schema of this customer. Any tenant
/// may take a lock whose name it knows, so it is derived from the master secret.
///
/// # Errors
/// [`ConfigError`] if the master secret cannot be used.
pub fn database_lock(node: &Node, customer: CustomerId) -> Result<String, ConfigError> {
    let hex = expand(&node.master_secret()?, &format!("holdfast database lock v1/{customer}"));
    // A lock's name has 64 characters at most.
    Ok(format!("holdfast-{}", &hex[..48]))
}

/// Tells the schemas and accounts of this installation from those of another one on the same server.
/// It says nothing of the secret, and is the same as long as that is.
///
/// # Errors
/// [`ConfigError`] if the master secret cannot be used.
pub fn installation(node: &Node) -> Result<String, ConfigError> {
    let hex = expand(&node.master_secret()?, "holdfast installation v1");
    Ok(hex[..8].to_owned())
}

/// HKDF-SHA-256 (RFC 5869) of the master secret, told apart by repository and customer; 64
/// hexadecimal digits.
fn derive(master: &[u8], repository: &Repository, customer: CustomerId) -> String {
    let whose = match repository.shared {
        true => "shared".to_owned(),
        false => format!("customer-{customer}"),
    };
    expand(master, &format!("holdfast repository password v1/{}/{whose}", repository.name))
}

fn expand(master: &[u8], info: &str) -> String {
    let mut key = [0; 32];
    // 32 bytes are far below HKDF's limit, which is its only error.
    let expanded = Hkdf::<Sha256>::new(None, master).expand(info.as_bytes(), &mut key);
    debug_assert!(expanded.is_ok());
    key.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(name: &str, shared: bool) -> Repository {
        Repository {
            name: name.parse().unwrap(),
            url: "/backups".into(),
            shared,
            password: PasswordSource::Derived,
            sftp_command: None,
            mount_point: None,
            max_orders: None,
            environment: Default::default(),
        }
    }

    #[test]
    fn a_password_depends_on_secret_repository_and_customer() {
        let (one, two) = ("1".parse().unwrap(), "2".parse().unwrap());
        let manual = repository("manual", false);
        let base = derive(b"secret", &manual, one);
        assert_ne!(base, derive(b"secret", &manual, two));
        assert_ne!(base, derive(b"other", &manual, one));
        assert_ne!(base, derive(b"secret", &repository("daily", false), one));
        let shared = repository("manual", true);
        assert_eq!(derive(b"secret", &shared, one), derive(b"secret", &shared, two));
    }

    #[test]
    fn the_derivation_never_changes() {
        // A changed derivation would lock every customer out of every backup.
        let derived = derive(
            b"0123456789abcdef0123456789abcdef",
            &repository("manual", false),
            "42".parse().unwrap(),
        );
        assert_eq!(derived, "ada68ed03c830b1ce26e9c26ba4a28a02be287b31b7b8f64b27c52c982a6450e");
    }
}
