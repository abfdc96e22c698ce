//! What stands in the base directory where Holdfast's own names belong.
//!
//! Needs: restic.

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown, symlink},
    os::unix::net::UnixListener,
    path::Path,
};

use holdfast_job::{Outcome, WhatHappened};
use holdfast_tests::{Node, Tree, damage, output_of, program};

/// Removes whatever is there.
fn remove(path: &Path) {
    let removed = if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.expect("something to remove");
}

#[test]
fn a_planted_flag_is_refused_and_neither_followed_nor_removed() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let (flag, canary) = (node.flag(), node.root().join("canary"));
    let nowhere = node.root().join("nowhere");
    fs::write(&canary, "root's own").unwrap();
    let canary_before = Tree::read(&canary);
    let plants: [(&str, &dyn Fn()); 4] = [
        ("a dangling link", &|| symlink(&nowhere, &flag).unwrap()),
        ("a link to root's file", &|| symlink(&canary, &flag).unwrap()),
        ("a directory", &|| fs::create_dir(&flag).unwrap()),
        ("a FIFO", &|| drop(output_of(program("/usr/bin/mkfifo").arg(&flag)))),
    ];
    for (what, plant) in plants {
        plant();
        let planted = Tree::read(&flag);
        let ended = node.restore(&snapshot).run();
        let result = ended.ended_as(Outcome::Failed);
        let sentence = format!("{} is no regular file: remove it", flag.display());
        assert!(result.operator_message.contains(&sentence), "{what}: {ended:?}");
        assert!(!result.customer_message.contains('/'), "{what}: {ended:?}");
        assert_eq!(result.sources[0].what, WhatHappened::Untouched, "{what}");
        assert_eq!(Tree::read(&flag), planted, "{what}");
        assert_eq!(node.tree(), before, "{what}");
        assert_eq!(Tree::read(&canary), canary_before, "{what}");
        assert!(nowhere.symlink_metadata().is_err(), "{what}");
        remove(&flag);
    }
    // What root's `touch` would have done.
    symlink(&nowhere, &flag).unwrap();
    output_of(program("/usr/bin/touch").arg(&flag));
    assert!(nowhere.is_file());
    remove(&flag);
    node.restore(&snapshot).run().completed();
    node.recover();
}

#[test]
fn a_planted_socket_for_a_flag_is_refused_for_good() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let before = node.tree();
    let _socket = UnixListener::bind(node.flag()).unwrap();
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("is no regular file: remove it"), "{ended:?}");
    assert_eq!(node.tree(), before);
    remove(&node.flag());
    node.recover();
}

#[test]
fn a_flag_that_an_operator_made_stays_when_a_restore_is_over() {
    let node = Node::with_site();
    let good = node.tree();
    let snapshot = node.backed_up();
    // As `touch` makes it, and with a word in it.
    for content in ["", "closed by hand: moving house\n"] {
        damage(&node.live());
        fs::write(node.flag(), content).unwrap();
        let flag = Tree::read(&node.flag());
        node.restore(&snapshot).run().completed();
        assert_eq!(node.tree(), good);
        assert_eq!(Tree::read(&node.flag()), flag);
        node.undo().run().completed();
        assert_eq!(Tree::read(&node.flag()), flag);
        node.undo().run().completed();
    }
    remove(&node.flag());
    node.recover();
}

#[test]
fn a_planted_holdfast_folder_is_refused_and_not_entered() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let (aside, elsewhere) = (node.base().join(".holdfast"), node.root().join("elsewhere"));
    DirBuilder::new().mode(0o700).create(&elsewhere).unwrap();
    let folder = |mode: u32, uid: u32| {
        fs::create_dir(&aside).unwrap();
        fs::set_permissions(&aside, Permissions::from_mode(mode)).unwrap();
        chown(&aside, Some(uid), None).unwrap();
    };
    let plants: [(&str, &dyn Fn()); 4] = [
        ("a link", &|| symlink(&elsewhere, &aside).unwrap()),
        ("another owner's", &|| folder(0o700, 1000)),
        ("open to others", &|| folder(0o755, 0)),
        ("a file", &|| fs::write(&aside, "").unwrap()),
    ];
    for (what, plant) in plants {
        plant();
        let planted = Tree::read(&aside);
        let ended = node.restore(&snapshot).run();
        let result = ended.ended_as(Outcome::Failed);
        let sentence = format!(
            "{} must be a directory of root's with mode 0700: remove what is there",
            aside.display()
        );
        assert!(result.operator_message.contains(&sentence), "{what}: {ended:?}");
        assert_eq!(Tree::read(&aside), planted, "{what}");
        assert_eq!(Tree::read(&elsewhere).len(), 1, "{what}");
        assert_eq!(node.tree(), before, "{what}");
        remove(&aside);
    }
}
