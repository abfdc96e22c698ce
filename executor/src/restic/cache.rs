//! restic's cache: whether there is room for it, which folder in it is this repository's, and a second way
//! into it that has a gate.
//!
//! restic reads the file `version` of its repository's folder in the cache after it has opened the
//! repository, and before it lists any snapshot (`New` in restic's `internal/backend/cache/cache.go`; a
//! test holds this). A `restic ls` that is to wait gets a folder in which all is the real one's, by
//! links, except for that file, which is the gate. Behind a version that it does not understand, restic
//! 0.18 goes on without a cache, and 0.19 ends.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use holdfast_job::SnapshotId;

use super::{Cache, Restic, gate::Threshold};
use crate::space::Free;

/// In the cache, beside the folders of the repositories: their second ways in, and whose they are.
const GATED: &str = "gated";
/// What restic keeps of a repository.
const KEPT: [&str; 3] = ["data", "index", "snapshots"];
/// With less free than this there is no cache: where restic finds no room for what it reads, it tries
/// again for minutes, and says that the storage did not answer.
const LEAST_FREE_BYTES: u64 = 64 << 20;
/// The same of inodes.
const LEAST_FREE_INODES: u64 = 1000;
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
    /// Where restic keeps what it reads of repositories, as arguments.
    pub(super) fn cache_arguments(&self, cache: &Cache) -> Vec<String> {
        let cache = match cache {
            Cache::Node => &self.node.cache,
            Cache::At(cache) => cache,
            Cache::None => return vec!["--no-cache".into()],
        };
        match self.has_room() {
            true => vec!["--cache-dir".into(), cache.display().to_string()],
            false => vec!["--no-cache".into()],
        }
    }

    /// Whether there is room for a cache; restic makes one that is not there yet.
    fn has_room(&self) -> bool {
        Free::at(&self.node.cache).map_or(true, |free| {
            free.bytes >= LEAST_FREE_BYTES
                && free.inodes.is_none_or(|inodes| inodes >= LEAST_FREE_INODES)
        })
    }

    /// The way into the cache by this gate; none as long as it is not known which folder is this
    /// repository's, if that is gone, or if there is no room.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn gated_cache(&self, threshold: &Threshold) -> io::Result<Option<Gated>> {
        let Some(id) = self.repository_id().filter(|_| self.has_room()) else { return Ok(None) };
        let kept = self.node.cache.join(&id);
        let cache = self.node.cache.join(GATED);
        let folder = cache.join(&id);
        let version = match fs::read(kept.join(VERSION)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return remove(&folder).map(|()| None);
            }
            version => version?,
        };
        fs::create_dir_all(&folder)?;
        for name in KEPT {
            link(&Path::new("../..").join(&id).join(name), &folder.join(name))?;
        }
        link(Path::new(&threshold.path()), &folder.join(VERSION))?;
        Ok(Some(Gated { cache, version }))
    }

    /// Remembers which of the folders in the cache is this repository's: the one that this snapshot was
    /// saved into, as restic keeps what it saves.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn note_repository(&self, snapshot: &SnapshotId) -> io::Result<()> {
        let snapshot = snapshot.as_str();
        let kept = Path::new("snapshots").join(&snapshot[..2]).join(snapshot);
        let holds = |id: &String| self.node.cache.join(id).join(&kept).exists();
        if self.repository_id().as_ref().is_some_and(holds) {
            return Ok(());
        }
        for entry in fs::read_dir(&self.node.cache)? {
            let Ok(id) = entry?.file_name().into_string() else { continue };
            if is_id(&id) && holds(&id) {
                fs::create_dir_all(self.node.cache.join(GATED))?;
                return fs::write(self.note(), id);
            }
        }
        Ok(())
    }

    /// As it was remembered.
    fn repository_id(&self) -> Option<String> {
        fs::read_to_string(self.note()).ok().filter(|id| is_id(id))
    }

    fn note(&self) -> PathBuf {
        self.node.cache.join(GATED).join(self.name_of_view())
    }
}

fn is_id(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A link to this, whatever was there: restic makes folders where it finds none.
fn link(to: &Path, at: &Path) -> io::Result<()> {
    if fs::read_link(at).is_ok_and(|before| before == to) {
        return Ok(());
    }
    remove(at)?;
    symlink(to, at)
}

fn remove(at: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(at) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(at),
        Ok(_) => fs::remove_file(at),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
