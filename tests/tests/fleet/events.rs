//! The stream of events: what polling says, as soon as it changes.
//!
//! Needs: mariadb, redis, restic.

use std::{thread, time::SystemTime};

use holdfast_job::{JobId, Moment};
use holdfast_tests::{EventStream, Fleet, TokenKey, eventually, signal};
use serde_json::{Value, json};

const STATUS: &str = "/api/v1/customers/42/status";
const EVENTS: &str = "/api/v1/customers/42/events";
const NONE: &str = "requests_per_address_per_second = 0";

fn active_status(status: &Value) -> &str {
    status["active"]["status"].as_str().unwrap_or("none")
}

/// Changes a job, as those do who change jobs.
fn change(fleet: &Fleet, job: JobId, to: &str) {
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET {to}, updated_at = UTC_TIMESTAMP(3) WHERE uuid = '{job}'"
    ));
}

#[test]
fn the_stream_agrees_with_polling_at_every_state_of_a_job() {
    let fleet = Fleet::recording();
    let customers = fleet.token(&["--customer", "42"]);
    let tokens = [fleet.web.token(), &customers];
    let mut streams = tokens.map(|token| EventStream::open(&fleet.web, token, 42));
    for header in ["content-type: text/event-stream", "cache-control: no-store"] {
        assert!(streams[0].head().contains(header), "{}", streams[0].head());
    }
    assert!(streams[0].head().contains("x-accel-buffering: no"), "{}", streams[0].head());
    let mut agrees = || {
        for (stream, token) in streams.iter_mut().zip(tokens) {
            let polled = fleet.web.get_as(token, STATUS).with(200).text;
            while stream.data().expect("an event") != polled {}
        }
    };
    agrees();
    let job = fleet.web.order_backup(42, "both");
    agrees();
    let stage = |name: &str, percent: u8| {
        format!(
            "status = 'running', stage = '{name}', stage_number = 2, stage_count = 5,
             progress = {percent}, detail = 'At {percent}', bytes_done = {percent}, bytes_total = 9"
        )
    };
    for to in [
        "status = 'running', started_at = UTC_TIMESTAMP(3), attempt = 1",
        &stage("dump", 0),
        &stage("dump", 50),
        &stage("snapshot", 51),
        &format!("{}, reverting = TRUE", stage("snapshot", 3)),
        "status = 'pending', waits_because = 'It was interrupted and goes on in a moment.'",
        "status = 'running', attempt = 2",
        "status = 'stuck', error_message = 'A person looks at it.'",
        "status = 'failed', error_message = 'It did not work.', operator_message = 'Why'",
        "status = 'stopped'",
        "status = 'skipped'",
        "status = 'completed', completed_at = UTC_TIMESTAMP(3)",
    ] {
        change(&fleet, job, to);
        agrees();
    }
    let delete = {
        let (backup, _) = fleet.enter_backup(42, 1, "");
        fleet.web.delete(&format!("/api/v1/customers/42/backups/{backup}")).job()
    };
    change(&fleet, delete, "status = 'completed'");
    agrees();
}

#[test]
fn a_job_is_told_from_its_admission_to_its_end_by_a_real_worker() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let mut stream = EventStream::open(&fleet.web, fleet.web.token(), 42);
    stream.until("nothing", |status| status["active"].is_null());
    let job = fleet.web.order_backup(42, "both");
    stream.until("pending", |status| active_status(status) == "pending");
    let _worker = fleet.worker("one", "");
    let running = stream.until("running", |status| active_status(status) == "running");
    assert_eq!(running["active"]["uuid"], job.to_string());
    fleet.hold(false);
    let ended = stream.until("the end", |status| status["active"].is_null());
    assert_eq!(ended["recent"][0]["uuid"], job.to_string());
    assert_eq!(ended["recent"][0]["status"], "completed");
    assert_eq!(fleet.web.get(STATUS).with(200).body, ended);
}

#[test]
fn whoever_waits_is_told_of_their_place_though_their_job_does_not_change() {
    let fleet = Fleet::recording();
    fleet.query("UPDATE nodes SET heartbeat_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR");
    let ours = fleet.web.order_backup(42, "both");
    let mut stream = EventStream::open(&fleet.web, fleet.web.token(), 42);
    let because = |status: &Value| status["active"]["waiting"]["because"].clone();
    stream.until("the turn", |status| because(status) == "It begins in a moment.");
    let (backup, _) = fleet.enter_backup(43, 1, "");
    let path = format!("/api/v1/customers/43/backups/{backup}/restore");
    let restore = fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    let ahead = "One other order has its turn before it.";
    stream.until("a restore before it", |status| because(status) == ahead);
    change(&fleet, restore, "status = 'running'");
    let next = "It is the next, as soon as another order has ended.";
    stream.until("that one running", |status| because(status) == next);
    fleet.query("UPDATE nodes SET draining = TRUE");
    stream.until("the node that is looked after", |status| {
        because(status).as_str().is_some_and(|because| because.contains("is being looked after"))
    });
    assert_eq!(fleet.column(ours, "updated_at"), fleet.column(ours, "created_at"));
}

#[test]
fn what_nobody_would_see_is_not_told_and_what_is_anothers_neither() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    change(&fleet, job, "status = 'running', detail = 'first'");
    let of_customers = fleet.token(&["--customer", "42"]);
    let mut customers = EventStream::open(&fleet.web, &of_customers, 42);
    let mut operators = EventStream::open(&fleet.web, fleet.web.token(), 42);
    assert_eq!(customers.read().as_deref(), Some("retry: 2000"));
    let first: Value = serde_json::from_str(&customers.data().expect("an event")).expect("JSON");
    assert_eq!(first["active"]["detail"], "first");
    // For operators alone, in the same second: they are told, and the customer's next event is another.
    change(&fleet, fleet.web.order_backup(43, "both"), "status = 'running'");
    let second = fleet.column(job, "updated_at").split('.').next().expect("seconds").to_owned();
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET operator_message = 'between us',
             updated_at = '{second}.999' WHERE uuid = '{job}'"
    ));
    operators.until("what is for operators", |status| {
        status["active"]["operator"]["message"] == "between us"
    });
    change(&fleet, job, "detail = 'second'");
    let next = customers.read().expect("an event");
    assert!(next.starts_with("event: status\n") && next.contains("\"second\""), "{next}");
    assert!(!next.contains("between us"), "{next}");
}

#[test]
fn a_stream_ends_when_its_token_is_not_accepted_any_more() {
    let fleet = Fleet::recording();
    let now = Moment::of(SystemTime::now()).unix_seconds();
    let token = |exp: u64| {
        let claims = json!({
            "sub": "eve", "exp": exp, "iss": "host", "aud": "holdfast", "customers": ["42"],
            "scope": "backup:read",
        });
        TokenKey { algorithm: "HS256", secret: &[b't'; 48] }.token(&claims)
    };
    // The clocks may differ by 30 seconds, so this one is accepted for three more.
    let late = token(now - 27);
    let mut ends = EventStream::open(&fleet.web, &late, 42);
    let mut stays = EventStream::open(&fleet.web, &token(u64::MAX), 42);
    assert_eq!(ends.data().expect("an event"), stays.data().expect("an event"));
    assert_eq!(ends.read(), None);
    fleet.web.get_as(&late, EVENTS).problem(401, "unauthorized");
    fleet.web.order_backup(42, "both");
    stays.until("an order", |status| active_status(status) == "pending");
}

#[test]
fn a_stream_is_for_those_who_may_look() {
    let fleet = Fleet::recording();
    fleet.web.order_backup(43, "both");
    let ours = fleet.token(&["--customer", "42"]);
    let theirs = "/api/v1/customers/43/events";
    fleet.web.get_as(&ours, theirs).problem(404, "not-found");
    fleet.web.get_as(&ours, "/api/v1/customers/9999/events").problem(404, "not-found");
    fleet.web.ask("GET", EVENTS, &[], "").problem(401, "unauthorized");
    fleet.web.post_as(&ours, EVENTS, &json!({})).problem(405, "method-not-allowed");
}

#[test]
fn so_many_streams_are_open_of_one_customer_and_so_many_in_all() {
    let mut fleet = Fleet::recording();
    fleet.reconfigure_web(NONE, &format!("{NONE}\nstreams_per_customer = 2\nstreams = 4"));
    let ours = fleet.token(&["--customer", "42"]);
    let open = |customer: u32| EventStream::open(&fleet.web, fleet.web.token(), customer);
    let too_many = |token: &str, customer: u32| {
        let answer = fleet.web.get_as(token, &format!("/api/v1/customers/{customer}/events"));
        assert_eq!(answer.header("retry-after"), Some("10"));
        answer.problem(429, "too-many-streams");
    };
    let (first, second) = (open(42), open(42));
    too_many(fleet.web.token(), 42);
    // Operators who watch take no place from the customer.
    let _customers = EventStream::open(&fleet.web, &ours, 42);
    let _others = open(43);
    too_many(&ours, 42);
    too_many(fleet.web.token(), 44);
    drop(first);
    let mut third = eventually("a place", || {
        // It is given back when the web side sees that nobody reads any more.
        let answer = thread::scope(|scope| {
            let ask = || fleet.web.ask("HEAD", EVENTS, &[("authorization", &bearer(&fleet))], "");
            scope.spawn(ask).join().expect("an answer")
        });
        (answer.status == 200).then(|| open(42))
    });
    drop(second);
    fleet.web.order_backup(42, "both");
    third.until("an order", |status| active_status(status) == "pending");
}

fn bearer(fleet: &Fleet) -> String {
    format!("Bearer {}", fleet.web.token())
}

#[test]
fn five_hundred_streams_and_one_that_never_reads_harm_nobody() {
    let fleet = Fleet::recording();
    fleet.enter_customers(100..=149);
    let token = fleet.web.token();
    let mut streams: Vec<_> =
        (0..500).map(|number| EventStream::open(&fleet.web, token, 100 + number % 50)).collect();
    // Events of five megabytes, more than the system takes for somebody who does not read.
    fleet.web.get(STATUS).with(200);
    fleet.query(
        "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, status,
             error_message)
         SELECT CONCAT('0193e5c0-0000-7000-8042-', LPAD(seq, 12, '0')), 42, 'backup', 'both',
             'failed', REPEAT('long ', 100000) FROM seq_1_to_10",
    );
    let never_reads = EventStream::open(&fleet.web, token, 42);
    let mut reads = EventStream::open(&fleet.web, token, 42);
    let job = fleet.web.order_backup(42, "both");
    for number in 1..=8 {
        change(&fleet, job, &format!("status = 'running', detail = 'At {number}'"));
        let detail = format!("At {number}");
        reads.until(&detail, |status| status["active"]["detail"] == detail);
    }
    for customer in 100..=149 {
        fleet.web.order_backup(customer, "both");
    }
    for stream in &mut streams {
        stream.until("an order", |status| active_status(status) == "pending");
    }
    fleet.end_jobs();
    let ended = "UPDATE customer_backup_jobs SET updated_at = UTC_TIMESTAMP(3)";
    fleet.query(ended);
    for stream in streams.iter_mut().chain([&mut reads]) {
        stream.until("the end", |status| status["active"].is_null());
    }
    drop(never_reads);
}

#[test]
fn while_the_database_is_away_the_streams_stay_open_and_they_go_on_when_it_is_back() {
    let mut fleet = Fleet::recording();
    let mut streams: Vec<_> = (42..=44)
        .map(|customer| EventStream::open(&fleet.web, fleet.web.token(), customer))
        .collect();
    let says = |streams: &mut Vec<EventStream>, what: &str| {
        for stream in streams {
            let comment = |block: &String| block.starts_with(": the control database");
            let said = std::iter::from_fn(|| stream.read()).find(comment);
            assert!(said.as_ref().is_some_and(|said| said.contains(what)), "{said:?}");
        }
    };
    for round in 0..2 {
        match round {
            0 => fleet.control.stop(),
            _ => fleet.control.kill(),
        }
        says(&mut streams, "does not answer");
        fleet.web.get(EVENTS).problem(503, "store-away");
        fleet.control.start_again();
        says(&mut streams, "answers again");
        for (customer, stream) in (42..=44).zip(&mut streams) {
            fleet.web.order_backup(customer, "both");
            stream.until("an order", |status| active_status(status) == "pending");
        }
        fleet.end_jobs();
    }
    // What changed while nobody could look, too: it is there, and does not answer.
    let job = fleet.web.order_backup(42, "both");
    streams[0].until("an order", |status| active_status(status) == "pending");
    change(&fleet, job, "status = 'running'");
    Fleet::freeze(fleet.control.pid(), true);
    says(&mut streams, "does not answer");
    Fleet::freeze(fleet.control.pid(), false);
    says(&mut streams, "answers again");
}

#[test]
fn with_streams_open_the_web_side_ends_at_once() {
    let mut fleet = Fleet::recording();
    let mut streams: Vec<_> = (0..60)
        .map(|number| EventStream::open(&fleet.web, fleet.web.token(), 42 + number % 3))
        .collect();
    signal("TERM", &fleet.web.pid().to_string());
    assert!(fleet.web.ended().success());
    for stream in &mut streams {
        while stream.read().is_some() {}
    }
    let log = std::fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
    assert!(!log.contains("connections that were still open"), "{log}");
}
