//! restic's cache: which folder in it is this repository's, and a second way into it that has a gate.
//!
//! restic reads the file `version` of its repository's folder in the cache after it has opened the
//! repository, and before it lists any snapshot (`setupCache` in restic's `internal/global/global.go`, and
//! `New` in its `internal/backend/cache/cache.go`; a test holds this). A `restic ls` that is to wait gets a
//! folder in which all is the real one's, by links, except for that file, which is the gate. Behind a
//! version that restic does not understand it goes on without a cache.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use holdfast_job::SnapshotId;

use super::{Restic, gate::Threshold};

/// In the cache, beside the folders of the repositories: their second ways in.
const GATED: &str = "gated";
/// What restic keeps of a repository.
const KEPT: [&str; 3] = ["data", "index", "snapshots"];
/// The form of what is kept.
const VERSION: &str = "version";

/// A repository's folder in the cache, by way of a gate.
#[derive(Debug)]
pub(super) struct Gated {
    /// For `--cache-dir`.
    pub(super) cache: PathBuf,
    /// What restic reads of the form where there is no gate.
    pub(super) version: Vec<u8>,
}

impl Restic<'_> {
    /// The way into the cache by this gate; none as long as it is not known which folder is this
    /// repository's.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn gated_cache(&self, threshold: &Threshold) -> io::Result<Option<Gated>> {
        let Some(id) = self.repository_id() else { return Ok(None) };
        let kept = self.node.cache.join(&id);
        let version = match fs::read(kept.join(VERSION)) {
            Ok(version) => version,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let cache = self.node.cache.join(GATED);
        let folder = cache.join(&id);
        fs::create_dir_all(&folder)?;
        for name in KEPT {
            link(&Path::new("../..").join(&id).join(name), &folder.join(name))?;
        }
        link(Path::new(&threshold.path()), &folder.join(VERSION))?;
        Ok(Some(Gated { cache, version }))
    }

    /// Which of the folders in the cache is that of the repository that this snapshot was saved into:
    /// restic keeps what it saves. None if it does not, and what is known then stays.
    pub(super) fn repository_of(&self, snapshot: &SnapshotId) -> Option<String> {
        let snapshot = snapshot.as_str();
        let kept = Path::new("snapshots").join(&snapshot[..2]).join(snapshot);
        let holds = |id: &String| self.node.cache.join(id).join(&kept).exists();
        self.repository_id().filter(holds).or_else(|| {
            let names = fs::read_dir(&self.node.cache).ok()?.flatten();
            let names = names.filter_map(|entry| entry.file_name().into_string().ok());
            names.filter(|name| is_id(name)).find(holds)
        })
    }

    /// As it was remembered.
    fn repository_id(&self) -> Option<String> {
        fs::read_to_string(self.marker()).ok().filter(|id| is_id(id))
    }
}

fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A link to this, whatever was there: restic makes folders where it finds none.
fn link(to: &Path, at: &Path) -> io::Result<()> {
    match fs::symlink_metadata(at) {
        Ok(before) if before.is_symlink() && fs::read_link(at)? == to => return Ok(()),
        Ok(before) if before.is_dir() => fs::remove_dir_all(at)?,
        Ok(_) => fs::remove_file(at)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    symlink(to, at)
}
