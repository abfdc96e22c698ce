//! The public keys of the web side, a file each: whose tickets this node believes.
//!
//! There may be several, since a new key is installed everywhere before it signs anything and an
//! old one removed when its last ticket is void. Checking a signature is left to `ticket`.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use ed25519_dalek::VerifyingKey;
use holdfast_job::{KeyId, PublicKey};

use super::{ConfigError, trust::check_root_owned};

/// The folder `node.ticket_keys`: the key `web-1` is the file `web-1.pub` in it.
#[derive(Debug, Clone)]
pub struct TicketKeys {
    folder: PathBuf,
    named_in: PathBuf,
}

impl TicketKeys {
    /// The keys in `folder`, as the file `named_in` says.
    pub(super) fn new(folder: PathBuf, named_in: &Path) -> Self {
        Self { folder, named_in: named_in.to_owned() }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where this key is or would be.
    pub fn path_of(&self, id: &KeyId) -> PathBuf {
        self.folder.join(format!("{id}.pub"))
    }

    /// The key of this name, if there is one. The others are not looked at.
    ///
    /// # Errors
    /// [`ConfigError`] if others than root may write it, or if it is no key.
    pub fn find(&self, id: &KeyId) -> Result<Option<VerifyingKey>, ConfigError> {
        let path = self.path_of(id);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => self.named(read(&path)).map(Some),
        }
    }

    /// The ids of all keys and what is wrong with any: what is not called `<key id>.pub` is not one.
    ///
    /// # Errors
    /// [`ConfigError`] if the folder is there and cannot be read.
    pub fn all(&self) -> Result<Vec<Result<KeyId, ConfigError>>, ConfigError> {
        let failed = |source| ConfigError::Read { file: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => self.named(entries.map_err(failed))?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(self.named(entry.map_err(failed))?.path());
        }
        paths.retain(|path| path.extension() == Some(OsStr::new("pub")));
        paths.sort();
        Ok(paths.iter().map(|path| self.named(examine(path))).collect())
    }

    fn named<T>(&self, found: Result<T, ConfigError>) -> Result<T, ConfigError> {
        found.map_err(|error| error.named_by(&self.named_in, "node.ticket_keys"))
    }
}

fn examine(path: &Path) -> Result<KeyId, ConfigError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let id = name.parse().map_err(|error| untrusted(path, format!("has a bad name: {error}")))?;
    read(path).map(|_| id)
}

/// Before it is read, since what is not root's may be anything, without an end.
fn read(path: &Path) -> Result<VerifyingKey, ConfigError> {
    check_root_owned(path)?;
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { file: path.to_owned(), source })?;
    let key: PublicKey = text
        .strip_suffix('\n')
        .unwrap_or(&text)
        .parse()
        .map_err(|error| untrusted(path, format!("{error}")))?;
    // With a weak key one signature is good for many texts.
    match VerifyingKey::from_bytes(key.bytes()) {
        Ok(key) if !key.is_weak() => Ok(key),
        _ => {
            let problem = "is no key that can sign: copy the web side's public key once more";
            Err(untrusted(path, problem.into()))
        }
    }
}

fn untrusted(path: &Path, problem: String) -> ConfigError {
    ConfigError::Untrusted { path: path.to_owned(), problem }
}
