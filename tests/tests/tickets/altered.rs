//! Whoever carries a ticket can change nothing in it.
//!
//! Needs: restic.

use holdfast_job::Outcome;
use holdfast_tests::{Node, Signer, line_of};
use serde_json::{Value, json};

use super::{assert_refused, one_of_each};

/// What is said of a request that is not the one that was signed.
const NOT_SIGNED: &str = "the signature is not that of the key `web-1` on this request";

/// Another value of the same kind, where there is one a good one.
fn another(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_u64().expect("a number") + 1),
        Value::Bool(given) => json!(!given),
        Value::String(text) => match text.as_str() {
            "backup" => json!("delete"),
            "restore" => json!("backup"),
            "manual" => json!("daily"),
            "keep" => json!("none"),
            "swap" => json!("whole"),
            "both" => json!("files"),
            // An id: another last digit, or letter.
            text => {
                let (rest, last) = text.split_at(text.len() - 1);
                json!(format!("{rest}{}", if last == "1" { "2" } else { "1" }))
            }
        },
        other => panic!("{other}"),
    }
}

/// The value with one thing altered: each thing in it, one after the other, with what was done.
fn alterations(value: &Value) -> Vec<(String, Value)> {
    let inside = |name: String, of: &Value, put: &dyn Fn(Value) -> Value| {
        let within = alterations(of).into_iter();
        within.map(|(what, new)| (format!("{name}/{what}"), put(new))).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    match value {
        Value::Object(fields) => {
            let with = |name: &str, new: Value| {
                let mut fields = fields.clone();
                fields.insert(name.to_owned(), new);
                Value::Object(fields)
            };
            for (name, field) in fields {
                all.extend(inside(name.clone(), field, &|new| with(name, new)));
                let mut without = fields.clone();
                without.remove(name);
                all.push((format!("{name} removed"), Value::Object(without)));
            }
            all.push(("a new field".to_owned(), with("force", json!(true))));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let with = |new: Value| {
                    let mut items = items.clone();
                    items[at] = new;
                    Value::Array(items)
                };
                all.extend(inside(at.to_string(), item, &with));
            }
            all.push(("the last removed".to_owned(), json!(items[..items.len() - 1])));
            all.push(("the first twice".to_owned(), json!([&items[..1], items].concat())));
        }
        leaf => all.push(("altered".to_owned(), another(leaf))),
    }
    all
}

#[test]
fn nothing_in_a_signed_request_can_be_altered() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let mut tried = 0;
    for call in one_of_each(&node) {
        let text = serde_json::to_string(&call.request).expect("a request");
        let signed = signer.ticket(&text);
        let refuse = |what: &str, altered: String| {
            let ticket =
                holdfast_job::Ticket::new(signer.id().clone(), altered, *signed.signature());
            assert_refused(&call.run_with(&line_of(&ticket)), NOT_SIGNED);
            before.assert_untouched(&node, what);
        };
        let value: Value = serde_json::from_str(&text).expect("a request");
        for (what, altered) in alterations(&value) {
            assert_ne!(altered, value, "{what}: not altered");
            refuse(&what, altered.to_string());
            tried += 1;
        }
        // Nor its spelling, though it means the same.
        refuse("a space", format!("{text} "));
        refuse("another order of fields", value.to_string());
    }
    assert!(tried >= 4 * 15, "only {tried} alterations were tried");
    // As they were signed, each is taken.
    for call in one_of_each(&node) {
        let outcome = call.run_signed(&signer).result().outcome;
        assert_ne!(outcome, Outcome::Refused, "{}", call.request.order.verb().word());
    }
}

#[test]
fn no_byte_of_a_ticket_can_be_altered() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let call = node.backup().named();
    let line = signer.sign(&call.request);
    // One bit that makes another digit or letter, one that makes another case.
    for bit in [0x01, 0x20] {
        for at in 0..line.len() - 1 {
            let mut altered = line.clone();
            altered[at] ^= bit;
            let ended = call.run_with(&altered);
            let shown = String::from_utf8_lossy(&altered);
            assert_eq!(ended.result().outcome, Outcome::Refused, "byte {at}: {shown}{ended:?}");
        }
    }
    before.assert_untouched(&node, "a flipped bit");
    call.run_with(&line).completed();
}

#[test]
fn a_signature_is_good_for_one_key_and_one_purpose() {
    let node = Node::with_site();
    let (first, second) = (Signer::new(&node, "web-1"), Signer::new(&node, "web-2"));
    let before = node.world();
    let call = node.backup().named();
    let text = serde_json::to_string(&call.request).expect("a request");
    let ticket = |signer: &Signer, signature: [u8; 64]| {
        line_of(&holdfast_job::Ticket::new(signer.id().clone(), text.clone(), signature))
    };
    let foreign = holdfast_job::Ticket::signed_bytes(second.id(), &text);
    for (what, line) in [
        ("signed by another key", ticket(&first, *second.ticket(&text).signature())),
        ("signed under another key's name", ticket(&first, first.sign_bytes(&foreign))),
        ("signed for no purpose", ticket(&first, first.sign_bytes(text.as_bytes()))),
        ("signed by nobody", ticket(&first, [0; 64])),
    ] {
        assert_refused(&call.run_with(&line), NOT_SIGNED);
        before.assert_untouched(&node, what);
    }
}
