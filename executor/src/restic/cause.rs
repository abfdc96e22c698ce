//! The cause of a restic's failure, as the words of restic, ssh and the system tell it: what it is, whether
//! it passes by itself, and what to do.
//!
//! The words are those of restic 0.18 and 0.19, and of OpenSSH 9; each was seen, and has a test that
//! brings it about. What is not known here is passing, since the network is behind most of it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::process::FULL_DISK;

/// A cause that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The disk, quota or bucket of the repository is full.
    RepositoryFull {
        /// Where.
        url: String,
    },
    /// The disk with the node's own folders is full, where restic puts its temporary files.
    NodeFull {
        /// Where.
        place: PathBuf,
    },
    /// The disk of the site is full.
    SiteFull {
        /// Where.
        place: PathBuf,
    },
    /// The server shows another key than the one that is known.
    HostKeyChanged,
    /// No key of the server is known.
    HostKeyUnknown,
    /// The server refuses our key.
    KeyRefused,
    /// The server has no sftp for us.
    NoSftp,
    /// The repository's files are not ours to read.
    NotAllowed {
        /// Where.
        url: String,
    },
    /// The server is not there.
    Unreachable,
    /// The repository is damaged.
    Damaged {
        /// Where.
        url: String,
    },
}

/// What the operator reads: what it is, and what to do.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RepositoryFull { url } => write!(
                f,
                "the repository's disk is full, at {url}, and not the site's: make room there first, \
                 since a deletion needs a few KB too, then delete backups and run `restic prune \
                 --max-repack-size 0`"
            ),
            Self::NodeFull { place } => write!(
                f,
                "this node's own disk is full, at {}, and not the repository's: make room there",
                place.display()
            ),
            Self::SiteFull { place } => {
                write!(f, "the disk of the site is full, at {}: make room there", place.display())
            }
            Self::HostKeyChanged => write!(
                f,
                "the storage server's host key has changed: it was set up anew, or somebody stands \
                 between. Ask whoever runs it; if the key is right, put it into `ssh.known_hosts`"
            ),
            Self::HostKeyUnknown => write!(
                f,
                "the storage server's host key is not known: put it into `ssh.known_hosts`"
            ),
            Self::KeyRefused => write!(
                f,
                "the storage server refuses our key or user: put the public half of `ssh.key` into its \
                 `authorized_keys`, or correct the URL"
            ),
            Self::NoSftp => write!(f, "the storage server offers no sftp to us: allow it there"),
            Self::NotAllowed { url } => write!(
                f,
                "the user at {url} may not read the repository: give it the files, or correct the URL"
            ),
            Self::Unreachable => {
                write!(f, "the storage server is not there: look whether it is up")
            }
            Self::Damaged { url } => write!(
                f,
                "the repository at {url} is damaged: no backup there counts until `restic check \
                 --read-data` says what, and `restic repair` has mended it"
            ),
        }
    }
}

impl Cause {
    /// Whether the same order may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::RepositoryFull { .. }
            | Self::NodeFull { .. }
            | Self::SiteFull { .. }
            | Self::Unreachable => true,
            Self::HostKeyChanged
            | Self::HostKeyUnknown
            | Self::KeyRefused
            | Self::NoSftp
            | Self::NotAllowed { .. }
            | Self::Damaged { .. } => false,
        }
    }

    /// What the customer reads.
    pub fn customer(&self) -> &'static str {
        match self {
            Self::RepositoryFull { .. } => {
                "The backup storage is full. Your site was not changed. Try again later, or contact \
                 support."
            }
            Self::NodeFull { .. } => {
                "There is no room on our side just now. Your site was not changed. Try again later."
            }
            Self::SiteFull { .. } => {
                "There was not enough room to restore this backup. Nothing was changed. Make room, or \
                 contact support."
            }
            Self::Unreachable => {
                "The backup storage could not be used just now. Nothing was changed. Try again later."
            }
            Self::HostKeyChanged
            | Self::HostKeyUnknown
            | Self::KeyRefused
            | Self::NoSftp
            | Self::NotAllowed { .. }
            | Self::Damaged { .. } => {
                "The backup storage could not be used. Nothing was changed. Contact support."
            }
        }
    }
}

/// The places that restic's words may name.
#[derive(Debug)]
pub(super) struct Places<'a> {
    /// The repository.
    pub(super) url: &'a str,
    /// Its folder, of a local one.
    pub(super) local: Option<&'a Path>,
    /// Where temporary files are.
    pub(super) temporary: &'a Path,
    /// Where restic's cache is.
    pub(super) cache: &'a Path,
    /// Where it restores to.
    pub(super) stage: Option<&'a Path>,
}

/// Words of ssh, in the order in which they count.
const OF_SSH: [(&str, Cause); 15] = [
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Cause::HostKeyChanged),
    ("host key is known for", Cause::HostKeyUnknown),
    ("Host key verification failed", Cause::HostKeyUnknown),
    ("Permission denied (", Cause::KeyRefused),
    ("Too many authentication failures", Cause::KeyRefused),
    ("subsystem request failed", Cause::NoSftp),
    ("Could not resolve hostname", Cause::Unreachable),
    ("Connection refused", Cause::Unreachable),
    ("Connection timed out", Cause::Unreachable),
    ("No route to host", Cause::Unreachable),
    ("Network is unreachable", Cause::Unreachable),
    ("Connection reset by", Cause::Unreachable),
    ("Connection closed by", Cause::Unreachable),
    ("not responding", Cause::Unreachable),
    ("kex_exchange_identification", Cause::Unreachable),
];

/// Words of restic about what it reads of a repository.
const OF_DAMAGE: [&str; 8] = [
    "invalid data returned",
    "ciphertext verification failed",
    "repository could be damaged",
    "is damaged",
    "not found in repository",
    "file is too short",
    "config file has zero size",
    // It broke off by a fault of its own, which a damaged tree brings about.
    "panic: runtime error",
];

/// Words of storages of other kinds for a disk that is full.
const OF_FULL_STORAGES: [&str; 3] = ["Insufficient Storage", "StorageFull", "QuotaExceeded"];

/// The cause that these lines tell.
pub(super) fn cause<'l>(
    lines: impl Iterator<Item = &'l str> + Clone,
    places: &Places<'_>,
) -> Option<Cause> {
    if let Some(full) = lines.clone().find_map(|line| full(line, places)) {
        return Some(full);
    }
    let ssh = |(words, cause): &(&str, Cause)| {
        lines.clone().any(|line| line.contains(words)).then(|| cause.clone())
    };
    let url = || places.url.to_owned();
    OF_SSH.iter().find_map(ssh).or_else(|| {
        if lines.clone().any(is_of_damage) {
            return Some(Cause::Damaged { url: url() });
        }
        let not_allowed = |line: &str| {
            line.contains("unable to open config file") && line.contains("permission denied")
        };
        lines.clone().any(not_allowed).then(|| Cause::NotAllowed { url: url() })
    })
}

fn full(line: &str, places: &Places<'_>) -> Option<Cause> {
    let of_a_system = FULL_DISK.iter().any(|words| line.to_lowercase().contains(words));
    if !of_a_system && !OF_FULL_STORAGES.iter().any(|words| line.contains(words)) {
        return None;
    }
    let names = |place: &Path| line.contains(&*place.to_string_lossy());
    let repository = || Cause::RepositoryFull { url: places.url.to_owned() };
    match places.stage {
        Some(stage) if names(stage) => return Some(Cause::SiteFull { place: stage.to_owned() }),
        _ if places.local.is_some_and(names) => return Some(repository()),
        _ => {}
    }
    for place in [places.temporary, places.cache] {
        if names(place) {
            return Some(Cause::NodeFull { place: place.to_owned() });
        }
    }
    match places.stage {
        // A restore writes next to nothing into the repository.
        Some(stage) if of_a_system && !line.contains("sftp: ") && !line.contains("<lock/") => {
            Some(Cause::SiteFull { place: stage.to_owned() })
        }
        _ => Some(repository()),
    }
}

/// A pack or an index that is not there is damage as well; a snapshot that is not there was forgotten.
fn is_of_damage(line: &str) -> bool {
    let missing = line.contains("no such file or directory")
        && (line.contains("<data/") || line.contains("<index/"));
    missing || OF_DAMAGE.iter().any(|words| line.contains(words))
}

/// Whether an item could not be saved because the repository is damaged: the tree of an earlier snapshot
/// is read for comparison.
pub(super) fn tells_of_damage<'l>(mut lines: impl Iterator<Item = &'l str>) -> bool {
    lines.any(is_of_damage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str, stage: Option<&str>) -> Option<Cause> {
        let places = Places {
            url: "/backups/customer-42",
            local: Some(Path::new("/backups/customer-42")),
            temporary: Path::new("/state/tmp"),
            cache: Path::new("/cache"),
            stage: stage.map(Path::new),
        };
        cause([line].into_iter(), &places)
    }

    #[test]
    fn the_disk_that_is_full_is_the_one_that_is_named() {
        let repository = Some(Cause::RepositoryFull { url: "/backups/customer-42".into() });
        let lock = "unable to create lock in backend: write /backups/customer-42/locks/7: no space left on device";
        for stage in [None, Some("/site/.holdfast/stage")] {
            assert_eq!(told(lock, stage), repository);
            assert_eq!(told("sftp: no space left on device", stage), repository);
            assert_eq!(
                told("server response unexpected: 507 Insufficient Storage", stage),
                repository
            );
        }
        let temporary = "Write: write /state/tmp/restic-temp-pack-17: no space left on device";
        assert_eq!(told(temporary, None), Some(Cause::NodeFull { place: "/state/tmp".into() }));
        let stage =
            "/site/.holdfast/stage/web/a: write /site/.holdfast/stage/web/a: disk quota exceeded";
        let full = told(stage, Some("/site/.holdfast/stage"));
        assert_eq!(full, Some(Cause::SiteFull { place: "/site/.holdfast/stage".into() }));
    }

    #[test]
    fn a_changed_key_counts_before_what_ssh_says_behind_it() {
        let lines = [
            "Host key verification failed.",
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
        ];
        let places = Places {
            url: "sftp:x",
            local: None,
            temporary: Path::new("/t"),
            cache: Path::new("/c"),
            stage: None,
        };
        assert_eq!(cause(lines.into_iter(), &places), Some(Cause::HostKeyChanged));
    }

    #[test]
    fn an_absent_snapshot_is_no_damage() {
        let gone = "Load(<snapshot/7>, 0, 0) failed: open /backups/customer-42/snapshots/7: no such file or directory";
        assert_eq!(told(gone, None), None);
        let pack = "Load(<data/7>, 0, 0) failed: open /backups/customer-42/data/7: no such file or directory";
        assert!(matches!(told(pack, None), Some(Cause::Damaged { .. })));
    }
}
