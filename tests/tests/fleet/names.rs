//! The names that tokens and addresses have for customers, which are not their numbers.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Fleet, MariaDb, built, program};
use serde_json::json;

/// What `holdfast-enqueue`, as the operator's account, refuses to do: what it says.
fn refused(fleet: &Fleet, words: &[&str]) -> String {
    let mut enqueue = program(built("holdfast-enqueue"));
    enqueue.arg("--config").arg(fleet.node.root().join("admin.toml")).args(words);
    MariaDb::run(&mut enqueue, b"").expect_err("a refusal")
}

fn known(fleet: &Fleet) -> String {
    fleet.query("SELECT customer_id, external_id, pool FROM backup_customers ORDER BY 1")
}

/// The notes of the backups that are listed for a customer of this name.
fn notes(fleet: &Fleet, token: &str, name: &str) -> Vec<String> {
    let answer = fleet.web.get_as(token, &format!("/api/v1/customers/{name}/backups"));
    let body = answer.with(200).body;
    let items = body["items"].as_array().expect("items").iter();
    items.map(|item| item["note"].as_str().expect("a note").to_owned()).collect()
}

#[test]
fn a_customer_is_found_by_its_external_id_and_by_its_uuid_in_addresses_and_in_tokens() {
    let fleet = Fleet::recording();
    fleet.admin(&["customer", "add", "44", "--external-id", "acme GmbH/3"]);
    let uuid = fleet.query("SELECT uuid FROM backup_customers");
    let (backup, snapshot) = fleet.enter_backup(44, 1, "note = 'of acme'");
    for called in ["acme GmbH/3", &uuid] {
        let token = fleet.token(&["--customer", called]);
        fleet.web.get_as(&token, "/api/backups/status").with(200);
        for name in ["acme%20GmbH%2F3", &uuid] {
            assert_eq!(notes(&fleet, &token, name), ["of acme"]);
            let path = format!("/api/v1/customers/{name}");
            for known_as in [backup.to_string(), snapshot.to_string()] {
                let shown = fleet.web.get_as(&token, &format!("{path}/backups/{known_as}"));
                assert_eq!(shown.with(200).body["uuid"], backup.to_string());
            }
            let order =
                fleet.web.post_as(&token, &format!("{path}/backups"), &json!({ "scope": "db" }));
            let location = order.header("location").expect("an address").to_owned();
            let job = order.job();
            // What is answered leads to the job, and names no number.
            assert_eq!(location, format!("/api/v1/customers/{uuid}/jobs/{job}"));
            let shown = fleet.web.get_as(&token, &location).with(200).body;
            assert_eq!(shown["uuid"], job.to_string());
            let shown = fleet.web.get_as(&token, &format!("{path}/jobs/{job}")).with(200).body;
            assert_eq!(shown["status"], "pending");
            assert_eq!(fleet.column(job, "customer_id"), "44");
            fleet.end_jobs();
        }
    }
}

#[test]
fn an_external_id_that_looks_like_a_number_is_never_taken_for_one() {
    for entered_by_number in [true, false] {
        let mut fleet = Fleet::recording();
        if !entered_by_number {
            let key = |value: bool| format!("enter_customers_by_number = {value}");
            fleet.reconfigure_web(&key(true), &key(false));
        }
        fleet.admin(&["customer", "add", "44", "--external-id", "43"]);
        fleet.enter_backup(43, 1, "note = 'of number 43'");
        fleet.enter_backup(44, 1, "note = 'of number 44'");
        let token = fleet.token(&["--customer", "43"]);
        for token in [token.as_str(), fleet.web.token()] {
            assert_eq!(notes(&fleet, token, "43"), ["of number 44"]);
            let job =
                fleet.web.post_as(token, "/api/v1/customers/43/backups", &json!({ "scope": "db" }));
            assert_eq!(fleet.column(job.job(), "customer_id"), "44");
            fleet.end_jobs();
            // The number of the one is nobody's name.
            fleet.web.get_as(token, "/api/v1/customers/44/backups").problem(404, "not-found");
        }
        let number_44 = fleet.token(&["--customer", "44"]);
        for name in ["43", "44"] {
            let path = format!("/api/v1/customers/{name}/backups");
            fleet.web.get_as(&number_44, &path).problem(404, "not-found");
        }
        fleet.web.get_as(&number_44, "/api/backups/status").problem(404, "not-found");
        assert_eq!(known(&fleet), "44\t43\tdefault");

        // Number 43 has to have a name of its own.
        let said = refused(&fleet, &["customer", "add", "43"]);
        assert!(said.contains("customer 44 has the name \"43\" already"), "{said}");
        assert_eq!(known(&fleet), "44\t43\tdefault");
        fleet.admin(&["customer", "add", "43", "--external-id", "44"]);
        assert_eq!(notes(&fleet, fleet.web.token(), "43"), ["of number 44"]);
        assert_eq!(notes(&fleet, &number_44, "44"), ["of number 43"]);
        fleet.web.get_as(&number_44, "/api/v1/customers/43/backups").problem(404, "not-found");
        assert_eq!(fleet.query("SELECT customer_id FROM audit"), "44\n44");
    }
}

#[test]
fn customers_that_nobody_has_entered_are_entered_by_number_only_where_that_is_configured() {
    let mut fleet = Fleet::recording();
    let token = fleet.token(&["--customer", "42"]);
    fleet.web.get_as(&token, "/api/v1/customers/42/backups").with(200);
    assert_eq!(known(&fleet), "42\t42\tdefault");
    // Forty-two has one spelling, and what the host does not know is not entered.
    for name in
        ["042", "%2042", "42%20", "+42", "9999", "4294967338", "-42", "42.0", "%d9%a4%d9%a2"]
    {
        fleet.web.get(&format!("/api/v1/customers/{name}/backups")).problem(404, "not-found");
    }
    assert_eq!(known(&fleet), "42\t42\tdefault");

    let key = |value: bool| format!("enter_customers_by_number = {value}");
    fleet.reconfigure_web(&key(true), &key(false));
    fleet.web.get("/api/v1/customers/42/backups").with(200);
    fleet.web.get("/api/v1/customers/43/backups").problem(404, "not-found");
    fleet.admin(&["customer", "add", "43"]);
    fleet.web.get("/api/v1/customers/43/backups").with(200);
}

#[test]
fn a_customer_is_entered_whole_or_not_at_all() {
    let fleet = Fleet::recording();
    for (words, why) in [
        (vec!["9999"], "is not in the table `customers`"),
        (vec!["44", "--external-id", ""], "1 to 64 characters"),
        (vec!["44", "--external-id", &"x".repeat(65)], "1 to 64 characters"),
        (vec!["44", "--external-id", "a\nb"], "1 to 64 characters"),
        (vec!["44", "--external-id", " acme"], "1 to 64 characters"),
        (vec!["44", "--pool", "Far"], "a pool's name"),
    ] {
        let said = refused(&fleet, &[&["customer", "add"], &words[..]].concat());
        assert!(said.contains(why), "{said}");
        assert_eq!(known(&fleet), "", "{words:?}");
    }
    let longest = "ö".repeat(64);
    fleet.admin(&["customer", "add", "44", "--external-id", &longest, "--pool", "far"]);
    assert_eq!(known(&fleet), format!("44\t{longest}\tfar"));
    // Again with another pool: it has moved. With another name, or another's: nothing changes.
    fleet.admin(&["customer", "add", "44", "--external-id", &longest, "--pool", "near"]);
    refused(&fleet, &["customer", "add", "44", "--external-id", "acme", "--pool", "far"]);
    refused(&fleet, &["customer", "add", "43", "--external-id", &longest]);
    assert_eq!(known(&fleet), format!("44\t{longest}\tnear"));
}
