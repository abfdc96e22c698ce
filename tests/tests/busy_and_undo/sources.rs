//! A site with two webroots: each can be saved and restored alone, and both change places or none.
//!
//! Needs: restic.

use std::{fs, path::PathBuf};

use holdfast_job::{Outcome, SnapshotId, UndoCopy, WhatHappened};
use holdfast_tests::{Call, Node, Tree, damage, output_of};

use super::{aside, mark, undo_of};

/// Two webroots: `web` in the base itself, `blog` in a folder of it.
const TWO_SOURCES: &str = r#"
[[site.files]]
id = "web"
name = "Website"
path = "BASE/public"
[[site.files]]
id = "blog"
name = "Blog"
path = "BASE/sites/blog"
"#;

fn with_two_webroots() -> Node {
    let node = Node::with_site();
    let base = node.base().display().to_string();
    node.configure(&TWO_SOURCES.replace("BASE", &base), "");
    fs::create_dir_all(blog(&node)).expect("a folder");
    mark(&blog(&node), "zero");
    node
}

fn blog(node: &Node) -> PathBuf {
    node.base().join("sites/blog")
}

/// Both trees, to be compared.
fn trees(node: &Node) -> (Tree, Tree) {
    (node.tree(), Tree::read(&blog(node)))
}

fn restore_of(node: &Node, snapshot: &SnapshotId, of: &str) -> Call {
    node.restore_with(snapshot, of.parse().expect("a scope"), UndoCopy::Keep)
}

#[test]
fn one_source_of_two_is_saved_and_restored_alone() {
    let node = with_two_webroots();
    let (web, zero) = trees(&node);
    let saved = node.backup_of("blog").run().completed();
    let ids: Vec<&str> = saved.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["blog"]);
    let blog_alone = saved.snapshot.expect("a snapshot");
    let listed = output_of(&mut node.restic(&["ls", "--no-lock", blog_alone.as_str()]));
    assert!(listed.contains("sites/blog/mark.txt") && !listed.contains("index.php"), "{listed}");
    let both = node.backed_up();

    damage(&node.live());
    mark(&blog(&node), "one");
    let (bad, one) = trees(&node);
    let of_blog = restore_of(&node, &both, "blog");
    let result = of_blog.run().completed();
    assert_eq!(result.sources.len(), 1);
    assert_eq!(trees(&node), (bad.clone(), zero.clone()));
    restore_of(&node, &both, "web").run().completed();
    assert_eq!(trees(&node), (web.clone(), zero.clone()));
    // Each has an undo copy of its own.
    assert_eq!(aside(&node, "undo-").len(), 2);
    undo_of(&node, &of_blog).run().completed();
    assert_eq!(trees(&node), (web.clone(), one.clone()));

    // What a backup does not hold is said, or refused if it was asked for by name.
    let partly = node.restore(&blog_alone).run().completed();
    let what: Vec<_> = partly.sources.iter().map(|s| (s.id.as_str(), s.what)).collect();
    assert!(what.contains(&("blog", WhatHappened::Restored)), "{what:?}");
    assert!(what.contains(&("web", WhatHappened::NotInBackup)), "{what:?}");
    assert_eq!(trees(&node), (web.clone(), zero.clone()));
    for absent in ["web", "blog,web"] {
        let ended = restore_of(&node, &blog_alone, absent).run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.customer_message.contains("does not hold Website"), "{ended:?}");
        assert_eq!(trees(&node), (web.clone(), zero.clone()));
    }
    node.recover();
}

#[test]
fn the_latest_restore_is_undone_though_an_earlier_one_was_tried_in_between() {
    let node = with_two_webroots();
    let both = node.backed_up();
    damage(&node.live());
    mark(&blog(&node), "one");
    let (_, one) = trees(&node);
    let of_web = restore_of(&node, &both, "web");
    of_web.run().completed();
    let (web, _) = trees(&node);
    restore_of(&node, &both, "blog").run().completed();
    undo_of(&node, &of_web).rehearsed("after check").run().ended_as(Outcome::FailedForNow);
    node.undo().run().completed();
    assert_eq!(trees(&node), (web, one), "the restore of the blog was the latest");
    node.recover();
}

#[test]
fn undo_of_two_sources_swaps_both_or_none() {
    let node = with_two_webroots();
    let both = node.backed_up();
    let good = trees(&node);
    damage(&node.live());
    mark(&blog(&node), "one");
    let bad = trees(&node);
    node.restore(&both).run().completed();
    assert_eq!(trees(&node), good);
    // The exchange of the second one fails, and the first one's is taken back.
    let record = node.root().join("record").display().to_string();
    let inject = "inject=renameat2:error=EIO:when=3";
    let words = ["/usr/bin/strace", "-qq", "-e", "trace=renameat2", "-e", inject, "-o", &record];
    let ended = node.undo().wrapped(&words).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("exchange"), "{ended:?}");
    let calls = fs::read_to_string(&record).expect("strace's record");
    assert_eq!(
        calls.matches("renameat2(").count(),
        4,
        "a trial, there, not there, and back: {calls}"
    );
    assert_eq!(trees(&node), good);
    assert!(!node.flag().exists());
    let result = node.undo().run().completed();
    assert_eq!(result.sources.len(), 2);
    assert!(result.sources.iter().all(|source| source.what == WhatHappened::Undone));
    assert_eq!(trees(&node), bad);
}
