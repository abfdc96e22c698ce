//! Callers that do not wait for their answer, and what is left of their orders.
//!
//! Needs: mariadb, redis, restic.

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    thread,
};

use holdfast_tests::{Fleet, eventually, signal};
use serde_json::json;

#[test]
fn a_caller_that_hangs_up_leaves_its_order_whole_or_not_at_all() {
    let fleet = Fleet::recording();
    fleet.enter_customers(100..=499);
    let address = fleet.web.url("").replace("http://", "");
    let call = |customer: u32| {
        let body = "{\"scope\":\"both\"}";
        let request = format!(
            "POST /api/v1/customers/{customer}/backups HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \
             {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            fleet.web.token(),
            body.len(),
        );
        let mut caller = TcpStream::connect(&address).expect("a connection");
        // Some say half of it.
        let said = request.len() - if customer.is_multiple_of(5) { body.len() / 2 } else { 0 };
        caller.write_all(&request.as_bytes()[..said]).expect("a request");
        match customer % 3 {
            0 => caller.shutdown(Shutdown::Both).expect("an end"),
            1 => caller.shutdown(Shutdown::Write).expect("an end"),
            _ => {}
        }
    };
    thread::scope(|scope| {
        for first in 100..108 {
            scope.spawn(move || (first..=499).step_by(8).for_each(call));
        }
    });
    // The connections to the database are all there, and in no transaction.
    thread::scope(|scope| {
        for customer in (100..=499).step_by(5) {
            let fleet = &fleet;
            scope.spawn(move || {
                let path = format!("/api/v1/customers/{customer}/backups");
                fleet.web.post(&path, &json!({ "scope": "db" })).job();
            });
        }
    });
    eventually("the end of every transaction", || {
        let open = fleet.query("SELECT COUNT(*) FROM information_schema.innodb_trx");
        (open == "0").then_some(())
    });
    let halves = fleet.query(
        "SELECT COUNT(*) FROM customer_backup_jobs j LEFT JOIN audit a ON a.job_uuid = j.uuid
             WHERE a.id IS NULL;
         SELECT COUNT(*) FROM audit a LEFT JOIN customer_backup_jobs j ON j.uuid = a.job_uuid
             WHERE j.id IS NULL",
    );
    assert_eq!(halves, "0\n0");
}

#[test]
fn a_caller_that_never_comes_to_an_end_does_not_keep_the_web_side_from_ending() {
    let mut fleet = Fleet::recording();
    let address = fleet.web.url("").replace("http://", "");
    let begin = |words: &str| {
        let mut caller = TcpStream::connect(&address).expect("a connection");
        caller.write_all(words.as_bytes()).expect("words");
        caller
    };
    let _half_a_line = begin("POST /api/v1/cust");
    let _half_a_head = begin("GET /healthz HTTP/1.1\r\nHost: x\r\n");
    let _half_a_body = begin("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
    // What was said before by others has been heard.
    fleet.web.get("/healthz").with(200);
    signal("TERM", &fleet.web.pid().to_string());
    assert!(fleet.web.ended().success());
}
