//! What a restore displaced: which job it is undone by, what replaces it, what does not.
//!
//! Needs: restic.

use holdfast_job::{Outcome, Scope, UndoCopy};
use holdfast_tests::{Node, chattr, damage};

use super::{aside, mark, undo_of};

#[test]
fn undo_takes_back_the_restore_that_it_names() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let good = node.tree();
    mark(&node.live(), "one");
    let one = node.tree();
    let first = node.restore(&snapshot);
    let kept = first.run().completed();
    let until = kept.undo_until.expect("an undo");
    let expected = first.request.issued_at.unix_seconds() + 24 * 3600;
    assert!((expected..expected + 60).contains(&until.unix_seconds()), "{until}");

    let undo = undo_of(&node, &first);
    undo.run().completed();
    assert_eq!(node.tree(), one);
    // The copy is now the undo's.
    let gone = undo_of(&node, &first).run();
    let result = gone.ended_as(Outcome::Failed);
    assert!(result.customer_message.contains("cannot be taken back any more"), "{gone:?}");
    undo_of(&node, &undo).run().completed();
    assert_eq!(node.tree(), good);

    // A later restore replaces the copy.
    mark(&node.live(), "two");
    let two = node.tree();
    let second = node.restore(&snapshot);
    second.run().completed();
    for replaced in [&first, &undo] {
        undo_of(&node, replaced).run().ended_as(Outcome::Failed);
        assert_eq!(node.tree(), good);
    }
    node.recover();
    assert_eq!(aside(&node, "undo-"), [format!("undo-{}", second.job())]);
    undo_of(&node, &second).run().completed();
    assert_eq!(node.tree(), two);
    let never = undo_of(&node, &node.backup()).run();
    never.ended_as(Outcome::Failed);
    assert_eq!(node.tree(), two);
    node.recover();
}

#[test]
fn there_is_nothing_to_undo_before_a_restore() {
    let node = Node::with_site();
    let before = node.world();
    let ended = node.undo().run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.customer_message.starts_with("There is nothing to take back"), "{ended:?}");
    before.assert_unchanged(&node, "undo");
}

#[test]
fn a_failing_restore_leaves_the_earlier_undo_copy_usable() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let good = node.tree();
    damage(&node.live());
    let bad = node.tree();
    let mut latest = node.restore(&snapshot);
    latest.run().completed();
    for script in ["after fetch", "after swap_files", "before keep", "after keep"] {
        let failing = node.restore(&snapshot).rehearsed(script);
        failing.run().ended_as(Outcome::FailedForNow);
        assert_eq!(node.tree(), good, "{script}");
        node.recover();
        assert_eq!(aside(&node, "undo-"), [format!("undo-{}", latest.job())], "{script}");
        let undo = undo_of(&node, &latest);
        undo.run().completed();
        assert_eq!(node.tree(), bad, "{script}");
        latest = undo_of(&node, &undo);
        latest.run().completed();
        assert_eq!(node.tree(), good, "{script}");
    }
}

#[test]
fn a_failing_undo_leaves_its_copy_usable() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let good = node.tree();
    damage(&node.live());
    let bad = node.tree();
    let restore = node.restore(&snapshot);
    restore.run().completed();
    for script in ["after check", "after swap_files", "before keep", "after keep"] {
        undo_of(&node, &restore).rehearsed(script).run().ended_as(Outcome::FailedForNow);
        assert_eq!(node.tree(), good, "{script}");
        node.recover();
        assert_eq!(aside(&node, "undo-"), [format!("undo-{}", restore.job())], "{script}");
    }
    undo_of(&node, &restore).run().completed();
    assert_eq!(node.tree(), bad);
}

#[test]
fn a_restore_without_undo_keeps_no_copy() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let good = node.tree();
    node.restore(&snapshot).run().completed();
    assert_eq!(aside(&node, "undo-").len(), 1);
    damage(&node.live());
    let result = node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run().completed();
    assert_eq!((node.tree(), result.undo_until), (good, None));
    // An earlier copy would no longer be what the last restore displaced.
    assert!(aside(&node, "undo-").is_empty());
    node.undo().run().ended_as(Outcome::Failed);
    node.recover();
    assert!(aside(&node, "trash-").is_empty());
}

#[test]
fn an_undo_never_takes_back_an_older_restore_in_the_place_of_the_latest() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    mark(&node.live(), "earlier");
    let first = node.restore(&snapshot);
    first.run().completed();
    let good = node.tree();
    mark(&node.live(), "changed");
    // From `Keep` on nothing in the folder can be renamed.
    let mut running = node.restore(&snapshot).rehearsed("wait keep").start();
    running.until_said("\"stage\":\"keep\"");
    chattr("+a", &node.base().join(".holdfast"));
    running.let_go();
    let ended = running.wait();
    let result = ended.completed();
    assert_eq!((node.tree(), result.undo_until), (good.clone(), None));
    assert!(result.customer_message.contains("cannot be taken back"), "{ended:?}");
    for undo in [node.undo(), undo_of(&node, &first)] {
        undo.run().ended_as(Outcome::Failed);
        assert_eq!(node.tree(), good);
    }
    chattr("-a", &node.base().join(".holdfast"));
    // What stood in the way is gone, and the copy of the first restore is still there.
    assert_eq!(aside(&node, "undo-"), [format!("undo-{}", first.job())]);
    for undo in [node.undo(), undo_of(&node, &first)] {
        let ended = undo.run();
        ended.ended_as(Outcome::Failed);
        assert_eq!(node.tree(), good, "{ended:?}");
    }
    node.recover();
    assert!(aside(&node, "undo-").is_empty(), "nobody can use it any more");
    // The next restore can be taken back again.
    mark(&node.live(), "later");
    let later = node.tree();
    node.restore(&snapshot).run().completed();
    node.undo().run().completed();
    assert_eq!(node.tree(), later);
    node.recover();
}

#[test]
fn an_undo_that_keeps_no_copy_leaves_none_to_be_offered_in_its_place() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    mark(&node.live(), "changed");
    let changed = node.tree();
    let restore = node.restore(&snapshot);
    restore.run().completed();
    let mut running = node.undo().rehearsed("wait keep").start();
    running.until_said("\"stage\":\"keep\"");
    chattr("+a", &node.base().join(".holdfast"));
    running.let_go();
    let ended = running.wait();
    assert_eq!((node.tree(), ended.completed().undo_until), (changed.clone(), None), "{ended:?}");
    chattr("-a", &node.base().join(".holdfast"));
    for undo in [node.undo(), undo_of(&node, &restore)] {
        undo.run().ended_as(Outcome::Failed);
        assert_eq!(node.tree(), changed);
    }
    node.recover();
    assert!(aside(&node, "undo-").is_empty());
}
