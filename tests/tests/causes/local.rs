//! The node's own folders.
//!
//! Needs: restic.

use std::{fs, os::unix::fs::MetadataExt};

use holdfast_tests::{Mount, Node, output_of, program};

use super::{World, walk};

pub(super) fn full_of_temporary_files() -> World {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let random = format!("of={}", node.live().join("photo.raw").display());
    output_of(program("/usr/bin/dd").args(["if=/dev/urandom", "bs=64k", "count=400"]).arg(random));
    let mount = Mount::over(&node.root().join("state/tmp"), "size=1m");
    World::new(node, snapshot).with(mount)
}

#[test]
fn a_full_disk_of_temporary_files_is_told_as_this_nodes_own() {
    walk("full disk of temporary files");
}

#[test]
fn temporary_files_are_in_a_folder_of_roots_that_no_tenant_can_fill() {
    let node = Node::with_site();
    let script = r#"echo "$TMPDIR" >>$root/seen"#;
    node.configure_with(&node.double(script), "", "");
    let snapshot = node.backup().with_env("TMPDIR", "/tmp").run().completed().snapshot;
    node.restore(&snapshot.expect("a snapshot")).run().completed();
    let folder = node.root().join("state/tmp");
    let seen = fs::read_to_string(node.root().join("seen")).expect("what was seen");
    assert!(seen.lines().count() >= 3, "{seen}");
    assert!(seen.lines().all(|line| line == folder.display().to_string()), "{seen}");
    let found = folder.metadata().expect("the folder");
    assert_eq!((found.uid(), found.mode() & 0o777), (0, 0o700));
    assert_eq!(fs::read_dir(&folder).expect("it").count(), 0, "something stays in it");
    node.recover();
}
