//! Where snapshots are: a restic URL template, how its password is known, how ssh reaches it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use holdfast_job::{CustomerId, RepositoryName};
use serde::Deserialize;

use super::{ConfigError, template, trust};

/// One customer's repository, or the one that all share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its name in orders.
    pub name: RepositoryName,
    /// restic's URL; a path for a local one.
    pub url: String,
    /// Whether all customers share it, as in a URL without `{id}`.
    pub shared: bool,
    /// How its password is known.
    pub password: PasswordSource,
    /// restic's `sftp.command`, for `sftp:` alone.
    pub sftp_command: Option<String>,
    /// Where the disk of a local one is mounted: nothing is done while none is.
    pub mount_point: Option<PathBuf>,
    /// So many orders of this node at most are at work in it at once, by its name.
    pub max_orders: Option<u32>,
    /// More for restic's environment; paths of root-only files, never secrets.
    pub environment: BTreeMap<String, String>,
}

impl Repository {
    /// The folder of a local repository.
    pub fn local_path(&self) -> Option<&Path> {
        let path = self.url.strip_prefix("local:").unwrap_or(&self.url);
        path.starts_with('/').then(|| Path::new(path))
    }
}

/// How a repository's password is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// Derived from the node's master secret.
    Derived,
    /// The first line of a root-only file.
    File(PathBuf),
}

/// Which file a repository is described in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The node's: without `{id}` in its URL all customers share it.
    Template,
    /// A customer's own: it is that customer's alone, with or without `{id}`.
    Override,
}

/// `[repositories.<name>]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RepositoryTable {
    url: String,
    password_file: Option<String>,
    ssh: Option<SshTable>,
    mount_point: Option<String>,
    max_orders: Option<u32>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

/// `[repositories.<name>.ssh]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SshTable {
    key: String,
    known_hosts: String,
    port: Option<u16>,
}

impl RepositoryTable {
    pub(super) fn check(
        self,
        file: &Path,
        name: &RepositoryName,
        customer: CustomerId,
        whose: Whose,
    ) -> Result<Repository, ConfigError> {
        let key = |key: &str| format!("repositories.{name}.{key}");
        let url = template::fill(&self.url, customer);
        if holds_password(&url) {
            let problem = "has a password in it: name a root-only file in `environment` instead";
            return Err(ConfigError::value(file, key("url"), problem));
        }
        let password = match &self.password_file {
            None => PasswordSource::Derived,
            Some(given) => {
                let path = template::absolute(file, &key("password_file"), given)?;
                trust::check_root_only(&path)
                    .map_err(|error| error.named_by(file, &key("password_file")))?;
                PasswordSource::File(path)
            }
        };
        let sftp_command = match (url.strip_prefix("sftp:"), self.ssh) {
            (Some(place), Some(ssh)) => Some(ssh.command(file, &key("ssh"), place)?),
            (Some(_), None) => {
                let problem = "is missing: an sftp repository needs `key` and `known_hosts`, \
                               since nothing of root's home is used";
                return Err(ConfigError::value(file, key("ssh"), problem));
            }
            (None, Some(_)) => {
                let problem = "belongs to an sftp: URL, and this one is none";
                return Err(ConfigError::value(file, key("ssh"), problem));
            }
            (None, None) => None,
        };
        let secret = |name: &String| {
            let words = ["PASSWORD", "SECRET", "TOKEN", "ACCESS_KEY", "ACCOUNT_KEY"];
            words.iter().any(|word| name.contains(word)) && !name.ends_with("_FILE")
        };
        if let Some(name) = self.environment.keys().find(|name| secret(name)) {
            let problem = "would put a secret into the environment: name a root-only file instead";
            return Err(ConfigError::value(file, key(&format!("environment.{name}")), problem));
        }
        let repository = Repository {
            name: name.clone(),
            shared: whose == Whose::Template && !self.url.contains("{id}"),
            url,
            password,
            sftp_command,
            mount_point: self
                .mount_point
                .map(|given| template::absolute(file, &key("mount_point"), &given))
                .transpose()?,
            max_orders: super::positive(file, &key("max_orders"), self.max_orders)?,
            environment: self.environment,
        };
        if let Some(mount) = &repository.mount_point
            && repository.local_path().is_none_or(|path| !path.starts_with(mount))
        {
            let problem = "is not on the way to the repository, which is a folder on this node";
            return Err(ConfigError::value(file, key("mount_point"), problem));
        }
        match (repository.local_path(), repository.url.contains(':')) {
            (Some(path), _) => {
                template::absolute(file, &key("url"), &path.to_string_lossy())?;
            }
            (None, true) => {}
            (None, false) => {
                let problem = "is a relative path: write the whole path, beginning with /";
                return Err(ConfigError::value(file, key("url"), problem));
            }
        }
        Ok(repository)
    }
}

/// `scheme://user:password@host` in any of restic's schemes.
fn holds_password(url: &str) -> bool {
    url.split_once("://")
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'))
}

impl SshTable {
    /// ssh with nothing left to root's home, agent or known hosts.
    fn command(&self, file: &Path, key: &str, place: &str) -> Result<String, ConfigError> {
        let key_file = template::absolute(file, &format!("{key}.key"), &self.key)?;
        trust::check_root_only(&key_file)
            .map_err(|error| error.named_by(file, &format!("{key}.key")))?;
        let known_hosts =
            template::absolute(file, &format!("{key}.known_hosts"), &self.known_hosts)?;
        trust::check_root_owned(&known_hosts)
            .map_err(|error| error.named_by(file, &format!("{key}.known_hosts")))?;
        let refuse = || {
            // Not repeated: it may hold what should not be in it.
            let problem = "is not of the form sftp:user@host:/path";
            ConfigError::value(file, key.replace(".ssh", ".url"), problem)
        };
        // `sftp:user@host:/path`; the port is a key of its own.
        let (target, path) = place.split_once(':').ok_or_else(refuse)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "@.-_".contains(c);
        if target.starts_with('-') || !target.chars().all(plain) || !path.starts_with('/') {
            return Err(refuse());
        }
        let (key_file, known_hosts) = (key_file.display(), known_hosts.display());
        let port = self.port.unwrap_or(22);
        for path in [&self.key, &self.known_hosts] {
            if path.contains([' ', '"', '\'']) {
                let problem = format!("{path:?} has a space or quote in it: choose another name");
                return Err(ConfigError::value(file, key, problem));
            }
        }
        Ok(format!(
            "/usr/bin/ssh -F none -i {key_file} -p {port} -o IdentitiesOnly=yes -o BatchMode=yes \
             -o StrictHostKeyChecking=yes -o UserKnownHostsFile={known_hosts} \
             -o GlobalKnownHostsFile=/dev/null -o ConnectTimeout=20 -o ServerAliveInterval=20 \
             {target} -s sftp"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_noticed() {
        assert!(holds_password("rest:https://user:secret@host/path"));
        assert!(!holds_password("rest:https://host:8000/path"));
        assert!(!holds_password("s3:https://s3.example.org/bucket"));
    }
}
