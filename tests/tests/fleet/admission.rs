//! What is admitted, what is not, and that nothing is left of what was not.
//!
//! Needs: mariadb, redis, restic.

use std::{
    collections::BTreeMap,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::SystemTime,
};

use holdfast_job::{JobId, Moment};
use holdfast_tests::{Answer, Fleet};
use serde_json::{Value, json};

const BACKUPS: &str = "/api/v1/customers/42/backups";

#[test]
fn of_five_hundred_orders_at_once_one_is_admitted_and_the_others_name_it() {
    let fleet = Fleet::recording();
    let all_at_once = Barrier::new(500);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let order = || {
            all_at_once.wait();
            fleet.web.post(BACKUPS, &json!({ "scope": "both" }))
        };
        let callers: Vec<_> = (0..500).map(|_| scope.spawn(order)).collect();
        callers.into_iter().map(|caller| caller.join().expect("an answer")).collect()
    });
    let mut by_status: BTreeMap<u16, Vec<Answer>> = BTreeMap::new();
    for answer in answers {
        by_status.entry(answer.status).or_default().push(answer);
    }
    let counts: Vec<_> = by_status.iter().map(|(status, all)| (*status, all.len())).collect();
    assert_eq!(counts, [(202, 1), (409, 499)]);
    let job = by_status.remove(&202).and_then(|mut all| all.pop()).expect("one").job();
    for answer in by_status.remove(&409).into_iter().flatten() {
        assert_eq!(answer.problem(409, "active-job")["active_job"], job.to_string());
    }
    assert_eq!(fleet.query("SELECT uuid FROM customer_backup_jobs"), job.to_string());
    assert_eq!(fleet.query("SELECT COUNT(*) FROM audit"), "1");
}

/// They are written together, and answered each by itself.
#[test]
fn what_stands_in_the_way_of_one_order_stands_in_the_way_of_no_other_beside_it() {
    let fleet = Fleet::recording();
    let customers = 1_000..1_060;
    fleet.enter_customers(customers.start..=customers.end - 1);
    let held = |customer: u32| customer.is_multiple_of(10);
    let before: BTreeMap<u32, JobId> = customers
        .clone()
        .filter(|customer| held(*customer))
        .map(|customer| (customer, fleet.web.order_backup(customer, "both")))
        .collect();
    let all_at_once = Barrier::new(2 * customers.len());
    let order = |customer: u32| {
        all_at_once.wait();
        let path = format!("/api/v1/customers/{customer}/backups");
        (customer, fleet.web.post(&path, &json!({ "scope": "files" })))
    };
    let answers: Vec<(u32, Answer)> = thread::scope(|scope| {
        let twice = customers.clone().chain(customers.clone());
        let callers: Vec<_> = twice.map(|one| scope.spawn(move || order(one))).collect();
        callers.into_iter().map(|caller| caller.join().expect("an answer")).collect()
    });
    let (admitted, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, answer)| answer.status == 202);
    let mut active = before.clone();
    for (customer, answer) in admitted {
        assert!(active.insert(customer, answer.job()).is_none(), "{customer} has two");
    }
    assert_eq!(active.len(), customers.len(), "each customer has one");
    for (customer, answer) in refused {
        let problem = answer.problem(409, "active-job");
        assert_eq!(problem["active_job"], active[&customer].to_string());
    }
    let select = "SELECT j.customer_id, j.uuid FROM customer_backup_jobs j JOIN audit a \
                  ON a.job_uuid = j.uuid AND a.customer_id = j.customer_id ORDER BY 1";
    let written: Vec<String> =
        active.iter().map(|(whose, job)| format!("{whose}\t{job}")).collect();
    assert_eq!(fleet.query(select).lines().collect::<Vec<_>>(), written);
    assert_eq!(fleet.query("SELECT COUNT(*) FROM audit"), customers.len().to_string());
}

#[test]
fn a_restore_and_a_delete_of_one_backup_are_never_both_admitted() {
    let mut fleet = Fleet::recording();
    // Nobody else deletes.
    fleet.reconfigure_web("plan_every_seconds = 0.3", "plan_every_seconds = 3600");
    let (mut restored, mut deleted) = (0, 0);
    for round in 1..=60 {
        let (backup, _) = fleet.enter_backup(42, round, "");
        let path = format!("{BACKUPS}/{backup}");
        let both_at_once = Barrier::new(2);
        let (restore, delete) = thread::scope(|scope| {
            let delete = scope.spawn(|| {
                both_at_once.wait();
                fleet.web.delete(&path)
            });
            both_at_once.wait();
            let body = json!({ "confirm": "RESTORE" });
            let restore = fleet.web.post(&format!("{path}/restore"), &body);
            (restore, delete.join().expect("an answer"))
        });
        match (restore.status, delete.status) {
            (202, _) => {
                restored += 1;
                delete.problem(422, "backup-in-use");
                assert_eq!(fleet.query(&state_of(backup)), "active\tNULL");
            }
            (_, 202) => {
                deleted += 1;
                restore.problem(422, "backup-gone");
                assert_eq!(fleet.query(&state_of(backup)), format!("deleting\t{}", delete.job()));
            }
            _ => panic!("{restore:#?} {delete:#?}"),
        }
        fleet.end_jobs();
    }
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "60");
    println!("{restored} restored, {deleted} deleted");
}

fn state_of(backup: JobId) -> String {
    format!("SELECT state, deleting_job FROM customer_backups WHERE uuid = '{backup}'")
}

#[test]
fn what_is_gone_is_not_restored_and_what_is_held_or_being_restored_is_not_deleted() {
    let fleet = Fleet::recording();
    let restore = json!({ "confirm": "RESTORE" });
    for (number, state) in [(1, "deleting"), (2, "deleted")] {
        let (backup, snapshot) = fleet.enter_backup(42, number, &format!("state = '{state}'"));
        for path in [format!("{BACKUPS}/{backup}"), format!("{BACKUPS}/{snapshot}")] {
            let restore = fleet.web.post(&format!("{path}/restore"), &restore);
            restore.problem(422, "backup-gone");
            fleet.web.delete(&path).problem(422, "backup-gone");
        }
    }
    let (held, _) = fleet.enter_backup(42, 3, "held = TRUE");
    fleet.web.delete(&format!("{BACKUPS}/{held}")).problem(422, "backup-in-use");
    assert_eq!(fleet.query(&state_of(held)), "active\tNULL");
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "0");

    // A restore that is pending, under way, or stuck.
    let job = fleet.web.post(&format!("{BACKUPS}/{held}/restore"), &restore).job();
    fleet.query("UPDATE customer_backups SET held = FALSE");
    for status in ["pending", "running", "stuck"] {
        fleet.query(&format!("UPDATE customer_backup_jobs SET status = '{status}'"));
        fleet.web.delete(&format!("{BACKUPS}/{held}")).problem(422, "backup-in-use");
    }
    fleet.query(&format!("UPDATE customer_backup_jobs SET status = 'failed' WHERE uuid = '{job}'"));
    fleet.web.delete(&format!("{BACKUPS}/{held}")).job();
}

#[test]
fn a_restore_of_what_the_backup_does_not_hold_is_refused() {
    let fleet = Fleet::recording();
    let (files, _) = fleet.enter_backup(42, 1, "scope = 'files'");
    let (database, _) = fleet.enter_backup(42, 2, "scope = 'db'");
    let (both, _) = fleet.enter_backup(42, 3, "");
    for (backup, scope) in [
        (files, "db"),
        (files, "both"),
        (database, "files"),
        (database, "both"),
        (both, "blog"),
        (both, "web,blog"),
    ] {
        let body = json!({ "scope": scope, "confirm": "RESTORE" });
        let answer = fleet.web.post(&format!("{BACKUPS}/{backup}/restore"), &body);
        answer.problem(422, "not-in-backup");
    }
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "0");
    for (backup, scope, restored) in [
        (files, json!(null), "files"),
        (database, json!(null), "db"),
        (both, json!(null), "both"),
        (both, json!("db"), "db"),
        (both, json!("web"), "web"),
    ] {
        let body = json!({ "scope": scope, "confirm": "RESTORE" });
        let job = fleet.web.post(&format!("{BACKUPS}/{backup}/restore"), &body).job();
        assert_eq!(fleet.web.job(42, job)["scope"], restored);
        fleet.end_jobs();
    }
}

#[test]
fn an_order_that_is_not_understood_is_refused_and_nothing_is_written() {
    let fleet = Fleet::recording();
    let (web, token) = (&fleet.web, fleet.web.token());
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let restore = format!("{BACKUPS}/{backup}/restore");
    let before = fleet.written();

    let long = "x".repeat(256);
    for body in [
        json!({}),
        json!([]),
        json!(["files", null]),
        json!(null),
        json!({ "scope": "both", "scpoe": "db" }),
        json!({ "scope": "" }),
        json!({ "scope": "Files" }),
        json!({ "scope": "web,../etc" }),
        json!({ "scope": 7 }),
        json!({ "scope": "both", "note": long }),
        json!({ "scope": "both", "note": "one\ntwo" }),
        json!({ "scope": "both", "note": "a\u{0}" }),
    ] {
        web.post(BACKUPS, &body).problem(422, "invalid-order");
    }
    web.post_text(token, BACKUPS, "{\"scope\":\"db\",\"scope\":\"db\"}")
        .problem(422, "invalid-order");
    for body in [
        json!({ "confirm": "RESTORE", "scope": "Files" }),
        json!({ "confirm": "RESTORE", "undo": "perhaps" }),
        json!({ "confirm": "RESTORE", "snapshot": "latest" }),
        json!({ "confirm": "RESTORE", "note": long }),
    ] {
        web.post(&restore, &body).problem(422, "invalid-order");
    }
    for text in ["", "{", "scope=db", "{\"scope\":\"db\"} {}", "{\"scope\":\"db\u{1}\"}"] {
        web.post_text(token, BACKUPS, text).problem(400, "bad-request");
    }
    let bearer = format!("Bearer {token}");
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        web.ask("POST", BACKUPS, &headers, "{\"scope\":\"db\"}").problem(415, "not-json");
    }
    let large = format!("{{\"scope\":\"db\"{}}}", " ".repeat(16 * 1024));
    web.post_text(token, BACKUPS, &large).problem(413, "too-large");

    for confirm in [json!(null), json!(""), json!("restore"), json!("RESTORE ")] {
        let problem = web.post(&restore, &json!({ "confirm": confirm }));
        let problem = problem.problem(422, "not-confirmed");
        assert_eq!(problem["sets_aside"]["until"], "the switch");
        assert_eq!(problem["sets_aside"]["undo_hours"], 24);
    }
    let problem = web.post(&restore, &json!({ "undo": "none" })).problem(422, "not-confirmed");
    assert_eq!(problem["sets_aside"]["undo_hours"], Value::Null);
    assert_eq!(fleet.written(), before);
    // What fits exactly is admitted.
    web.post(BACKUPS, &json!({ "scope": "both", "note": "ö".repeat(255) })).job();
}

#[test]
fn an_undo_is_admitted_while_there_is_an_undo_copy_of_this_customers() {
    let fleet = Fleet::recording();
    let (web, undo) = (&fleet.web, json!({ "confirm": "UNDO" }));
    let path = |customer: u32, job: JobId| format!("/api/v1/customers/{customer}/jobs/{job}/undo");
    let backup = web.order_backup(42, "both");
    fleet.end_jobs();
    web.post(&path(42, backup), &undo).problem(422, "no-undo-copy");

    let (saved, _) = fleet.enter_backup(42, 1, "");
    let body = json!({ "confirm": "RESTORE" });
    let restore = web.post(&format!("{BACKUPS}/{saved}/restore"), &body).job();
    let now = Moment::of(SystemTime::now()).unix_seconds();
    let result = |undo_until: Option<u64>| {
        let result = json!({
            "version": 1, "job": restore, "outcome": "completed", "customer_message": "Done.",
            "operator_message": "done", "sources": [], "undo_until": undo_until,
        });
        fleet.query(&format!("UPDATE customer_backup_jobs SET result = '{result}'"));
    };
    // Pending, and with no undo copy, and with one that is gone.
    web.post(&path(42, restore), &undo).problem(422, "no-undo-copy");
    result(Some(now + 3600));
    web.post(&path(42, restore), &undo).problem(422, "no-undo-copy");
    fleet.end_jobs();
    for until in [None, Some(now - 10)] {
        result(until);
        web.post(&path(42, restore), &undo).problem(422, "no-undo-copy");
    }
    result(Some(now + 3600));
    let before = fleet.written();
    for nobodys in [path(43, restore), path(42, saved), path(42, saved).replace('-', "")] {
        web.post(&nobodys, &undo).problem(404, "not-found");
    }
    let problem = web.post(&path(42, restore), &json!({})).problem(422, "not-confirmed");
    assert_eq!(problem["sets_aside"]["since"], web.job(42, restore)["completed_at"]);
    web.post(&path(42, restore), &json!({ "confirm": "UNDO", "when": "now" }))
        .problem(422, "invalid-order");
    assert_eq!(fleet.written(), before);
    let job = web.post(&path(42, restore), &undo).job();
    assert_eq!(web.job(42, job)["undo_of"], restore.to_string());
}

#[test]
fn a_customer_whose_pool_has_no_node_is_told_so_and_nothing_is_written() {
    let fleet = Fleet::recording();
    fleet.admin(&["customer", "add", "44", "--pool", "far"]);
    let (backup, _) = fleet.enter_backup(44, 1, "");
    let before = fleet.written();
    let path = "/api/v1/customers/44/backups";
    let restore = format!("{path}/{backup}/restore");
    for answer in [
        fleet.web.post(path, &json!({ "scope": "both" })),
        fleet.web.post(&restore, &json!({ "confirm": "RESTORE" })),
        fleet.web.delete(&format!("{path}/{backup}")),
    ] {
        assert_eq!(answer.header("retry-after"), Some("300"));
        let problem = answer.problem(503, "no-node");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.starts_with("No server is registered yet for the place"), "{detail}");
    }
    assert_eq!(fleet.written(), before);
    fleet.admin(&["node", "add", "test-2", "--pool", "far"]);
    fleet.web.post(path, &json!({ "scope": "both" })).job();
}

#[test]
fn an_order_that_meets_the_end_of_the_one_before_is_admitted_or_refused_and_never_unavailable() {
    let fleet = Fleet::recording();
    let orders = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while orders.fetch_add(1, Ordering::Relaxed) < 300 {
                    let answer = fleet.web.post(BACKUPS, &json!({ "scope": "db" }));
                    assert!([202, 409].contains(&answer.status), "{answer:#?}");
                }
            });
        }
        while orders.load(Ordering::Relaxed) < 300 {
            fleet.end_jobs();
        }
    });
}
