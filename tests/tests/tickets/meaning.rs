//! What a ticket must say beyond what root must: which node, which job, and that it is now.
//!
//! Needs: restic.

use holdfast_job::{Moment, Order, Outcome};
use holdfast_tests::{Call, Node, Signer, line_of};

use super::{assert_refused, no_snapshot, one_of_each};

fn now() -> u64 {
    Moment::of(std::time::SystemTime::now()).unix_seconds()
}

/// An order that was given and becomes void at these seconds before or after now.
fn timed(mut call: Call, issued: i64, void: i64) -> Call {
    let at = |offset: i64| Moment::from_unix_seconds(now().saturating_add_signed(offset));
    call.request.issued_at = at(issued);
    call.request.not_after = at(void);
    call
}

#[test]
fn a_good_ticket_is_carried_out_and_the_journal_says_whose_it_was() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let origin = |call: &Call| {
        let text = std::fs::read_to_string(node.journal(call.job())).expect("a journal");
        let first = text.lines().next().expect("a record");
        serde_json::from_str::<serde_json::Value>(first).expect("a record")["origin"].to_string()
    };
    let backup = node.backup();
    let snapshot = backup.run_signed(&signer).completed().snapshot.expect("a snapshot");
    assert_eq!(origin(&backup), r#"{"web":{"key":"web-1"}}"#);
    let restore = node.restore(&snapshot);
    restore.run_signed(&signer).completed();
    let mut undo = node.undo();
    undo.request.order = Order::Undo(holdfast_job::Undo { of: Some(restore.job()) });
    undo.run_signed(&signer).completed();
    // Root, who needs none, may bring the same kind of order by hand.
    let by_hand = node.delete(&snapshot);
    by_hand.run().completed();
    assert_eq!(origin(&by_hand), r#""root""#);
}

#[test]
fn a_ticket_is_for_one_node_which_it_names() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    for mut call in one_of_each(&node) {
        call.request.node = None;
        assert_refused(&call.run_with(&signer.sign(&call.request)), "names no node");
        call.request.node = Some("test-2".parse().expect("a name"));
        let ended = call.run_with(&signer.sign(&call.request));
        assert_refused(&ended, "is for another node; this one is test-1");
        assert_eq!(ended.result().job, Some(call.job()), "what is signed is somebody's word");
        before.assert_untouched(&node, "another node");
    }
}

#[test]
fn a_ticket_is_for_one_verb() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let calls = one_of_each(&node);
    for called in &calls {
        for signed in &calls {
            let (called_verb, verb) = (called.request.order.verb(), signed.request.order.verb());
            if called_verb != verb {
                let ended = called.run_with(&signer.sign(&signed.request));
                let (said, called) = (verb.word(), called_verb.word());
                let says = format!("the request is for `{said}`, and the verb is `{called}`");
                assert_refused(&ended, &says);
            }
        }
    }
    before.assert_untouched(&node, "another verb");
}

#[test]
fn an_undo_must_name_its_job_in_a_ticket() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    assert_refused(&node.undo().run_signed(&signer), "with the job in `of`");
    before.assert_untouched(&node, "an undo of the latest");
}

#[test]
fn clocks_may_differ_by_five_minutes_and_no_more() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    // The tests themselves take a while: a minute is left to them on either side.
    for (call, says) in [
        (timed(node.backup(), -3600, -360), "was void after"),
        (timed(node.backup(), 360, 3600), "more than 5 minutes apart; set the clocks right"),
    ] {
        assert_refused(&call.run_signed(&signer), says);
        before.assert_untouched(&node, says);
    }
    for (issued, void) in [(-3600, -240), (240, 3600)] {
        timed(node.backup(), issued, void).run_signed(&signer).completed();
    }
    // Root's own clock is the node's.
    assert_refused(&timed(node.backup(), -3600, -240).run(), "was void after");
}

#[test]
fn what_is_signed_must_still_be_a_request() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let call = node.backup().named();
    let good = serde_json::to_string(&call.request).expect("a request");
    let nested = line_of(&signer.ticket(&good));
    let nested = String::from_utf8(nested).expect("text");
    for (text, says) in [
        ("", "the request is no JSON object with a version"),
        ("{}", "missing field `version`"),
        ("[]", "the request is no JSON object with a version"),
        (good.replace("\"version\":1", "\"version\":7").as_str(), "has version 7"),
        (good.replacen('{', "{\"customer\":43,", 1).as_str(), "duplicate field `customer`"),
        (good.replacen('{', "{\"force\":true,", 1).as_str(), "unknown field `force`"),
        (good.replace("\"scope\":\"both\"", "\"scope\":\"../x\"").as_str(), "is no source id"),
        (&good[..good.len() - 1], "the request is no JSON object with a version"),
        (nested.as_str(), "missing field `version`"),
    ] {
        assert_refused(&call.run_with(&line_of(&signer.ticket(text))), says);
        before.assert_untouched(&node, text);
    }
}

#[test]
fn a_ticket_for_what_is_not_there_fails_as_roots_order_does() {
    let node = Node::with_site();
    node.remove_repository();
    let signer = Signer::new(&node, "web-1");
    let ended = node.restore(&no_snapshot()).run_signed(&signer);
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("no repository at"), "{ended:?}");
    let mut other = node.backup();
    other.request.customer = "43".parse().expect("an id");
    assert_refused(&other.run_signed(&signer), "there is no customer 43");
}
