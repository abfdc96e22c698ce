//! Locks in the repository: held by a live restic, left by a dead one of ours, left by another.
//!
//! Needs: restic.

use std::{
    fs,
    io::Write,
    process::{Child, Stdio},
    time::{Duration, SystemTime},
};

use holdfast_job::Outcome;
use holdfast_tests::{Ended, Node, eventually, output_of, program, restic};

/// Plain restic with a lock on the repository, for as long as its stdin stays open.
fn holder(node: &Node) -> Child {
    let mut backup = node.restic(&["backup", "--stdin", "--stdin-filename", "held"]);
    let held = backup.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let held = held.spawn().expect("restic");
    eventually("a lock", || (locks(node) > 0).then_some(()));
    held
}

/// How many whole locks there are; one that is being written has a longer name.
pub(super) fn locks(node: &Node) -> usize {
    let locks = fs::read_dir(node.repository().join("locks")).into_iter().flatten().flatten();
    locks.filter(|lock| lock.file_name().len() == 64).count()
}

/// A restic that does not wait for a lock as long as it is told to, and says that it was told.
fn impatient(node: &Node) {
    let script = r#"
        for word in "$@"; do
            shift
            case $word in
                --retry-lock) told=yes ;;
                1m) [ "$told" ] && echo $command >>$root/waited || set -- "$@" "$word" ;;
                *) set -- "$@" "$word" ;;
            esac
        done"#;
    node.configure_with(&node.double(script), "", "");
}

#[test]
fn a_repository_locked_by_a_live_restic_fails_for_now_and_names_it() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    impatient(&node);
    let mut held = holder(&node);
    let ended = node.delete(&snapshot).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("locked by somebody else"), "{ended:?}");
    assert!(result.operator_message.contains(&format!("PID {}", held.id())), "{ended:?}");
    assert_eq!(fs::read_to_string(node.root().join("waited")).unwrap(), "forget\n");
    assert_eq!(locks(&node), 1, "the lock of a live restic was removed");
    // Beside it, a backup and a restore go on.
    let second = node.backed_up();
    node.restore(&second).run().completed();
    held.stdin.take().unwrap().write_all(b"held").unwrap();
    assert!(held.wait().unwrap().success());
    node.delete(&snapshot).run().completed();
    node.recover();
}

/// A backup whose restic is killed when it has made its lock: the process id of that one, and the end.
fn backup_whose_restic_is_killed(node: &Node) -> (String, Ended) {
    let random = format!("of={}", node.live().join("photo.raw").display());
    output_of(program("/usr/bin/dd").args(["if=/dev/urandom", "bs=64k", "count=64"]).arg(random));
    node.configure("", "[limits]\nupload_kib_per_second = 64\n");
    let running = node.backup().start();
    eventually("a lock", || (locks(node) > 0).then_some(()));
    let own = format!("{}\0", restic().display());
    let pid = node.processes().into_iter().find_map(|process| {
        let (pid, command) = process.strip_prefix("process ")?.split_once(' ')?;
        (command.starts_with(&own) && command.contains("\0backup\0")).then(|| pid.to_owned())
    });
    let pid = pid.expect("a restic");
    output_of(program("/usr/bin/kill").args(["-KILL", &pid]));
    (pid, running.wait())
}

#[test]
fn a_lock_left_by_a_killed_restic_of_ours_is_cleared_by_the_next_delete() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let (_, ended) = backup_whose_restic_is_killed(&node);
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("signal 9"), "{ended:?}");
    assert_eq!(locks(&node), 1);
    // Plain restic does not get past it.
    let naive = node.restic(&["forget", snapshot.as_str()]).output().unwrap();
    assert_eq!(naive.status.code(), Some(11));
    impatient(&node);
    node.delete(&snapshot).run().completed();
    assert_eq!(locks(&node), 0);
}

/// Process ids come round again: the lock of a dead restic of ours bears that of somebody at work.
#[test]
fn a_lock_whose_process_id_somebody_else_has_by_now_is_cleared() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let (pid, ended) = backup_whose_restic_is_killed(&node);
    ended.ended_as(Outcome::FailedForNow);
    // The lock's second is over.
    let locked = SystemTime::now() + Duration::from_secs(3);
    eventually("a later second", || (SystemTime::now() > locked).then_some(()));
    let mut other = eventually("a process of that id", || {
        let last = pid.parse::<u32>().expect("a number") - 1;
        fs::write("/proc/sys/kernel/ns_last_pid", last.to_string()).expect("the next id");
        let mut other = program("/usr/bin/sleep").arg("600").spawn().expect("a process");
        if other.id().to_string() == pid {
            return Some(other);
        }
        other.kill().and_then(|()| other.wait()).expect("its end");
        None
    });
    node.configure("", "");
    node.delete(&snapshot).run().completed();
    assert_eq!(locks(&node), 0);
    other.kill().and_then(|()| other.wait()).expect("its end");
}

#[test]
fn a_stale_lock_that_is_not_ours_stays() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    impatient(&node);
    let mut held = holder(&node);
    held.kill().unwrap();
    held.wait().unwrap();
    let ended = node.delete(&snapshot).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("locked by somebody else"), "{ended:?}");
    assert_eq!(locks(&node), 1);
    output_of(&mut node.restic(&["unlock"]));
    node.delete(&snapshot).run().completed();
}
