//! Tickets: orders that the web side has signed. What is altered, late, for somebody else or signed
//! by somebody else is refused, and nothing happens.

mod again;
mod altered;
mod by_sudo;
mod garbage;
mod keys;
mod meaning;

use holdfast_job::{MaintenanceMode, Order};
use holdfast_tests::{Call, Node};

use crate::bad_orders::{assert_refused, no_snapshot, snapshots};

/// An order of each verb, with every field that it may have.
fn one_of_each(node: &Node) -> [Call; 4] {
    let job = node.backup().job();
    let mut calls =
        [node.backup(), node.restore(&no_snapshot()), node.undo(), node.delete(&no_snapshot())]
            .map(Call::named);
    for call in &mut calls {
        match &mut call.request.order {
            Order::Backup(_) => {}
            Order::Restore(restore) => {
                restore.maintenance = Some(MaintenanceMode::Swap);
                restore.keep_unhealthy = true;
            }
            Order::Undo(undo) => undo.of = Some(job),
            Order::Delete(delete) => {
                delete.snapshots.push("fedcba9876543210".repeat(4).parse().expect("an id"));
            }
        }
    }
    calls
}
