//! What requests are called: in the answer, in the problem and in the log.
//!
//! Needs: mariadb, redis, restic.

use std::fs;

use holdfast_tests::{Fleet, eventually};
use serde_json::Value;

const STATUS: &str = "/api/v1/customers/42/status";

/// The line of the log about the request of this name.
fn logged(fleet: &Fleet, id: &str) -> Value {
    eventually(&format!("a line about {id}"), || {
        let log = fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
        let line = log.lines().find(|line| line.contains(id) && line.contains("\"route\""));
        line.map(|line| serde_json::from_str(line).expect("JSON"))
    })
}

#[test]
fn an_answer_its_problem_and_the_log_have_the_requests_own_name() {
    let mut fleet = Fleet::recording();
    let bearer = format!("Bearer {}", fleet.web.token());
    let ask = |fleet: &Fleet, method: &str, path: &str, id: &str| {
        let headers = [("authorization", bearer.as_str()), ("x-request-id", id)];
        let answer = fleet.web.ask(method, path, &headers, "");
        assert_eq!(answer.header("x-request-id"), Some(id), "{path}");
        answer
    };
    ask(&fleet, "GET", STATUS, "page-17").with(200);
    let line = logged(&fleet, "page-17");
    assert_eq!(line["request_id"], "page-17");
    assert_eq!(line["message"], format!("GET {STATUS} 200 (request page-17)"));

    for (number, (method, path, status)) in [
        ("GET", "/nothing", 404),
        ("PUT", STATUS, 405),
        ("GET", "/api/v1/customers/43/jobs?limit=0", 400),
        ("GET", "/api/v1/customers/9999/jobs", 404),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("A.b_{number}");
        assert_eq!(ask(&fleet, method, path, &id).with(status).body["request_id"], id);
    }
    // Why it could not be answered is found by it too.
    fleet.control.stop();
    let problem = ask(&fleet, "GET", STATUS, "while-away").problem(503, "store-away");
    assert_eq!(problem["request_id"], "while-away");
    let log = fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
    let why = log.lines().find(|line| line.contains("request while-away: the control database"));
    assert!(why.is_some_and(|line| line.contains("\"request_id\":\"while-away\"")), "{log}");
    fleet.control.start_again();
}

#[test]
fn a_request_without_a_good_name_gets_one_of_its_own() {
    let fleet = Fleet::recording();
    let named = |headers: &[(&str, &str)]| {
        let answer = fleet.web.ask("GET", STATUS, headers, "");
        let id = answer.header("x-request-id").expect("a name").to_owned();
        assert_eq!(answer.problem(401, "unauthorized")["request_id"], id);
        assert_eq!(logged(&fleet, &id)["status"], 401);
        id
    };
    let long = "x".repeat(65);
    let mut names = vec![named(&[]), named(&[])];
    names.extend(["two words", "a\"b", "", long.as_str()].map(|id| named(&[("x-request-id", id)])));
    for (number, name) in names.iter().enumerate() {
        assert_eq!(name.len(), 36, "{name}");
        assert!(!names[..number].contains(name), "{names:?}");
    }
    fleet.web.ask("GET", "/healthz", &[("x-request-id", "x")], "").with(200);
}
