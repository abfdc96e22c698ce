//! restic at the gate: it opens the repository while the database is still being dumped, and saves what
//! is there when it is let in, or nothing.

use std::{
    fs,
    io::{PipeWriter, Write, pipe},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use holdfast_job::Outcome;
use holdfast_tests::{DatabaseSite, MariaDb, Node, eventually, output_of};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::locks::locks;

/// Plain restic, which has locked the repository and waits before it saves this folder.
fn at_the_gate(node: &Node, folder: &Path) -> (Child, PipeWriter) {
    let (theirs, ours) = pipe().expect("a pipe");
    fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).expect("an inherited end");
    let gate = format!("/dev/fd/{}", theirs.as_raw_fd());
    let mut backup = node.restic(&["backup", "--exclude-file", &gate]);
    let backup =
        backup.arg(folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("restic");
    eventually("a lock", || (locks(node) > 0).then_some(()));
    (backup, ours)
}

fn snapshots(node: &Node) -> usize {
    output_of(&mut node.restic(&["--no-lock", "list", "snapshots"])).lines().count()
}

#[test]
fn restic_looks_at_what_it_saves_when_the_last_excludes_are_read() {
    let node = Node::with_site();
    node.backed_up();
    let folder = node.root().join("written-late");
    fs::create_dir(&folder).unwrap();
    let (waiting, gate) = at_the_gate(&node, &folder);
    fs::write(folder.join("late.txt"), "late").unwrap();
    drop(gate);
    let ended = waiting.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let saved = output_of(&mut node.restic(&["ls", "latest"]));
    assert!(saved.contains("/late.txt"), "{saved}");
}

#[test]
fn restic_refuses_a_bracket_that_is_never_closed_and_saves_nothing() {
    let node = Node::with_site();
    node.backed_up();
    let folder = node.live();
    let (waiting, mut gate) = at_the_gate(&node, &folder);
    gate.write_all(b"[\n").unwrap();
    drop(gate);
    let ended = waiting.wait_with_output().unwrap();
    assert!(!ended.status.success(), "{ended:?}");
    assert_eq!((snapshots(&node), locks(&node)), (1, 0), "{ended:?}");
}

/// A `mariadb-dump` that first waits until the repository is locked, and then does this.
fn dump_behind_the_lock(site: &DatabaseSite, then: &str) -> PathBuf {
    let locks = site.node.repository().join("locks");
    let script = format!(
        "tries=0\nuntil [ -n \"$(ls {})\" ]; do\n    tries=$((tries + 1))\n    \
         [ $tries -lt 20000 ] || exit 9\ndone\n{then}",
        locks.display()
    );
    site.node.double_of(Path::new("/usr/bin/mariadb-dump"), &script)
}

/// A site with a table and a backup, so that there is a repository.
fn site() -> DatabaseSite {
    let site = DatabaseSite::new();
    site.server
        .load(MariaDb::SCHEMA, b"CREATE TABLE links (page INT); INSERT INTO links VALUES (1);");
    site.backed_up();
    site
}

#[test]
fn a_backup_opens_its_repository_while_the_database_is_dumped() {
    let site = site();
    let double = dump_behind_the_lock(&site, "");
    site.configure(&format!("mariadb_dump = \"{}\"", double.display()), "");
    let saved = site.backed_up();
    let listed = output_of(&mut site.node.restic(&["ls", saved.as_str()]));
    assert!(listed.contains("/manifest.json"), "{listed}");
    assert_eq!((snapshots(&site.node), locks(&site.node)), (2, 0));
    site.node.recover();
}

#[test]
fn a_dump_that_fails_sends_restic_away_and_nothing_is_saved() {
    let site = site();
    let double = dump_behind_the_lock(&site, "exit 3");
    site.configure(&format!("mariadb_dump = \"{}\"", double.display()), "");
    let ended = site.node.backup_of("both").run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("ended with exit code 3"), "{ended:?}");
    assert_eq!((snapshots(&site.node), locks(&site.node)), (1, 0), "{ended:?}");
    site.node.recover();
}
