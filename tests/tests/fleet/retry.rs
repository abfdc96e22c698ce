//! What was not done is ordered again: the same order, as a job of its own.
//!
//! Needs: mariadb, redis, restic.

use holdfast_job::{JobId, Request, Ticket};
use holdfast_tests::{Answer, Fleet, Node, damage};
use serde_json::{Value, json};

fn retry(fleet: &Fleet, job: JobId, body: &Value) -> Answer {
    fleet.web.act(42, job, "retry", body)
}

/// What was signed for a job.
fn request(fleet: &Fleet, job: JobId) -> Request {
    let ticket = fleet
        .query(&format!("SELECT TO_BASE64(ticket) FROM customer_backup_jobs WHERE uuid = '{job}'"));
    let decoded = fleet.query(&format!("SELECT FROM_BASE64('{}')", ticket.replace("\\n", "")));
    // The client writes a backslash as two.
    let ticket = Ticket::parse(decoded.replace("\\\\", "\\").as_bytes()).expect("a ticket");
    Request::parse(ticket.request().as_bytes()).expect("a request")
}

#[test]
fn each_kind_of_job_that_was_not_done_is_ordered_again_as_it_was_signed() {
    let fleet = Fleet::recording();
    let worker = fleet.worker("one", "");
    for (outcome, status) in [
        ("failed", "failed"),
        ("refused", "failed"),
        ("failed_for_now", "failed"),
        ("stopped", "stopped"),
    ] {
        fleet.outcome(outcome);
        let body = json!({ "scope": "web", "note": "before the sale" });
        let first = fleet.web.post("/api/v1/customers/42/backups", &body).job();
        fleet.web.until(42, first, status);
        fleet.outcome("completed");
        // What a worker may write is no part of it.
        fleet.query(&format!(
            "UPDATE customer_backup_jobs SET snapshot_id = 'x' WHERE uuid = '{first}'"
        ));
        let second = retry(&fleet, first, &json!({})).job();
        let shown = fleet.web.until(42, second, "completed");
        assert_eq!(shown["retry_of"], json!(first), "{shown:#}");
        assert_eq!((&shown["scope"], &shown["note"]), (&json!("web"), &json!("before the sale")));
        let (before, now) = (request(&fleet, first), request(&fleet, second));
        assert_eq!((before.order, before.customer), (now.order, now.customer));
        assert_eq!((before.job, now.job), (first, second));
        assert_eq!(fleet.web.job(42, first)["status"], status, "the first stays as it ended");
    }
    drop(worker);
    // Stopped before it began, void, skipped: nobody has ever had them.
    for set in ["failed", "skipped"] {
        let first = fleet.web.order_backup(42, "db");
        fleet.query(&format!(
            "UPDATE customer_backup_jobs SET status = '{set}' WHERE uuid = '{first}'"
        ));
        let second = retry(&fleet, first, &json!({ "note": "again" })).job();
        assert_eq!(fleet.web.job(42, second)["note"], "again");
        fleet.web.act(42, second, "stop", &json!({})).with(200);
        let third = retry(&fleet, second, &json!({})).job();
        fleet.web.act(42, third, "stop", &json!({})).with(200);
    }
}

#[test]
fn a_failed_restore_is_tried_again_as_the_same_restore_and_confirmed_anew() {
    let node = Node::with_site();
    let fleet = Fleet::rehearsed(node);
    let _worker = fleet.worker("one", "");
    let backup = fleet.web.order_backup(42, "files");
    fleet.web.until(42, backup, "completed");
    let good = fleet.node.tree();
    damage(&fleet.node.live());
    let bad = fleet.node.tree();
    fleet.rehearse("before swap_files");
    let path = format!("/api/v1/customers/42/backups/{backup}");
    let body = json!({ "confirm": "RESTORE", "undo": "none" });
    let first = fleet.web.post(&format!("{path}/restore"), &body).job();
    fleet.web.until(42, first, "failed");
    assert_eq!(fleet.node.tree(), bad);
    fleet.rehearse("");
    let problem = retry(&fleet, first, &json!({})).problem(422, "not-confirmed");
    assert_eq!(problem["sets_aside"]["undo_hours"], json!(null), "as it was ordered: {problem:#}");
    retry(&fleet, first, &json!({ "confirm": "UNDO" })).problem(422, "not-confirmed");
    let second = retry(&fleet, first, &json!({ "confirm": "RESTORE" })).job();
    let shown = fleet.web.until(42, second, "completed");
    assert_eq!(shown["retry_of"], json!(first));
    assert_eq!(fleet.node.tree(), good);
    assert_eq!(fleet.web.get(&path).with(200).body["state"], "active");
    fleet.node.recover();
}

#[test]
fn what_was_done_is_under_way_stuck_or_not_ours_is_not_ordered_again() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    for status in ["pending", "running", "completed", "stuck"] {
        fleet.query(&format!(
            "UPDATE customer_backup_jobs SET status = '{status}' WHERE uuid = '{job}'"
        ));
        retry(&fleet, job, &json!({})).problem(422, "not-retryable");
    }
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET status = 'failed', ticket = NULL WHERE uuid = '{job}'"
    ));
    let problem = retry(&fleet, job, &json!({})).problem(422, "not-retryable");
    assert!(problem["detail"].as_str().expect("a text").contains("order it anew"), "{problem:#}");
    retry(&fleet, job, &json!({ "scope": "db" })).problem(422, "invalid-order");
    fleet.web.act(43, job, "retry", &json!({})).problem(404, "not-found");
    let reader = fleet.token(&["--customer", "42", "--read-only"]);
    let path = format!("/api/v1/customers/42/jobs/{job}/retry");
    fleet.web.post_as(&reader, &path, &json!({})).problem(403, "forbidden");
}

#[test]
fn a_ticket_of_another_customers_is_not_ordered_again() {
    let fleet = Fleet::recording();
    let others = fleet.web.order_backup(43, "both");
    let job = fleet.web.order_backup(42, "both");
    fleet.query(&format!(
        "UPDATE customer_backup_jobs a, customer_backup_jobs b SET a.status = 'failed', \
         a.ticket = b.ticket WHERE a.uuid = '{job}' AND b.uuid = '{others}'"
    ));
    retry(&fleet, job, &json!({})).problem(422, "not-retryable");
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "2");
}

#[test]
fn a_retry_is_refused_by_what_would_refuse_the_order() {
    let fleet = Fleet::recording();
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let path = format!("/api/v1/customers/42/backups/{backup}");
    let confirm = json!({ "confirm": "RESTORE" });
    let job = fleet.web.post(&format!("{path}/restore"), &confirm).job();
    fleet.web.act(42, job, "stop", &json!({})).with(200);
    let active = fleet.web.order_backup(42, "both");
    let problem = retry(&fleet, job, &confirm).problem(409, "active-job");
    assert_eq!(problem["active_job"], json!(active));
    fleet.web.act(42, active, "stop", &json!({})).with(200);
    let delete = fleet.web.delete(&path).job();
    retry(&fleet, job, &confirm).problem(422, "backup-gone");
    fleet.web.act(42, delete, "stop", &json!({})).with(200);
    let again = retry(&fleet, delete, &json!({})).job();
    assert_eq!(fleet.web.get(&path).with(200).body["state"], "deleting");
    fleet.web.act(42, again, "stop", &json!({})).with(200);
    retry(&fleet, job, &confirm).job();
}
