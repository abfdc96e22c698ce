//! Room for the undo copy, and how long the site is closed.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::{MaintenanceMode, Order, Outcome, Scope, UndoCopy};
use holdfast_tests::{Node, damage};

use super::aside;

#[test]
fn without_room_for_an_undo_copy_a_restore_is_refused_with_an_offer() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let bad = node.tree();
    node.restore(&snapshot).run().completed();
    let good = node.tree();
    node.undo().run().completed();
    let huge = i64::MAX;
    node.configure(&format!("undo_min_free = {huge}"), "");
    let before = node.world();
    let ended = node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    for text in [&result.customer_message, &result.operator_message] {
        for part in [
            " bytes are missing: ",
            &format!("{huge} must stay free"),
            "Without keeping a copy for undo (undo = none) there is enough.",
        ] {
            assert!(text.contains(part), "{part:?} is not said: {ended:?}");
        }
    }
    before.assert_unchanged(&node, "no room");
    assert!(ended.said().iter().all(|line| !line.contains("\"fetch\"")), "{ended:?}");
    // The disk is too full for what is kept as well.
    node.recover();
    assert!(aside(&node, "undo-").is_empty());
    assert_eq!(node.tree(), bad);
    // What was offered works.
    node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run().completed();
    assert_eq!(node.tree(), good);
    node.recover();
    // The reserve is for every restore, and then there is nothing to offer.
    node.configure(&format!("reserve = {huge}"), "");
    let ended = node.restore_with(&snapshot, Scope::Both, UndoCopy::None).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.customer_message.contains("bytes are missing"), "{ended:?}");
    assert!(!result.customer_message.contains("undo"), "{ended:?}");
}

#[test]
fn the_site_is_closed_from_before_the_fetch_only_if_that_is_wished() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let before = node.tree();
    let (swap, whole) = (Some(MaintenanceMode::Swap), Some(MaintenanceMode::Whole));
    for (configured, ordered, closed) in [
        ("", None, false),
        ("maintenance = \"swap\"", None, false),
        ("maintenance = \"whole\"", None, true),
        ("", whole, true),
        ("maintenance = \"whole\"", swap, false),
    ] {
        node.configure(configured, "");
        let mut call = node.restore(&snapshot);
        if let Order::Restore(restore) = &mut call.request.order {
            restore.maintenance = ordered;
        }
        let mut running = call.clone().rehearsed("wait fetch").start();
        running.until_said("\"fetch\"");
        let flag = fs::read_to_string(node.flag());
        assert_eq!(flag.is_ok(), closed, "{configured:?} {ordered:?}");
        if let Ok(text) = flag {
            assert!(text.contains(&call.job().to_string()), "{text}");
        }
        running.let_go();
        running.wait().ended_as(Outcome::Stopped);
        assert!(!node.flag().exists(), "{configured:?} {ordered:?}");
        assert_eq!(node.tree(), before);
        node.recover();
    }
    node.configure("maintenance = \"whole\"", "");
    damage(&node.live());
    let result = node.restore(&snapshot).run().completed();
    assert!(result.closed_ms.is_some() && !node.flag().exists());
    assert_eq!(node.tree(), before);
}
