//! How a customer's jobs stand: what pages poll.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::Fleet;
use serde_json::{Value, json};

const STATUS: &str = "/api/v1/customers/42/status";

#[test]
fn the_status_is_that_of_the_tokens_only_customer_or_of_the_one_that_is_named() {
    let fleet = Fleet::recording();
    let web = &fleet.web;
    let (ours, theirs) = (web.order_backup(42, "both"), web.order_backup(43, "db"));
    let active = |token: &str, query: &str| {
        let answer = web.get_as(token, &format!("/api/backups/status{query}"));
        answer.with(200).body["active"]["uuid"].clone()
    };
    let one = fleet.token(&["--customer", "42"]);
    assert_eq!(active(&one, ""), ours.to_string());
    assert_eq!(active(&one, "?customer=42"), ours.to_string());
    web.get_as(&one, "/api/backups/status?customer=43").problem(404, "not-found");
    let two = fleet.token(&["--customer", "42", "--customer", "43"]);
    web.get_as(&two, "/api/backups/status").problem(400, "bad-request");
    assert_eq!(active(&two, "?customer=43"), theirs.to_string());
    for token in [fleet.token(&["--operator"]), fleet.token(&[])] {
        web.get_as(&token, "/api/backups/status").problem(400, "bad-request");
    }
    assert_eq!(active(web.token(), "?customer=43"), theirs.to_string());
    let nothing = web.get("/api/v1/customers/44/status").with(200).body;
    assert_eq!(nothing, json!({ "active": null, "recent": [] }));
}

#[test]
fn a_pending_job_says_why_it_waits_the_reason_that_lasts_longest_first() {
    let fleet = Fleet::recording();
    let web = &fleet.web;
    let job = web.order_backup(42, "both");
    let waiting = || {
        let active = web.get(STATUS).with(200).body["active"].clone();
        assert_eq!((&active["uuid"], &active["status"]), (&json!(job), &json!("pending")));
        active["waiting"].clone()
    };
    let because = || waiting()["because"].as_str().expect("a reason").to_owned();
    let of_ours = format!("WHERE uuid = '{job}'");
    // All the reasons hold at once; one after the other is done away with.
    fleet.query(&format!(
        "UPDATE nodes SET draining = TRUE; UPDATE customer_backup_jobs
             SET waits_because = 'Another order of this site is under way.' {of_ours}"
    ));
    fleet.admin(&["node", "add", "test-1", "--pool", "elsewhere"]);
    assert_eq!(because(), "No server is registered for the place where this site is.");
    fleet.admin(&["node", "add", "test-1"]);
    let server = "the server where this site is";
    assert_eq!(because(), format!("No worker has reported yet from {server}."));
    for (ago, spoken) in [("90 SECOND", "9"), ("10 MINUTE", "10 minutes"), ("5 HOUR", "5 hours")] {
        fleet.query(&format!("UPDATE nodes SET heartbeat_at = UTC_TIMESTAMP(3) - INTERVAL {ago}"));
        let begins = format!("No worker has reported from {server} for {spoken}");
        assert!(because().starts_with(&begins), "{}", because());
    }
    // As though it reported all the time.
    fleet.query("UPDATE nodes SET heartbeat_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR");
    let looked_after = "The server where this site is takes nothing new for the moment: it is \
                        being looked after.";
    assert_eq!(because(), looked_after);
    fleet.query("UPDATE nodes SET draining = FALSE");
    assert_eq!(because(), "Another order of this site is under way.");
    fleet.query(&format!("UPDATE customer_backup_jobs SET waits_because = NULL {of_ours}"));
    assert_eq!(waiting(), json!({ "ahead": 0, "because": "It begins in a moment." }));

    // A later backup is behind it, a later restore before it; what is not due, or of another pool,
    // has no turn.
    fleet.enter_customers(45..=49);
    web.order_backup(43, "both");
    assert_eq!(waiting()["ahead"], 0);
    let restores = |customer: u32| {
        let (backup, _) = fleet.enter_backup(customer, 1, "");
        let path = format!("/api/v1/customers/{customer}/backups/{backup}/restore");
        web.post(&path, &json!({ "confirm": "RESTORE" })).job()
    };
    let restore = restores(44);
    let expected = json!({ "ahead": 1, "because": "One other order has its turn before it." });
    assert_eq!(waiting(), expected);
    restores(45);
    let (elsewhere, not_due) = (restores(46), restores(47));
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET pool = 'elsewhere' WHERE uuid = '{elsewhere}';
         UPDATE customer_backup_jobs SET run_after = run_after + INTERVAL 1 HOUR
             WHERE uuid = '{not_due}'"
    ));
    let expected = json!({ "ahead": 2, "because": "2 other orders have their turn before it." });
    assert_eq!(waiting(), expected);
    fleet.query("UPDATE customer_backup_jobs SET status = 'completed' WHERE job_type = 'restore'");
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET status = 'running' WHERE uuid = '{restore}'"
    ));
    let next = "It is the next, as soon as another order has ended.";
    assert_eq!(waiting(), json!({ "ahead": 0, "because": next }));
}

#[test]
fn a_running_job_says_how_far_it_is_and_a_stuck_one_still_holds_the_customer() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    fleet.query(
        "UPDATE customer_backup_jobs SET status = 'running', stage = 'snapshot', stage_number = 3,
             stage_count = 5, progress = 41, detail = 'Saved 41 of 100 MB', bytes_done = 41000000,
             bytes_total = 100000000, started_at = UTC_TIMESTAMP(3), attempt = 1, fence = 1",
    );
    let active = || fleet.web.get(STATUS).with(200).body["active"].clone();
    let running = active();
    let stage = json!({ "name": "snapshot", "number": 3, "of": 5, "reverting": false });
    for (member, expected) in [
        ("status", json!("running")),
        ("stage", stage),
        ("percent", json!(41)),
        ("detail", json!("Saved 41 of 100 MB")),
        ("bytes_done", json!(41_000_000)),
        ("bytes_total", json!(100_000_000)),
        ("waiting", Value::Null),
        ("message", Value::Null),
    ] {
        assert_eq!(running[member], expected, "{member}");
    }
    assert!(running["started_at"].is_string());
    fleet.query(
        "UPDATE customer_backup_jobs SET status = 'stuck', error_message = 'We look at it.'",
    );
    let stuck = active();
    assert_eq!((&stuck["uuid"], &stuck["message"]), (&json!(job), &json!("We look at it.")));
    assert_eq!((&stuck["stage"], &stuck["percent"]), (&Value::Null, &Value::Null));
    let path = "/api/v1/customers/42/backups";
    let problem = fleet.web.post(path, &json!({ "scope": "db" })).problem(409, "active-job");
    assert_eq!(problem["active_job"], job.to_string());
}

#[test]
fn the_last_ten_that_ended_are_told() {
    let fleet = Fleet::recording();
    fleet.query(
        "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, status,
             error_message)
         SELECT CONCAT('0193e5c0-0000-7000-8042-', LPAD(seq, 12, '0')), IF(seq > 12, 43, 42),
             'backup', 'both', ELT(1 + seq % 4, 'completed', 'failed', 'stopped', 'skipped'),
             CONCAT('Number ', seq) FROM seq_1_to_13",
    );
    let job = fleet.web.order_backup(42, "both");
    let delete = {
        let (backup, _) = fleet.enter_backup(42, 1, "");
        fleet.web.delete(&format!("/api/v1/customers/42/backups/{backup}")).job()
    };
    let status = || fleet.web.get(STATUS).with(200).body;
    // A delete that is pending neither holds the customer nor has it ended.
    let now = status();
    assert_eq!(now["active"]["uuid"], job.to_string());
    let messages = |status: &Value| -> Vec<String> {
        let recent = status["recent"].as_array().expect("jobs").iter();
        recent.map(|job| job["message"].as_str().unwrap_or("none").to_owned()).collect()
    };
    let expected: Vec<_> = (3..=12).rev().map(|number| format!("Number {number}")).collect();
    assert_eq!(messages(&now), expected);
    fleet.end_jobs();
    let now = status();
    assert_eq!(now["active"], Value::Null);
    assert_eq!(now["recent"][0]["uuid"], delete.to_string());
    assert_eq!(now["recent"][1]["uuid"], job.to_string());
    assert_eq!(messages(&now)[2..], expected[..8]);
}
