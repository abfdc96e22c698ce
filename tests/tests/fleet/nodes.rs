//! Nodes as operators see them, and one that is drained.
//!
//! Needs: mariadb, redis, restic.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
    thread,
    time::Duration,
};

use holdfast_tests::{Fleet, eventually, remains};
use serde_json::json;

#[test]
fn a_node_that_drains_takes_nothing_new_ends_what_it_has_and_says_so() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    let running = fleet.web.order_backup(42, "both");
    fleet.web.until(42, running, "running");
    let node = fleet.web.post("/api/v1/nodes/test-1/drain", &json!({})).with(200).body;
    assert_eq!((&node["draining"], &node["running"]), (&json!(true), &json!(1)), "{node:#}");
    fleet.web.post("/api/v1/nodes/test-1/drain", &json!({})).with(200);
    let waiting = fleet.web.order_backup(43, "both");
    fleet.hold(false);
    fleet.web.until(42, running, "completed");
    assert!(remains(Duration::from_secs(2), || fleet.web.job(43, waiting)["status"] == "pending"));
    let status = fleet.web.get("/api/v1/customers/43/status").with(200).body;
    let because = status["active"]["waiting"]["because"].as_str().expect("a text");
    assert!(because.contains("takes nothing new"), "{status:#}");
    let node = fleet.web.get("/api/v1/nodes/test-1").with(200).body;
    assert_eq!((&node["pending"], &node["running"]), (&json!(1), &json!(0)), "{node:#}");
    fleet.web.post("/api/v1/nodes/test-1/resume", &json!({})).with(200);
    fleet.web.until(43, waiting, "completed");
    let audit = "SELECT GROUP_CONCAT(action ORDER BY id), MIN(detail) FROM audit \
                 WHERE job_uuid IS NULL";
    assert_eq!(fleet.query(audit), "drain,resume\ttest-1", "once each");
}

#[test]
fn operators_see_how_the_nodes_are_and_nobody_else_does() {
    let fleet = Fleet::recording();
    fleet.admin(&["node", "add", "web-9", "--pool", "far"]);
    let worker = fleet.worker("one", "");
    worker.until_said("ready");
    fleet.query(
        "UPDATE nodes SET unsettled = '[{\"customer\":42,\"standing\":\"stuck\",\"detail\":\"a flag\"},
             {\"customer\":43,\"standing\":\"busy\",\"detail\":\"an order\"}]'
         WHERE name = 'test-1'",
    );
    let nodes = eventually("a sign of life", || {
        let nodes = fleet.web.get("/api/v1/nodes").with(200).body;
        (nodes["items"][0]["alive"] == true).then_some(nodes)
    });
    assert_eq!((&nodes["has_more"], &nodes["next_cursor"]), (&json!(false), &json!(null)));
    let [here, far] = nodes["items"].as_array().expect("a list").as_slice() else {
        panic!("{nodes:#}")
    };
    assert_eq!((&here["name"], &here["pool"]), (&json!("test-1"), &json!("default")));
    assert_eq!(here["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        here["unsettled"],
        json!([{ "customer": 42, "standing": "stuck", "detail": "a flag" }])
    );
    assert_eq!((&far["name"], &far["alive"]), (&json!("web-9"), &json!(false)), "{far:#}");
    assert_eq!(far["silent_seconds"], json!(null));
    let customer = fleet.token(&["--customer", "42"]);
    let path = "/api/v1/nodes/test-1";
    fleet.web.get_as(&customer, "/api/v1/nodes").problem(403, "operators-only");
    fleet.web.get_as(&customer, path).problem(403, "operators-only");
    for what in ["drain", "resume"] {
        let path = format!("{path}/{what}");
        fleet.web.post_as(&customer, &path, &json!({})).problem(403, "operators-only");
        let reader = fleet.token(&["--operator", "--read-only"]);
        fleet.web.post_as(&reader, &path, &json!({})).problem(403, "forbidden");
    }
    fleet.web.post("/api/v1/nodes/nobody/drain", &json!({})).problem(404, "not-found");
    fleet.web.get("/api/v1/nodes/NO%20NODE").problem(404, "not-found");
}

#[test]
fn a_drain_is_answered_when_every_claim_from_before_it_is_written_down() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    let mut session = fleet.control.client();
    session.args(["--unbuffered", Fleet::SCHEMA]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut session = session.spawn().expect("mariadb");
    let mut says = session.stdin.take().expect("a pipe");
    // A claim stands still in its middle, as it writes what happened to the job.
    says.write_all(b"LOCK TABLES job_events WRITE; SELECT 'locked';\n").expect("a statement");
    let mut locked = String::new();
    BufReader::new(session.stdout.take().expect("a pipe")).read_line(&mut locked).expect("a line");
    let waits = |statement: &str| {
        let waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE TIME_MS > 100";
        fleet.query(&format!("{waiting} AND INFO LIKE '{statement}%'")) == "1"
    };
    let _worker = fleet.worker("one", "");
    eventually("a claim that waits", || waits("INSERT INTO job_events").then_some(()));
    thread::scope(|scope| {
        let drain = scope.spawn(|| fleet.web.post("/api/v1/nodes/test-1/drain", &json!({})));
        eventually("a drain that waits for the claim", || {
            assert!(!drain.is_finished(), "it was answered beside a claim");
            waits("SELECT draining FROM nodes").then_some(())
        });
        says.write_all(b"UNLOCK TABLES;\n").expect("a statement");
        let node = drain.join().expect("a caller").with(200).body;
        assert_eq!(node["draining"], true, "{node:#}");
    });
    drop(says);
    assert!(session.wait().expect("mariadb").success());
    fleet.web.until(42, job, "completed");
}
