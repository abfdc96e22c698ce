//! Reading snapshots: `ls`, `snapshots`, `dump`. All of them leave no lock and write nothing.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use holdfast_job::{CustomerId, JobId, SnapshotId};
use serde::Deserialize;

use super::{Invocation, Restic, ResticError, Watch, cache::Gated, gate::Gate, host_of};
use crate::{
    process::{Moved, ProcessError, Running},
    tree::{Entry, Kind, Size, TreeSum},
};

const LS: &str = "ls";

/// The head of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SnapshotHead {
    /// Its full id.
    pub id: SnapshotId,
    /// Whose it says it is.
    pub hostname: String,
    /// What it is marked with.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What it was made of.
    #[serde(default)]
    pub paths: Vec<PathBuf>,
}

impl SnapshotHead {
    /// Whether host and tags both say that it is this customer's.
    pub fn belongs_to(&self, customer: CustomerId) -> bool {
        let mark = host_of(customer);
        self.hostname == mark && self.tags.contains(&mark)
    }
}

/// A snapshot's head and a sum of what is in it.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The head.
    pub head: SnapshotHead,
    /// Each path that the snapshot was made of, if it is a directory in it, and its sum.
    pub trees: BTreeMap<PathBuf, TreeSum>,
    /// Names in them whose file has been listed by another name.
    pub again: BTreeMap<PathBuf, Size>,
    /// The length of the longest path in them, in bytes, or a little more.
    pub longest_path: usize,
}

/// A `restic ls` that opens its repository by itself and then waits for the snapshot that it is to list.
#[derive(Debug)]
pub struct Reader {
    // Dropped first: restic does not hear anything else as long as it waits there.
    gate: Gate,
    running: Running,
    /// What it waits to be told at the gate.
    version: Vec<u8>,
}

impl Reader {
    /// Sends it away: nothing is read.
    pub async fn turn_away(self) {
        drop(self.gate);
        self.running.end().await;
    }
}

/// A line of `restic ls --json`.
#[derive(Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
enum Said {
    Snapshot(SnapshotHead),
    Node(Node),
    #[serde(other)]
    Else,
}

#[derive(Deserialize)]
struct Node {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
    #[serde(default)]
    inode: u64,
}

impl Node {
    /// Whether this file was seen before in this tree. Only a hash is kept of each: a tree may have
    /// millions of them.
    fn is_seen_again(&self, root: &Path, seen: &mut HashSet<u64>) -> bool {
        if self.inode == 0 || self.kind() != Kind::File {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        (root, self.inode, self.size).hash(&mut hasher);
        !seen.insert(hasher.finish())
    }

    fn kind(&self) -> Kind {
        match self.kind.as_str() {
            "dir" => Kind::Folder,
            "symlink" => Kind::Link,
            "fifo" => Kind::Fifo,
            "socket" => Kind::Socket,
            "dev" | "chardev" => Kind::Device,
            _ => Kind::File,
        }
    }

    /// Go's `os.FileMode` as the bits of chmod(2): setuid, setgid and sticky are elsewhere in it.
    fn unix_mode(&self) -> u32 {
        let bit = |from: u32, to: u32| if self.mode & (1 << from) != 0 { to } else { 0 };
        self.mode & 0o777 | bit(23, 0o4000) | bit(22, 0o2000) | bit(20, 0o1000)
    }

    fn entry<'a>(&self, path: &'a str) -> Entry<'a> {
        let kind = self.kind();
        Entry {
            path,
            kind,
            bytes: if kind == Kind::File { self.size } else { 0 },
            mode: if kind == Kind::Link { 0 } else { self.unix_mode() },
            uid: self.uid,
            gid: self.gid,
        }
    }
}

impl Restic<'_> {
    /// Reads the whole list of a snapshot and sums up each tree in it.
    ///
    /// # Errors
    /// [`ResticError::NoSnapshot`] if there is none of this id.
    pub async fn list(
        &self,
        snapshot: &SnapshotId,
        watch: &mut dyn Watch,
    ) -> Result<Listing, ResticError> {
        self.list_paths(snapshot, &[], watch).await
    }

    /// Has a `restic ls` open the repository while the snapshot of this job is still being saved, for
    /// [`Self::read_back`] of these directories. None where it cannot be done: it is not known yet which
    /// repository that is. None either where it would do harm: many share the repository, and all their
    /// snapshots would be looked through for the job's; or memory is limited, and two restics need more.
    ///
    /// # Errors
    /// [`ResticError`] if it cannot be started. What else is wrong, [`Self::read_back`] finds out.
    pub async fn open_reader(
        &self,
        job: JobId,
        paths: &[PathBuf],
        watch: &mut dyn Watch,
    ) -> Result<Option<Reader>, ResticError> {
        if self.repository.shared || self.limits.memory_bytes.is_some() {
            return Ok(None);
        }
        let failed = |source| ProcessError::Start { name: "restic ls".into(), source };
        let (gate, threshold) = Gate::closed().map_err(failed)?;
        let Some(Gated { cache, version }) = self.gated_cache(&threshold).map_err(failed)? else {
            return Ok(None);
        };
        let command = ls("latest", paths).caching(&cache);
        let command = command.arg("--host").arg(self.host()).arg("--tag").arg(job_tag(job));
        let mut running = self.start(command, watch)?;
        running.feed().await?;
        Ok(Some(Reader { running, gate, version }))
    }

    /// Reads back that each of these directories is in the snapshot; not what is in them. A reader that
    /// was opened for these is quicker, and is believed only if it has read this very snapshot: whatever
    /// else becomes of it, the snapshot is then asked for by its name.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn read_back(
        &self,
        snapshot: &SnapshotId,
        paths: &[PathBuf],
        reader: Option<Reader>,
        watch: &mut dyn Watch,
    ) -> Result<Listing, ResticError> {
        if let Some(Reader { running, gate, version }) = reader {
            gate.open(&version);
            let heard = self.hear_list(running, snapshot, watch).await;
            let stopped = matches!(heard, Err(ResticError::Process(ProcessError::Stopped { .. })));
            if heard.is_ok() || stopped {
                return heard;
            }
        }
        self.list_paths(snapshot, paths, watch).await
    }

    async fn list_paths(
        &self,
        snapshot: &SnapshotId,
        paths: &[PathBuf],
        watch: &mut dyn Watch,
    ) -> Result<Listing, ResticError> {
        let running = self.start(ls(snapshot.as_str(), paths), watch)?;
        let heard = self.hear_list(running, snapshot, watch).await;
        heard.map_err(|error| no_such_snapshot(error, snapshot))
    }

    async fn hear_list(
        &self,
        running: Running,
        snapshot: &SnapshotId,
        watch: &mut dyn Watch,
    ) -> Result<Listing, ResticError> {
        let mut head: Option<SnapshotHead> = None;
        let mut trees = BTreeMap::<PathBuf, TreeSum>::new();
        let mut again = BTreeMap::<PathBuf, Size>::new();
        let mut seen = HashSet::new();
        let mut longest_path = 0;
        self.attend(&Invocation::new(LS), running, watch, &mut |line, _| {
            match serde_json::from_slice(line) {
                Ok(Said::Snapshot(found)) => head = Some(found),
                Ok(Said::Node(node)) => {
                    longest_path = longest_path.max(node.path.len());
                    let roots = head.iter().flat_map(|head| &head.paths);
                    if let Some((root, below)) = below_any(roots, &node.path) {
                        // A link in place of the directory is no tree.
                        if !below.is_empty() || node.kind() == Kind::Folder {
                            let entry = node.entry(below);
                            if node.is_seen_again(&root, &mut seen) {
                                again.entry(root.clone()).or_default().add(&entry);
                            }
                            trees.entry(root).or_default().add(&entry);
                        }
                    }
                }
                Ok(Said::Else) | Err(_) => {}
            }
            Moved::Yes
        })
        .await?;
        let head = head.filter(|head| head.id == *snapshot).ok_or_else(|| ResticError::Answer {
            command: LS,
            problem: "it did not begin with the snapshot that was asked for".into(),
        })?;
        Ok(Listing { head, trees, again, longest_path })
    }

    /// The heads of those of these snapshots that exist.
    ///
    /// # Errors
    /// [`ResticError`].
    pub async fn heads(
        &self,
        snapshots: &[SnapshotId],
        watch: &mut dyn Watch,
    ) -> Result<Vec<SnapshotHead>, ResticError> {
        // Asked for by id, one that does not exist is passed over with a word on stderr.
        let mut command = Invocation::new("snapshots").arg("--no-lock");
        for snapshot in snapshots {
            command = command.arg(snapshot.as_str());
        }
        self.read_heads(command, watch).await
    }

    /// The snapshot that this job has made, if it has.
    ///
    /// # Errors
    /// [`ResticError`]; a repository that does not exist holds none.
    pub async fn find_of_job(
        &self,
        job: JobId,
        watch: &mut dyn Watch,
    ) -> Result<Option<SnapshotHead>, ResticError> {
        let command = Invocation::new("snapshots")
            .arg("--no-lock")
            .arg("--host")
            .arg(self.host())
            .arg("--tag")
            .arg(job_tag(job));
        match self.read_heads(command, watch).await {
            Ok(mut heads) => Ok(heads.pop()),
            Err(ResticError::NoRepository { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest snapshot of this customer, and when it was made, as the tag that we give it says.
    ///
    /// # Errors
    /// [`ResticError`].
    pub async fn newest(
        &self,
        watch: &mut dyn Watch,
    ) -> Result<Option<(String, SnapshotHead)>, ResticError> {
        let command = Invocation::new("snapshots").arg("--no-lock").arg("--host").arg(self.host());
        let heads = self.read_heads(command, watch).await?;
        let is_moment = |tag: &&String| {
            tag.len() == 20 && tag.ends_with('Z') && tag.starts_with(|c: char| c.is_ascii_digit())
        };
        let dated = |head: SnapshotHead| {
            let moment = head.tags.iter().filter(is_moment).max()?.clone();
            Some((moment, head))
        };
        Ok(heads.into_iter().filter_map(dated).max_by(|one, other| one.0.cmp(&other.0)))
    }

    /// Reads the index and the folders at the top of a snapshot, which a damaged repository has not whole.
    ///
    /// # Errors
    /// [`ResticError`].
    pub async fn look_into(
        &self,
        snapshot: &SnapshotHead,
        watch: &mut dyn Watch,
    ) -> Result<(), ResticError> {
        let mut command = ls(snapshot.id.as_str(), &snapshot.paths);
        if self.repository.local_path().is_some() {
            // What was kept of them on this node says nothing of the storage. From another machine all of
            // the index would come each time.
            command = command.caching_nothing();
        }
        let running = self.start(command, watch)?;
        self.hear_list(running, &snapshot.id, watch).await.map(drop)
    }

    async fn read_heads(
        &self,
        command: Invocation,
        watch: &mut dyn Watch,
    ) -> Result<Vec<SnapshotHead>, ResticError> {
        let mut answer = None;
        self.run(command, watch, &mut |line, _| {
            answer = serde_json::from_slice(line).ok().or(answer.take());
            Moved::Yes
        })
        .await?;
        answer.ok_or_else(|| ResticError::Answer {
            command: "snapshots",
            problem: "it gave no list".into(),
        })
    }

    /// The content of a small file in a snapshot; lines joined by line ends.
    ///
    /// # Errors
    /// [`ResticError`], also if the file is not there.
    pub async fn dump_text(
        &self,
        snapshot: &SnapshotId,
        path: &Path,
        watch: &mut dyn Watch,
    ) -> Result<String, ResticError> {
        let command = Invocation::new("dump")
            .arg("--no-lock")
            .arg(snapshot.as_str())
            .arg(path.display().to_string());
        let mut text = String::new();
        self.run(command, watch, &mut |line, _| {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
            Moved::Yes
        })
        .await?;
        Ok(text)
    }
}

fn ls(snapshot: &str, paths: &[PathBuf]) -> Invocation {
    let command = Invocation::new(LS).arg("--no-lock").arg(snapshot);
    paths.iter().fold(command, |command, path| command.arg(path.display().to_string()))
}

/// The tag by which a job's own snapshot is found again.
pub fn job_tag(job: JobId) -> String {
    format!("job-{job}")
}

/// The root that a path of the listing is in, and the rest of it.
fn below_any<'a, 'b>(
    roots: impl Iterator<Item = &'a PathBuf>,
    path: &'b str,
) -> Option<(PathBuf, &'b str)> {
    for root in roots {
        let rest = path.strip_prefix(root.to_str()?);
        match rest.map(|rest| (rest, rest.strip_prefix('/'))) {
            Some(("", _)) => return Some((root.clone(), "")),
            Some((_, Some(below))) => return Some((root.clone(), below)),
            _ => {}
        }
    }
    None
}

/// restic says of an absent snapshot what it says of any failure, so its words must tell.
fn no_such_snapshot(error: ResticError, snapshot: &SnapshotId) -> ResticError {
    match error {
        ResticError::Failed { said, .. } if said.contains("failed to load snapshot") => {
            ResticError::NoSnapshot(snapshot.clone())
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sibling_with_the_same_beginning_is_no_child() {
        let roots = [PathBuf::from("/c/web"), PathBuf::from("/c/web2")];
        let of = |path| below_any(roots.iter(), path).map(|(root, below)| (root, below.to_owned()));
        assert_eq!(of("/c/web2/x"), Some((roots[1].clone(), "x".into())));
        assert_eq!(of("/c/web"), Some((roots[0].clone(), String::new())));
        assert_eq!(of("/c/webs"), None);
        assert_eq!(of("/c"), None);
    }

    #[test]
    fn modes_of_go_read_as_modes_of_chmod() {
        let mode = |mode| {
            let (path, kind) = (String::new(), "file".into());
            Node { path, kind, mode, size: 0, uid: 0, gid: 0, inode: 0 }.unix_mode()
        };
        assert_eq!(mode(420), 0o644);
        assert_eq!(mode(1 << 31 | 1 << 20 | 0o777), 0o1777);
        assert_eq!(mode(1 << 23 | 1 << 22 | 0o755), 0o6755);
    }
}
