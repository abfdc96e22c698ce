//! A person stops a job, at every stage.
//!
//! Needs: mariadb, redis, restic.

use holdfast_job::JobId;
use holdfast_tests::{
    Fleet, MariaDb, Node, Schema, damage, damage_small_shop, eventually, fill_small_shop,
};
use serde_json::{Value, json};

const TOO_LATE: &str = "It could not be stopped any more.";

fn stop(fleet: &Fleet, job: JobId) -> holdfast_tests::Answer {
    fleet.web.act(42, job, "stop", &json!({}))
}

fn stops_in_the_audit(fleet: &Fleet, job: JobId) -> String {
    fleet.query(&format!("SELECT COUNT(*) FROM audit WHERE action = 'stop' AND job_uuid = '{job}'"))
}

/// Waits until the job is in this stage, as it is shown.
fn until_in(fleet: &Fleet, job: JobId, stage: &str) -> Value {
    eventually(&format!("{stage} of job {job}"), || {
        let shown = fleet.web.job(42, job);
        assert_ne!(shown["status"], "completed", "it was never seen in {stage}: {shown:#}");
        (shown["stage"]["name"] == stage).then_some(shown)
    })
}

#[test]
fn a_job_that_nobody_has_begun_is_stopped_at_once_and_never_run() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    let answer = stop(&fleet, job).with(200);
    assert_eq!((&answer.body["job"], &answer.body["status"]), (&json!(job), &json!("stopped")));
    assert_eq!(stop(&fleet, job).with(200).body, answer.body, "a second time changes nothing");
    assert_eq!(stops_in_the_audit(&fleet, job), "1");
    let shown = fleet.web.job(42, job);
    assert_eq!(shown["status"], "stopped");
    assert_eq!(shown["message"], "This was cancelled before it began.");
    assert_eq!(shown["stopping"], false);
    assert!(shown["completed_at"].is_string());
    let next = fleet.web.order_backup(42, "both");
    let _worker = fleet.worker("one", "");
    fleet.web.until(42, next, "completed");
    assert_eq!(fleet.recorded(), [format!("{next} backup 42")]);
}

#[test]
fn what_has_ended_is_stuck_or_is_anothers_is_not_stopped() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "completed");
    assert_eq!(stop(&fleet, job).problem(409, "already-ended")["job_status"], "completed");
    fleet.outcome("stuck");
    fleet.recovered(Some("stuck"));
    let stuck = fleet.web.order_backup(42, "both");
    fleet.web.until(42, stuck, "stuck");
    stop(&fleet, stuck).problem(409, "stuck-job");
    let path = |customer: u32, job: &str| format!("/api/v1/customers/{customer}/jobs/{job}/stop");
    fleet.web.post(&path(43, &job.to_string()), &json!({})).problem(404, "not-found");
    fleet.web.post(&path(42, "no-job"), &json!({})).problem(404, "not-found");
    let stranger = fleet.token(&["--customer", "43"]);
    let path = path(42, &stuck.to_string());
    fleet.web.post_as(&stranger, &path, &json!({})).problem(404, "not-found");
    let reader = fleet.token(&["--customer", "42", "--read-only"]);
    fleet.web.post_as(&reader, &path, &json!({})).problem(403, "forbidden");
    assert_eq!(fleet.query("SELECT COUNT(*) FROM audit WHERE action = 'stop'"), "0");
    fleet.recovered(None);
    fleet.web.until_ended(42, stuck);
}

#[test]
fn a_backup_is_stopped_at_each_stage_until_it_is_verified() {
    let fleet = Fleet::rehearsed(Node::with_site());
    let _worker = fleet.worker("one", "");
    let good = fleet.node.tree();
    for stage in ["check", "dump", "snapshot", "verify"] {
        fleet.rehearse(&format!("wait {stage}"));
        let job = fleet.web.order_backup(42, "files");
        until_in(&fleet, job, stage);
        let answer = stop(&fleet, job).with(202);
        assert_eq!(answer.body["stopping"], true, "{:#}", answer.body);
        let shown = fleet.web.until_ended(42, job);
        assert_eq!(shown["status"], "stopped", "at {stage}: {shown:#}");
        assert_eq!(fleet.node.tree(), good);
    }
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backups"), "0");
    // From there on it is finished.
    fleet.rehearse("wait tidy");
    let job = fleet.web.order_backup(42, "files");
    until_in(&fleet, job, "tidy");
    stop(&fleet, job).with(202);
    let shown = fleet.web.until(42, job, "completed");
    assert!(shown["message"].as_str().is_some_and(|said| said.ends_with(TOO_LATE)), "{shown:#}");
    fleet.rehearse("");
    let job = fleet.web.order_backup(42, "files");
    fleet.web.until(42, job, "completed");
}

#[test]
fn a_restore_and_an_undo_are_stopped_at_each_stage_before_the_switch_and_finished_from_there_on() {
    let node = Node::with_site();
    let server = MariaDb::with_tenants(&node.root().join("db"));
    node.configure_database(&server.socket(), "");
    fill_small_shop(&server, MariaDb::SCHEMA);
    let fleet = Fleet::rehearsed(node);
    // Ended before the node is looked through.
    let server = server;
    let _worker = fleet.worker("one", "");
    let site = || {
        let schema = Schema::read(&server, MariaDb::SCHEMA).expect("a schema");
        (fleet.node.tree(), schema)
    };
    let backup = fleet.web.order_backup(42, "both");
    fleet.web.until(42, backup, "completed");
    let good = site();
    damage(&fleet.node.live());
    damage_small_shop(&server, MariaDb::SCHEMA);
    let bad = site();
    let path = format!("/api/v1/customers/42/backups/{backup}/restore");
    let restore = || fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    let undo = |of| fleet.web.act(42, of, "undo", &json!({ "confirm": "UNDO" })).job();
    let stopped_at = |stage: &str, order: &dyn Fn() -> JobId| {
        fleet.rehearse(&format!("wait {stage}"));
        let before = site();
        let job = order();
        until_in(&fleet, job, stage);
        stop(&fleet, job).with(202);
        let shown = fleet.web.until_ended(42, job);
        assert_eq!(shown["status"], "stopped", "at {stage}: {shown:#}");
        assert_eq!(site(), before, "stopped at {stage}");
    };
    let too_late_at = |stage: &str, order: &dyn Fn() -> JobId| {
        fleet.rehearse(&format!("wait {stage}"));
        let job = order();
        until_in(&fleet, job, stage);
        stop(&fleet, job).problem(409, "too-late");
        // The wish came in the moment before the stage was known.
        fleet.query(&format!(
            "UPDATE customer_backup_jobs SET stop_requested_at = NOW(3) WHERE uuid = '{job}'"
        ));
        let shown = fleet.web.until(42, job, "completed");
        let message = shown["message"].as_str().expect("a text");
        assert!(message.ends_with(TOO_LATE), "at {stage}: {shown:#}");
        assert!(!fleet.node.flag().exists());
        job
    };
    for stage in ["check", "fetch", "load", "close"] {
        stopped_at(stage, &restore);
    }
    let switch = ["halt", "swap_database", "swap_files", "resume", "open", "keep"];
    for (number, stage) in switch.into_iter().enumerate() {
        let restored = too_late_at(stage, &restore);
        assert_eq!(site(), good, "past stopping at {stage}");
        if number == 0 {
            for stage in ["check", "close"] {
                stopped_at(stage, &|| undo(restored));
            }
        }
        too_late_at(stage, &|| undo(restored));
        assert_eq!(site(), bad, "past stopping at {stage}");
    }
    fleet.rehearse("");
    fleet.node.recover();
}

#[test]
fn a_deletion_that_has_begun_is_not_stopped() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let worker = fleet.worker("one", "");
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let path = format!("/api/v1/customers/42/backups/{backup}");
    let job = fleet.web.delete(&path).job();
    fleet.web.until(42, job, "running");
    stop(&fleet, job).problem(409, "too-late");
    // Its worker is renewed: it has been begun all the same.
    worker.tell();
    worker.tell();
    eventually("a job that is put back", || {
        (fleet.column(job, "status, fence") == "pending\t1").then_some(())
    });
    stop(&fleet, job).problem(409, "too-late");
    fleet.hold(false);
    let _next = fleet.worker("two", "");
    fleet.web.until(42, job, "completed");
}

#[test]
fn a_deletion_that_is_stopped_before_it_begins_leaves_its_backup_as_it_was() {
    let fleet = Fleet::recording();
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let path = format!("/api/v1/customers/42/backups/{backup}");
    let job = fleet.web.delete(&path).job();
    assert_eq!(fleet.web.get(&path).with(200).body["state"], "deleting");
    stop(&fleet, job).with(200);
    assert_eq!(fleet.web.get(&path).with(200).body["state"], "active");
    fleet.web.delete(&path).job();
}

#[test]
fn a_job_that_was_put_back_is_stopped_by_its_next_claim_though_its_node_drains() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "busy_retry_seconds = 600");
    fleet.outcome("busy");
    let job = fleet.web.order_backup(42, "both");
    eventually("a job that waits", || {
        (fleet.column(job, "status, fence") == "pending\t1").then_some(())
    });
    fleet.hold(true);
    fleet.query("UPDATE nodes SET draining = TRUE");
    let answer = stop(&fleet, job).with(202);
    assert_eq!(
        (&answer.body["status"], &answer.body["stopping"]),
        (&json!("pending"), &json!(true))
    );
    let shown = fleet.web.until_ended(42, job);
    assert_eq!(shown["status"], "stopped", "{shown:#}");
    assert_eq!(stops_in_the_audit(&fleet, job), "1");
    fleet.hold(false);
}

#[test]
fn a_wish_that_the_dying_worker_did_not_hear_is_heard_by_the_next() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let mut first = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "running");
    Fleet::freeze(first.pid(), true);
    stop(&fleet, job).with(202);
    assert_eq!(fleet.web.job(42, job)["stopping"], true);
    first.kill();
    let _second = fleet.worker("two", "");
    let shown = fleet.web.until_ended(42, job);
    assert_eq!(shown["status"], "stopped", "{shown:#}");
    fleet.hold(false);
}

#[test]
fn a_worker_that_has_lost_the_job_hears_the_wish_too() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let mut first = fleet.worker("one", "grace_seconds = 600");
    let job = fleet.web.order_backup(42, "both");
    eventually("its executor", || (fleet.recorded().len() == 1).then_some(()));
    Fleet::freeze(first.pid(), true);
    let _second = fleet.worker("two", "");
    eventually("a second claim", || (fleet.recorded().len() == 2).then_some(()));
    Fleet::freeze(first.pid(), false);
    first.until_said("has changed hands");
    stop(&fleet, job).with(202);
    assert_eq!(fleet.web.until_ended(42, job)["status"], "stopped");
    // Its executor has been let go as well: nothing holds it up.
    first.tell();
    assert!(first.ended().success());
    fleet.hold(false);
}
