//! Requests that are none: what the executor reads on stdin, before it looks at anything.
//!
//! Needs: restic.

use std::{fs, process::Stdio};

use holdfast_job::{Moment, Outcome};
use holdfast_tests::{Call, Node};
use serde_json::{Value, json};

use super::{assert_refused, no_snapshot};

/// The request of a call with one value replaced or added, as a line.
fn edited(call: &Call, pointer: &str, value: Value) -> Vec<u8> {
    let mut request = serde_json::to_value(&call.request).expect("a request");
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    match request.pointer_mut(parent).expect("a parent") {
        Value::Object(fields) => drop(fields.insert(field.to_owned(), value)),
        Value::Array(items) => items[0] = value,
        other => panic!("{pointer}: {other}"),
    }
    line(&request.to_string())
}

fn line(text: &str) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

#[test]
fn a_customer_id_that_is_no_plain_number_is_refused() {
    let node = Node::with_site();
    let before = node.world();
    for call in [node.backup(), node.undo()] {
        for bad in [json!(-1), json!(0), json!(4_294_967_296_u64), json!(42.5), json!(1e3)] {
            let ended = call.run_with(&edited(&call, "/customer", bad.clone()));
            assert_refused(&ended, "is no customer id: give the customer's number, such as 42");
            before.assert_untouched(&node, &bad.to_string());
        }
    }
}

#[test]
fn a_customer_id_of_another_type_is_refused_as_a_customer_id() {
    let node = Node::with_site();
    let before = node.world();
    let call = node.backup();
    for bad in [json!("42"), json!("../7"), json!("--help"), json!(null), json!([42])] {
        let ended = call.run_with(&edited(&call, "/customer", bad.clone()));
        assert_refused(&ended, "customer");
        before.assert_untouched(&node, &bad.to_string());
    }
}

#[test]
fn a_snapshot_id_that_is_not_64_small_digits_is_refused() {
    let node = Node::with_site();
    let before = node.world();
    let full = no_snapshot();
    let full = full.as_str();
    let (restore, delete) = (node.restore(&no_snapshot()), node.delete(&no_snapshot()));
    for bad in [
        "latest",
        &full[..8],
        &full[..63],
        &format!("{full}0"),
        &full.to_uppercase(),
        &format!("{full}:/etc"),
        "--help",
        "",
        "../../etc/passwd",
    ] {
        for (call, field) in [(&restore, "/order/snapshot"), (&delete, "/order/snapshots/0")] {
            let ended = call.run_with(&edited(call, field, json!(bad)));
            assert_refused(&ended, "is no snapshot id: give all 64 hexadecimal digits");
            before.assert_untouched(&node, bad);
        }
    }
    let nothing = delete.run_with(&edited(&delete, "/order/snapshots", json!([])));
    assert_refused(&nothing, "names no snapshot to delete");
}

#[test]
fn a_job_id_that_is_no_hyphenated_uuid_is_refused_as_a_job_id() {
    let node = Node::with_site();
    let before = node.world();
    let call = node.backup();
    let simple = call.job().to_string().replace('-', "");
    for bad in ["latest", "../../../etc/cron.d/x", "", simple.as_str()] {
        let ended = call.run_with(&edited(&call, "/job", json!(bad)));
        assert_refused(&ended, "job id");
        before.assert_untouched(&node, bad);
    }
}

#[test]
fn a_name_that_is_none_is_refused() {
    let node = Node::with_site();
    let before = node.world();
    let call = node.backup();
    for (field, bad, says) in [
        ("/order/repository", "../daily", "is no repository name"),
        ("/order/repository", "--help", "is no repository name"),
        ("/order/repository", "", "is no repository name"),
        ("/order/scope", "web,../x", "is no source id"),
        ("/order/scope", "web,", "is no source id"),
        ("/order/scope", "Files", "is no source id"),
        ("/order/scope", "", "the scope is empty"),
        ("/order/label", "weekly", "unknown variant `weekly`"),
        ("/order/verb", "prune", "unknown variant `prune`"),
        ("/node", "Other Node", "is no node name"),
    ] {
        let ended = call.run_with(&edited(&call, field, json!(bad)));
        assert_refused(&ended, says);
        before.assert_untouched(&node, bad);
    }
}

#[test]
fn a_request_of_another_form_is_refused() {
    let node = Node::with_site();
    let before = node.world();
    let call = node.backup();
    let good = serde_json::to_string(&call.request).expect("a request");
    let twice = good.replacen('{', "{\"customer\":43,", 1);
    let restore = serde_json::to_vec(&node.restore(&no_snapshot()).request).expect("a request");
    for (what, line, says) in [
        ("unknown field", edited(&call, "/force", json!(true)), "unknown field `force`"),
        ("in the order", edited(&call, "/order/force", json!(true)), "unknown field `force`"),
        ("a path", edited(&call, "/order/base", json!("/etc")), "unknown field `base`"),
        ("a field twice", line(&twice), "duplicate field `customer`"),
        ("version 7", edited(&call, "/version", json!(7)), "has version 7"),
        ("version 0", edited(&call, "/version", json!(0)), "has version 0"),
        ("a word for a version", edited(&call, "/version", json!("1")), "version"),
        ("no version", line("{\"job\":\"x\"}"), "missing field `version`"),
        ("no object", line("42"), "no JSON object with a version"),
        ("words", line("backup 42 both"), "no JSON object with a version"),
        ("two objects", line(&format!("{good}{good}")), "trailing characters"),
        ("cut off", line(&good[..good.len() - 9]), "no JSON object with a version"),
        ("garbage", b"\xff\xfe\0\x01\x80garbage\0\n".to_vec(), "no JSON object with a version"),
        ("an empty line", line(""), "stdin was closed before a request came"),
        ("another verb", [restore, b"\n".to_vec()].concat(), "is for `restore`"),
    ] {
        let ended = call.run_with(&line);
        assert_refused(&ended, says);
        before.assert_untouched(&node, what);
    }
}

#[test]
fn ten_megabytes_of_request_are_refused() {
    let node = Node::with_site();
    let before = node.world();
    let call = node.backup();
    let long = "x".repeat(10 << 20);
    let blank = " ".repeat(10 << 20);
    for text in [
        edited(&call, "/order/label", json!(long)),
        format!("{blank}{}\n", serde_json::to_string(&call.request).expect("a request")).into(),
        long.clone().into_bytes(),
    ] {
        assert_refused(&call.run_with(&text), "larger than 65536 bytes");
        before.assert_untouched(&node, "10 MB");
    }
}

#[test]
fn an_empty_stdin_is_told_from_a_request() {
    let node = Node::with_site();
    let before = node.world();
    let mut running = node.backup().start_with(b"", Stdio::piped());
    running.let_go();
    assert_refused(&running.wait(), "stdin was closed before a request came");
    before.assert_untouched(&node, "empty stdin");
}

#[test]
fn a_request_whose_lifeline_is_closed_behind_it_is_stopped_at_once() {
    let node = Node::with_site();
    let before = node.world();
    let call = node.backup();
    let request = serde_json::to_vec(&call.request).expect("a request");
    for request in [request.clone(), [request, b"\n".to_vec()].concat()] {
        let _ = fs::remove_file(node.journal(call.job()));
        let mut running = call.start_with(&request, Stdio::piped());
        running.let_go();
        running.wait().ended_as(Outcome::Stopped);
        before.assert_unchanged(&node, "a request and its end");
    }
}

#[test]
fn an_order_for_another_node_or_another_time_is_refused() {
    let node = Node::with_site();
    let before = node.world();
    let mut call = node.backup();
    call.request.node = Some("test-2".parse().expect("a name"));
    assert_refused(&call.run(), "for another node; this one is test-1");
    let mut call = node.backup();
    call.request.not_after = Moment::from_unix_seconds(1_700_000_000);
    assert_refused(&call.run(), "was void after 2023-11-14T22:13:20Z: order again");
    before.assert_untouched(&node, "void");
}
