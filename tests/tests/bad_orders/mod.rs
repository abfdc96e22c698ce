//! Orders that are wrong, or not for whoever gives them: each gets a clear answer, and nothing
//! happens.

mod again;
mod by_hand;
mod requests;
mod strangers;

use holdfast_job::{Outcome, SnapshotId};
use holdfast_tests::{Ended, Node, output_of};
use serde_json::Value;

/// A snapshot id that no repository has.
pub(crate) fn no_snapshot() -> SnapshotId {
    "0123456789abcdef".repeat(4).parse().expect("an id")
}

/// Asserts that the order was refused in these words, before anything was looked at.
pub(crate) fn assert_refused(ended: &Ended, says: &str) {
    let result = ended.ended_as(Outcome::Refused);
    assert!(result.operator_message.contains(says), "{says:?} is not said: {ended:?}");
    assert!(result.operator_message.len() < 1000, "{ended:?}");
    assert!(result.customer_message.contains("nothing was done"), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
}

pub(crate) fn snapshots(node: &Node) -> usize {
    let said = output_of(&mut node.restic(&["snapshots", "--json", "--no-lock"]));
    serde_json::from_str::<Vec<Value>>(&said).expect("a list").len()
}
