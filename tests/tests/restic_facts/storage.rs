//! Repositories that are gone, or not whole.
//!
//! Needs: restic.

use std::{fs, path::PathBuf};

use holdfast_job::Outcome;
use holdfast_tests::{Node, Tree, damage, output_of, program};

#[test]
fn a_repository_that_is_gone_is_missed_and_not_made_anew() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let (repository, away) = (node.repository(), node.root().join("unmounted"));
    fs::rename(&repository, &away).unwrap();
    for order in [node.restore(&snapshot), node.delete(&snapshot)] {
        let ended = order.run();
        let result = ended.ended_as(Outcome::Failed);
        let sentence = format!("the repository at {} is gone", repository.display());
        assert!(result.operator_message.starts_with(&sentence), "{ended:?}");
        assert!(!repository.exists());
    }
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::Failed);
    let sentence = format!(
        "the repository at {} is gone; it was used before: is its disk mounted?",
        repository.display()
    );
    assert!(result.operator_message.starts_with(&sentence), "{ended:?}");
    assert!(!repository.exists(), "an empty repository was made in its place");
    assert_eq!(node.tree(), before);
    // The mount point without its disk.
    fs::create_dir(&repository).unwrap();
    node.backup().run().ended_as(Outcome::Failed);
    assert!(Tree::read(&repository).len() == 1, "{:?}", Tree::read(&repository));
    fs::remove_dir(&repository).unwrap();
    fs::rename(&away, &repository).unwrap();
    node.restore(&snapshot).run().completed();
    node.recover();
}

/// The largest file of packed data in the repository.
fn largest_pack(node: &Node) -> PathBuf {
    let mut find = program("/usr/bin/find");
    find.arg(node.repository().join("data")).args(["-type", "f", "-printf", "%s %p\n"]);
    let said = output_of(&mut find);
    let packs = said.lines().filter_map(|line| line.split_once(' '));
    let largest = packs.max_by_key(|(size, _)| size.parse::<u64>().ok());
    largest.expect("a pack").1.into()
}

#[test]
fn a_corrupt_repository_fails_in_the_fetch_and_leaves_the_site_as_it_was() {
    let node = Node::with_site();
    let random = format!("of={}", node.live().join("photo.raw").display());
    output_of(program("/usr/bin/dd").args(["if=/dev/urandom", "bs=64k", "count=16"]).arg(random));
    let good = node.tree();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let pack = largest_pack(&node);
    let whole = fs::read(&pack).unwrap();
    let mut garbled = whole.clone();
    let middle = garbled.len() / 2;
    garbled[middle..middle + 64].fill(7);
    let garble = || fs::write(&pack, &garbled).unwrap();
    let remove = || fs::remove_file(&pack).unwrap();
    for damage_it in [&garble as &dyn Fn(), &remove] {
        damage_it();
        let ended = node.restore(&snapshot).run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains("is damaged: "), "{ended:?}");
        // The number of errors alone helps nobody.
        assert!(result.operator_message.contains("/public/"), "{ended:?}");
        assert!(ended.said().iter().any(|line| line.contains("\"stage\":\"fetch\"")), "{ended:?}");
        assert!(result.closed_ms.is_none(), "the site was closed: {ended:?}");
        assert_eq!(node.tree(), before);
    }
    fs::write(&pack, &whole).unwrap();
    node.restore(&snapshot).run().completed();
    assert_eq!(node.tree(), good);
    node.recover();
}
