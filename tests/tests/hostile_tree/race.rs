//! A tenant swaps a directory for a link to another tenant's, in a loop, while root saves it.
//!
//! Needs: restic.

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use holdfast_job::Outcome;
use holdfast_tests::{Node, output_of, program};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

/// How often the site is saved while the tenant does this.
const BACKUPS: usize = 50;
/// How often plain restic is given the chance to fall for it.
const TRIES: usize = 30;
/// Folders in the directory that is swapped: each is one more chance.
const FOLDERS: usize = 12;
/// A name that only the other tenant's directory has.
const ONLY_THERE: &str = "only-the-other-tenant-has-this";

/// Swaps pairs of names until it is dropped.
struct Swapper {
    over: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Swapper {
    fn start(pairs: Vec<(PathBuf, PathBuf)>) -> Self {
        let (over, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ends, count) = (Arc::clone(&over), Arc::clone(&swaps));
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                for (one, other) in &pairs {
                    let exchange = RenameFlags::RENAME_EXCHANGE;
                    renameat2(AT_FDCWD, one, AT_FDCWD, other, exchange).expect("an exchange");
                    count.fetch_add(1, Ordering::Relaxed);
                }
                // Some ten thousand times a second is often enough, and leaves restic its core.
                thread::park_timeout(Duration::from_micros(20));
            }
        });
        Self { over, swaps, thread: Some(thread) }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let swapped = thread.join();
            assert!(swapped.is_ok() || thread::panicking(), "the swapper failed");
        }
    }
}

/// A directory of somebody else's, with files whose names are also in the tenant's own.
fn secrets(folder: &Path, canary: &str) {
    DirBuilder::new().mode(0o700).create(folder).expect("a private folder");
    for number in 0..FOLDERS {
        fs::create_dir(folder.join(number.to_string())).expect("a folder");
        fs::write(folder.join(format!("{number}/file")), canary).expect("a canary");
        fs::write(folder.join(format!("{number}/{ONLY_THERE}")), canary).expect("a canary");
    }
    chown(folder, Some(1043), Some(1043)).expect("an owner");
    fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("a mode");
}

/// The tenant's own directory of this name, and beside it a link to `target`.
fn bait(live: &Path, name: &str, target: &Path) -> (PathBuf, PathBuf) {
    let (folder, link) = (live.join(name), live.join(format!("{name}.link")));
    for number in 0..FOLDERS {
        fs::create_dir_all(folder.join(number.to_string())).expect("a folder");
        fs::write(folder.join(format!("{number}/file")), "my own").expect("a file");
    }
    symlink(target, &link).expect("a link");
    (folder, link)
}

/// The name that restic gives to a small file's content: its SHA-256.
fn blob_of(content_of: &Path) -> String {
    let said = output_of(program("/usr/bin/sha256sum").arg(content_of));
    said.split(' ').next().expect("a sum").to_owned()
}

/// Which of these contents a repository holds, in whichever snapshot or in none.
fn leaked(node: &Node, repository: &Path, blobs: &[String]) -> Vec<String> {
    let mut list = node.restic(&["--no-lock", "list", "blobs"]);
    let list = output_of(list.env("RESTIC_REPOSITORY", repository));
    blobs.iter().filter(|blob| list.contains(blob.as_str())).cloned().collect()
}

#[test]
fn a_directory_swapped_for_a_link_leaks_no_file_of_another_tenant_in_fifty_backups() {
    let node = Node::with_site();
    // One behind what the namespace hides, and one that only its refusal of links protects.
    let (neighbour, roots_own) =
        (node.root().join("customers/customer-43"), node.root().join("private"));
    secrets(&neighbour, "the canary of tenant 43");
    secrets(&roots_own, "the canary of root itself");
    let pairs =
        vec![bait(&node.live(), "album", &neighbour), bait(&node.live(), "inbox", &roots_own)];
    let own = blob_of(&node.live().join("album/0/file"));
    let canaries = [blob_of(&neighbour.join("0/file")), blob_of(&roots_own.join("0/file"))];
    let first = node.backed_up();
    let swapper = Swapper::start(pairs);
    let mut ends = [0; 3];
    for _ in 0..BACKUPS {
        let ended = node.backup().run();
        let at = match ended.result().outcome {
            Outcome::Completed => 0,
            Outcome::Incomplete => 1,
            Outcome::FailedForNow => 2,
            other => panic!("{other:?}\n{ended:?}"),
        };
        ends[at] += 1;
    }
    let swaps = swapper.swaps.load(Ordering::Relaxed);
    let naive = node.root().join("repositories/naive");
    let tries = tries_until_plain_restic_leaks(&node, &naive, &canaries);
    drop(swapper);
    println!(
        "{BACKUPS} backups beside {swaps} swaps: {} completed, {} incomplete, {} failed; plain \
         restic leaked at try {tries:?} of {TRIES}",
        ends[0], ends[1], ends[2]
    );
    assert!(swaps > 10_000, "the swapper hardly ran: {swaps}");
    // No blob is ever removed, so one look at the end sees what any of the backups has read.
    assert_eq!(leaked(&node, &node.repository(), std::slice::from_ref(&own)), [own]);
    assert_eq!(leaked(&node, &node.repository(), &canaries), [""; 0]);
    let found = output_of(&mut node.restic(&["--no-lock", "--json", "find", ONLY_THERE]));
    assert!(!found.contains(ONLY_THERE), "{found}");
    // Nor was the race lost before it began: the tenant's own files were still come by in it.
    let found = output_of(&mut node.restic(&["--no-lock", "--json", "find", "file"]));
    assert!(found.matches("/file\"").count() > 2 * FOLDERS, "{found}");
    node.restore(&first).run().completed();
    assert_eq!(fs::read_to_string(node.live().join("album/0/file")).unwrap(), "my own");
    node.recover();
}

/// Plain restic, as root and without a namespace, in the same race; `None` if it was never caught.
fn tries_until_plain_restic_leaks(node: &Node, naive: &Path, canaries: &[String]) -> Option<usize> {
    output_of(node.restic(&["init"]).env("RESTIC_REPOSITORY", naive));
    (1..=TRIES).find(|_| {
        let mut backup = node.restic(&["backup", "--quiet"]);
        let backup = backup.env("RESTIC_REPOSITORY", naive).arg(node.live());
        let _ = backup.output().expect("restic");
        !leaked(node, naive, canaries).is_empty()
    })
}
