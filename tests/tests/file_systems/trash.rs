//! What was displaced goes when its time is over, whatever is in it; what cannot go is named.
//!
//! Needs: disk, restic.

use std::{fs, path::PathBuf};

use holdfast_job::{Scope, UndoCopy};
use holdfast_tests::{Disk, Mount, Node, chattr, fill_site, output_of, program};

use super::bad;

/// Restores twice, the second time without a copy for an undo: what the first one displaced is trash.
fn displace(node: &Node) {
    let snapshot = node.backed_up();
    node.restore(&snapshot).run().completed();
    node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run().completed();
}

fn trash(node: &Node) -> Vec<PathBuf> {
    let entries = fs::read_dir(node.base().join(".holdfast")).into_iter().flatten().flatten();
    let trash = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("trash-"));
    trash.map(|entry| entry.path()).collect()
}

#[test]
fn protected_files_and_folders_leave_the_trash() {
    let node = Node::with_site();
    fs::write(node.live().join(".user.ini"), "memory_limit = 64M").expect("a file");
    for folder in ["logs", "locked", "locked/inner"] {
        fs::create_dir_all(node.live().join(folder)).expect("a folder");
        fs::write(node.live().join(folder).join("file"), folder).expect("a file");
    }
    let flags = [(".user.ini", "+i"), ("logs/file", "+a"), ("logs", "+a"), ("locked/inner", "+ai")];
    for (path, flag) in flags.into_iter().chain([("locked", "+i")]) {
        chattr(flag, &node.live().join(path));
    }
    displace(&node);
    assert!(!trash(&node).is_empty());
    assert!(bad(&node).is_empty(), "the next `recover` removes it: {:?}", bad(&node));
    node.recover();
    assert_eq!(trash(&node), Vec::<PathBuf>::new());
    unprotect(&node);
}

/// So that the harness can remove the node.
fn unprotect(node: &Node) {
    // Links have no flags, and it complains of them.
    let _ = program("/usr/bin/chattr").args(["-R", "-f", "-i", "-a"]).arg(node.base()).status();
}

#[test]
fn subvolumes_leave_the_trash() {
    let disk = Disk::btrfs();
    let node = Node::within(disk.path());
    let subvolume = |path: PathBuf| {
        output_of(program("/usr/bin/btrfs").args(["subvolume", "create"]).arg(path));
    };
    subvolume(node.live());
    fill_site(&node.live());
    displace(&node);
    // A customer's own, in what will be displaced.
    subvolume(node.live().join("nested"));
    subvolume(node.live().join("nested/deeper"));
    fs::write(node.live().join("nested/deeper/file"), "x").expect("a file");
    chattr("+i", &node.live().join("nested/deeper/file"));
    let snapshot = node.backed_up();
    node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run().completed();
    node.recover();
    assert_eq!(trash(&node), Vec::<PathBuf>::new());
    unprotect(&node);
    let mut remove = program("/usr/bin/btrfs");
    remove.args(["subvolume", "delete"]).arg(node.live());
    let _ = remove.output();
}

#[test]
fn what_cannot_leave_the_trash_is_named_by_recover_and_doctor_with_why_and_how_big() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let first = node.restore(&snapshot);
    first.run().completed();
    let inside = node.base().join(format!(".holdfast/undo-{}/web/wp-content", first.job()));
    let mount = Mount::over(&inside, "size=1m");
    node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run().completed();
    let said = node.recover();
    let left = trash(&node);
    assert_eq!(left.len(), 1, "{said}");
    let place = left[0].join("web/wp-content").display().to_string();
    let why = [place.as_str(), "something is mounted there: `umount", " MB"];
    let found = bad(&node);
    assert!(found.iter().any(|line| why.iter().all(|word| line.contains(word))), "{found:?}");
    let output = node.executor_with(&["recover"]).output().expect("recover");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let all = format!("{}{errors}", String::from_utf8_lossy(&output.stdout));
    assert!(why.iter().all(|word| all.contains(word)), "{all}");
    drop(Moved { mount: Some(mount), place: place.into() });
    node.recover();
    assert_eq!(trash(&node), Vec::<PathBuf>::new());
    assert!(bad(&node).is_empty(), "{:?}", bad(&node));
}

/// A mount that was carried along by a rename.
struct Moved {
    mount: Option<Mount>,
    place: PathBuf,
}

impl Drop for Moved {
    fn drop(&mut self) {
        output_of(program("/usr/bin/umount").arg("--lazy").arg(&self.place));
        // It is unmounted already.
        std::mem::forget(self.mount.take());
    }
}
