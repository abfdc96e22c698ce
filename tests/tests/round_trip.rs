//! A site is backed up, damaged, restored and un-restored, and comes back as it was each time.
//!
//! Needs: restic.

use holdfast_tests::{Node, damage};

#[test]
fn a_damaged_site_comes_back_byte_for_byte_and_the_damage_too() {
    let node = Node::with_site();
    let good = node.tree();
    let snapshot = node.backed_up();
    damage(&node.live());
    let bad = node.tree();
    assert_ne!(good, bad);
    let restored = node.restore(&snapshot).run().completed();
    assert_eq!(node.tree(), good);
    assert!(restored.closed_ms.is_some() && restored.undo_until.is_some());
    node.undo().run().completed();
    assert_eq!(node.tree(), bad);
    node.undo().run().completed();
    assert_eq!(node.tree(), good);
}
