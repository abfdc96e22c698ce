//! Restores and undos whose undo copy could not be kept. An older copy is not offered in their place.
//!
//! One small file a customer in the node's state, since `.holdfast` itself may be what refuses. It is
//! written under the customer's lock and knows nothing of plans.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use holdfast_job::{CustomerId, JobId, SourceId};
use serde::{Deserialize, Serialize};

use crate::aside::UndoCopy;

/// The version of the file that this build writes and understands.
const VERSION: u32 = 1;

/// The sources of one customer whose latest restore kept no copy.
#[derive(Debug, Clone)]
pub struct Uncopied {
    file: PathBuf,
    content: Content,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    /// The latest such job of each source.
    sources: BTreeMap<SourceId, Displacement>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Displacement {
    job: JobId,
    /// In milliseconds since 1970.
    at_ms: u64,
}

impl Uncopied {
    /// Reads the customer's file; without one, every restore has kept its copy.
    ///
    /// # Errors
    /// What the system said, or that the file is not understood.
    pub fn read(state: &Path, customer: CustomerId) -> io::Result<Self> {
        let file = state.join("uncopied").join(format!("customer-{customer}.json"));
        let content = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            text => understood(&text?)
                .map_err(|problem| io::Error::other(format!("{}: {problem}", file.display())))?,
        };
        Ok(Self { file, content })
    }

    /// Writes down, durably, that this job displaced these sources and kept no copy.
    ///
    /// # Errors
    /// What the system said.
    pub fn note(
        &mut self,
        job: JobId,
        at_ms: u64,
        sources: impl Iterator<Item = SourceId>,
    ) -> io::Result<()> {
        for source in sources {
            self.content.sources.insert(source, Displacement { job, at_ms });
        }
        self.write()
    }

    /// Takes the note of a job back, which is being reverted.
    ///
    /// # Errors
    /// What the system said.
    pub fn forget(&mut self, job: JobId) -> io::Result<()> {
        let before = self.content.sources.len();
        self.content.sources.retain(|_, latest| latest.job != job);
        if self.content.sources.len() == before { Ok(()) } else { self.write() }
    }

    /// Whether a later job displaced one of this copy's sources and kept no copy.
    pub fn supersedes(&self, copy: &UndoCopy) -> bool {
        let later = |(source, latest): (&SourceId, &Displacement)| {
            copy.holds(source) && latest.at_ms > copy.made_at_ms
        };
        self.content.sources.iter().any(later)
    }

    /// Whether any job that kept no copy is later than this copy.
    pub fn is_later_than(&self, copy: &UndoCopy) -> bool {
        self.content.sources.values().any(|latest| latest.at_ms > copy.made_at_ms)
    }

    fn write(&self) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let next = self.file.with_extension("next");
        let content = Content { version: VERSION, ..self.content.clone() };
        let mut file = File::create(&next)?;
        file.write_all(&serde_json::to_vec(&content)?)?;
        file.sync_all()?;
        fs::rename(&next, &self.file)?;
        File::open(folder)?.sync_all()
    }
}

fn understood(text: &[u8]) -> Result<Content, String> {
    let content: Content = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    match content.version {
        VERSION => Ok(content),
        other => Err(format!("has version {other}, and this executor understands {VERSION}")),
    }
}
