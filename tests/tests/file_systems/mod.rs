//! What file systems and those who administer them put on a tree: flags, projects, layers, lengths,
//! links. What would keep a restore from ending is refused by name while the site is open.

mod carried;
mod layers;
mod links;
mod long_paths;
mod other_kernels;
mod protected;
mod trash;

use std::path::Path;

use holdfast_job::Outcome;
use holdfast_tests::{Call, Ended, Node, Tree};

/// What `doctor` finds bad about the site.
fn bad(node: &Node) -> Vec<String> {
    let output = node.executor_with(&["doctor"]).output().expect("doctor");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.starts_with("BAD   customer")).map(str::to_owned).collect()
}

/// The order is refused for good in `Check`, by these words; the site was never closed, and is as it was.
fn refused(node: &Node, order: &Call, words: &[&str]) -> Ended {
    let before = node.tree();
    let ended = order.run();
    let result = ended.ended_as(Outcome::Failed);
    for word in words {
        assert!(result.operator_message.contains(word), "{word}: {ended:?}");
    }
    assert_eq!(result.closed_ms, None, "{ended:?}");
    for stage in ["fetch", "close", "halt"] {
        let said = format!("\"stage\":\"{stage}\"");
        assert!(!ended.said().iter().any(|line| line.contains(&said)), "{stage}: {ended:?}");
    }
    assert!(!node.flag().exists(), "{ended:?}");
    unchanged(&node.live(), &before);
    ended
}

fn unchanged(live: &Path, before: &Tree) {
    let now = Tree::read(live);
    assert!(now == *before, "{}", now.differences(before));
}

/// `doctor` says so too, and leaves nothing behind.
fn foreseen(node: &Node, words: &[&str]) {
    let names = || {
        let entries = std::fs::read_dir(node.base()).expect("the base").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let found = bad(node);
    let said = found.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(said, "{words:?} in {found:#?}");
    assert_eq!(names(), before, "doctor leaves something behind");
}
