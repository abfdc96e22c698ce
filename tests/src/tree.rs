//! A whole tree as a value: everything a restore promises to bring back, comparable.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::{self, File},
    hash::{DefaultHasher, Hasher},
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

/// A tree: each entry by its path, as a line that says all of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    /// Reads the tree below `root`; an absent root is a tree of nothing.
    ///
    /// # Panics
    /// If something in it cannot be read.
    pub fn read(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        let mut links = BTreeMap::new();
        if root.symlink_metadata().is_ok() {
            read_into(root, root, &mut entries, &mut links);
        }
        Self(entries)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing, not even a root.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has an entry of this path, relative to the root.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(Path::new(path))
    }

    /// The paths of its entries, relative to the root.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }

    /// The line of an entry.
    ///
    /// # Panics
    /// If there is none.
    pub fn line(&self, path: &str) -> &str {
        &self.0[Path::new(path)]
    }

    /// The same tree without these entries.
    pub fn without(&self, paths: &[&str]) -> Self {
        let keep = |path: &Path| !paths.iter().any(|left_out| path == Path::new(left_out));
        Self(self.0.iter().filter(|(p, _)| keep(p)).map(|(p, l)| (p.clone(), l.clone())).collect())
    }

    /// What a failing test shows: each entry that differs, here and there.
    pub fn differences(&self, there: &Self) -> String {
        let paths: BTreeSet<&PathBuf> = self.0.keys().chain(there.0.keys()).collect();
        let differs = paths.into_iter().filter(|path| self.0.get(*path) != there.0.get(*path));
        differs
            .take(20)
            .map(|path| format!("{path:?}\n  {:?}\n  {:?}\n", self.0.get(path), there.0.get(path)))
            .collect()
    }

    /// The same tree without the entries whose line says one of these kinds.
    pub fn without_kinds(&self, kinds: &[&str]) -> Self {
        let keep = |line: &str| !kinds.iter().any(|kind| line.starts_with(kind));
        Self(self.0.iter().filter(|(_, l)| keep(l)).map(|(p, l)| (p.clone(), l.clone())).collect())
    }
}

/// A whole tree is too long to read: see [`Tree::differences`].
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.0.len())
    }
}

fn read_into(
    root: &Path,
    path: &Path,
    entries: &mut BTreeMap<PathBuf, String>,
    links: &mut BTreeMap<(u64, u64), PathBuf>,
) {
    let found = path.symlink_metadata().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let own = path.strip_prefix(root).expect("below the root").to_owned();
    let kind = found.file_type();
    let what = if kind.is_dir() {
        "dir".to_owned()
    } else if kind.is_symlink() {
        format!("link to {:?}", fs::read_link(path).expect("a link"))
    } else if kind.is_file() {
        let first = links.entry((found.dev(), found.ino())).or_insert_with(|| own.clone());
        format!("file {} {:016x} first {first:?}", found.len(), content_sum(path))
    } else if kind.is_fifo() {
        "fifo".to_owned()
    } else if kind.is_socket() {
        "socket".to_owned()
    } else {
        format!("device {:x}", found.rdev())
    };
    let mut xattrs: Vec<String> = xattr::list(path)
        .map(|names| {
            let value = |name: &std::ffi::OsStr| xattr::get(path, name).ok().flatten();
            names.map(|name| format!("{name:?}={:?}", value(&name))).collect()
        })
        .unwrap_or_default();
    xattrs.sort();
    let (mode, uid, gid) = (found.mode() & 0o7777, found.uid(), found.gid());
    let (seconds, nanoseconds) = (found.mtime(), found.mtime_nsec());
    let line = format!("{what} {mode:o} {uid}:{gid} {seconds}.{nanoseconds:09} {xattrs:?}");
    entries.insert(own, line);
    if kind.is_dir() {
        let mut below: Vec<PathBuf> = fs::read_dir(path)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        below.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        below.iter().for_each(|entry| read_into(root, entry, entries, links));
    }
}

/// A sum of the content: these trees are ours, so nobody makes collisions.
fn content_sum(path: &Path) -> u64 {
    let mut file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut chunk = vec![0; 64 << 10];
    // Of the standard library, which is optimised in every build of ours.
    let mut sum = DefaultHasher::new();
    loop {
        match file.read(&mut chunk).expect("readable") {
            0 => return sum.finish(),
            count => sum.write(&chunk[..count]),
        }
    }
}
