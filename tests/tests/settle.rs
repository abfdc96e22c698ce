//! What cannot be put back waits for a person, says what to do, and believes nobody.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::{Outcome, Scope, SnapshotId, UndoCopy};
use holdfast_tests::{Node, damage, fill_site};

/// Two webroots, so that a swap can be half.
fn two_sources() -> (Node, SnapshotId) {
    let node = Node::new();
    let root = node.root().display();
    let source = |id: &str, path: &str| {
        format!(
            "[[site.files]]\nid = \"{id}\"\nname = \"{id}\"\n\
             path = \"{root}/customers/customer-{{id}}/{path}\"\n"
        )
    };
    node.configure(&(source("web", "public") + &source("blog", "blog")), "");
    fill_site(&node.live());
    fill_site(&node.base().join("blog"));
    let snapshot = node.backed_up();
    damage(&node.live());
    damage(&node.base().join("blog"));
    (node, snapshot)
}

fn settle(node: &Node, side: &str) -> (Option<i32>, String) {
    let output = node.executor_with(&["settle", "42", "--as", side]).output().expect("settle");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// A restore whose way back fails because somebody took a live tree away.
fn stuck_half_way() -> (Node, SnapshotId) {
    let (node, snapshot) = two_sources();
    let call = node.restore_with(&snapshot, Scope::Both, UndoCopy::Keep);
    let mut running = call.rehearsed("after swap_files,wait -swap_files").start();
    running.until_said("\"stage\":\"swap_files\",\"number\":5,\"of\":8,\"reverting\":true");
    fs::rename(node.live(), node.base().join("taken")).expect("taken away");
    running.let_go();
    let result = running.wait().ended_as(Outcome::Stuck);
    for word in ["mixture", "settle 42", "inode", "public"] {
        assert!(result.operator_message.contains(word), "{}", result.operator_message);
    }
    assert!(!result.customer_message.contains('/'), "{}", result.customer_message);
    (node, snapshot)
}

#[test]
fn a_mixture_stays_closed_and_nothing_is_done_until_it_is_settled() {
    let (node, snapshot) = stuck_half_way();
    assert!(node.flag().exists(), "a mixture is not shown to anybody");
    for call in [node.backup(), node.restore(&snapshot), node.undo(), node.delete(&snapshot)] {
        let result = call.run().ended_as(Outcome::Stuck);
        assert!(result.operator_message.contains("settle 42"), "{}", result.operator_message);
    }
    let output = node.executor_with(&["recover"]).output().expect("recover");
    assert_eq!(output.status.code(), Some(6));
    for side in ["old", "new"] {
        let (code, text) = settle(&node, side);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("not as you say"), "{text}");
    }
    fs::rename(node.base().join("taken"), node.live()).expect("brought back");
    let (code, text) = settle(&node, "old");
    assert_eq!(code, Some(2), "both are new: {text}");
    assert!(node.flag().exists());
    let (code, text) = settle(&node, "new");
    assert_eq!(code, Some(0), "{text}");
    assert!(!node.flag().exists() && !node.live().join("hacked.php").exists());
    let (code, text) = settle(&node, "new");
    assert_eq!((code, text.contains("nothing of customer 42 is stuck")), (Some(2), true), "{text}");
    node.undo().run().completed();
    assert!(node.live().join("hacked.php").exists(), "the undo copy is of use after a settlement");
    node.recover();
}

#[test]
fn a_site_that_a_person_brought_back_is_settled_as_old() {
    let (node, _) = stuck_half_way();
    let aside = node.base().join(".holdfast");
    let stage = fs::read_dir(&aside).expect("aside").flatten().map(|entry| entry.path());
    let stage = stage.into_iter().find(|path| path.to_string_lossy().contains("stage-"));
    let stage = stage.expect("a stage");
    fs::rename(stage.join("web"), node.live()).expect("the old web");
    fs::rename(node.base().join("blog"), node.base().join("new blog")).expect("room");
    fs::rename(stage.join("blog"), node.base().join("blog")).expect("the old blog");
    let (code, text) = settle(&node, "old");
    assert_eq!(code, Some(0), "{text}");
    assert!(!node.flag().exists() && node.live().join("hacked.php").exists());
    node.recover();
    node.backup().run().completed();
}

#[test]
fn a_site_that_is_whole_is_opened_although_its_order_is_stuck() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let good = node.tree();
    damage(&node.live());
    let script = "after swap_files,before -swap_files";
    let ended = node.restore(&snapshot).rehearsed(script).run();
    let result = ended.ended_as(Outcome::Stuck);
    assert!(result.operator_message.contains("whole (New) and open"), "{ended:?}");
    assert!(!node.flag().exists());
    assert_eq!(settle(&node, "new").0, Some(0));
    assert_eq!(node.tree(), good);
    node.recover();
}
