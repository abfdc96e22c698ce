//! One order at a time, and what a restore displaced: how it is kept, taken back and let go.

mod busy;
mod limits;
mod recover;
mod sources;
mod undo;

use std::{fs, path::Path};

use holdfast_job::{Order, Recovered, Standing};
use holdfast_tests::{Call, Node};

/// `undo` of what one job displaced.
fn undo_of(node: &Node, call: &Call) -> Call {
    let mut undo = node.undo();
    if let Order::Undo(order) = &mut undo.request.order {
        order.of = Some(call.job());
    }
    undo
}

/// Writes one file of the site anew, so that each state of the tree is another.
fn mark(folder: &Path, text: &str) {
    fs::write(folder.join("mark.txt"), text).expect("a mark");
}

/// What `.holdfast` holds, by the beginnings of the names.
fn aside(node: &Node, beginning: &str) -> Vec<String> {
    let entries = fs::read_dir(node.base().join(".holdfast")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(beginning)).collect()
}

/// The standings that `recover` says, one JSON line for each customer.
fn standings(said: &str) -> Vec<Standing> {
    let read = |line| -> Recovered { serde_json::from_str(line).expect("a line of recover") };
    said.lines().map(read).map(|recovered| recovered.standing).collect()
}
