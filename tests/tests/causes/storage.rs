//! A repository whose disk is full, and one that is damaged.
//!
//! Needs: restic.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use holdfast_job::Outcome;
use holdfast_tests::{Mount, Node, damage, eventually, output_of, program};

use super::{World, walk};

/// A node whose repository has a small disk of its own.
fn on_a_small_disk() -> (Node, Mount) {
    let node = Node::with_site();
    let (place, kept) = (node.repository(), node.root().join("kept"));
    fs::rename(&place, &kept).expect("the prepared repository");
    fs::create_dir(&place).expect("a place for a disk");
    let mount = Mount::over(&place, "size=16m");
    let mut copy = program("/usr/bin/cp");
    output_of(copy.arg("-a").arg(kept.join(".")).arg(&place));
    fs::remove_dir_all(kept).expect("the copied repository");
    (node, mount)
}

/// Takes every byte of a disk.
fn fill(place: &Path) -> PathBuf {
    let path = place.join("of-somebody-else");
    let mut file = File::create(&path).expect("a file");
    let block = [1; 4096];
    while file.write_all(&block).is_ok() {}
    path
}

pub(super) fn full() -> World {
    let (node, mount) = on_a_small_disk();
    let snapshot = node.backed_up();
    damage(&node.live());
    fill(mount.path());
    World::new(node, snapshot).with(mount)
}

pub(super) fn damaged() -> World {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let mut find = program("/usr/bin/find");
    find.arg(node.repository().join("data")).args(["-type", "f"]);
    for pack in output_of(&mut find).lines() {
        let length = fs::metadata(pack).expect("a pack").len();
        fs::write(pack, vec![7_u8; length as usize]).expect("a damaged pack");
    }
    // What this node has kept of it would do for a while.
    fs::remove_dir_all(node.root().join("cache")).expect("the cache");
    World::new(node, snapshot)
}

/// As on a node that was installed anew, and has not mounted the disk of its backups yet.
pub(super) fn unmounted() -> World {
    let (node, mount) = on_a_small_disk();
    let demand = format!(
        "[repositories.manual]\nurl = \"{0}/repositories/customer-{{id}}\"\n\
         password_file = \"{0}/etc/password\"\nmount_point = \"{0}/repositories/customer-42\"\n",
        node.root().display()
    );
    let snapshot = node.backed_up();
    node.configure("", &demand);
    node.restore(&snapshot).run().completed();
    drop(mount);
    fs::remove_dir_all(node.root().join("state/repositories")).expect("what the node knew");
    World::new(node, snapshot)
}

/// A lock of somebody's restic that ended long ago, as restic would tell it.
pub(super) fn locked() -> World {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let mut restic = node.restic(&["backup", "--stdin", "--stdin-filename", "held"]);
    let held = restic.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut held = held.spawn().expect("restic");
    eventually("a lock", || (locks(&node) > 0).then_some(()));
    held.kill().expect("a signal");
    held.wait().expect("its end");
    let script = r#"
        for word in "$@"; do
            shift
            case $word in
                --retry-lock | 1m) ;;
                *) set -- "$@" "$word" ;;
            esac
        done
        if [ $command = cat ]; then
            echo '{"time":"2020-01-01T00:00:00.5+01:00","hostname":"old","username":"root","pid":7}'
            exit
        fi"#;
    node.configure_with(&node.double(script), "", "");
    World::new(node, snapshot)
}

fn locks(node: &Node) -> usize {
    let locks = fs::read_dir(node.repository().join("locks")).into_iter().flatten().flatten();
    locks.filter(|lock| lock.file_name().len() == 64).count()
}

#[test]
fn a_repository_whose_disk_is_not_mounted_is_no_first_use() {
    walk("unmounted repository");
}

#[test]
fn a_lock_that_nobody_refreshes_is_told_before_a_deletion_waits_for_it() {
    walk("forgotten lock");
}

#[test]
fn a_full_repository_is_told_as_such_and_not_as_the_disk_of_the_site() {
    walk("full repository");
}

#[test]
fn a_damaged_repository_is_told_in_words() {
    walk("damaged repository");
}

#[test]
fn a_repository_without_one_free_byte_can_be_restored_from() {
    let (node, mount) = on_a_small_disk();
    let good = node.tree();
    let snapshot = node.backed_up();
    damage(&node.live());
    let filling = fill(mount.path());
    node.restore(&snapshot).run().completed();
    assert_eq!(node.tree(), good);
    fs::remove_file(filling).expect("room");
    node.delete(&snapshot).run().completed();
    node.recover();
}

#[test]
fn a_backup_that_finds_no_room_for_a_pack_ends_soon_and_says_why() {
    let (node, mount) = on_a_small_disk();
    node.backed_up();
    let filling = fill(mount.path());
    let length = fs::metadata(&filling).expect("it").len();
    File::options()
        .write(true)
        .open(&filling)
        .and_then(|file| file.set_len(length - (64 << 10)))
        .expect("some KB");
    let random = format!("of={}", node.live().join("photo.raw").display());
    output_of(program("/usr/bin/dd").args(["if=/dev/urandom", "bs=64k", "count=64"]).arg(random));
    let begun = Instant::now();
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.starts_with("the repository's disk is full"), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn a_restic_that_waits_for_room_is_ended_before_its_patience_is() {
    let node = Node::with_site();
    let script = format!(
        "if [ $command = backup ]; then \
         echo 'Save(<data/7>) failed: write {}/data/7: no space left on device' >&2; \
         exec sleep 1000; fi",
        node.repository().display()
    );
    node.configure_with(&node.double(&script), "", "");
    let begun = Instant::now();
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.starts_with("the repository's disk is full"), "{ended:?}");
    assert!(result.operator_message.contains("made no progress for 10 s"), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    node.quiet();
}

#[test]
fn what_could_not_be_written_at_a_restore_is_named() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let script = r#"
        if [ $command = restore ]; then
            for item in a b c d e f; do
                echo '{"message_type":"error","error":{"message":"file name too long"},"during":"restore","item":"/web/'$item'"}' >&2
            done
            echo '{"message_type":"exit_error","code":1,"message":"Fatal: There were 6 errors"}' >&2
            exit 1
        fi"#;
    node.configure_with(&node.double(script), "", "");
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert_eq!(
        result.operator_message,
        "restic restore failed: Fatal: There were 6 errors; /web/a: file name too long; /web/b: file \
         name too long; /web/c: file name too long; /web/d: file name too long; and 2 more",
        "{ended:?}"
    );
    assert_eq!(node.tree(), before);
    node.recover();
}
