//! What a token says, and tokens that an operator makes for others.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::Fleet;
use serde_json::{Value, json};

fn wanted() -> Value {
    json!({
        "subject": "alice", "customers": ["42"], "scopes": ["backup:read"], "seconds": 600,
    })
}

#[test]
fn whoever_has_a_token_sees_what_it_says() {
    let fleet = Fleet::recording();
    let token = fleet.token(&["--customer", "42", "--read-only"]);
    let says = fleet.web.get_as(&token, "/api/v1/token").with(200).body;
    assert_eq!(
        (&says["subject"], &says["role"], &says["customers"], &says["scopes"]),
        (&json!("someone"), &json!("customer"), &json!(["42"]), &json!(["backup:read"]))
    );
    assert!(says["expires_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{says:#}");
    fleet.web.get_as("none", "/api/v1/token").problem(401, "unauthorized");
}

#[test]
fn an_operator_makes_a_token_that_may_do_what_it_says_and_no_more() {
    let fleet = Fleet::recording();
    let answer = fleet.web.post("/api/v1/tokens", &wanted()).with(201);
    let token = answer.body["token"].as_str().expect("a token");
    let says = fleet.web.get_as(token, "/api/v1/token").with(200).body;
    assert_eq!(says["expires_at"], answer.body["expires_at"]);
    assert_eq!(says["subject"], "alice");
    fleet.web.get_as(token, "/api/v1/customers/42/backups").with(200);
    fleet.web.get_as(token, "/api/v1/customers/43/backups").problem(404, "not-found");
    let order = json!({ "scope": "db" });
    fleet.web.post_as(token, "/api/v1/customers/42/backups", &order).problem(403, "forbidden");
    let audit = "SELECT actor, detail FROM audit WHERE action = 'token'";
    assert_eq!(fleet.query(audit), "user:root\tfor alice: backup:read");
    let log = std::fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
    assert!(!log.contains(token), "a token stands in no log");
}

#[test]
fn a_token_that_should_not_be_is_not_made() {
    let fleet = Fleet::recording();
    for (field, value) in [
        ("subject", json!("")),
        ("subject", json!("two\nlines")),
        ("scopes", json!([])),
        ("scopes", json!(["backup:admin"])),
        ("seconds", json!(59)),
        ("seconds", json!(31_536_001)),
        ("customers", json!([])),
        ("customers", json!(["nobody"])),
        ("role", json!("owner")),
        ("more", json!(1)),
    ] {
        let mut body = wanted();
        body[field] = value;
        fleet.web.post("/api/v1/tokens", &body).problem(422, "invalid-order");
    }
    // One that is lost must not outlive the one that made it by as much as is wished.
    let mut lasting = wanted();
    lasting["role"] = json!("operator");
    lasting["seconds"] = json!(86_400);
    let problem = fleet.web.post("/api/v1/tokens", &lasting).problem(422, "invalid-order");
    assert!(problem["detail"].to_string().contains("outlive"), "{problem:#}");
    lasting["seconds"] = json!(60);
    fleet.web.post("/api/v1/tokens", &lasting).with(201);
    // Nobody gives what they do not have.
    let mut writes = lasting.clone();
    writes["scopes"] = json!(["backup:write"]);
    writes["seconds"] = json!(600);
    let answer = fleet.web.post("/api/v1/tokens", &writes).with(201);
    let token = answer.body["token"].as_str().expect("a token");
    lasting["customers"] = json!([]);
    let problem = fleet.web.post_as(token, "/api/v1/tokens", &lasting).problem(403, "forbidden");
    assert!(problem["detail"].to_string().contains("backup:read"), "{problem:#}");
    let customer = fleet.token(&["--customer", "42"]);
    fleet.web.post_as(&customer, "/api/v1/tokens", &wanted()).problem(403, "operators-only");
    let reader = fleet.token(&["--operator", "--read-only"]);
    fleet.web.post_as(&reader, "/api/v1/tokens", &wanted()).problem(403, "forbidden");
}
