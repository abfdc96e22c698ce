//! Orders for what is not there, or is somebody else's.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::{Order, Outcome, Scope, UndoCopy};
use holdfast_tests::{Node, fill_site};

use super::{no_snapshot, snapshots};

#[test]
fn what_is_not_configured_cannot_be_ordered() {
    let node = Node::with_site();
    let before = node.world();
    let mut elsewhere = node.backup();
    if let Order::Backup(backup) = &mut elsewhere.request.order {
        backup.repository = "daily".parse().expect("a name");
    }
    for (call, says) in [
        (elsewhere, "no repository `daily` is configured; there are: manual"),
        (node.backup_of("blog"), "This site has no source \"blog\". It has: web."),
        (node.backup_of("web,blog"), "This site has no source \"blog\". It has: web."),
        (node.backup_of("db"), "This site has no database configured."),
        (
            node.restore_with(&no_snapshot(), Scope::Db, UndoCopy::Keep),
            "This site has no database configured.",
        ),
    ] {
        let ended = call.run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains(says), "{ended:?}");
        before.assert_unchanged(&node, says);
    }
    let mut other = node.backup();
    other.request.customer = "43".parse().expect("an id");
    let ended = other.run();
    let result = ended.ended_as(Outcome::Refused);
    assert!(result.operator_message.contains("there is no customer 43"), "{ended:?}");
    before.assert_unchanged(&node, "a customer without a site");
}

#[test]
fn a_snapshot_that_is_not_there_is_neither_restored_nor_deleted() {
    let node = Node::with_site();
    // Before the first backup there is not even a repository.
    node.remove_repository();
    for call in [node.restore(&no_snapshot()), node.delete(&no_snapshot())] {
        let ended = call.run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains("no repository at"), "{ended:?}");
    }
    assert!(!node.repository().exists(), "a repository was made");
    let snapshot = node.backed_up();
    let before = node.world();
    for (call, says) in [
        (node.restore(&no_snapshot()), "This backup does not exist any more."),
        (node.delete(&no_snapshot()), "There is no such backup of this site."),
    ] {
        let ended = call.run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.customer_message.starts_with(says), "{ended:?}");
        assert!(result.operator_message.contains(no_snapshot().as_str()), "{ended:?}");
        before.assert_unchanged(&node, says);
    }
    // One of two is not there: then the other stays too.
    let mut both = node.delete(&snapshot);
    if let Order::Delete(delete) = &mut both.request.order {
        delete.snapshots.push(no_snapshot());
    }
    both.run().ended_as(Outcome::Failed);
    before.assert_unchanged(&node, "one of two");
    assert_eq!(snapshots(&node), 1);
}

#[test]
fn another_customers_snapshot_is_neither_restored_nor_deleted() {
    let node = Node::with_site();
    let root = node.root().display().to_string();
    // One repository for all, as it may be by configuration.
    let shared = format!(
        "[repositories.manual]\nurl = \"{root}/repositories/customer-42\"\n\
         password_file = \"{root}/etc/password\"\n"
    );
    node.configure("", &shared);
    fill_site(&node.root().join("customers/customer-43/public"));
    let mut theirs = node.backup();
    theirs.request.customer = "43".parse().expect("an id");
    let theirs = theirs.run().completed().snapshot.expect("a snapshot");
    let (before, live) = (node.world(), node.tree());
    for (call, says) in [
        (node.restore(&theirs), "There is no such backup of this site."),
        (node.delete(&theirs), "There is no such backup of this site. Nothing was deleted."),
    ] {
        let ended = call.run();
        let result = ended.ended_as(Outcome::Failed);
        assert_eq!(result.customer_message, says, "{ended:?}");
        assert!(result.operator_message.contains("this customer's"), "{ended:?}");
        assert_eq!(node.tree(), live);
        assert_eq!(snapshots(&node), 1);
    }
    // `.holdfast` may have been made ready; nothing else has.
    fs::remove_dir_all(node.base().join(".holdfast")).expect("the folder aside");
    assert_eq!(before.journals() + 2, node.world().journals());
}
