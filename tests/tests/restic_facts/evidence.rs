//! Exit 0 is no evidence: what is not seen to be done is not done.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::{Outcome, WhatHappened};
use holdfast_tests::{Node, damage, output_of, restic};

/// How many snapshots plain restic finds.
fn snapshots(node: &Node) -> usize {
    let said = output_of(&mut node.restic(&["--no-lock", "list", "snapshots"]));
    said.lines().count()
}

#[test]
fn a_backup_that_ends_well_without_a_snapshot_has_failed() {
    let node = Node::with_site();
    node.configure_with(&node.double("[ $command = backup ] && exit 0"), "", "");
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::FailedForNow);
    let sentence = "restic backup gave no usable answer: it named no snapshot and ended with exit \
                    code 0";
    assert_eq!(result.operator_message, sentence, "{ended:?}");
    assert_eq!(result.snapshot, None);
}

#[test]
fn a_snapshot_that_lacks_a_source_is_not_offered_and_forgotten() {
    let node = Node::with_site();
    let script = r#"
        if [ $command = backup ]; then
            for word in "$@"; do
                shift
                case $word in */public) ;; *) set -- "$@" "$word" ;; esac
            done
        fi"#;
    node.configure_with(&node.double(script), "", "");
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::FailedForNow);
    let sentence = format!("{} is not in it as a directory", node.live().display());
    assert!(result.operator_message.contains(&sentence), "{ended:?}");
    assert_eq!(result.snapshot, None);
    assert_eq!(result.sources[0].what, WhatHappened::Untouched);
    assert_eq!(snapshots(&node), 0);
    node.configure_with(&restic(), "", "");
    node.backed_up();
    assert_eq!(snapshots(&node), 1);
}

#[test]
fn a_snapshot_named_by_nobody_elses_job_is_not_taken_for_this_ones() {
    let node = Node::with_site();
    let earlier = node.backed_up();
    let script = format!(
        "[ $command = backup ] && echo '{{\"message_type\":\"summary\",\"snapshot_id\":\"{}\"}}' \
         && exit 0",
        earlier.as_str()
    );
    node.configure_with(&node.double(&script), "", "");
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(
        result.operator_message.contains("it does not bear the marks of this job"),
        "{ended:?}"
    );
    // It is somebody's good backup: it must not be forgotten for this.
    assert_eq!(snapshots(&node), 1, "{ended:?}");
}

#[test]
fn a_restore_that_ends_well_and_brought_too_little_changes_nothing() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    let stage = "$(echo $root/customers/customer-42/.holdfast/stage-*/fetched*)";
    let public = format!("{stage}$root/customers/customer-42/public");
    let after = |what: &str| {
        format!("if [ $command = restore ]; then \"$real\" \"$@\" || exit; {what}; exit 0; fi")
    };
    for (script, sentence) in [
        // As for a path that the snapshot does not have.
        ("[ $command = restore ] && exit 0".to_owned(), "manifest.json was not fetched"),
        (after(&format!("rm {public}/index.php")), "was fetched with 51 entries"),
        (after(&format!(": >{public}/empty.txt.new")), "was fetched with 53 entries"),
        (after(&format!("chmod 777 {public}/wp-content")), "they differ in name, owner or mode"),
        (after(&format!("chown 0 {public}/wp-content")), "they differ in name, owner or mode"),
        (after(&format!("truncate -s 9 {public}/sparse.img")), "was fetched with 52 entries"),
    ] {
        node.configure_with(&node.double(&script), "", "");
        let ended = node.restore(&snapshot).run();
        let result = ended.result();
        assert_eq!(result.outcome, Outcome::FailedForNow, "{script}\n{ended:?}");
        assert!(result.operator_message.contains(sentence), "not {sentence:?}: {ended:?}");
        assert!(result.closed_ms.is_none(), "the site was closed: {ended:?}");
        assert_eq!(node.tree(), before, "{ended:?}");
    }
    node.recover();
}

#[test]
fn a_forget_that_ends_well_and_removed_nothing_is_found_out() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    node.configure_with(&node.double("[ $command = forget ] && exit 0"), "", "");
    let ended = node.delete(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    let sentence = format!("the repository still holds {}: is it append-only?", snapshot.as_str());
    assert!(result.operator_message.contains(&sentence), "{ended:?}");
    assert_eq!(snapshots(&node), 1);
    node.configure_with(&restic(), "", "");
    node.delete(&snapshot).run().completed();
    assert_eq!(snapshots(&node), 0);
    assert!(fs::read_dir(node.repository().join("snapshots")).unwrap().next().is_none());
}
