//! Tickets that come again: an ended job is answered and never run a second time.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::{Moment, Order, Outcome, Scope, UndoCopy};
use holdfast_tests::{Call, Node, Signer, damage};
use serde_json::Value;

use super::{assert_refused, snapshots};

/// The same job, had it been ordered so long ago that it is void by now: the order, and the journal
/// as it would then be.
fn aged(node: &Node, call: &Call) -> Call {
    let mut call = call.clone().named();
    let long_ago = call.request.issued_at.unix_seconds() - 7 * 24 * 3600;
    call.request.not_after = Moment::from_unix_seconds(long_ago);
    let path = node.journal(call.job());
    let bytes = fs::read(&path).expect("a journal");
    let end = bytes.iter().position(|byte| *byte == b'\n').expect("a record");
    let mut opened: Value = serde_json::from_slice(&bytes[..end]).expect("a record");
    opened["request"]["not_after"] = long_ago.into();
    fs::write(&path, [opened.to_string().as_bytes(), &bytes[end..]].concat()).expect("a journal");
    call
}

#[test]
fn an_ended_job_is_answered_to_the_byte_whoever_signs_it() {
    let node = Node::with_site();
    let (first, second) = (Signer::new(&node, "web-1"), Signer::new(&node, "web-2"));
    let call = node.backup();
    let ended = call.run_signed(&first);
    ended.completed();
    let before = node.world();
    let asked_again = |signer: &Signer| {
        let again = call.run_signed(signer);
        assert_eq!(again.last_line(), ended.last_line());
        assert_eq!(again.messages().len(), 1, "no stage is run: {again:?}");
        before.assert_untouched(&node, "an ended job");
    };
    asked_again(&first);
    asked_again(&second);
    first.withdraw();
    asked_again(&second);
    assert_eq!(snapshots(&node), 1);
}

#[test]
fn an_ended_job_is_answered_though_its_ticket_is_void_by_now() {
    let node = Node::with_site();
    let (first, second) = (Signer::new(&node, "web-1"), Signer::new(&node, "web-2"));
    let backup = node.backup();
    let saved = backup.run_signed(&first);
    let snapshot = saved.completed().snapshot.expect("a snapshot");
    let failed = node.backup_of("db");
    let failure = failed.run_signed(&first);
    failure.ended_as(Outcome::Failed);
    damage(&node.live());
    let restore = node.restore_with(&snapshot, Scope::Both, UndoCopy::Keep);
    let restored = restore.run_signed(&first);
    restored.completed();
    for (call, ended) in [(backup, saved), (failed, failure), (restore, restored)] {
        let void = aged(&node, &call);
        let before = node.world();
        for signer in [&first, &second] {
            let again = void.run_signed(signer);
            assert_eq!(again.last_line(), ended.last_line());
            assert_eq!(again.status, ended.status);
        }
        before.assert_untouched(&node, "an ended job of long ago");
        // Root, who can read the journal, is told what it was told before.
        assert_refused(&void.run(), "was void after");
    }
}

#[test]
fn a_void_ticket_whose_job_never_ended_here_is_refused() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let mut never = node.backup();
    never.request.not_after = Moment::from_unix_seconds(1_700_000_000);
    assert_refused(&never.run_signed(&signer), "was void after 2023-11-14T22:13:20Z: order again");
    assert!(!node.root().join("state").exists(), "something was made for a void order");
    // One that was told to come again later did not end either.
    let hook = node.root().join("etc/before");
    holdfast_tests::place_program(&hook, "#!/bin/sh\nexit 75\n");
    node.configure("", &format!("[site.hooks]\nbefore = \"{}\"\n", hook.display()));
    let call = node.backup();
    call.run_signed(&signer).ended_as(Outcome::Busy);
    node.configure("", "");
    let void = aged(&node, &call);
    let before = node.world();
    assert_refused(&void.run_signed(&signer), "was void after");
    // And one of which nothing but the file is there has not even begun.
    fs::write(node.journal(never.job()), [0; 4096]).expect("a journal without a record");
    assert_refused(&never.run_signed(&signer), "was void after");
    before.assert_unchanged(&node, "void orders");
    assert_eq!(node.world().journals(), 1, "the empty one is gone");
}

#[test]
fn a_void_ticket_is_not_tried_again_and_is_told_how_it_failed() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let call = node.backup().named();
    let ended = call.clone().rehearsed("before dump").run_signed(&signer);
    ended.ended_as(Outcome::FailedForNow);
    let void = aged(&node, &call);
    let before = node.world();
    assert_eq!(void.run_signed(&signer).last_line(), ended.last_line());
    before.assert_untouched(&node, "a void order that had failed for now");
}

#[test]
fn a_job_that_was_cut_short_is_settled_and_told_though_its_ticket_is_void() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let live = node.tree();
    let snapshot = node.backup().run_signed(&signer).completed().snapshot.expect("a snapshot");
    damage(&node.live());
    let call = node.restore(&snapshot).named();
    let line = signer.sign(&call.request);
    let rehearsed = call.clone().rehearsed("wait open");
    let mut running = rehearsed.start_with(&line, std::process::Stdio::piped());
    running.until_said("\"stage\":\"open\"");
    running.kill();
    running.wait();
    let void = aged(&node, &call);
    let result = void.run_signed(&signer).completed();
    assert_eq!(result.job, Some(call.job()));
    assert_eq!(node.tree(), live);
    assert!(!node.flag().exists());
}

#[test]
fn a_job_id_is_good_for_one_order_in_all_its_fields() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let call = node.backup().named();
    let snapshot = call.run_signed(&signer).completed().snapshot.expect("a snapshot");
    let before = node.world();
    let mut others = vec![node.restore(&snapshot), node.delete(&snapshot), node.backup_of("web")];
    others.extend([call.clone(), call.clone()]);
    let later = |moment: Moment| moment.plus(std::time::Duration::from_secs(1));
    others[3].request.not_after = later(call.request.not_after);
    others[4].request.issued_at = later(call.request.issued_at);
    for mut other in others {
        other.request.job = call.job();
        let ended = other.run_signed(&signer);
        assert_refused(&ended, "the job id was used before, for another order");
        before.assert_untouched(&node, "the job of another order");
    }
    // What root began is the same job only if it is the same in all.
    let by_hand = node.backup_of("db").named();
    let ended = by_hand.run();
    ended.ended_as(Outcome::Failed);
    assert_eq!(by_hand.run_signed(&signer).last_line(), ended.last_line());
    let mut other = by_hand.clone();
    other.request.not_after = later(by_hand.request.not_after);
    assert_refused(&other.run_signed(&signer), "the job id was used before");
}

#[test]
fn how_a_job_ended_is_told_though_another_one_is_stuck() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let call = node.backup();
    let ended = call.run_signed(&signer);
    let snapshot = ended.completed().snapshot.expect("a snapshot");
    damage(&node.live());
    let restore = node.restore(&snapshot);
    let mut running = restore.rehearsed("after swap_files,wait -swap_files").start();
    running.until_said("\"reverting\":true");
    fs::rename(node.live(), node.base().join("taken")).expect("taken away");
    running.let_go();
    running.wait().ended_as(Outcome::Stuck);
    assert_eq!(call.run_signed(&signer).last_line(), ended.last_line());
    let mut undo = node.undo();
    undo.request.order = Order::Undo(holdfast_job::Undo { of: Some(call.job()) });
    undo.run_signed(&signer).ended_as(Outcome::Stuck);
    fs::rename(node.base().join("taken"), node.live()).expect("given back");
    let settled = node.executor_with(&["settle", "42", "--as", "new"]).output().expect("settle");
    assert!(settled.status.success(), "{settled:?}");
}
