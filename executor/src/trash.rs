//! Taking out the trash: large trees are removed by a program of their own, at the priority that the
//! occasion allows.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{
    process::{Input, Moved, Program},
    stop::Stop,
};

/// Removing a large tree says nothing on the way.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// How badly the room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Haste {
    /// Some time: only when nobody else wants the disk.
    Idle,
    /// Now: somebody waits for it, though sites go first.
    Soon,
}

/// Removes a tree. What is left of it, the next `recover` removes.
pub async fn remove(tree: &Path, haste: Haste, stop: &Stop) {
    let class: &[&str] = match haste {
        Haste::Idle => &["-c", "3"],
        Haste::Soon => &["-c", "2", "-n", "7"],
    };
    let rm = ["/usr/bin/rm", "-rf", "--one-file-system", "--"];
    let mut args: Vec<String> = class.iter().chain(&rm).map(|&word| word.to_owned()).collect();
    args.push(tree.display().to_string());
    let program = Program {
        name: "rm".into(),
        path: "/usr/bin/ionice".into(),
        args,
        env: BTreeMap::new(),
        stdin: Input::default(),
        patience: PATIENCE,
    };
    if let Ok(running) = program.start() {
        // What it says is seen on the disk.
        let _ = running.wait(stop, |_| Moved::No).await;
    }
}
