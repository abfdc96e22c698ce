//! Snapshots that are in the customer's repository and not what they are taken for.
//!
//! Needs: restic.

use std::{fs, path::PathBuf};

use holdfast_job::{Outcome, SnapshotId};
use holdfast_tests::{Node, Tree, damage, output_of};

/// Plain restic saves these paths under this host and these tags.
fn saved_by_hand(node: &Node, host: &str, tags: &str, paths: &[PathBuf]) -> SnapshotId {
    let mut backup = node.restic(&["backup", "--json", "--host", host, "--tag", tags]);
    let said = output_of(backup.args(paths));
    let summary = said.lines().last().expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
    summary["snapshot_id"].as_str().expect("an id").parse().expect("an id")
}

/// A folder that looks like a spool of customer 42, with this manifest.
fn spool(node: &Node, place: &str, manifest: &str) -> PathBuf {
    let spool = node.root().join(place).join("spool/customer-42");
    fs::create_dir_all(&spool).expect("a folder");
    fs::write(spool.join("manifest.json"), manifest).expect("a manifest");
    spool
}

/// A manifest that says what is in `path`.
fn manifest(customer: u32, path: &PathBuf) -> String {
    let manifest = serde_json::json!({
        "version": 1, "job": "0193e5c0-0000-7000-8000-000000000001", "customer": customer,
        "created_at": 1, "left_out": [],
        "files": [{"id": "web", "name": "Website", "path": path, "excludes": [],
                   "entries": 1, "bytes": 1}],
    });
    format!("{manifest}\n")
}

#[test]
fn a_snapshot_that_is_not_what_it_is_taken_for_is_not_restored() {
    let node = Node::with_site();
    let good = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let (live, ours, tags) = (node.live(), "customer-42", "customer-42,manual,both");
    let true_spool = spool(&node, "true", &manifest(42, &live));
    let foreign_spool = spool(&node, "foreign", &manifest(43, &live));
    let newer = manifest(42, &live).replace("\"version\":1", "\"version\":7");
    let newer_spool = spool(&node, "newer", &newer);
    let garbled_spool = spool(&node, "garbled", "{\"version\":1");
    let elsewhere = node.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("file"), "of somebody else").unwrap();
    let astray_spool = spool(&node, "astray", &manifest(42, &elsewhere));
    let not_ours = "it is not this customer's";
    let cases = [
        (ours, tags, vec![elsewhere.clone(), true_spool.clone()], "does not hold: Website"),
        ("customer-43", "customer-43", vec![live.clone(), true_spool.clone()], not_ours),
        ("customer-43", tags, vec![live.clone(), true_spool.clone()], not_ours),
        (ours, "customer-43,manual", vec![live.clone(), true_spool], not_ours),
        (ours, tags, vec![live.clone()], "it holds no manifest: it was not made by Holdfast"),
        (ours, tags, vec![live.clone(), foreign_spool], "the backup's manifest names customer 43"),
        (ours, tags, vec![live.clone(), newer_spool], "the backup's manifest has version 7"),
        (ours, tags, vec![live.clone(), garbled_spool], "the backup's manifest is not understood"),
        (ours, tags, vec![live.clone(), astray_spool], "its manifest has `web` in another place"),
    ];
    let mut last = good.clone();
    for (host, tags, paths, sentence) in cases {
        last = saved_by_hand(&node, host, tags, &paths);
        let ended = node.restore(&last).run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains(sentence), "not {sentence:?}: {ended:?}");
        assert!(result.closed_ms.is_none(), "the site was closed: {ended:?}");
        assert_eq!(node.tree(), before, "{ended:?}");
    }
    // The naive way: a path that is not in the snapshot is restored as nothing, with exit 0.
    let naive = node.root().join("naive");
    let mut restore =
        node.restic(&["restore", last.as_str(), "--include", "/not/in/it", "--target"]);
    output_of(restore.arg(&naive));
    assert!(Tree::read(&naive).len() <= 1);
    node.restore(&good).run().completed();
    node.recover();
}

#[test]
fn a_snapshot_that_does_not_exist_is_not_restored_and_not_deleted() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let before = node.tree();
    let mut absent = snapshot.as_str().to_owned();
    let other = if absent.ends_with('0') { "1" } else { "0" };
    absent.replace_range(63.., other);
    let absent: SnapshotId = absent.parse().unwrap();
    for order in [node.restore(&absent), node.delete(&absent)] {
        let ended = order.run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains(absent.as_str()), "{ended:?}");
        assert!(!result.customer_message.contains(absent.as_str()), "{ended:?}");
    }
    assert_eq!(node.tree(), before);
    // The one that differs in its last digit alone is still there.
    node.restore(&snapshot).run().completed();
    node.recover();
}
