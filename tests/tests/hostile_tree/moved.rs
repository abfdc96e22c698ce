//! Trees that are not where, or not whose, they were when they were saved.
//!
//! Needs: restic.

use std::fs;

use holdfast_tests::{Node, Tree, damage};

#[test]
fn a_missing_live_tree_comes_back_and_its_undo_takes_it_away_again() {
    let node = Node::with_site();
    let good = node.tree();
    let snapshot = node.backed_up();
    fs::remove_dir_all(node.live()).unwrap();
    node.restore(&snapshot).run().completed();
    assert_eq!(node.tree(), good);
    node.undo().run().completed();
    assert!(node.tree().is_empty(), "{:?}", node.tree());
    node.undo().run().completed();
    assert_eq!(node.tree(), good);
    node.recover();
}

#[test]
fn a_source_that_has_moved_since_the_backup_is_found_through_the_manifest() {
    let node = Node::with_site();
    let good = node.tree();
    let snapshot = node.backed_up();
    let moved = node.base().join("htdocs");
    fs::rename(node.live(), &moved).unwrap();
    let path = moved.display().to_string().replace("customer-42", "customer-{id}");
    let source = format!("[[site.files]]\nid = \"web\"\nname = \"Website\"\npath = \"{path}\"\n");
    node.configure(&source, "");
    damage(&moved);
    node.restore(&snapshot).run().completed();
    assert_eq!(Tree::read(&moved), good);
    assert!(node.live().symlink_metadata().is_err(), "the old place was written to");
    node.recover();
}

#[test]
fn owners_that_the_configuration_does_not_allow_are_replaced() {
    let node = Node::with_site();
    let good = node.tree();
    let snapshot = node.backed_up();
    node.configure("owners = { allowed = [33, 1000], otherwise = 1000 }\n", "");
    let ended = node.restore(&snapshot).run();
    ended.completed();
    let restored = node.tree();
    let paths =
        ["", "index.php", "wp-content", "wp-content/uploads", "names/soft link", "empty.txt"];
    let mut replaced = 0;
    for path in paths {
        let line = good.line(path);
        replaced += usize::from(line.contains(" 82:33 "));
        assert_eq!(restored.line(path), line.replace(" 82:33 ", " 1000:33 "), "{path:?}");
    }
    assert!(replaced > 0, "{good:?}");
    assert!(!format!("{:?}", restored).contains(" 82:"), "{restored:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
    node.recover();
}
