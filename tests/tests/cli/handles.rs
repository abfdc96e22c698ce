//! What is done with jobs under way and with jobs that have ended; what operators do; tokens; doctor.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Fleet, eventually};

use super::Desk;

/// Waits for the first sign of life of a worker that is ready.
fn heard(desk: &Desk) {
    eventually("a sign of life", || {
        let node = desk.call(&["nodes", "test-1", "--json"]).ended(0).json();
        (node["alive"] == true).then_some(())
    });
}

#[test]
fn a_job_is_stopped_and_ordered_again() {
    let fleet = Fleet::recording();
    let desk = Desk::new(&fleet);
    desk.call(&["stop"]).ended(4).warns("no backup, restore or undo of 42 is under way");
    desk.call(&["retry"]).ended(4).warns("no job of 42 has failed");
    let first = desk.call(&["backup", "-q", "--note", "mine"]).ended(0).out.trim().to_owned();
    desk.call(&["stop"]).ended(0).says(&format!("Stopped: job {first}"));
    desk.call(&["watch", &first]).ended(7);
    desk.call(&["stop", &first]).ended(0);
    let again = desk.call(&["retry", &first, "--json"]).ended(0).json();
    let again = again["job"].as_str().expect("a job");
    let shown = desk.call(&["jobs", again]).ended(0);
    shown.says(&format!("retry of  {first}")).says("note      mine");

    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    fleet.web.until(42, again.parse().expect("a job"), "running");
    desk.call(&["retry", again]).ended(4).warns("still under way");
    let stopped = desk.call(&["stop", "--wait", "--json"]).ended(0).json();
    assert_eq!((&stopped["uuid"], &stopped["status"]), (&again.into(), &"stopped".into()));
    fleet.hold(false);
    fleet.outcome("failed");
    desk.call(&["backup", "--wait"]).ended(1).says("for the operator: Failed");
    fleet.outcome("completed");
    desk.call(&["retry", "--wait"]).ended(0).says("For the customer: Completed.");
    desk.call(&["stop", again]).ended(0);
    let done = desk.call(&["list", "--json", "--limit", "1"]).json();
    let done = done["uuid"].as_str().expect("an id");
    desk.call(&["stop", done]).ended(4).warns("it is completed");
    desk.call(&["retry", done]).ended(4).warns("order it anew");
}

#[test]
fn an_operator_ends_a_job_by_hand_and_drains_a_node() {
    let fleet = Fleet::recording();
    let mut desk = Desk::new(&fleet);
    let job = desk.call(&["backup", "-q"]).ended(0).out.trim().to_owned();
    desk.call(&["reset", &job]).ended(2).warns("--reason");
    desk.call(&["reset", &job, "--reason", "a trial"]).ended(0).says("is failed now");
    desk.call(&["reset", &job, "--reason", "a trial"]).ended(4).warns("has ended already");

    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    heard(&desk);
    desk.call(&["nodes"]).ended(0).says("test-1  default  alive  yes");
    let running = desk.call(&["backup", "-q"]).ended(0).out.trim().to_owned();
    fleet.web.until(42, running.parse().expect("a job"), "running");
    desk.call(&["reset", &running, "--reason", "too soon"]).ended(4).warns("holdfast stop");
    let log = desk.home.join("drained");
    let mut draining = desk.command(&["drain", "test-1", "--wait"]);
    draining.stderr(std::fs::File::create(&log).expect("a file"));
    let mut draining = draining.spawn().expect("holdfast");
    eventually("a drained node with a job", || {
        let said = std::fs::read_to_string(&log).expect("a file");
        said.contains("1 of its jobs are still running.").then_some(())
    });
    fleet.hold(false);
    assert!(draining.wait().expect("its end").success());
    let node = desk.call(&["nodes", "test-1", "--json"]).ended(0).json();
    assert_eq!((&node["draining"], &node["running"]), (&true.into(), &0.into()));
    desk.call(&["resume", "test-1"]).ended(0).says("test-1  default  alive  yes");
    desk.call(&["drain", "nowhere"])
        .ended(4)
        .warns("There is no such node.")
        .warns("The nodes: holdfast nodes");

    desk.environment.push(("HOLDFAST_TOKEN", fleet.token(&["--customer", "42"])));
    desk.call(&["nodes"]).ended(4).warns("holdfast token show");
    desk.call(&["drain", "test-1"]).ended(4);
    desk.call(&["reset", &running, "--reason", "mine"]).ended(4);
}

#[test]
fn a_token_says_what_it_may_and_an_operator_makes_them_for_others() {
    let fleet = Fleet::recording();
    let mut desk = Desk::new(&fleet);
    let shown = desk.call(&["token", "show"]).ended(0).says("user       root");
    let shown =
        shown.says("role       operator").says("customers  all").says("backup:read, backup:write");
    assert!(!shown.out.contains(fleet.web.token()), "{shown:?}");

    let made = desk.call(&["token", "new", "--subject", "alice", "--for", "42", "--lasts", "1h"]);
    let token = made.ended(0).out.trim().to_owned();
    let file = desk.home.join("bob.token").display().to_string();
    let reader = ["token", "new", "--subject", "bob", "--for", "42", "--for", "43", "--read-only"];
    let made = desk.call(&[&reader[..], &["--into", &file, "--json"]].concat()).ended(0);
    assert!(made.json().get("token").is_none(), "{made:?}");
    let again = desk.call(&[&reader[..], &["--into", &file]].concat()).ended(2);
    again.warns("is there already: add --replace");
    desk.call(&[&reader[..], &["--into", &file, "--replace"]].concat()).ended(0);
    let nowhere = desk.home.join("no/such").display().to_string();
    let made = desk.call(&[&reader[..], &["--into", &nowhere]].concat()).ended(2);
    made.warns("there is no folder");
    assert!(!desk.home.join("no").exists());
    desk.call(&["token", "new", "--subject", "eve"]).ended(2).warns("--for");
    for (lasts, warned) in [("soon", "30m"), ("1s", "from 1m"), ("366d", "to 365d")] {
        let new = ["token", "new", "--subject", "eve", "--for", "42", "--lasts", lasts];
        desk.call(&new).ended(2).warns(warned);
    }
    let long = desk.call(&["token", "new", "--subject", "eve", "--operator", "--lasts", "365d"]);
    long.ended(4).warns("--lasts");

    // Of its only customer nothing need be said; of two, which.
    desk.environment.retain(|(name, _)| *name != "HOLDFAST_CUSTOMER");
    desk.environment.push(("HOLDFAST_TOKEN", token));
    desk.call(&["token", "show", "--json"]).ended(0).says("\"alice\"");
    desk.call(&["list"]).ended(0).warns("no such backup of 42");
    desk.call(&["token", "new", "--subject", "eve", "--for", "42"]).ended(4);
    desk.call(&["list", "--token-file", &file]).ended(2).warns("for several customers");
    desk.call(&["list", "--token-file", &file, "--customer", "43"]).ended(0);
    let refused = desk.call(&["backup", "--token-file", &file, "--customer", "43"]).ended(4);
    refused.warns(&format!("holdfast --customer 43 --token-file {file} token show"));
}

#[test]
fn doctor_says_what_is_good_and_what_to_do() {
    let mut fleet = Fleet::recording();
    let mut desk = Desk::new(&fleet);
    let silent = desk.call(&["doctor"]).ended(1).says("BAD   node test-1: never heard of");
    silent.says("holdfast-worker doctor");
    let worker = fleet.worker("one", "");
    heard(&desk);
    let good = desk.call(&["doctor"]).ended(0);
    for line in [
        "good  the configuration: ",
        "good  the address: http://127.0.0.1:",
        "good  the token's place: HOLDFAST_TOKEN",
        "good  the server: it answers, and takes orders",
        "good  the clocks: ",
        "good  the token: root, operator: may look and order",
        "good  its time: until ",
        "good  node test-1: alive",
        "good  the customer: 42, whom the token may see",
    ] {
        assert!(good.out.contains(line), "{line}: {good:?}");
    }
    let findings = desk.call(&["doctor", "--json"]).ended(0).json_lines();
    assert_eq!(findings.len(), good.out.lines().count());
    assert!(findings.iter().all(|finding| finding["good"] == true), "{findings:#?}");
    desk.call(&["drain", "test-1"]).ended(0);
    let drained = desk.call(&["doctor"]).ended(1).says("BAD   node test-1: drained");
    drained.says("holdfast resume test-1");
    desk.call(&["resume", "test-1"]).ended(0);
    let unsettled = r#"[{"customer":42,"standing":"stuck","detail":"a flag"}]"#;
    fleet.query(&format!("UPDATE nodes SET unsettled = '{unsettled}'"));
    desk.call(&["doctor"])
        .ended(1)
        .says("BAD   node test-1: a person must look: customer 42: stuck: a flag");
    desk.call(&["nodes"]).ended(0).says("Not settled:\n  test-1: customer 42: stuck: a flag");
    drop(worker);

    let other = fleet.token(&["--customer", "42"]);
    desk.environment.push(("HOLDFAST_TOKEN", other));
    desk.call(&["doctor"]).ended(0).says("good  the customer: 42");
    let another = desk.call(&["doctor", "--customer", "43"]).ended(1);
    another.says("BAD   the customer: there is no 43").says("holdfast --customer 43 token show");
    desk.environment.push(("HOLDFAST_TOKEN", fleet.token(&["--customer", "42", "--seconds", "0"])));
    // Thirty seconds of another clock are forgiven it.
    desk.call(&["doctor"]).ended(1).says("BAD   its time: it counted until ");
    desk.environment.push(("HOLDFAST_TOKEN", "no.bodys.token".into()));
    desk.call(&["doctor"]).ended(1).says("BAD   the token: The token is not accepted");
    fleet.web.kill();
    let away = desk.call(&["doctor"]).ended(1).says("See that the address is right");
    assert!(away.out.lines().last().expect("a line").starts_with("BAD   the server: "), "{away:?}");
}
