//! How much is taken of whom.
//!
//! Needs: mariadb, redis, restic.

use std::{
    fs::{self, File},
    process::Stdio,
    thread,
};

use holdfast_tests::{Answer, Fleet, built, eventually, program};
use serde_json::json;

const STATUS: &str = "/api/v1/customers/42/status";
const BACKUPS: &str = "/api/v1/customers/42/backups";
const NONE: &str = "requests_per_address_per_second = 0";

/// How many seconds are to be waited.
fn wait(answer: &Answer) -> u64 {
    let wait = answer.header("retry-after").and_then(|wait| wait.parse().ok());
    wait.unwrap_or_else(|| panic!("{answer:?}"))
}

/// A fleet that takes three requests at once of an address, and one more each second.
fn one_a_second(more: &str) -> Fleet {
    let mut fleet = Fleet::recording();
    let limits = format!("requests_per_address_per_second = 1\nburst_per_address = 3\n{more}");
    fleet.reconfigure_web(NONE, &limits);
    fleet
}

/// Asks as whoever the proxies say, this often: how often it was answered.
fn asked(fleet: &Fleet, times: usize, way: &str) -> usize {
    let ask = |_| {
        let answer = fleet.web.ask("GET", STATUS, &[("x-forwarded-for", way)], "");
        match answer.status {
            401 => 1,
            _ => {
                assert_eq!(wait(&answer), 1);
                answer.problem(429, "too-many-requests");
                0
            }
        }
    };
    (0..times).map(ask).sum()
}

#[test]
fn an_address_that_asks_too_often_is_told_when_to_ask_again() {
    let fleet = one_a_second("");
    let taken = asked(&fleet, 40, "192.0.2.1");
    // The burst, and what was refilled meanwhile.
    assert!((3..20).contains(&taken), "{taken}");
    // Another address is not held up, and whoever looks whether we live never is.
    assert_eq!(asked(&fleet, 1, "192.0.2.2"), 1);
    for _ in 0..40 {
        fleet.web.ask("GET", "/healthz", &[("x-forwarded-for", "192.0.2.1")], "").with(200);
        fleet.web.ask("GET", "/readyz", &[("x-forwarded-for", "192.0.2.1")], "").with(200);
    }
    eventually("another turn", || (asked(&fleet, 1, "192.0.2.1") == 1).then_some(()));
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let fleet = one_a_second("");
    let ask = |n: usize| asked(&fleet, 1, &format!("2001:db8:1:2:{n:x}::{n:x}"));
    let taken: usize = (0..40).map(ask).sum();
    assert!((3..20).contains(&taken), "{taken}");
    assert_eq!(asked(&fleet, 1, "2001:db8:1:3::1"), 1);
}

#[test]
fn nobody_is_believed_about_their_address_but_the_proxies() {
    // The way may be made up by whoever asks, but for its end.
    let fleet = one_a_second("");
    let made_up = |n: usize| asked(&fleet, 1, &format!("198.51.100.{n}, 192.0.2.1"));
    let taken: usize = (0..40).map(made_up).sum();
    assert!((3..20).contains(&taken), "{taken}");
    drop(fleet);
    // Where this machine is no proxy, nothing of it is believed.
    let fleet = one_a_second("trusted_proxies = []");
    let taken: usize = (0..40).map(|n| asked(&fleet, 1, &format!("198.51.100.{n}"))).sum();
    assert!((3..20).contains(&taken), "{taken}");
}

#[test]
fn a_customer_orders_so_much_in_a_day_and_operators_what_is_needed() {
    let mut fleet = Fleet::recording();
    fleet.reconfigure_web(NONE, &format!("{NONE}\norders_per_customer_per_day = 3"));
    let token = fleet.token(&["--customer", "42", "--customer", "43"]);
    let order = |customer: u32| {
        let path = format!("/api/v1/customers/{customer}/backups");
        fleet.web.post_as(&token, &path, &json!({ "scope": "both" }))
    };
    let named = || {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "the-third"),
        ];
        fleet.web.ask("POST", BACKUPS, &headers, "{\"scope\":\"both\"}")
    };
    for hours in [23, 5, 1] {
        let job = if hours == 1 { named().job() } else { order(42).job() };
        fleet.end_jobs();
        fleet.query(&format!(
            "UPDATE customer_backup_jobs SET created_at = UTC_TIMESTAMP(3) - INTERVAL {hours} HOUR
                 WHERE uuid = '{job}'"
        ));
    }
    let before = fleet.written();
    let refused = order(42);
    // The first is a day old in an hour.
    assert!((3500..=3600).contains(&wait(&refused)), "{refused:?}");
    let detail = refused.problem(429, "daily-limit")["detail"].as_str().expect("a text").to_owned();
    assert!(detail.contains("3 orders") && detail.contains(" minutes."), "{detail}");
    assert_eq!(fleet.written(), before);
    // What was ordered before by that name is no order, and to look is none; another customer's day is another; operators may.
    assert_eq!(named().header("idempotency-replayed"), Some("true"));
    fleet.web.get_as(&token, STATUS).with(200);
    order(43).job();
    fleet.web.order_backup(42, "both");
    fleet.end_jobs();
    // What an operator has ordered is counted, so two must be a day old now.
    assert!(wait(&order(42)) > 3600 * 18);
    let older = "UPDATE customer_backup_jobs SET created_at = created_at - INTERVAL 19 HOUR \
                 WHERE requested_by = 'user:someone'";
    fleet.query(older);
    order(42).job();
    fleet.end_jobs();
    order(42).problem(429, "daily-limit");
}

#[test]
fn what_retention_orders_is_not_counted_and_several_at_once_do_not_pass_the_limit() {
    let mut fleet = Fleet::recording();
    fleet.reconfigure_web(NONE, &format!("{NONE}\norders_per_customer_per_day = 2"));
    // Whom nobody has asked for, the planner does not know.
    fleet.web.get(STATUS).with(200);
    (1..=9).for_each(|number| drop(fleet.enter_made_backup(42, number, "")));
    eventually("the planner's four", || {
        let planned = "SELECT COUNT(*) FROM customer_backup_jobs WHERE requested_by = 'planner'";
        (fleet.query(planned) == "4").then_some(())
    });
    let token = fleet.token(&["--customer", "42"]);
    let order = || fleet.web.post_as(&token, BACKUPS, &json!({ "scope": "db" }));
    order().job();
    fleet.end_jobs();
    let answers: Vec<u16> = thread::scope(|scope| {
        let asked: Vec<_> = (0..16).map(|_| scope.spawn(|| order().status)).collect();
        asked.into_iter().map(|answer| answer.join().expect("an answer")).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 202).count(), 1, "{answers:?}");
    fleet.end_jobs();
    order().problem(429, "daily-limit");
}

#[test]
fn no_more_streams_are_let_in_than_the_system_has_room_for() {
    let mut fleet = Fleet::recording();
    fleet.web.kill();
    let (folder, log) = (fleet.web_folder(), fleet.web_folder().join("few.log"));
    let mut few = program("/usr/bin/prlimit");
    few.arg("--nofile=64:700").arg(built("holdfast-enqueue")).arg("--config");
    few.arg(folder.join("enqueue.toml")).arg("run");
    few.stdout(Stdio::null()).stderr(File::create(&log).expect("a log"));
    let mut few = few.spawn().expect("prlimit");
    let said = eventually("its being ready", || {
        fs::read_to_string(&log).ok().filter(|said| said.contains("\"ready\""))
    });
    let limits = fs::read_to_string(format!("/proc/{}/limits", few.id())).expect("limits");
    few.kill().expect("a signal");
    few.wait().expect("its end");
    assert!(said.contains("`limits.streams` is 10000, and there is room for 188"), "{said}");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    assert_eq!(files.split_whitespace().nth(3), Some("700"), "{files}");
}

#[test]
fn limits_that_make_no_sense_are_refused_by_name() {
    let fleet = Fleet::recording();
    let file = fleet.web_folder().join("enqueue.toml");
    let config = fs::read_to_string(&file).expect("a configuration");
    let other = fleet.web_folder().join("other.toml");
    for (limit, said) in [
        ("burst_per_address = 0", "`limits.burst_per_address` must be at least 1"),
        ("streams = 0", "`limits.streams` must be at least 1"),
        ("streams_per_customer = 0", "`limits.streams_per_customer` must be at least 1"),
        ("trusted_proxies = [\"proxy\"]", "`limits.trusted_proxies`: \"proxy\" is no address"),
        ("trusted_proxies = [\"10.0.0.0/8\"]", "\"10.0.0.0/8\" is no address"),
        ("orders_per_customer_per_day = -1", "not a valid configuration"),
    ] {
        fs::write(&other, config.replace(NONE, limit)).expect("a file");
        let mut enqueue = program(built("holdfast-enqueue"));
        let output = enqueue.arg("--config").arg(&other).arg("run").output().expect("an end");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{limit}: {text}");
        assert!(text.contains(said), "{limit}: {text}");
    }
}
