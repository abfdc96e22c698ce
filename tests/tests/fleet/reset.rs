//! An operator ends by hand what does not move any more, and only when nothing of it is left open.
//!
//! Needs: mariadb, redis, restic.

use holdfast_job::JobId;
use holdfast_tests::{Answer, Fleet, eventually};
use serde_json::{Value, json};

const WHY: &str = "the machine was replaced";

fn reset(fleet: &Fleet, job: JobId, body: &Value) -> Answer {
    fleet.web.act(42, job, "reset", body)
}

fn because() -> Value {
    json!({ "reason": WHY })
}

/// A job whose worker was killed, its lease run out.
fn lost(fleet: &Fleet) -> JobId {
    fleet.hold(true);
    let mut worker = fleet.worker("lost", "");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "running");
    worker.kill();
    eventually("a lease that has run out", || {
        (fleet.column(job, "lease_until < NOW(3)") == "1").then_some(())
    });
    job
}

#[test]
fn only_an_operator_resets_a_job_and_says_why() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    let path = format!("/api/v1/customers/42/jobs/{job}/reset");
    let customer = fleet.token(&["--customer", "42"]);
    fleet.web.post_as(&customer, &path, &because()).problem(403, "operators-only");
    let reader = fleet.token(&["--operator", "--read-only"]);
    fleet.web.post_as(&reader, &path, &because()).problem(403, "forbidden");
    reset(&fleet, job, &json!({})).problem(422, "invalid-order");
    reset(&fleet, job, &json!({ "reason": " " })).problem(422, "invalid-order");
    assert_eq!(fleet.web.job(42, job)["status"], "pending");
    // No executor has ever seen it.
    assert_eq!(reset(&fleet, job, &because()).with(200).body["status"], "failed");
    let shown = fleet.web.job(42, job);
    let message = shown["operator"]["message"].as_str().expect("a text");
    assert!(message.contains("user:root") && message.contains(WHY), "{shown:#}");
    assert!(!shown["message"].as_str().expect("a text").contains(WHY), "{shown:#}");
    let audit = "SELECT actor, detail FROM audit WHERE action = 'reset'";
    assert_eq!(fleet.query(audit), format!("user:root\t{WHY}"));
    reset(&fleet, job, &because()).problem(409, "already-ended");
    fleet.web.order_backup(42, "both");
}

#[test]
fn a_job_is_reset_when_its_node_has_said_since_that_the_site_is_settled_and_not_before() {
    let fleet = Fleet::recording();
    let job = lost(&fleet);
    // The node's last word is from before the job was lost.
    fleet.query("UPDATE nodes SET heartbeat_at = NOW(3)");
    let problem = reset(&fleet, job, &because()).problem(409, "not-settled");
    assert!(problem["detail"].as_str().expect("a text").contains("has not looked"), "{problem:#}");
    for standing in ["unsettled", "stuck", "busy"] {
        fleet.query(&format!(
            "UPDATE nodes SET heartbeat_at = NOW(3), recovered_at = NOW(3) + INTERVAL 1 SECOND,
             unsettled = '[{{\"customer\":42,\"standing\":\"{standing}\",\"detail\":\"a flag\"}}]'"
        ));
        let problem = reset(&fleet, job, &because()).problem(409, "not-settled");
        assert!(problem["detail"].as_str().expect("a text").contains("a flag"), "{problem:#}");
    }
    assert_eq!(fleet.web.job(42, job)["status"], "running");
    fleet.query(
        "UPDATE nodes SET heartbeat_at = NOW(3), unsettled =
         '[{\"customer\":43,\"standing\":\"stuck\",\"detail\":\"another\"}]'",
    );
    reset(&fleet, job, &because()).with(200);
    fleet.hold(false);
    let _worker = fleet.worker("two", "");
    let next = fleet.web.order_backup(42, "both");
    fleet.web.until(42, next, "completed");
    assert_eq!(fleet.web.job(42, job)["status"], "failed", "nobody takes it up again");
}

#[test]
fn what_recover_finds_is_what_a_reset_goes_by() {
    let fleet = Fleet::recording();
    fleet.recovered(Some("busy"));
    let job = lost(&fleet);
    // Never taken up again, so that it stays as it is.
    fleet.query(&format!("UPDATE customer_backup_jobs SET attempt = 4 WHERE uuid = '{job}'"));
    let _worker = fleet.worker("two", "");
    eventually("the node's word", || {
        let answer = reset(&fleet, job, &because());
        (answer.status == 409 && answer.body["detail"].to_string().contains("why")).then_some(())
    });
    fleet.recovered(None);
    // Its janitor may be first.
    let shown = eventually("an end", || {
        reset(&fleet, job, &because());
        let shown = fleet.web.job(42, job);
        (shown["status"] == "failed").then_some(shown)
    });
    assert!(shown["completed_at"].is_string(), "{shown:#}");
    fleet.hold(false);
}

#[test]
fn a_job_whose_worker_is_alive_is_not_reset() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "running");
    reset(&fleet, job, &because()).problem(409, "under-way");
    let gone = json!({ "reason": WHY, "node_is_gone": true });
    reset(&fleet, job, &gone).problem(409, "under-way");
    fleet.hold(false);
    fleet.web.until(42, job, "completed");
}

#[test]
fn the_jobs_of_a_node_that_is_gone_for_good_are_ended_by_whoever_says_so() {
    let fleet = Fleet::recording();
    let job = lost(&fleet);
    fleet.query("UPDATE nodes SET heartbeat_at = NOW(3) - INTERVAL 1 DAY");
    let problem = reset(&fleet, job, &because()).problem(409, "not-settled");
    assert!(problem["detail"].as_str().expect("a text").contains("node_is_gone"), "{problem:#}");
    fleet.query("UPDATE nodes SET heartbeat_at = NOW(3)");
    let gone = json!({ "reason": WHY, "node_is_gone": true });
    let problem = reset(&fleet, job, &gone).problem(409, "not-settled");
    assert!(problem["detail"].as_str().expect("a text").contains("is not gone"), "{problem:#}");
    fleet.query("UPDATE nodes SET heartbeat_at = NOW(3) - INTERVAL 1 DAY");
    reset(&fleet, job, &gone).with(200);
    fleet.hold(false);
}

#[test]
fn a_worker_that_comes_back_lets_go_of_what_was_reset_meanwhile() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let mut worker = fleet.worker("one", "grace_seconds = 600");
    let job = fleet.web.order_backup(42, "both");
    eventually("its executor", || (fleet.recorded().len() == 1).then_some(()));
    Fleet::freeze(worker.pid(), true);
    eventually("a lease that has run out", || {
        (fleet.column(job, "lease_until < NOW(3)") == "1").then_some(())
    });
    fleet.query(
        "UPDATE nodes SET heartbeat_at = NOW(3), recovered_at = NOW(3) + INTERVAL 1 SECOND,
         unsettled = '[]'",
    );
    reset(&fleet, job, &because()).with(200);
    Fleet::freeze(worker.pid(), false);
    // Nobody else lets its executor go.
    worker.tell();
    assert!(worker.ended().success());
    assert_eq!(fleet.web.job(42, job)["status"], "failed");
    fleet.hold(false);
}
