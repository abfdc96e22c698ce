//! The OpenAPI document is what the server does: each operation is there, and nothing beside it.
//!
//! Needs: mariadb, redis, restic.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use holdfast_tests::{DOCUMENT, Fleet, output_of, program};

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// The address that a path of the document stands for.
fn address(template: &str) -> String {
    template
        .replace("{customer}", "42")
        .replace("{backup}", "0193e5c0-0000-7000-8042-000000000001")
        .replace("{job}", "0193e5c0-0000-7000-8042-000000000002")
        .replace("{node}", "test-1")
}

#[test]
fn every_operation_of_the_document_is_there_and_no_other() {
    let fleet = Fleet::recording();
    let operations = DOCUMENT.operations();
    for (template, documented) in &operations {
        let path = address(template);
        // Whoever is nobody changes nothing, and is told so.
        let takes_token =
            DOCUMENT.operation(template, documented)["security"] != serde_json::json!([]);
        let answer = fleet.web.ask(documented, &path, &[], "");
        assert_eq!(answer.status, if takes_token { 401 } else { 200 }, "{documented} {path}");
        for method in METHODS {
            let operation = if method == "HEAD" { "GET" } else { method };
            if !operations.contains(&(template.clone(), operation.to_owned())) {
                // What it says, and that its `Allow` names the others, the harness sees.
                fleet.web.ask(method, &path, &[], "").with(405);
            }
        }
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_everywhere_and_documented() {
    let fleet = Fleet::recording();
    let large = "x".repeat(17 * 1024);
    for (template, method) in DOCUMENT.operations() {
        fleet.web.ask(&method, &address(&template), &[], &large).problem(413, "too-large");
    }
}

#[test]
fn whoever_sends_too_much_slowly_hears_why_it_is_refused() {
    let fleet = Fleet::recording();
    let mut caller = TcpStream::connect(fleet.web.address()).expect("a connection");
    let head = "POST /api/v1/customers/42/backups HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    write!(caller, "{head}Content-Length: 40000\r\n\r\n{}", "x".repeat(20_000)).expect("a part");
    // No answer comes before the end, which would be lost on somebody who still writes.
    let short = Duration::from_millis(300);
    caller.set_read_timeout(Some(short)).expect("a time");
    let early = caller.read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(early, Err(ErrorKind::WouldBlock));
    caller.write_all("x".repeat(20_000).as_bytes()).expect("the rest");
    caller.set_read_timeout(None).expect("no time");
    let mut answer = String::new();
    caller.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too-large"), "{answer}");
}

#[test]
fn the_document_is_served_as_it_is_kept() {
    let fleet = Fleet::recording();
    let answer = fleet.web.ask("GET", "/api/v1/openapi.json", &[], "").with(200);
    let kept = include_str!("../../../enqueue/openapi.json");
    assert_eq!(answer.body, serde_json::from_str::<serde_json::Value>(kept).expect("JSON"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn the_page_tells_of_every_operation_and_takes_nothing_from_elsewhere() {
    let fleet = Fleet::recording();
    let answer = fleet.web.ask("GET", "/api/docs", &[], "").with(200);
    let page = &answer.text;
    for (path, method) in DOCUMENT.operations() {
        let id = &DOCUMENT.operation(&path, &method)["operationId"];
        assert!(page.contains(&format!("<article class=\"operation\" id={id}>")), "{id}");
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    let named = |attribute: &str| -> Vec<&str> {
        let begins = format!(" {attribute}=\"");
        page.split(&begins).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    };
    let anchors = named("id");
    for link in named("href") {
        let leads = match link.strip_prefix('#') {
            Some(anchor) => anchors.contains(&anchor),
            None => link == "/api/v1/openapi.json",
        };
        assert!(leads, "{link}");
    }
    for foreign in ["<script", "<link", "<img", " src=", "url(", "@import", "=\"http"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // A browser that keeps to the policy lets the page have its own style, and nothing else.
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
    let file = fleet.node.root().join("style.css");
    fs::write(&file, style.expect("a style")).expect("a file");
    let sum = "openssl dgst -sha256 -binary \"$1\" | openssl base64";
    let sum = output_of(program("/bin/sh").args(["-c", sum, "sh"]).arg(&file));
    let policy = answer.header("content-security-policy").expect("a policy");
    let own = format!("default-src 'none'; style-src 'sha256-{}'; ", sum.trim());
    assert!(policy.starts_with(&own), "{policy}\n{own}");
}
