//! Jobs that are ordered again.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::Node;

use super::{assert_refused, snapshots};

#[test]
fn a_job_is_carried_out_once_however_often_it_is_ordered() {
    let node = Node::with_site();
    let call = node.backup();
    let first = call.run().completed();
    let before = node.world();
    for _ in 0..2 {
        let ended = call.run();
        assert_eq!(ended.completed(), first);
        assert_eq!(ended.messages().len(), 1, "no stage is run: {ended:?}");
        before.assert_untouched(&node, "the same job again");
    }
    assert_eq!(snapshots(&node), 1);
    let snapshot = first.snapshot.expect("a snapshot");
    for mut other in [node.restore(&snapshot), node.delete(&snapshot), node.backup_of("web")] {
        other.request.job = call.job();
        assert_refused(&other.run(), "the job id was used before, for another order");
        before.assert_untouched(&node, "the job of another order");
    }
}

#[test]
fn a_job_that_failed_for_now_may_be_tried_three_times() {
    let node = Node::with_site();
    let before = node.world();
    let call = node.backup();
    let journal = || fs::read_to_string(node.journal(call.job())).expect("a journal");
    for attempt in 1..=3 {
        call.clone().rehearsed("before dump").run().ended_as(Outcome::FailedForNow);
        assert_eq!(journal().matches("{\"record\":\"ended\"").count(), attempt);
    }
    let written = journal();
    assert_eq!(written.matches("{\"record\":\"attempt\"").count(), 2, "{written}");
    let ended = call.run();
    assert_eq!(ended.ended_as(Outcome::FailedForNow).operator_message, "rehearsed, before");
    assert_eq!(journal(), written, "a fourth attempt was made");
    before.assert_unchanged(&node, "three attempts");
}

#[test]
fn a_further_attempt_leaves_one_snapshot_behind() {
    let node = Node::with_site();
    let call = node.backup();
    call.clone().rehearsed("after snapshot").run().ended_as(Outcome::FailedForNow);
    assert_eq!(snapshots(&node), 1);
    let result = call.run().completed();
    assert!(result.snapshot.is_some());
    assert_eq!(snapshots(&node), 1);
}
