//! File systems that not every kernel has: `scripts/soak filesystems` boots one that has them all.
//!
//! Needs: disk, restic.

use std::fs;

use holdfast_tests::{Disk, Node, chattr, lsattr, output_of, program};

use super::{foreseen, refused};

/// Files and folders alone: chattr(1) complains of links.
fn small_site(node: &Node) {
    fs::create_dir_all(node.live().join("cache/pages")).expect("a source");
    fs::write(node.live().join("cache/pages/file"), vec![7; 100_000]).expect("a file");
}

/// Files have no inheritance on ext4.
fn give_project(node: &Node) {
    chattr("-R -p 100", &node.live());
    for folder in ["", "cache", "cache/pages"] {
        chattr("+P", &node.live().join(folder));
    }
}

/// Bytes that the project's quota counts.
fn counted(disk: &Disk, project: u32) -> u64 {
    let mut report = program("/usr/sbin/repquota");
    let said = output_of(report.args(["-P", "-n", "-O", "csv"]).arg(disk.path()));
    let line = said.lines().find(|line| line.starts_with(&format!("#{project},")));
    let kib = line.and_then(|line| line.split(',').nth(3)?.parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("{said}")) * 1024
}

#[test]
#[ignore = "needs quota format v2 in the kernel: scripts/soak filesystems"]
fn a_tenant_never_leaves_its_quota_on_ext4_by_a_restore() {
    let disk = Disk::ext4("project,quota");
    let node = Node::within(disk.path());
    small_site(&node);
    give_project(&node);
    let before = counted(&disk, 100);
    assert!(before > 0);
    let snapshot = node.backed_up();
    fs::write(node.live().join("hacked.php"), "x").expect("damage");
    node.restore(&snapshot).run().completed();
    assert_eq!(lsattr(&node.live()), (100, "P".into()));
    // Both copies count.
    assert!(counted(&disk, 100) > before + before / 2, "{}", counted(&disk, 100));
    node.undo().run().completed();
    assert_eq!(lsattr(&node.live()), (100, "P".into()));
    node.recover();
}

#[test]
#[ignore = "needs quota format v2 in the kernel: scripts/soak filesystems"]
fn a_base_of_another_project_on_ext4_is_refused_before_the_door_closes() {
    let disk = Disk::ext4("project,quota");
    let node = Node::within(disk.path());
    small_site(&node);
    chattr("-p 50 +P", &node.base());
    give_project(&node);
    let snapshot = node.backed_up();
    let words = ["is of project 100", "takes in project 50 alone"];
    foreseen(&node, &words);
    refused(&node, &node.restore(&snapshot), &words);
    chattr("-P", &node.base());
    node.restore(&snapshot).run().completed();
    node.undo().run().completed();
    node.recover();
}

#[test]
#[ignore = "needs CONFIG_UNICODE in the kernel: scripts/soak filesystems"]
fn names_without_case_come_back_so() {
    let disk = Disk::ext4("casefold");
    let node = Node::within(disk.path());
    fs::create_dir_all(node.live().join("plain")).expect("a source");
    let folder = node.live().join("plain/Images");
    fs::create_dir(&folder).expect("a folder");
    chattr("+F", &folder);
    fs::create_dir(folder.join("Deeper")).expect("a folder");
    for file in ["Logo.PNG", "Deeper/Icon.PNG"] {
        fs::write(folder.join(file), "x").expect("a file");
    }
    let snapshot = node.backed_up();
    fs::remove_dir_all(&folder).expect("damage");
    node.restore(&snapshot).run().completed();
    for name in ["logo.png", "LOGO.png", "deeper/icon.png"] {
        assert_eq!(fs::read_to_string(folder.join(name)).expect(name), "x");
    }
    assert!(!node.live().join("PLAIN").exists());
    node.undo().run().completed();
    assert!(!folder.exists());
    node.recover();
}
