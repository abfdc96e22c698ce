//! The harness sees what a test leaves behind: each kind of it, planted here by hand, is found.
//!
//! Needs: mariadb, restic, strace.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, Command, Stdio},
};

use holdfast_job::Scope;
use holdfast_tests::{
    Node, eventually, program,
    sweep::{Plan, Scene},
};

/// The harness's words when this is done; empty if it finds nothing.
fn said_of(act: impl FnOnce()) -> String {
    let panicked = catch_unwind(AssertUnwindSafe(act));
    panicked.err().map_or_else(String::new, |said| {
        let text = said.downcast_ref::<String>().cloned();
        text.unwrap_or_else(|| "it panicked without a text".to_owned())
    })
}

/// A process that names the node, as whatever an order starts does.
fn left_process(node: &Node) -> Child {
    let mut command: Command = program("/bin/sh");
    command.args(["-c", "read -r line", "left"]).arg(node.root()).stdin(Stdio::piped());
    let child = command.spawn().expect("a process");
    eventually("a process", || (!node.processes().is_empty()).then_some(()));
    child
}

#[test]
fn a_node_that_is_clean_is_dropped_without_a_word() {
    let node = Node::with_site();
    node.backed_up();
    let root = node.root().to_owned();
    assert_eq!(said_of(move || drop(node)), "");
    assert!(!root.exists());
}

#[test]
fn a_process_that_is_left_is_found() {
    let node = Node::with_site();
    let mut child = left_process(&node);
    let said = said_of(move || drop(node));
    child.kill().expect("a signal");
    child.wait().expect("its end");
    assert!(said.contains("left over") && said.contains("read -r line"), "{said}");
}

#[test]
fn a_lock_of_the_repository_that_is_left_is_found() {
    let node = Node::with_site();
    fs::write(node.repository().join("locks").join("0".repeat(64)), "").expect("a lock");
    let said = said_of(move || drop(node));
    assert!(said.contains("restic lock 0000"), "{said}");
}

#[test]
fn a_flag_a_stage_trash_and_a_spool_that_are_left_are_found() {
    for (path, says) in [
        ("customers/customer-42/.maintenance", "the maintenance flag"),
        ("customers/customer-42/.holdfast/stage-1", "stage-1"),
        ("customers/customer-42/.holdfast/trash-1", "trash-1"),
        ("state/spool/customer-42", "spool customer-42"),
    ] {
        let node = Node::with_site();
        fs::create_dir_all(node.root().join(path)).expect("a folder");
        let said = said_of(move || drop(node));
        assert!(said.contains(says), "{path}: {said}");
    }
}

#[test]
fn a_schema_and_an_account_that_are_left_are_found() {
    let scene = Scene::prepare_of(Plan::Restore, Scope::Both);
    assert_eq!(said_of(|| scene.assert_whole(None, "clean", &"")), "");
    for (make, unmake, says) in [
        (
            "CREATE DATABASE holdfast_stage_42_left",
            "DROP DATABASE holdfast_stage_42_left",
            "holdfast_stage_42_left",
        ),
        (
            "CREATE USER holdfast_load_left@localhost",
            "DROP USER holdfast_load_left@localhost",
            "holdfast_load_left",
        ),
    ] {
        scene.query(make);
        let said = said_of(|| scene.assert_whole(None, "planted", &""));
        scene.query(unmake);
        assert!(said.contains("left over") && said.contains(says), "{make}: {said}");
    }
}

#[test]
fn a_site_that_is_neither_old_nor_new_is_found() {
    let scene = Scene::prepare(Plan::Restore);
    fs::write(scene.node.live().join("of neither side"), "x").expect("a file");
    let said = said_of(|| scene.assert_whole(None, "planted", &""));
    assert!(said.contains("a mixture") && said.contains("of neither side"), "{said}");
    scene.reset();
}
