//! Immutable and append-only flags, as panels and careful operators set them.
//!
//! Needs: restic.

use std::{fs, path::PathBuf};

use holdfast_job::Outcome;
use holdfast_tests::{Node, chattr, damage};

use super::{bad, foreseen, refused};

/// Flags on an entry, lifted on drop.
struct Protected(&'static str, PathBuf);

impl Protected {
    fn new(flag: &'static str, path: PathBuf) -> Self {
        chattr(&format!("+{flag}"), &path);
        Self(flag, path)
    }
}

impl Drop for Protected {
    fn drop(&mut self) {
        chattr(&format!("-{}", self.0), &self.1);
    }
}

#[test]
fn a_protected_tree_base_or_folder_of_ours_is_refused_by_name_before_the_door_closes() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let bad_tree = node.tree();
    node.restore(&snapshot).run().completed();
    for flag in ["i", "a"] {
        for path in [node.live(), node.base(), node.base().join(".holdfast")] {
            let protected = Protected::new(flag, path.clone());
            let words = [&*format!("chattr -{flag} {}", path.display())];
            foreseen(&node, &words);
            refused(&node, &node.restore(&snapshot), &words);
            refused(&node, &node.undo(), &words);
            drop(protected);
        }
    }
    assert!(bad(&node).is_empty(), "{:?}", bad(&node));
    node.restore(&snapshot).run().completed();
    node.undo().run().completed();
    node.undo().run().completed();
    node.recover();
    assert!(node.tree() != bad_tree);
}

#[test]
fn a_protected_base_without_a_folder_of_ours_is_refused_by_the_same_words() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    for flag in ["i", "a"] {
        let protected = Protected::new(flag, node.base());
        let words = [&*format!("chattr -{flag} {}", node.base().display())];
        foreseen(&node, &words);
        refused(&node, &node.restore(&snapshot), &words);
        assert!(!node.base().join(".holdfast").exists());
        drop(protected);
    }
}

#[test]
fn a_protected_undo_copy_is_refused_by_an_undo_and_said_by_doctor() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let restore = node.restore(&snapshot);
    restore.run().completed();
    let copy = node.base().join(format!(".holdfast/undo-{}", restore.job()));
    for path in [copy.join("web"), copy.join("undo.json"), copy.clone()] {
        let protected = Protected::new("i", path.clone());
        let words = [&*format!("chattr -i {}", path.display())];
        foreseen(&node, &words);
        refused(&node, &node.undo(), &words);
        drop(protected);
    }
    node.undo().run().completed();
}

#[test]
fn a_source_further_down_is_refused_for_the_folder_that_it_is_in() {
    let node = Node::new();
    let folder = node.base().join("www");
    fs::create_dir_all(folder.join("htdocs")).expect("a source");
    let path = folder.join("htdocs").display().to_string().replace("customer-42", "customer-{id}");
    let source = format!("[[site.files]]\nid = \"web\"\nname = \"Website\"\npath = \"{path}\"\n");
    node.configure(&source, "");
    let snapshot = node.backed_up();
    let protected = Protected::new("a", folder.clone());
    let words = [&*format!("chattr -a {}", folder.display())];
    foreseen(&node, &words);
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains(words[0]) && result.closed_ms.is_none(), "{ended:?}");
    drop(protected);
    node.restore(&snapshot).run().completed();
}

#[test]
fn what_is_protected_after_the_check_closes_the_site_once_and_not_again() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    for (stage, path) in [("close", node.base()), ("halt", node.live())] {
        let gate = node.root().join("gate");
        fs::write(&gate, "").expect("a gate");
        let call = node.restore(&snapshot);
        let running = call.clone().rehearsed(&format!("held {stage} {}", gate.display())).start();
        running.until_said(&format!("\"stage\":\"{stage}\""));
        let protected = Protected::new("i", path);
        fs::remove_file(&gate).expect("the gate opens");
        let ended = running.wait();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains("chattr -i -a"), "{ended:?}");
        drop(protected);
        assert_eq!(node.tree(), before);
        // The same order again is answered, and not tried again.
        call.run().ended_as(Outcome::Failed);
        node.recover();
    }
}
