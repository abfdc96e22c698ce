//! Sources and bases that are not what the configuration takes them for.
//!
//! Needs: restic.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use holdfast_job::{Outcome, WhatHappened};
use holdfast_tests::{Call, Mount, Node, Tree, damage, output_of};

/// An order is refused for good with this sentence, and the site stays as it is.
fn refused(node: &Node, order: &Call, sentence: &str) {
    let before = node.tree();
    let ended = order.run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains(sentence), "not {sentence:?}: {ended:?}");
    assert!(!result.customer_message.contains("/customer"), "{ended:?}");
    assert_eq!(node.tree(), before, "{ended:?}");
}

#[test]
fn a_source_that_is_no_directory_is_saved_under_no_name() {
    let node = Node::new();
    node.remove_repository();
    let live = node.live();
    refused(&node, &node.backup(), "is missing");
    fs::create_dir(node.root().join("elsewhere")).unwrap();
    symlink(node.root().join("elsewhere"), &live).unwrap();
    refused(&node, &node.backup(), "it is a symbolic link and must be a directory");
    fs::remove_file(&live).unwrap();
    fs::write(&live, "a file").unwrap();
    refused(&node, &node.backup(), "it is not a directory");
    fs::remove_file(&live).unwrap();
    fs::create_dir(&live).unwrap();
    let deep = live.join("app/web").display().to_string().replace("customer-42", "customer-{id}");
    let source = format!("[[site.files]]\nid = \"web\"\nname = \"Website\"\npath = \"{deep}\"\n");
    node.configure(&source, "");
    refused(&node, &node.backup(), "the folder that should hold it is missing; make it first");
    symlink("/etc", live.join("app")).unwrap();
    refused(&node, &node.backup(), "it cannot be reached");
    // Not one of them made a snapshot, or even a repository.
    assert!(!node.repository().exists());

    // Plain restic makes one of a link, and says that all is well.
    let naive = node.root().join("repositories/naive");
    output_of(node.restic(&["init"]).env("RESTIC_REPOSITORY", &naive));
    let mut backup = node.restic(&["backup", "--json"]);
    let said = output_of(backup.env("RESTIC_REPOSITORY", &naive).arg(live.join("app")));
    assert!(said.contains("\"snapshot_id\""), "{said}");
}

#[test]
fn an_empty_source_is_saved_and_comes_back_empty() {
    let node = Node::new();
    fs::create_dir(node.live()).unwrap();
    let empty = node.tree();
    let ended = node.backup().run();
    let snapshot = ended.completed().snapshot.unwrap();
    assert!(ended.said().iter().any(|line| line.contains("`web` is empty")), "{ended:?}");
    fs::write(node.live().join("index.php"), "new").unwrap();
    node.restore(&snapshot).run().completed();
    assert_eq!(node.tree(), empty);
    node.recover();
}

#[test]
fn a_source_replaced_by_a_link_or_a_file_is_not_restored_through_it() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let elsewhere = node.root().join("elsewhere");
    fs::rename(node.live(), &elsewhere).unwrap();
    let before = Tree::read(&elsewhere);
    symlink(&elsewhere, node.live()).unwrap();
    refused(&node, &node.restore(&snapshot), "it is a symbolic link and must be a directory");
    assert!(node.live().is_symlink());
    assert_eq!(Tree::read(&elsewhere), before);
    fs::remove_file(node.live()).unwrap();
    fs::write(node.live(), "a file").unwrap();
    refused(&node, &node.restore(&snapshot), "it is not a directory");
    assert_eq!(fs::read_to_string(node.live()).unwrap(), "a file");
}

#[test]
fn a_base_that_others_may_write_is_refused() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let open = |base: &Path, mode: u32, uid: u32| {
        fs::set_permissions(base, Permissions::from_mode(mode)).unwrap();
        chown(base, Some(uid), None).unwrap();
    };
    for (mode, uid, sentence) in [
        (0o775, 0, "may be written by others than root: `chmod go-w` it"),
        (0o757, 0, "may be written by others than root: `chmod go-w` it"),
        (0o755, 33, "belongs to uid 33, and must belong to root: `chown root:root` it"),
    ] {
        open(&node.base(), mode, uid);
        let sentence = format!("`site.base`: {} {sentence}", node.base().display());
        refused(&node, &node.backup(), &sentence);
        refused(&node, &node.restore(&snapshot), &sentence);
        refused(&node, &node.undo(), &sentence);
        open(&node.base(), 0o755, 0);
    }
    assert_eq!(node.tree(), before);
}

#[test]
fn a_mount_point_in_a_source_or_for_a_source_is_refused() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    for (below, sentence) in [
        ("an/empty/folder", "has a mount point inside it"),
        ("", "is a mount point, which cannot be swapped"),
    ] {
        let place = node.live().join(below);
        let place = if below.is_empty() { node.live() } else { place };
        let mount = Mount::over(&place, "size=1m");
        fs::write(place.join("file"), "of another disk").unwrap();
        refused(&node, &node.backup(), sentence);
        refused(&node, &node.restore(&snapshot), sentence);
        assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "of another disk");
        drop(mount);
    }
    let restored = node.restore(&snapshot).run().completed();
    assert_eq!(restored.sources[0].what, WhatHappened::Restored);
    node.recover();
}

#[test]
fn with_unprotected_hard_links_nothing_is_saved() {
    let node = Node::with_site();
    node.remove_repository();
    let setting = node.root().join("off");
    fs::write(&setting, "0\n").unwrap();
    let script = format!(
        "mount --bind {} /proc/sys/fs/protected_hardlinks && exec \"$@\"",
        setting.display()
    );
    let words = ["/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c", &script, "sh"];
    let order = node.backup().wrapped(&words);
    refused(&node, &order, "fs.protected_hardlinks is off");
    assert!(!node.repository().exists());
    // The machine's own setting is as it was.
    node.backed_up();
}
