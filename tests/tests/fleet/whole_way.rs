//! From POST to completed, with everything real.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Fleet, Node, damage};
use serde_json::json;

#[test]
fn a_site_is_saved_damaged_brought_back_taken_back_and_its_backup_deleted_over_http() {
    let fleet = Fleet::new(Node::with_site());
    let _worker = fleet.worker("one", "");
    let (web, before) = (&fleet.web, fleet.node.tree());

    let backup = web.order_backup(42, "both");
    let done = web.until(42, backup, "completed");
    let snapshot = done["snapshot_id"].as_str().expect("a snapshot").to_owned();
    let list = web.get("/api/v1/customers/42/backups").with(200).body;
    assert_eq!(list["items"][0]["uuid"], backup.to_string());
    assert_eq!(list["items"][0]["snapshot_id"], snapshot);
    assert_eq!(list["items"][0]["sources"][0]["id"], "web");
    assert_eq!((&list["has_more"], &list["next_cursor"]), (&json!(false), &json!(null)));

    damage(&fleet.node.live());
    let damaged = fleet.node.tree();
    let path = format!("/api/v1/customers/42/backups/{snapshot}/restore");
    let problem = web.post(&path, &json!({})).problem(422, "not-confirmed");
    assert_eq!(problem["sets_aside"]["since"], list["items"][0]["created_at"]);
    assert_eq!(problem["sets_aside"]["undo_hours"], 24);
    let restore = web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    let restored = web.until(42, restore, "completed");
    assert!(restored["closed_ms"].is_u64() && restored["undo_until"].is_string(), "{restored:#}");
    assert_eq!(fleet.node.tree(), before);

    let path = format!("/api/v1/customers/42/jobs/{restore}/undo");
    web.post(&path, &json!({ "confirm": "undo" })).problem(422, "not-confirmed");
    let undo = web.post(&path, &json!({ "confirm": "UNDO" })).job();
    web.until(42, undo, "completed");
    assert_eq!(fleet.node.tree(), damaged);
    web.post(&path, &json!({ "confirm": "UNDO" })).problem(422, "no-undo-copy");

    let delete = web.delete(&format!("/api/v1/customers/42/backups/{backup}")).job();
    web.until(42, delete, "completed");
    let gone = web.get(&format!("/api/v1/customers/42/backups/{backup}")).with(200).body;
    assert_eq!(gone["state"], "deleted");
    assert_eq!(web.get("/api/v1/customers/42/backups").with(200).body["items"], json!([]));
    let events = fleet
        .query(&format!("SELECT event FROM job_events WHERE job_uuid = '{restore}' ORDER BY id"));
    assert_eq!(events, "claimed\ncompleted");
    assert_eq!(
        fleet.query("SELECT action, actor, customer_id FROM audit ORDER BY id"),
        "backup\tuser:root\t42\nrestore\tuser:root\t42\nundo\tuser:root\t42\ndelete\tuser:root\t42"
    );
}
