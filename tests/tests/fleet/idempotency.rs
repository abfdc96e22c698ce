//! A request that has a name may be given again, and nothing is ordered twice.
//!
//! Needs: mariadb, redis, restic.

use std::{collections::BTreeSet, thread};

use holdfast_tests::{Answer, Fleet};
use serde_json::{Value, json};

const BACKUPS: &str = "/api/v1/customers/42/backups";

fn ask_as(
    fleet: &Fleet,
    token: &str,
    (method, path): (&str, &str),
    key: &str,
    body: &Value,
) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", key),
    ];
    fleet.web.ask(method, path, &headers, &body.to_string())
}

fn ask(fleet: &Fleet, to: (&str, &str), key: &str, body: &Value) -> Answer {
    ask_as(fleet, fleet.web.token(), to, key, body)
}

#[test]
fn the_same_request_is_the_same_job_whatever_has_become_of_it_since() {
    let fleet = Fleet::recording();
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let path = format!("{BACKUPS}/{backup}");
    let restore = format!("{path}/restore");
    let undo = json!({ "confirm": "RESTORE" });
    let worker = fleet.worker("one", "");
    for (key, to, body) in [
        ("of-a-backup", ("POST", BACKUPS), json!({ "scope": "both" })),
        ("of-a-restore", ("POST", restore.as_str()), undo),
        ("of-a-deletion", ("DELETE", path.as_str()), json!({})),
    ] {
        let first = ask(&fleet, to, key, &body);
        assert_eq!(first.header("idempotency-replayed"), None);
        let location = first.header("location").map(str::to_owned);
        let answered = first.body.clone();
        let job = first.job();
        for _ in 0..2 {
            let again = ask(&fleet, to, key, &body).with(202);
            assert_eq!(again.header("idempotency-replayed"), Some("true"));
            assert_eq!(again.header("location").map(str::to_owned), location);
            assert_eq!(again.body, answered);
            // Once while it is under way, once when it has ended.
            fleet.web.until(42, job, "completed");
        }
    }
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "completed");
    drop(worker);
    assert_eq!(fleet.recorded().len(), 4);
}

#[test]
fn a_key_that_was_used_for_another_request_is_refused() {
    let fleet = Fleet::recording();
    let job = ask(&fleet, ("POST", BACKUPS), "mine", &json!({ "scope": "both" })).job();
    for (to, body) in [
        (("POST", BACKUPS), json!({ "scope": "db" })),
        (("POST", BACKUPS), json!({ "scope": "both", "note": "x" })),
        (
            ("DELETE", "/api/v1/customers/42/backups/0193e5c0-0000-7000-8000-000000000001"),
            json!({}),
        ),
    ] {
        let problem = ask(&fleet, to, "mine", &body).problem(422, "idempotency-key-reused");
        assert_eq!(problem["job"], json!(job));
    }
    let other = fleet.token(&["--customer", "42"]);
    ask_as(&fleet, &other, ("POST", BACKUPS), "mine", &json!({ "scope": "both" }))
        .problem(422, "idempotency-key-reused");
    // Another customer's key is another key.
    ask(&fleet, ("POST", "/api/v1/customers/43/backups"), "mine", &json!({ "scope": "both" }))
        .job();
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "2");
}

#[test]
fn what_was_refused_is_not_remembered() {
    let fleet = Fleet::recording();
    let active = fleet.web.order_backup(42, "both");
    let body = json!({ "scope": "db" });
    ask(&fleet, ("POST", BACKUPS), "later", &body).problem(409, "active-job");
    fleet.web.act(42, active, "stop", &json!({})).with(200);
    let job = ask(&fleet, ("POST", BACKUPS), "later", &body).job();
    assert_eq!(ask(&fleet, ("POST", BACKUPS), "later", &body).job(), job);
}

#[test]
fn a_key_without_a_form_is_refused() {
    let fleet = Fleet::recording();
    let long = "k".repeat(65);
    for key in ["", "a b", "schl\u{fc}ssel", long.as_str()] {
        let problem = ask(&fleet, ("POST", BACKUPS), key, &json!({ "scope": "db" }));
        let problem = problem.problem(400, "bad-request");
        assert!(problem["detail"].to_string().contains("Idempotency-Key"), "{problem:#}");
    }
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "0");
    ask(&fleet, ("POST", BACKUPS), &"k".repeat(64), &json!({ "scope": "db" })).job();
}

#[test]
fn fifty_at_once_with_one_key_are_one_job() {
    let fleet = Fleet::recording();
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let path = format!("{BACKUPS}/{backup}");
    for (number, key, to, body) in [
        (1, "one", ("POST", BACKUPS), json!({ "scope": "both" })),
        // What it claims is claimed by the first of them.
        (2, "another", ("DELETE", path.as_str()), json!({})),
    ] {
        let jobs: BTreeSet<String> = thread::scope(|scope| {
            let ask = || ask(&fleet, to, key, &body).job().to_string();
            let asked: Vec<_> = (0..50).map(|_| scope.spawn(ask)).collect();
            asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        let written = "SELECT COUNT(*) FROM customer_backup_jobs UNION ALL \
                       SELECT COUNT(*) FROM audit";
        assert_eq!(fleet.query(written), format!("{number}\n{number}"));
    }
}
