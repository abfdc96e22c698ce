//! Disks that are full: of bytes, and of inodes.
//!
//! Needs: restic.

use std::fs::{self, File};

use holdfast_job::{Outcome, Scope, UndoCopy};
use holdfast_tests::{Mount, Node, Tree, damage, fill_site, output_of, program, restic};

/// A node with the sample site on a disk of its own, its backup made and its site damaged.
fn crowded(disk: &Mount) -> (Node, holdfast_job::SnapshotId, Tree) {
    let node = Node::within(disk.path());
    fill_site(&node.live());
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    (node, snapshot, before)
}

/// What `df` says is free: bytes or inodes.
fn free(disk: &Mount, what: &str) -> u64 {
    let said = output_of(
        program("/usr/bin/df").args(["-B1", &format!("--output={what}")]).arg(disk.path()),
    );
    said.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number")
}

/// Takes bytes until only so many are left.
fn leave_bytes(disk: &Mount, left: u64) {
    let filler = disk.path().join("filler");
    let _ = fs::remove_file(&filler);
    let take = free(disk, "avail") - left;
    output_of(program("/usr/bin/fallocate").args(["-l", &take.to_string()]).arg(filler));
}

/// Takes inodes until only so many are left.
fn leave_inodes(disk: &Mount, left: u64) {
    let folder = disk.path().join("inodes");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder");
    for number in left..free(disk, "iavail") {
        File::create(folder.join(number.to_string())).expect("a file");
    }
}

#[test]
fn a_restore_without_room_fails_before_it_fetches_and_says_how_many_bytes_are_missing() {
    let disk = Mount::new("size=64m");
    let (node, snapshot, before) = crowded(&disk);
    // The site has a file of 8 MiB that is nearly all hole: it counts whole.
    leave_bytes(&disk, 4 << 20);
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    for text in [&result.operator_message, &result.customer_message] {
        assert!(text.contains(" bytes are missing: "), "{ended:?}");
        // That would not be enough either.
        assert!(!text.contains("undo = none"), "{ended:?}");
    }
    assert!(!ended.said().iter().any(|line| line.contains("\"stage\":\"fetch\"")), "{ended:?}");
    let ended = node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains(" bytes are missing: "), "{ended:?}");
    assert_eq!(node.tree(), before);

    // With room for the tree, but not for keeping the other one as well.
    node.configure(&format!("undo_min_free = {}\n", 1_u64 << 40), "");
    leave_bytes(&disk, 24 << 20);
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    let stays = format!("{} must stay free", 1_u64 << 40);
    for text in [&result.operator_message, &result.customer_message] {
        assert!(text.contains(&stays) && text.contains("(undo = none)"), "{ended:?}");
    }
    assert_eq!(node.tree(), before);
    node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run().completed();
    assert!(!node.tree().has("hacked.php"));
    node.recover();
}

#[test]
fn a_disk_that_fills_up_during_the_fetch_leaves_the_site_as_it_was() {
    let disk = Mount::new("size=64m");
    let (node, snapshot, before) = crowded(&disk);
    let script = "[ $command = restore ] && head -c 100000000 /dev/zero >$root/filler 2>/dev/null";
    node.configure_with(&node.double(script), "", "");
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("no space left on device"), "{ended:?}");
    assert!(result.closed_ms.is_none(), "the site was closed: {ended:?}");
    assert_eq!(node.tree(), before);
    // Even with the disk still full.
    node.recover();
    assert!(node.left_over().is_empty(), "{:?}", node.left_over());
    fs::remove_file(node.root().join("filler")).unwrap();
    node.configure_with(&restic(), "", "");
    node.restore(&snapshot).run().completed();
    node.recover();
}

#[test]
fn a_disk_without_inodes_fails_in_check_or_leaves_the_site_as_it_was() {
    let disk = Mount::new("size=64m,nr_inodes=3000");
    let (node, snapshot, before) = crowded(&disk);
    leave_inodes(&disk, 30);
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains(" inodes are missing: "), "{ended:?}");
    let needed = result.operator_message.split(" are needed").next().unwrap();
    let needed: u64 = needed.rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(node.tree(), before);
    node.recover();
    // As many as the tree has, and a few for journal and cache, but not for what is beside it.
    let script = "[ $command = restore ] && for n in 1 2 3 4 5 6 7 8; do : >$root/filler-$n; done";
    node.configure_with(&node.double(script), "", "");
    leave_inodes(&disk, needed + 3);
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("no space left on device"), "{ended:?}");
    assert_eq!(node.tree(), before);
    node.recover();
    assert!(node.left_over().is_empty(), "{:?}", node.left_over());
    fs::remove_dir_all(disk.path().join("inodes")).unwrap();
    node.restore(&snapshot).run().completed();
    node.recover();
}

#[test]
fn what_nobody_can_use_any_more_makes_room_for_the_next_restore() {
    let disk = Mount::new("size=56m");
    let node = Node::within(disk.path());
    fill_site(&node.live());
    let noise: Vec<u8> =
        (0..6_000_000_u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u8).collect();
    fs::write(node.live().join("noise"), noise).expect("a large file");
    let snapshot = node.backed_up();
    let good = node.tree();
    // Each leaves a copy of 6 MB, superseded by the next: five of them have no room here.
    for _ in 0..6 {
        damage(&node.live());
        node.restore(&snapshot).run().completed();
        assert!(node.tree() == good);
    }
    node.recover();
}

#[test]
fn what_is_excluded_by_its_path_does_not_count() {
    let node = Node::new();
    let source = format!(
        "[[site.files]]\nid = \"web\"\nname = \"Website\"\nexcludes = [\"cache/pages\"]\n\
         path = \"{}/customers/customer-{{id}}/public\"\n",
        node.root().display()
    );
    node.configure(&source, "[limits]\nmax_source_bytes = 1000\n");
    fs::create_dir_all(node.live().join("cache/pages")).expect("a cache");
    fs::write(node.live().join("index.php"), "x").expect("a page");
    fs::write(node.live().join("cache/pages/large"), vec![0; 10_000]).expect("a cached page");
    let saved = node.backup().run().completed();
    // The root, the page, and the folder of the cache.
    assert_eq!((saved.sources[0].entries, saved.sources[0].bytes), (3, 1));
    let snapshot = saved.snapshot.expect("a snapshot");
    let restored = node.restore(&snapshot).run().completed();
    assert_eq!((restored.sources[0].entries, restored.sources[0].bytes), (3, 1));
}
