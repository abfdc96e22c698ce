//! Every way in which restic ends, and the outcome that it means.
//!
//! Needs: restic.

use holdfast_job::{Outcome, WhatHappened};
use holdfast_tests::{Node, damage, restic};

#[test]
fn a_file_that_could_not_be_read_makes_the_backup_incomplete_and_is_named() {
    let node = Node::with_site();
    let good = node.tree();
    let script = r#"
        if [ $command = backup ]; then
            "$real" "$@" || exit
            echo '{"message_type":"error","error":{"message":"permission denied"},"during":"archival","item":"/web/a"}' >&2
            echo '{"message_type":"error","error":{"message":"input/output error"},"during":"archival","item":"/web/b"}' >&2
            exit 3
        fi"#;
    node.configure_with(&node.double(script), "", "");
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::Incomplete);
    assert_eq!(ended.status.code(), Some(3));
    assert_eq!(result.unreadable, ["/web/a (permission denied)", "/web/b (input/output error)"]);
    assert_eq!(result.sources[0].what, WhatHappened::Saved);
    assert!(result.customer_message.contains("some files could not be read"), "{ended:?}");
    damage(&node.live());
    node.restore(&result.snapshot.unwrap()).run().completed();
    assert_eq!(node.tree(), good);
    node.recover();
}

#[test]
fn an_incomplete_snapshot_of_a_killed_attempt_is_not_taken_for_a_complete_one() {
    let node = Node::with_site();
    let script = |then: &str| {
        format!(
            r#"if [ $command = backup ]; then
                "$real" "$@" || exit
                {then}
                echo '{{"message_type":"error","error":{{"message":"denied"}},"item":"/web/a"}}' >&2
                exit 3
            fi"#
        )
    };
    // The executor dies before it can write down what restic's end was.
    node.configure_with(&node.double(&script("kill -9 $PPID")), "", "");
    let order = node.backup();
    assert!(order.run().was_killed());
    node.configure_with(&node.double(&script("")), "", "");
    let result = order.run().ended_as(Outcome::Incomplete);
    assert_eq!(result.unreadable, ["/web/a (denied)"]);
}

#[test]
fn an_exit_code_that_restic_does_not_have_is_a_failure_that_names_it() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    for (command, order) in [
        ("backup", node.backup()),
        ("restore", node.restore(&snapshot)),
        ("forget", node.delete(&snapshot)),
    ] {
        let script = format!("[ $command = {command} ] && echo 'out of tune' >&2 && exit 77");
        node.configure_with(&node.double(&script), "", "");
        let ended = order.run();
        let result = ended.ended_as(Outcome::Failed);
        let sentence = format!("restic {command} ended with exit code 77: out of tune");
        assert_eq!(result.operator_message, sentence, "{ended:?}");
        assert_eq!(node.tree(), before);
    }
    node.configure_with(&restic(), "", "");
    node.restore(&snapshot).run().completed();
    node.recover();
}

#[test]
fn an_interrupted_restic_may_be_tried_again() {
    let node = Node::with_site();
    for (end, how) in [("exit 130", "exit code 130"), ("kill -9 $$", "signal 9")] {
        let script = format!("[ $command = backup ] && {end}");
        node.configure_with(&node.double(&script), "", "");
        let ended = node.backup().run();
        let result = ended.ended_as(Outcome::FailedForNow);
        let sentence = format!("restic backup ended with {how}: it said nothing");
        assert_eq!(result.operator_message, sentence, "{ended:?}");
    }
}

#[test]
fn a_wrong_password_is_told_by_name_and_nothing_is_changed() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let before = node.tree();
    node.secret("etc/password", "another password");
    for order in [node.backup(), node.restore(&snapshot), node.delete(&snapshot)] {
        let ended = order.run();
        let result = ended.ended_as(Outcome::Failed);
        let sentence = format!(
            "the password of the repository at {} is not ours: was the master secret or the \
             password file replaced? Put the old one back",
            node.repository().display()
        );
        assert_eq!(result.operator_message, sentence, "{ended:?}");
        assert!(!result.customer_message.contains("password"), "{ended:?}");
    }
    assert_eq!(node.tree(), before);
}
