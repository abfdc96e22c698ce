//! Causes that keep an order from its end: each is foreseen by `doctor`, told by its name, permanent or
//! passing by what it is, and found before anything is touched.
//!
//! A cause is a row of [`CAUSES`], which is also a row of the table in docs/RELIABILITY.md. To add one:
//! a function that brings it about, its row here, its row there.

mod databases;
mod local;
mod nginx;
mod ssh;
mod storage;
mod table;

use std::any::Any;

use holdfast_job::{Outcome, SnapshotId};
use holdfast_tests::{Call, Node};

/// A cause, and what is told of it.
struct Cause {
    /// As in the table of docs/RELIABILITY.md.
    name: &'static str,
    /// Brings it about.
    bring: fn() -> World,
    /// What `doctor` says, in a line that is bad.
    doctor: &'static str,
    /// The orders that meet it.
    orders: &'static [Met],
}

/// An order that meets a cause.
struct Met {
    /// Which.
    order: Given,
    /// How it ends.
    outcome: Outcome,
    /// What the operator reads.
    text: &'static str,
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Backup,
    Restore,
    Delete,
}

/// A node in which a cause is at work. The fields are dropped in this order.
struct World {
    /// Servers and disks.
    others: Vec<Box<dyn Any>>,
    node: Node,
    /// A backup from before.
    snapshot: SnapshotId,
}

impl World {
    fn new(node: Node, snapshot: SnapshotId) -> Self {
        Self { others: Vec::new(), node, snapshot }
    }

    fn with(mut self, other: impl Any) -> Self {
        self.others.push(Box::new(other));
        self
    }

    fn call(&self, order: Given) -> Call {
        match order {
            Given::Backup => self.node.backup(),
            Given::Restore => self.node.restore(&self.snapshot),
            Given::Delete => self.node.delete(&self.snapshot),
        }
    }
}

/// The lines of `doctor` that are bad.
fn bad(node: &Node) -> Vec<String> {
    let output = node.executor_with(&["doctor"]).output().expect("doctor");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.starts_with("BAD")).map(str::to_owned).collect()
}

/// Brings the cause about, and holds what is told of it against its row.
fn walk(name: &str) {
    let cause = table::CAUSES.iter().find(|cause| cause.name == name).expect("a row");
    let mut world = (cause.bring)();
    world.node.expect_left_overs();
    let before = world.node.tree();
    let found = bad(&world.node);
    assert!(found.iter().any(|line| line.contains(cause.doctor)), "{name}: {found:#?}");
    for Met { order, outcome, text } in cause.orders {
        let ended = world.call(*order).run();
        let result = ended.ended_as(*outcome);
        assert!(result.operator_message.contains(text), "{name}, {order:?}: {ended:?}");
        assert!(!result.customer_message.contains('/'), "{name}: {}", result.customer_message);
        assert_eq!(result.closed_ms, None, "{name}: the door closed: {ended:?}");
        if !outcome.is_success() {
            assert_eq!(world.node.tree(), before, "{name}, {order:?}");
        }
    }
}
