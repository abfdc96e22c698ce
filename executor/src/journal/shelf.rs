//! Where the journals of a customer are, and which of them are open.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use holdfast_job::{CustomerId, JobId, Request};

use super::{Journal, JournalError};
use crate::lock::CustomerLock;

/// One customer's journals: `{state}/journals/customer-{id}/{job}.journal`.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The shelf of the customer whose lock is held; its folder is made if need be.
    ///
    /// # Errors
    /// [`JournalError::Io`] if the folder cannot be made.
    pub fn of(state: &Path, lock: &CustomerLock) -> Result<Self, JournalError> {
        let folder = state.join("journals").join(format!("customer-{}", lock.customer()));
        let failed = |source| JournalError::Io { path: folder.clone(), source };
        if !folder.is_dir() {
            fs::create_dir_all(&folder).map_err(failed)?;
            // The folder's own entry must survive a power cut as well as the journal in it.
            let parent = folder.parent().unwrap_or(Path::new("/"));
            fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed)?;
        }
        Ok(Self { folder })
    }

    /// The journals of a customer whose lock is not held: to look at, not to act on. None if there
    /// never was one.
    ///
    /// # Errors
    /// [`JournalError`] of the first that cannot be read.
    pub fn look(state: &Path, customer: CustomerId) -> Result<Vec<Journal>, JournalError> {
        let folder = state.join("journals").join(format!("customer-{customer}"));
        match folder.is_dir() {
            true => Self { folder }.journals(),
            false => Ok(Vec::new()),
        }
    }

    /// Whether this job was begun on this node; to be asked before any lock is taken.
    pub fn knows(state: &Path, request: &Request) -> bool {
        let folder = state.join("journals").join(format!("customer-{}", request.customer));
        Self { folder }.path_of(request.job).exists()
    }

    /// Where the journal of this job is or would be.
    pub fn path_of(&self, job: JobId) -> PathBuf {
        self.folder.join(format!("{job}.journal"))
    }

    /// All journals, in no order.
    ///
    /// # Errors
    /// [`JournalError`] of the first that cannot be read.
    pub fn journals(&self) -> Result<Vec<Journal>, JournalError> {
        let failed = |source| JournalError::Io { path: self.folder.clone(), source };
        let mut journals = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "journal") {
                journals.push(Journal::open(&path)?);
            }
        }
        Ok(journals)
    }

    /// Removes a journal.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn remove(&self, journal: Journal) -> Result<(), JournalError> {
        let path = journal.path().to_owned();
        fs::remove_file(&path).map_err(|source| JournalError::Io { path, source })
    }

    /// Every customer that ever had a journal on this node.
    ///
    /// # Errors
    /// What reading the folder said.
    pub fn customers(state: &Path) -> io::Result<Vec<CustomerId>> {
        let entries = match fs::read_dir(state.join("journals")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let id = |name: String| name.strip_prefix("customer-")?.parse().ok();
        Ok(entries.filter_map(|entry| id(entry.ok()?.file_name().into_string().ok()?)).collect())
    }
}
