//! The queue: what is in it is a hint, and anybody's.
//!
//! Needs: mariadb, redis, restic.

use std::{collections::BTreeSet, fs, thread};

use holdfast_job::JobId;
use holdfast_tests::{Fleet, Footprint, eventually, remains};
use serde_json::json;

/// The jobs of the record, each asserted to stand there once.
fn run_once(fleet: &Fleet) -> BTreeSet<JobId> {
    let recorded = fleet.recorded();
    let job = |line: &String| line.split(' ').next().and_then(|job| job.parse().ok());
    let jobs: BTreeSet<JobId> = recorded.iter().map(|line| job(line).expect("a job")).collect();
    assert_eq!(jobs.len(), recorded.len(), "a job was run twice");
    jobs
}

#[test]
fn every_kind_of_garbage_in_the_queue_is_counted_logged_and_dropped() {
    let fleet = Fleet::recording();
    let worker = fleet.worker("one", "");
    let unknown = r#"{"version":1,"job":"0193e5c0-0000-7000-8000-000000000001"}"#;
    let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    let garbage = [
        "",
        "null",
        "42",
        "\u{1}\u{2}",
        "{\"version\":1}",
        "{\"version\":1,\"job\":42}",
        "{\"version\":1,\"job\":\"../../etc/passwd\"}",
        "{\"version\":2,\"job\":\"0193e5c0-0000-7000-8000-000000000001\"}",
        "{\"version\":1,\"job\":\"0193e5c0-0000-7000-8000-000000000001\",\"verb\":\"restore\"}",
        "{\"version\":1,\"job\":\"0193E5C0-0000-7000-8000-00000000000100\"}",
        &deep,
        &"x".repeat(100_000),
    ];
    for entry in garbage {
        fleet.redis.say(&["ZADD", "backups", "0", entry]);
    }
    worker.until_said(&format!("\"dropped\":{}", garbage.len()));
    // One that is well formed and names no job of ours is no garbage, and nothing either.
    fleet.redis.say(&["ZADD", "backups", "0", unknown]);
    fleet.redis.say(&["ZADD", "backups", "inf", unknown]);
    eventually("an empty queue", || (fleet.redis.say(&["ZCARD", "backups"]) == "0").then_some(()));
    assert_eq!(fleet.recorded(), [""; 0]);
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "completed");
    assert_eq!(run_once(&fleet), BTreeSet::from([job]));
}

#[test]
fn a_queue_that_is_no_sorted_set_holds_up_nothing() {
    let fleet = Fleet::recording();
    fleet.redis.say(&["SET", "backups", "something else"]);
    let _worker = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "completed");
    assert_eq!(run_once(&fleet), BTreeSet::from([job]));
}

#[test]
fn two_workers_of_a_node_run_each_job_once_and_one_of_another_pool_none() {
    let fleet = Fleet::recording();
    fleet.admin(&["node", "add", "test-2", "--pool", "other"]);
    fleet.enter_customers(100..=139);
    let [_one, two] = ["one", "two"].map(|name| fleet.worker(name, ""));
    let other = fleet.worker_on("test-2", "three", "");
    let jobs: BTreeSet<_> = thread::scope(|scope| {
        let fleet = &fleet;
        let order = |customer| scope.spawn(move || (customer, fleet_order(fleet, customer)));
        let orders: Vec<_> = (100..=139).map(order).collect();
        orders.into_iter().map(|order| order.join().expect("an order")).collect()
    });
    // Rung where it does not belong, by whoever: the row says whose it is.
    for (_, job) in &jobs {
        let entry = format!("{{\"version\":1,\"job\":\"{job}\"}}");
        fleet.redis.say(&["ZADD", "backups:other", "0", &entry]);
        fleet.redis.say(&["ZADD", "backups", "0", &entry]);
    }
    for (customer, job) in &jobs {
        fleet.web.until(*customer, *job, "completed");
    }
    assert_eq!(run_once(&fleet), jobs.into_iter().map(|(_, job)| job).collect());
    assert!(!other.log().contains("backup for customer"), "{}", other.log());
    assert!(two.log().contains("backup for customer"), "one worker has done it all");
}

fn fleet_order(fleet: &Fleet, customer: u32) -> JobId {
    fleet.web.order_backup(customer, "both")
}

#[test]
fn a_restore_has_its_turn_before_backups_that_were_ordered_earlier() {
    let fleet = Fleet::recording();
    let worker = fleet.worker("one", "slots = 1");
    let saved = fleet.web.order_backup(44, "both");
    fleet.web.until(44, saved, "completed");
    fleet.hold(true);
    let first = fleet.web.order_backup(42, "both");
    eventually("the first job", || (fleet.recorded().len() == 2).then_some(()));
    let second = fleet.web.order_backup(43, "both");
    let path = format!("/api/v1/customers/44/backups/{saved}/restore");
    let restore = fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    eventually("both bells", || (fleet.redis.say(&["ZCARD", "backups"]) == "2").then_some(()));
    fleet.hold(false);
    for (customer, job) in [(42, first), (43, second), (44, restore)] {
        fleet.web.until(customer, job, "completed");
    }
    let order: Vec<_> = fleet.recorded().iter().map(|line| line[..36].to_owned()).collect();
    assert_eq!(order, [saved, first, restore, second].map(|job| job.to_string()));
    drop(worker);
}

#[test]
fn a_draining_node_finishes_what_it_has_and_takes_nothing_new() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    fleet.hold(true);
    let begun = fleet.web.order_backup(42, "both");
    fleet.web.until(42, begun, "running");
    fleet.query("UPDATE nodes SET draining = TRUE");
    let waits = fleet.web.order_backup(43, "both");
    fleet.hold(false);
    fleet.web.until(42, begun, "completed");
    let pending = || fleet.web.job(43, waits)["status"] == "pending";
    assert!(remains(std::time::Duration::from_secs(2), pending));
    fleet.query("UPDATE nodes SET draining = FALSE");
    fleet.web.until(43, waits, "completed");
    run_once(&fleet);
}

#[test]
fn ten_thousand_orders_of_ten_thousand_customers_run_once_each() {
    const FIRST: u32 = 1_000_001;
    const ORDERS: u32 = 10_000;
    const CALLERS: u32 = 16;
    let fleet = Fleet::recording();
    fleet.enter_customers(FIRST..=FIRST + ORDERS - 1);
    let workers = ["one", "two"].map(|name| fleet.worker(name, "slots = 4"));
    let ordered: BTreeSet<JobId> = thread::scope(|scope| {
        let fleet = &fleet;
        let caller = |caller| {
            let customers = (FIRST + caller..FIRST + ORDERS).step_by(CALLERS as usize);
            scope.spawn(move || customers.map(|customer| fleet_order(fleet, customer)).collect())
        };
        let callers: Vec<_> = (0..CALLERS).map(caller).collect();
        let jobs = callers.into_iter().map(|caller| caller.join().expect("a caller"));
        jobs.flat_map(|jobs: Vec<JobId>| jobs).collect()
    });
    assert_eq!(ordered.len(), ORDERS as usize);
    let count = |status: &str| -> u32 {
        let select = format!("SELECT COUNT(*) FROM customer_backup_jobs WHERE status = '{status}'");
        fleet.query(&select).parse().expect("a number")
    };
    // So many cannot be done in what one event may take; that they go on is the event.
    let mut completed = count("completed");
    while completed < ORDERS {
        completed = eventually("a further job", || {
            let now = count("completed");
            (now > completed).then_some(now)
        });
    }
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), ORDERS.to_string());
    assert_eq!(run_once(&fleet), ordered);
    drop(workers);
}

#[test]
fn a_thousand_jobs_leave_nothing_behind_in_a_worker() {
    const FIRST: u32 = 1_000_001;
    let fleet = Fleet::recording();
    fleet.enter_customers(FIRST..=FIRST + 1099);
    let worker = fleet.worker("one", "slots = 4");
    let work_off = |customers: std::ops::Range<u32>| {
        let jobs: Vec<_> =
            customers.clone().map(|customer| fleet_order(&fleet, customer)).collect();
        for (customer, job) in customers.zip(jobs) {
            fleet.web.until(customer, job, "completed");
        }
    };
    // What the first ones leave is what a worker has at work.
    work_off(FIRST..FIRST + 100);
    let before = Footprint::of(worker.pid());
    work_off(FIRST + 100..FIRST + 1100);
    let after = eventually("a worker at rest", || {
        let after = Footprint::of(worker.pid());
        (after.children == 0).then_some(after)
    });
    // Connections to the database come and go, six of them at most.
    assert!(after.descriptors < before.descriptors + 6, "{before:?} {after:?}");
    assert!(after.resident_kib < before.resident_kib + 2048, "{before:?} {after:?}");
    let temporary =
        fs::read_dir(std::env::temp_dir()).expect("a folder").flatten().filter(|entry| {
            use std::os::unix::fs::MetadataExt;
            entry.metadata().is_ok_and(|found| found.uid() == 65534)
        });
    assert_eq!(temporary.count(), 0);
}
