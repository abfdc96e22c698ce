//! The web side while a server is away, frozen, or goes away in the very commit.
//!
//! Needs: mariadb, redis, restic.

use std::thread;

use holdfast_job::JobId;
use holdfast_tests::{Action, Fleet, Moment, StatementProxy, eventually};
use serde_json::json;

const BACKUPS: &str = "/api/v1/customers/42/backups";

#[test]
fn while_mariadb_is_away_nothing_is_admitted_and_afterwards_everything_works() {
    let mut fleet = Fleet::recording();
    let before = fleet.written();
    let refused = |fleet: &Fleet| {
        for answer in [
            fleet.web.post(BACKUPS, &json!({ "scope": "both" })),
            fleet.web.get(BACKUPS),
            fleet.web.get("/readyz"),
        ] {
            assert_eq!(answer.header("retry-after"), Some("5"));
            answer.problem(503, "store-away");
        }
        fleet.web.get("/healthz").with(200);
    };
    fleet.control.stop();
    refused(&fleet);
    fleet.control.start_again();
    is_ready(&fleet);
    assert_eq!(fleet.written(), before);

    fleet.control.kill();
    refused(&fleet);
    fleet.control.start_again();
    assert_eq!(fleet.written(), before);

    // It is there and does not answer.
    is_ready(&fleet);
    Fleet::freeze(fleet.control.pid(), true);
    refused(&fleet);
    Fleet::freeze(fleet.control.pid(), false);
    assert_eq!(fleet.written(), before);
    is_ready(&fleet);
    let job = fleet.web.order_backup(42, "both");
    assert_eq!(fleet.query("SELECT uuid FROM customer_backup_jobs"), job.to_string());
}

/// A server that has just begun may be slower than the web side waits for on a busy machine.
fn is_ready(fleet: &Fleet) {
    eventually("a web side that is ready", || {
        (fleet.web.get("/readyz").status == 200).then_some(())
    });
}

#[test]
fn a_control_database_that_takes_no_writes_is_not_ready() {
    let fleet = Fleet::recording();
    fleet.web.get("/readyz").with(200);
    fleet.control.query("SET GLOBAL read_only = 1");
    let refused = fleet.web.get("/readyz");
    assert_eq!(refused.header("retry-after"), Some("5"));
    refused.problem(503, "store-away");
    fleet.web.post(BACKUPS, &json!({ "scope": "both" })).problem(503, "store-away");
    fleet.control.query("SET GLOBAL read_only = 0");
    fleet.web.get("/readyz").with(200);
    fleet.web.order_backup(42, "both");
}

#[test]
fn an_account_that_may_connect_no_more_is_told_as_passing() {
    let fleet = Fleet::recording();
    fleet.enter_customers(42..=71);
    fleet.control.query(
        "GRANT USAGE ON *.* TO holdfast_web@localhost WITH MAX_USER_CONNECTIONS 2; FLUSH PRIVILEGES; \
         SELECT CONCAT('KILL ', ID) INTO @kill FROM information_schema.PROCESSLIST \
         WHERE USER = 'holdfast_web' LIMIT 1",
    );
    let ended = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'holdfast_web'";
    for id in fleet.control.query(ended).lines() {
        // One may have gone by itself.
        let _ = fleet.control.try_query(&format!("KILL {id}"));
    }
    let web = &fleet.web;
    let answers: Vec<_> = std::thread::scope(|scope| {
        let order = |customer: u32| {
            scope.spawn(move || {
                let path = format!("/api/v1/customers/{customer}/backups");
                web.post(&path, &json!({ "scope": "both" }))
            })
        };
        let orders: Vec<_> = (42..=71).map(order).collect();
        orders.into_iter().map(|order| order.join().expect("an answer")).collect()
    });
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(answer.status, 503, "{:#}", answer.body);
        assert!(answer.header("retry-after").is_some(), "{:#}", answer.body);
    }
    assert!(answers.iter().any(|answer| answer.status == 503), "the limit was never met");
    fleet.control.query(
        "GRANT USAGE ON *.* TO holdfast_web@localhost WITH MAX_USER_CONNECTIONS 0; FLUSH PRIVILEGES",
    );
    is_ready(&fleet);
}

#[test]
fn the_web_side_may_start_before_its_servers() {
    let mut fleet = Fleet::recording();
    fleet.web.kill();
    fleet.control.stop();
    fleet.redis.kill();
    let folder = fleet.web_folder();
    fleet.web.start_again(&folder);
    fleet.web.get("/readyz").problem(503, "store-away");
    fleet.web.post(BACKUPS, &json!({ "scope": "both" })).problem(503, "store-away");
    fleet.control.start_again();
    fleet.redis.start_again();
    is_ready(&fleet);
    let job = fleet.web.order_backup(42, "both");
    eventually("its bell", || {
        fleet.redis.say(&["ZRANGE", "backups", "0", "-1"]).contains(&job.to_string()).then_some(())
    });
}

#[test]
fn redis_that_is_frozen_or_dead_keeps_nobody_waiting() {
    let mut fleet = Fleet::recording();
    let rung = |fleet: &Fleet, job: JobId| {
        let entries = fleet.redis.say(&["ZRANGE", "backups", "0", "-1"]);
        entries.contains(&job.to_string()).then_some(())
    };
    Fleet::freeze(fleet.redis.pid(), true);
    let first = fleet.web.order_backup(42, "both");
    fleet.end_jobs();
    let second = fleet.web.order_backup(42, "both");
    fleet.end_jobs();
    Fleet::freeze(fleet.redis.pid(), false);
    eventually("an answer of Redis", || {
        let job = fleet.web.order_backup(42, "both");
        fleet.end_jobs();
        eventually("the bell of that job", || rung(&fleet, job));
        Some(())
    });

    fleet.redis.kill();
    fleet.web.get("/readyz").with(200);
    let third = fleet.web.order_backup(42, "both");
    fleet.end_jobs();
    fleet.redis.start_again();
    let fourth = fleet.web.order_backup(42, "both");
    eventually("the bell of the fourth", || rung(&fleet, fourth));
    for job in [first, second, third, fourth] {
        assert!(fleet.written().contains(&job.to_string()), "{job}");
    }
}

#[test]
fn an_order_whose_commit_was_not_answered_is_answered_by_what_is_known() {
    let mut fleet = Fleet::recording();
    let real = fleet.control.socket();
    let proxy = StatementProxy::start(&fleet.node.root().join("proxy.sock"), &real);
    fleet.reconfigure_web("plan_every_seconds = 0.3", "plan_every_seconds = 3600");
    let by_proxy = format!("{:?}\nconnections = 1", proxy.socket());
    let real = format!("{real:?}");
    fleet.reconfigure_web(&real, &by_proxy);
    let order = |fleet: &Fleet| fleet.web.post(BACKUPS, &json!({ "scope": "db" }));
    // On the one connection, once it is there, the commit is the second statement.
    let prepare = |fleet: &Fleet| {
        order(fleet).job();
        fleet.end_jobs();
        proxy.reset();
        order(fleet).job();
        fleet.end_jobs();
        assert_eq!(proxy.statements(), [b"BEGIN".to_vec(), b"COMMIT".to_vec()]);
        proxy.reset();
    };

    // The connection ends and the server goes on: it is asked.
    prepare(&fleet);
    let before = fleet.written();
    let mut client = fleet.control.client();
    let end = move || {
        let kill = b"KILL USER holdfast_web@localhost";
        holdfast_tests::MariaDb::run(&mut client, kill).expect("the end of connections");
    };
    proxy.arm(2, Moment::Before, Action::Call(Box::new(end)));
    order(&fleet).problem(503, "store-away");
    eventually("the end of the connection", || proxy.happened().then_some(()));
    assert_eq!(fleet.written(), before);

    // The server ends too, with or without having heard of it.
    for (moment, heard) in [(Moment::Before, false), (Moment::After, true)] {
        prepare(&fleet);
        let before = fleet.written();
        proxy.arm(2, moment, Action::Kill(fleet.control.pid()));
        let answer = order(&fleet);
        fleet.control.start_again();
        let written = fleet.written() != before;
        match answer.status {
            202 => assert!(written && heard),
            _ => {
                assert_eq!(answer.header("retry-after"), Some("5"));
                answer.problem(503, "order-unknown");
                assert!(!written || heard);
            }
        }
        fleet.end_jobs();
    }
}

#[test]
fn callers_of_a_database_that_stands_still_are_answered_and_it_is_asked_anew_when_it_goes_on() {
    let fleet = Fleet::recording();
    let status = "/api/v1/customers/42/status";
    fleet.web.get(status).with(200);
    Fleet::freeze(fleet.control.pid(), true);
    // More than there are connections.
    thread::scope(|scope| {
        let asked: Vec<_> = (0..24).map(|_| scope.spawn(|| fleet.web.get(status))).collect();
        for asked in asked {
            let answer = asked.join().expect("a caller").with(503);
            assert_eq!(answer.header("retry-after"), Some("5"), "{:#}", answer.body);
        }
    });
    Fleet::freeze(fleet.control.pid(), false);
    eventually("an answer", || (fleet.web.get(status).status == 200).then_some(()));
}
