//! The planner: what goes when there is more than is kept, and what stays.
//!
//! Needs: mariadb, redis, restic.

use holdfast_job::JobId;
use holdfast_tests::{Fleet, Web, Worker, eventually};
use serde_json::json;

/// An installation that knows its customers, with a worker.
fn fleet() -> (Fleet, Worker) {
    let fleet = Fleet::recording();
    for customer in ["42", "43", "44"] {
        fleet.admin(&["customer", "add", customer]);
    }
    let worker = fleet.worker("one", "");
    (fleet, worker)
}

fn state(fleet: &Fleet, backup: JobId) -> String {
    fleet.query(&format!("SELECT state FROM customer_backups WHERE uuid = '{backup}'"))
}

/// The backups of a customer that are active, oldest first.
fn active(fleet: &Fleet, customer: u32) -> Vec<String> {
    let select = format!(
        "SELECT uuid FROM customer_backups WHERE customer_id = {customer} AND state = 'active'
         ORDER BY uuid"
    );
    fleet.query(&select).lines().map(str::to_owned).collect()
}

fn until_deleted(fleet: &Fleet, backup: JobId) {
    eventually(&format!("the end of backup {backup}"), || {
        (state(fleet, backup) == "deleted").then_some(())
    });
}

/// Waits until the planner has looked at everything that was there before: it deletes a backup of a
/// customer that is entered now, and whoever came earlier has had their turn before that.
fn until_looked(fleet: &Fleet, customer: u32) {
    for _ in 0..2 {
        let many = fleet.query("SELECT COALESCE(MAX(id), 0) FROM customer_backups");
        let many: u32 = many.parse().expect("a number");
        let backups: Vec<_> =
            (1..=6).map(|number| fleet.enter_made_backup(customer, many + number, "").0).collect();
        eventually("an order of the planner", || {
            (state(fleet, backups[0]) != "active").then_some(())
        });
    }
}

#[test]
fn the_sixth_backup_of_a_customer_costs_its_oldest_and_nothing_of_anothers() {
    let (fleet, _worker) = fleet();
    let others: Vec<_> =
        (1..=5).map(|number| fleet.enter_made_backup(43, number, "").0.to_string()).collect();
    let mut ours = Vec::new();
    for _ in 0..6 {
        let job = fleet.web.order_backup(42, "both");
        fleet.web.until(42, job, "completed");
        ours.push(job);
    }
    until_deleted(&fleet, ours[0]);
    until_looked(&fleet, 44);
    let five: Vec<_> = ours[1..].iter().map(ToString::to_string).collect();
    assert_eq!(active(&fleet, 42), five);
    assert_eq!(active(&fleet, 43), others);
    let deletes = |customer: &str| {
        let of = format!(" delete {customer}");
        fleet.recorded().iter().filter(|line| line.ends_with(&of)).count()
    };
    assert_eq!((deletes("42"), deletes("43")), (1, 0));
    let audited = fleet.query(
        "SELECT a.actor, a.action, j.snapshot_id = b.snapshot_id, j.class, j.note, j.requested_by
         FROM audit a JOIN customer_backup_jobs j ON j.uuid = a.job_uuid
         JOIN customer_backups b ON b.deleting_job = j.uuid WHERE a.customer_id = 42
         AND a.action = 'delete'",
    );
    let reason = "older than those that are kept";
    assert_eq!(audited, format!("planner\tdelete\t1\thousekeeping\t{reason}\tplanner"));
}

#[test]
fn what_is_held_and_daily_ones_and_the_newest_complete_one_of_a_source_stay() {
    let (fleet, _worker) = fleet();
    let with = |number, more: &str| fleet.enter_made_backup(42, number, more).0;
    let source = |id: &str| {
        format!(
            "sources = '[{{\"id\":\"{id}\",\"name\":\"Shop\",\"what\":\"saved\",\"bytes\":1,
             \"entries\":1}}]'"
        )
    };
    let held = with(1, "held = TRUE");
    let only_of_shop = with(2, &source("shop"));
    let half_of_blog = with(3, &format!("incomplete = TRUE, {}", source("blog")));
    let daily = with(4, "kind = 'daily'");
    let usual = with(5, "");
    let five: Vec<_> = (6..=10).map(|number| with(number, "")).collect();
    until_deleted(&fleet, usual);
    until_deleted(&fleet, half_of_blog);
    until_looked(&fleet, 43);
    let stay = [held, only_of_shop, daily].into_iter().chain(five.clone());
    let stay = stay.map(|backup| backup.to_string());
    assert_eq!(active(&fleet, 42), stay.collect::<Vec<_>>());

    // It is not held any more: it goes when there is the next.
    fleet.query(&format!("UPDATE customer_backups SET held = FALSE WHERE uuid = '{held}'"));
    let next = with(11, "");
    until_deleted(&fleet, held);
    until_deleted(&fleet, five[0]);
    assert_eq!(state(&fleet, next), "active");
}

#[test]
fn how_many_are_kept_is_configured() {
    let (mut fleet, _worker) = fleet();
    let all: Vec<_> = (1..=5).map(|number| fleet.enter_made_backup(42, number, "").0).collect();
    until_looked(&fleet, 43);
    assert_eq!(active(&fleet, 42).len(), 5);
    // What is there already is looked at when the web side starts.
    fleet.reconfigure_web("plan_every_seconds", "keep_manual = 2\nplan_every_seconds");
    for gone in &all[..3] {
        until_deleted(&fleet, *gone);
    }
    let kept: Vec<_> = all[3..].iter().map(ToString::to_string).collect();
    assert_eq!(active(&fleet, 42), kept);
}

#[test]
fn a_backup_that_is_being_restored_goes_only_when_the_restore_has_ended() {
    let (fleet, _worker) = fleet();
    let oldest = fleet.enter_made_backup(42, 1, "").0;
    for number in 2..=5 {
        fleet.enter_made_backup(42, number, "");
    }
    fleet.hold(true);
    let path = format!("/api/v1/customers/42/backups/{oldest}/restore");
    let restore = fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    fleet.web.until(42, restore, "running");
    fleet.enter_made_backup(42, 6, "");
    until_looked(&fleet, 43);
    assert_eq!(state(&fleet, oldest), "active");
    fleet.hold(false);
    fleet.web.until(42, restore, "completed");
    until_deleted(&fleet, oldest);
    assert_eq!(active(&fleet, 42).len(), 5);
}

#[test]
fn of_several_planners_one_orders_each_delete() {
    let (fleet, _worker) = fleet();
    let folder = fleet.node.root().join("web-2");
    std::fs::create_dir(&folder).expect("a folder");
    let config = std::fs::read_to_string(fleet.web_folder().join("enqueue.toml"));
    let config: String = config
        .expect("a configuration")
        .lines()
        .map(|line| match line.starts_with("listen = ") {
            true => "listen = \"127.0.0.1:{port}\"\n".to_owned(),
            false => format!("{line}\n"),
        })
        .collect();
    let _second = Web::start(&folder, &config, |_| fleet.web.token().to_owned());
    let all: Vec<_> = (1..=40).map(|number| fleet.enter_made_backup(42, number, "").0).collect();
    for gone in &all[..35] {
        until_deleted(&fleet, *gone);
    }
    until_looked(&fleet, 43);
    assert_eq!(active(&fleet, 42).len(), 5);
    let select = "SELECT COUNT(*), COUNT(DISTINCT snapshot_id) FROM customer_backup_jobs
                  WHERE customer_id = 42 AND job_type = 'delete'";
    assert_eq!(fleet.query(select), "35\t35");
}

#[test]
fn one_customers_rows_that_cannot_be_read_keep_no_other_from_being_looked_at() {
    let (fleet, _worker) = fleet();
    for number in 1..=6 {
        fleet.enter_made_backup(42, number, "sources = 'nonsense'");
    }
    until_looked(&fleet, 43);
    fleet.enter_made_backup(42, 7, "sources = 'nonsense'");
    until_looked(&fleet, 44);
    assert_eq!(active(&fleet, 42).len(), 7);
}

#[test]
fn what_a_worker_has_made_up_costs_nobody_a_backup() {
    let (fleet, _worker) = fleet();
    let ours: Vec<_> =
        (1..=5).map(|number| fleet.enter_made_backup(42, number, "").0.to_string()).collect();
    for number in 6..=10 {
        let made_up = format!(
            "INSERT INTO customer_backups (uuid, customer_id, repository, snapshot_id, kind, scope,
                 sources, bytes) SELECT '0193e5c0-0000-7000-8042-{number:012}', 42, repository,
                 REPEAT('{}', 64), kind, scope, sources, bytes FROM customer_backups
             WHERE customer_id = 42 LIMIT 1",
            number % 10
        );
        fleet.query_as("worker", &made_up).expect("a worker may enter backups");
    }
    until_looked(&fleet, 43);
    assert_eq!(active(&fleet, 42)[..5], ours);
    assert_eq!(active(&fleet, 42).len(), 10);
}
