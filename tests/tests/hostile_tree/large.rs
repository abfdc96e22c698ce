//! Trees that are too much: of files, of levels, of bytes that are none, of names that hurt.
//!
//! Needs: restic.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use holdfast_job::Outcome;
use holdfast_tests::{Node, Tree, fill_site, output_of, program};

/// The executor's own memory may not grow with the tree beyond this.
const MOST_MEMORY_KIB: u64 = 64 << 10;

/// A site beside which another tenant's stands.
fn site() -> (Node, Tree) {
    let node = Node::with_site();
    let canary = node.root().join("customers/customer-43");
    fs::create_dir(&canary).expect("a base");
    fill_site(&canary.join("public"));
    let before = Tree::read(&canary);
    (node, before)
}

fn canary(node: &Node) -> Tree {
    Tree::read(&node.root().join("customers/customer-43"))
}

/// 255 bytes of what terminals and parsers choke on.
fn evil_name(number: usize) -> Vec<u8> {
    let mut name =
        format!("{number}\n\x1b[2J\x1b]0;x\x07\r\\\"'$(reboot)`;\t\u{202e}").into_bytes();
    name.resize(255, b"\n\x1b\xff"[number % 3]);
    name
}

#[test]
fn a_hundred_thousand_files_with_evil_names_and_fifos_cost_time_and_little_memory() {
    let (node, before) = site();
    for folder in 0..100 {
        let folder = node.live().join(format!("many/{folder}"));
        fs::create_dir_all(&folder).expect("a folder");
        for file in 0..1000 {
            File::create(folder.join(file.to_string())).expect("a file");
        }
    }
    let evil = node.live().join("evil");
    fs::create_dir(&evil).expect("a folder");
    for number in 0..300 {
        File::create(evil.join(OsStr::from_bytes(&evil_name(number)))).expect("a file");
    }
    output_of(program("/usr/bin/mkfifo").args(["a", "b"].map(|name| evil.join(name))));
    let (ended, most) = node.backup().run_measured();
    let snapshot = ended.completed().snapshot.expect("a snapshot");
    assert!(most < MOST_MEMORY_KIB, "backup: {most} KiB");
    let ended_with = ended.said().join("\n");
    assert!(!ended_with.contains('\x1b'), "an escape reaches the reader");
    fs::remove_dir_all(node.live().join("many")).expect("less");
    let (ended, most) = node.restore(&snapshot).run_measured();
    ended.completed();
    assert!(most < MOST_MEMORY_KIB, "restore: {most} KiB");
    assert_eq!(fs::read_dir(node.live().join("many/99")).expect("a folder").count(), 1000);
    for number in 0..300 {
        assert!(evil.join(OsStr::from_bytes(&evil_name(number))).exists(), "{number}");
    }
    assert!(!evil.join("a").exists(), "no FIFO comes back");
    assert!(canary(&node) == before);
    node.recover();
}

#[test]
fn four_thousand_levels_end_with_a_sentence() {
    let (node, before) = site();
    let deep = "for (1..4096) { mkdir 'd' or die $!; chdir 'd' or die $! }";
    let mut perl = program("/usr/bin/perl");
    output_of(perl.current_dir(node.live()).args(["-e", deep]));
    let (ended, most) = node.backup().run_measured();
    let result = ended.result();
    let outcomes = [Outcome::Incomplete, Outcome::Failed, Outcome::FailedForNow];
    assert!(outcomes.contains(&result.outcome), "{ended:?}");
    assert!(!result.customer_message.is_empty() && !result.operator_message.is_empty());
    assert!(most < MOST_MEMORY_KIB, "{most} KiB");
    assert!(canary(&node) == before);
    node.recover();
}

#[test]
fn a_sparse_file_of_fifteen_tebibytes_is_refused_before_restic_starts() {
    let (node, before) = site();
    node.remove_repository();
    let file = File::create(node.live().join("sparse")).expect("a file");
    file.set_len(15 << 40).expect("fifteen tebibytes");
    node.configure("", "[limits]\nmax_source_bytes = 100000000000\n");
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.customer_message.contains("larger than your backups may be"), "{result:?}");
    assert!(!ended.said().iter().any(|line| line.contains("\"stage\":\"snapshot\"")), "{ended:?}");
    assert!(!Path::new(&node.repository()).exists(), "restic has not even begun");
    assert!(canary(&node) == before);
    fs::remove_file(node.live().join("sparse")).expect("gone");
}
