//! Whatever dies, and whenever: every job runs once, is recorded once, and no site stays closed.
//!
//! Needs: mariadb, redis, restic.

use std::{collections::BTreeSet, fs, path::Path, thread, time::Duration};

use holdfast_job::JobId;
use holdfast_tests::{Fleet, Node, Worker, damage, eventually, output_of, program, remains};
use serde_json::json;

/// Customers of the recording installation, beside the three that every one has.
const FIRST: u32 = 1_000_001;

/// Orders a backup for each of so many customers.
fn order_many(fleet: &Fleet, customers: u32) -> Vec<(u32, JobId)> {
    fleet.enter_customers(FIRST..=FIRST + customers - 1);
    let order = |customer| (customer, fleet.web.order_backup(customer, "both"));
    (FIRST..FIRST + customers).map(order).collect()
}

/// Each has completed, was run once and has one end.
fn all_done_once(fleet: &Fleet, jobs: &[(u32, JobId)]) {
    for (customer, job) in jobs {
        fleet.web.until(*customer, *job, "completed");
        let events = fleet.events(*job);
        assert_eq!(events.iter().filter(|event| *event == "completed").count(), 1, "{events:?}");
    }
    let recorded = fleet.recorded();
    let run: BTreeSet<_> = recorded.iter().map(|line| &line[..36]).collect();
    assert_eq!((run.len(), recorded.len()), (jobs.len(), jobs.len()), "run once each");
}

#[test]
fn redis_may_be_killed_at_any_moment() {
    let mut fleet = Fleet::recording();
    let workers = ["one", "two"].map(|name| fleet.worker(name, ""));
    let mut jobs = Vec::new();
    for round in 0..4 {
        let customers = FIRST + round * 25..FIRST + (round + 1) * 25;
        fleet.enter_customers(customers.start..=customers.end);
        let web = &fleet.web;
        let redis = &mut fleet.redis;
        let ordered: Vec<_> = thread::scope(|scope| {
            let order = |customer| (customer, web.order_backup(customer, "both"));
            let ordering = scope.spawn(move || customers.map(order).collect::<Vec<_>>());
            redis.kill();
            ordering.join().expect("a caller")
        });
        jobs.extend(ordered);
        if round % 2 == 1 {
            redis.start_again();
        }
    }
    all_done_once(&fleet, &jobs);
    drop(workers);
}

#[test]
fn a_hundred_bells_that_are_flushed_are_rung_again() {
    let fleet = Fleet::recording();
    let jobs = order_many(&fleet, 100);
    eventually("all bells", || (fleet.redis.say(&["ZCARD", "backups"]) == "100").then_some(()));
    fleet.redis.say(&["FLUSHALL"]);
    let _worker = fleet.worker("one", "slots = 4");
    all_done_once(&fleet, &jobs);
}

#[test]
fn a_job_whose_web_side_died_between_commit_and_bell_is_found() {
    let mut fleet = Fleet::recording();
    Fleet::freeze(fleet.redis.pid(), true);
    let jobs = order_many(&fleet, 3);
    fleet.web.kill();
    Fleet::freeze(fleet.redis.pid(), false);
    fleet.redis.kill();
    fleet.redis.start_again();
    let folder = fleet.web_folder();
    fleet.web.start_again(&folder);
    assert_eq!(fleet.redis.say(&["ZCARD", "backups"]), "0");
    let _worker = fleet.worker("one", "");
    all_done_once(&fleet, &jobs);
}

#[test]
fn a_worker_that_dies_between_pop_and_claim_loses_nothing() {
    let fleet = Fleet::recording();
    let mut worker = fleet.worker("one", "scan_seconds = 3600");
    // It waits for a bell, and Redis gives it this one while it cannot act on it.
    Fleet::freeze(worker.pid(), true);
    let jobs = order_many(&fleet, 1);
    eventually("a popped bell", || (fleet.redis.say(&["ZCARD", "backups"]) == "0").then_some(()));
    worker.kill();
    assert_eq!(fleet.column(jobs[0].1, "status"), "pending");
    let _second = fleet.worker("two", "");
    all_done_once(&fleet, &jobs);
}

#[test]
fn a_worker_that_dies_in_the_claim_loses_nothing() {
    let fleet = Fleet::recording();
    let mut worker = fleet.worker("one", "scan_seconds = 3600");
    Fleet::freeze(worker.pid(), true);
    let jobs = order_many(&fleet, 1);
    Fleet::freeze(fleet.control.pid(), true);
    Fleet::freeze(worker.pid(), false);
    eventually("a popped bell", || (fleet.redis.say(&["ZCARD", "backups"]) == "0").then_some(()));
    worker.kill();
    Fleet::freeze(fleet.control.pid(), false);
    let _second = fleet.worker("two", "");
    all_done_once(&fleet, &jobs);
}

/// A restore that is in its swap section, held there by a hook, with the site closed.
struct Held {
    fleet: Fleet,
    restore: JobId,
    gate: std::path::PathBuf,
    good: holdfast_tests::Tree,
}

impl Held {
    fn with(start: impl FnOnce(&Fleet) -> Vec<Worker>) -> (Self, Vec<Worker>) {
        let node = Node::with_site();
        let gate = node.root().join("gate");
        let hook = node.root().join("hook");
        let script = format!(
            "#!/bin/sh\ntouch {gate}.reached\nwhile [ -e {gate} ]; do sleep 0.02; done\n",
            gate = gate.display()
        );
        fs::write(&hook, script).expect("a hook");
        output_of(program("/usr/bin/chmod").arg("755").arg(&hook));
        node.configure("", &format!("[site.hooks]\nafter_swap = {hook:?}\n"));
        let fleet = Fleet::new(node);
        let workers = start(&fleet);
        let backup = fleet.web.order_backup(42, "both");
        fleet.web.until(42, backup, "completed");
        let good = fleet.node.tree();
        damage(&fleet.node.live());
        fs::write(&gate, "").expect("a gate");
        let path = format!("/api/v1/customers/42/backups/{backup}/restore");
        let restore = fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
        let reached = Path::new(&format!("{}.reached", gate.display())).to_owned();
        eventually("the swap section", || reached.exists().then_some(()));
        assert!(fleet.node.flag().exists());
        (Self { fleet, restore, gate, good }, workers)
    }

    fn let_go(&self) {
        fs::remove_file(&self.gate).expect("the gate");
    }

    /// Kills the executor that holds the site closed, and lets what it has started go.
    fn kill_executor(&self) {
        let pattern =
            format!("holdfast-executor --config {}/etc restore", self.fleet.node.root().display());
        output_of(program("/usr/bin/pkill").args(["-9", "-f", &pattern]));
        self.let_go();
    }

    /// It was done, recorded once, and the site is open and as it was saved.
    fn restored(&self) {
        let shown = self.fleet.web.until(42, self.restore, "completed");
        assert!(shown["closed_ms"].is_u64(), "{shown:#}");
        assert_eq!(self.fleet.node.tree(), self.good);
        assert!(!self.fleet.node.flag().exists());
        let events = self.fleet.events(self.restore);
        assert_eq!(events.iter().filter(|event| *event == "completed").count(), 1, "{events:?}");
    }
}

#[test]
fn a_worker_killed_in_the_swap_section_leaves_a_site_that_opens_by_itself() {
    let (held, mut workers) = Held::with(|fleet| vec![fleet.worker("one", "")]);
    workers[0].kill();
    held.let_go();
    // Nobody but the executor is there.
    eventually("an open site", || (!held.fleet.node.flag().exists()).then_some(()));
    assert_eq!(held.fleet.node.tree(), held.good);
    let _second = held.fleet.worker("two", "");
    held.restored();
}

#[test]
fn a_worker_killed_in_the_swap_section_is_followed_by_another_that_waits_for_the_lock() {
    let (held, mut workers) =
        Held::with(|fleet| vec![fleet.worker("one", ""), fleet.worker("two", "")]);
    let killed = workers
        .iter()
        .position(|worker| worker.log().contains(&format!("{}: restore for", held.restore)))
        .expect("the worker that has it");
    workers[killed].kill();
    // It is claimed by the other one, which finds the lock held, and gives it back each time.
    eventually("a claim that found the site busy", || {
        let events = held.fleet.events(held.restore);
        events.iter().filter(|event| *event == "put_back").nth(1).map(|_| ())
    });
    assert!(held.fleet.node.flag().exists());
    held.let_go();
    held.restored();
}

#[test]
fn an_executor_killed_in_the_swap_section_is_followed_by_recover_and_not_by_the_next_try() {
    let (held, _workers) = Held::with(|fleet| vec![fleet.worker("one", "backoff_seconds = 3600")]);
    held.kill_executor();
    eventually("an open site", || (!held.fleet.node.flag().exists()).then_some(()));
    assert_eq!(held.fleet.node.tree(), held.good);
    eventually("another try", || {
        held.fleet
            .query("UPDATE customer_backup_jobs SET run_after = NOW(3) WHERE status = 'pending'");
        let shown = held.fleet.web.job(42, held.restore);
        (shown["status"] == "completed").then_some(())
    });
    held.restored();
}

#[test]
fn a_node_that_boots_without_its_control_database_opens_its_sites() {
    let (mut held, mut workers) = Held::with(|fleet| vec![fleet.worker("one", "")]);
    held.fleet.control.kill();
    workers[0].kill();
    held.kill_executor();
    let config = held.fleet.configure_worker("test-1", "two", "");
    let flag = held.fleet.node.flag();
    assert!(flag.exists());
    let _worker = thread::scope(|scope| {
        let rules = held.fleet.rules.as_ref();
        let worker = scope.spawn(move || Worker::start(rules, &config));
        eventually("an open site", || (!flag.exists()).then_some(()));
        held.fleet.control.start_again();
        worker.join().expect("a worker")
    });
    held.restored();
}

#[test]
fn the_control_database_may_be_away_while_a_restore_ends_and_the_site_opens_meanwhile() {
    let (mut held, _workers) =
        Held::with(|fleet| vec![fleet.worker("one", ""), fleet.worker("two", "")]);
    held.fleet.control.kill();
    held.let_go();
    eventually("an open site", || (!held.fleet.node.flag().exists()).then_some(()));
    // Longer than the lease: whoever comes first when it is back may record the end.
    assert!(remains(Duration::from_secs(4), || !held.fleet.node.flag().exists()));
    held.fleet.control.start_again();
    held.restored();
}

#[test]
fn the_control_database_may_be_away_in_mid_restore_and_come_back_before_its_end() {
    let (mut held, _workers) = Held::with(|fleet| vec![fleet.worker("one", "")]);
    held.fleet.control.kill();
    assert!(remains(Duration::from_secs(4), || held.fleet.node.flag().exists()));
    held.fleet.control.start_again();
    held.let_go();
    held.restored();
}

#[test]
fn a_worker_that_is_told_to_end_does_not_wait_for_a_control_database_that_is_away() {
    let start = |fleet: &Fleet| vec![fleet.worker("one", "grace_seconds = 600")];
    let (mut held, mut workers) = Held::with(start);
    held.fleet.control.kill();
    workers[0].tell();
    held.let_go();
    assert!(workers[0].ended().success(), "{}", workers[0].log());
    assert!(!held.fleet.node.flag().exists());
    held.fleet.control.start_again();
    let _second = held.fleet.worker("two", "");
    held.restored();
}

#[test]
fn a_worker_killed_in_mid_backup_is_followed_by_another_and_there_is_one_snapshot() {
    let node = Node::with_site();
    // So slow that there is time to kill it.
    node.configure("", "[limits]\nupload_kib_per_second = 40\n");
    let noise: Vec<u8> =
        (0..200_000_u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u8).collect();
    fs::write(node.live().join("noise"), noise).expect("a large file");
    let fleet = Fleet::new(node);
    let mut first = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "both");
    first.until_said(&format!("job {job}: snapshot"));
    first.kill();
    fleet.node.configure("", "");
    let _second = fleet.worker("two", "");
    let shown = fleet.web.until(42, job, "completed");
    assert_eq!(shown["operator"]["attempt"], 2);
    let snapshots = output_of(&mut fleet.node.restic(&["snapshots", "--json", "--no-lock"]));
    assert_eq!(snapshots.matches("\"short_id\"").count(), 1, "{snapshots}");
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backups"), "1");
}

#[test]
fn a_worker_that_dies_in_each_attempt_fails_its_job_when_the_site_is_settled() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    fleet.recovered(Some("unsettled"));
    let job = fleet.web.order_backup(42, "both");
    // Three attempts, and the claim that would have heard of the third.
    for _ in 0..4 {
        let mut worker = fleet.worker("one", "");
        let attempt = fleet.column(job, "attempt");
        eventually("another attempt", || {
            (fleet.column(job, "attempt, status") != format!("{attempt}\tpending")
                && fleet.column(job, "status") == "running"
                && worker.log().contains(&format!("{job}: backup for")))
            .then_some(())
        });
        worker.kill();
        eventually("a lease that has run out", || {
            (fleet.column(job, "lease_until < NOW(3)") == "1").then_some(())
        });
    }
    let _worker = fleet.worker("two", "");
    assert!(remains(Duration::from_secs(2), || fleet.web.job(42, job)["status"] == "running"));
    fleet.recovered(Some("settled"));
    let shown = fleet.web.until_ended(42, job);
    assert_eq!(shown["status"], "failed");
    assert!(shown["message"].as_str().expect("a text").contains("interrupted each time"));
    fleet.hold(false);
    let next = fleet.web.order_backup(42, "both");
    fleet.web.until(42, next, "completed");
}

#[test]
fn the_control_database_may_be_away_while_nothing_runs() {
    let mut fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    fleet.control.kill();
    let answer = fleet.web.post("/api/v1/customers/42/backups", &json!({ "scope": "both" }));
    assert_eq!(answer.header("retry-after"), Some("5"));
    answer.problem(503, "store-away");
    fleet.control.start_again();
    let job = eventually("an admission", || {
        let answer = fleet.web.post("/api/v1/customers/42/backups", &json!({ "scope": "both" }));
        (answer.status == 202).then(|| answer.job())
    });
    fleet.web.until(42, job, "completed");
    assert_eq!(fleet.recorded().len(), 1);
}

#[test]
fn a_worker_that_begins_before_the_control_database_waits_for_it() {
    let mut fleet = Fleet::recording();
    let config = fleet.configure_worker("test-1", "one", "");
    fleet.control.kill();
    let (worker, control) = thread::scope(|scope| {
        let worker = scope.spawn(|| Worker::start(None, &config));
        let log = config.with_extension("log");
        eventually("a worker that waits", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            said.contains("nothing is taken yet").then_some(())
        });
        fleet.control.start_again();
        (worker.join().expect("a worker"), &fleet.control)
    });
    assert!(control.try_query("SELECT 1").is_ok());
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "completed");
    drop(worker);
}
