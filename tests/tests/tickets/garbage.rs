//! What only looks like a ticket.
//!
//! Needs: restic.

use std::process::Stdio;

use holdfast_tests::{Node, Signer};

use super::assert_refused;

#[test]
fn what_is_no_ticket_is_refused() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let call = node.backup().named();
    let good = String::from_utf8(signer.sign(&call.request)).expect("text");
    let request = serde_json::to_string(&call.request).expect("a request");
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    let digits = |text: &str| good.replacen("\"signature\":\"", text, 1);
    let first = |text: &str| good.replacen("{\"ticket\":1,", text, 1);
    for (what, line, says) in [
        ("another version", first("{\"ticket\":2,"), "has version 2, and this build understands"),
        ("version 0", first("{\"ticket\":0,"), "has version 0"),
        ("a huge version", first("{\"ticket\":4294967296,"), "is no JSON object with a version"),
        ("a word for a version", first("{\"ticket\":\"1\","), "is no JSON object with a version"),
        ("no version", first("{\"ticket\":null,"), "is no JSON object with a version"),
        ("a ticket in it", first(&format!("{{\"ticket\":{},", good.trim())), "no JSON object"),
        ("a version twice", first("{\"ticket\":1,\"ticket\":1,"), "duplicate field `ticket`"),
        ("a key twice", first("{\"ticket\":1,\"key\":\"web-1\","), "duplicate field `key`"),
        (
            "a request twice",
            first("{\"ticket\":1,\"request\":\"{}\","),
            "duplicate field `request`",
        ),
        ("a new field", first("{\"ticket\":1,\"force\":true,"), "unknown field `force`"),
        ("a path for a key", good.replace("web-1", "../web-1"), "is no key id"),
        ("no key", good.replace("\"key\":\"web-1\",", ""), "missing field `key`"),
        ("more digits", digits("\"signature\":\"00"), "is not 128 lower-case hexadecimal digits"),
        ("no digits", digits("\"signature\":\"\",\"x\":\""), "is not 128 lower-case hexadecimal"),
        ("upper case", upper(&good), "is not 128 lower-case hexadecimal digits"),
        ("bytes", digits("\"signature\":[1,2],\"x\":\""), "the ticket is not valid"),
        (
            "an object",
            format!("{{\"ticket\":1,\"request\":{request}}}\n"),
            "the ticket is not valid",
        ),
        ("nested deeply", format!("{{\"ticket\":{deep}}}\n"), "no JSON object with a version"),
        ("nested below", format!("{{\"ticket\":1,\"request\":{deep}}}\n"), "ticket is not valid"),
        ("a list", format!("[{}]\n", good.trim()), "no JSON object with a version"),
        ("two", format!("{}{good}", good.trim()), "no JSON object with a version"),
        ("with a request", format!("{}{request}\n", good.trim()), "no JSON object with a version"),
    ] {
        assert_refused(&call.run_with(line.as_bytes()), says);
        before.assert_untouched(&node, what);
    }
    let zeroes = [good.trim().as_bytes(), b"\0\0\n"].concat();
    assert_refused(&call.run_with(&zeroes), "no JSON object with a version");
    let binary = [&good.as_bytes()[..40], b"\xff\xfe\0\x01\n"].concat();
    assert_refused(&call.run_with(&binary), "no JSON object with a version");
    before.assert_untouched(&node, "binary");
}

fn upper(good: &str) -> String {
    let (rest, signature) = good.split_once("\"signature\"").expect("a signature");
    format!("{rest}\"signature\"{}", signature.to_uppercase())
}

#[test]
fn a_ticket_that_is_cut_off_anywhere_is_refused() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let call = node.backup().named();
    let good = signer.sign(&call.request);
    for length in (0..good.len() - 1).step_by(7).chain([good.len() - 2]) {
        let mut running = call.start_with(&good[..length], Stdio::piped());
        running.let_go();
        let says = match length {
            0 => "stdin was closed before a request came",
            _ => "no JSON object with a version",
        };
        assert_refused(&running.wait(), says);
    }
    before.assert_untouched(&node, "cut off");
}

#[test]
fn ten_megabytes_of_ticket_are_refused() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let call = node.backup().named();
    let request = serde_json::to_string(&call.request).expect("a request");
    // The signature is good: it is the size that is not.
    let spaces = format!("{request}{}", " ".repeat(10 << 20));
    let large = format!("{}\n", signer.ticket(&spaces).to_line());
    assert_refused(&call.run_with(large.as_bytes()), "larger than 65536 bytes");
    before.assert_untouched(&node, "10 MB");
    let room = 65_536 - signer.sign(&call.request).len();
    let most = format!("{request}{}", " ".repeat(room));
    let line = format!("{}\n", signer.ticket(&most).to_line());
    assert_eq!(line.len(), 65_536);
    call.run_with(line.as_bytes()).completed();
}
