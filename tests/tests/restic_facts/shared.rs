//! One repository for all customers: host and tags tell whose a snapshot is.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::{CustomerId, Outcome, SnapshotId};
use holdfast_tests::{Call, Node, Tree, damage, fill_site, output_of};

fn of_43(mut call: Call) -> Call {
    call.request.customer = "43".parse::<CustomerId>().expect("an id");
    call
}

#[test]
fn in_a_shared_repository_each_customer_has_its_own_snapshots_alone() {
    let node = Node::with_site();
    let shared = node.root().join("repositories/shared");
    let table = format!(
        "[repositories.manual]\nurl = \"{}\"\npassword_file = \"{}\"\n",
        shared.display(),
        node.root().join("etc/password").display()
    );
    node.configure("", &table);
    let other = node.root().join("customers/customer-43/public");
    fill_site(&other);
    fs::write(other.join("index.php"), "the site of 43").unwrap();
    let (good_42, good_43) = (node.tree(), Tree::read(&other));
    let of_42 = node.backed_up();
    let ended = of_43(node.backup()).run();
    let snapshot_43: SnapshotId = ended.completed().snapshot.unwrap();
    damage(&node.live());
    damage(&other);
    let (bad_42, bad_43) = (node.tree(), Tree::read(&other));
    for order in [
        node.restore(&snapshot_43),
        of_43(node.restore(&of_42)),
        node.delete(&snapshot_43),
        of_43(node.delete(&of_42)),
    ] {
        let ended = order.run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains("this customer's"), "{ended:?}");
        assert!(result.customer_message.contains("no such backup of this site"), "{ended:?}");
    }
    // Of two, one of them another's, neither.
    let mut both = node.delete(&of_42);
    if let holdfast_job::Order::Delete(delete) = &mut both.request.order {
        delete.snapshots.push(snapshot_43.clone());
    }
    both.run().ended_as(Outcome::Failed);
    let listed = output_of(
        node.restic(&["list", "--no-lock", "snapshots"]).env("RESTIC_REPOSITORY", &shared),
    );
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!((node.tree(), Tree::read(&other)), (bad_42.clone(), bad_43));

    of_43(node.restore(&snapshot_43)).run().completed();
    assert_eq!((node.tree(), Tree::read(&other)), (bad_42, good_43.clone()));
    node.restore(&of_42).run().completed();
    assert_eq!((node.tree(), Tree::read(&other)), (good_42, good_43));
    of_43(node.delete(&snapshot_43)).run().completed();
    let listed = output_of(
        node.restic(&["list", "--no-lock", "snapshots"]).env("RESTIC_REPOSITORY", &shared),
    );
    assert_eq!(listed.trim(), of_42.as_str());
    assert!(fs::read_dir(shared.join("locks")).unwrap().next().is_none());
    node.recover();
}
