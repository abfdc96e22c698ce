//! One order of a customer at a time, on one node.
//!
//! Needs: restic.

use std::{fs, path::Path};

use holdfast_job::{Outcome, Standing};
use holdfast_tests::{Node, eventually, output_of, program, signal};

use super::standings;

#[test]
fn a_second_order_is_busy_and_nothing_happens() {
    let node = Node::with_site();
    fs::create_dir(node.root().join("customers/customer-43")).expect("another base");
    let mut first = node.backup().rehearsed("wait check").start();
    first.until_said("\"check\"");
    let before = node.world();
    for call in [node.backup(), node.undo()] {
        let ended = call.run();
        let result = ended.ended_as(Outcome::Busy);
        assert!(result.operator_message.contains("customer 42 is under way"), "{ended:?}");
        assert!(result.customer_message.contains("still under way"), "{ended:?}");
        before.assert_untouched(&node, "busy");
    }
    let output = node.executor_with(&["settle", "42", "--as", "old"]).output().expect("settle");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("is under way"), "{output:?}");
    let output = node.executor_with(&["recover"]).output().expect("recover");
    assert_eq!(standings(&String::from_utf8_lossy(&output.stdout)), [Standing::Busy]);
    before.assert_untouched(&node, "busy");
    // Another customer's order is not kept waiting.
    let mut other = node.backup_of("db");
    other.request.customer = "43".parse().expect("an id");
    other.run().ended_as(Outcome::Failed);
    first.let_go();
    first.wait().ended_as(Outcome::Stopped);
    node.backup_of("db").run().ended_as(Outcome::Failed);
}

/// Makes orders wait for each other.
fn wait_for_the_lock(node: &Node) {
    let config = node.root().join("etc/executor.toml");
    let text = fs::read_to_string(&config).expect("the configuration");
    fs::write(&config, text.replace("lock_wait_seconds = 0", "lock_wait_seconds = 60"))
        .expect("the configuration");
}

#[test]
fn an_order_waits_as_long_as_it_is_told_to() {
    let node = Node::with_site();
    wait_for_the_lock(&node);
    let mut first = node.backup().rehearsed("wait check").start();
    first.until_said("\"check\"");
    let mut second = node.backup_of("db").start();
    assert!(!second.has_ended());
    first.let_go();
    first.wait().ended_as(Outcome::Stopped);
    second.wait().ended_as(Outcome::Failed);
}

#[test]
fn an_order_that_is_not_wanted_any_more_does_not_wait() {
    let node = Node::with_site();
    wait_for_the_lock(&node);
    let mut first = node.backup().rehearsed("wait check").start();
    first.until_said("\"check\"");
    let mut second = node.backup_of("db").start();
    second.let_go();
    let ended = second.wait();
    first.let_go();
    first.wait().ended_as(Outcome::Stopped);
    ended.ended_as(Outcome::Stopped);
}

/// A restic that is deaf to SIGTERM and hangs when it is to save.
const DEAF: &str = r#"
if [ "$command" = backup ]; then
    trap '' TERM
    echo $$ >"$root/hangs"
    read -r never <"$root/pipe"
fi
"#;

#[test]
fn an_orphan_that_lives_on_holds_the_lock() {
    let node = Node::with_site();
    let before = node.world();
    output_of(program("/usr/bin/mkfifo").arg(node.root().join("pipe")));
    node.configure_with(&node.double(DEAF), "", "");
    let mut first = node.backup().start();
    let orphan = eventually("a restic that saves", || {
        let text = fs::read_to_string(node.root().join("hangs")).ok()?;
        text.ends_with('\n').then(|| text.trim().to_owned())
    });
    first.kill();
    assert!(first.wait().was_killed());
    // It has been told to end, with its executor's death, and has not.
    node.configure("", "");
    for _ in 0..3 {
        let ended = node.backup().run();
        ended.ended_as(Outcome::Busy);
        assert!(Path::new("/proc").join(&orphan).exists(), "{ended:?}");
    }
    let recovered = node.executor_with(&["recover"]).output().expect("recover");
    assert_eq!(standings(&String::from_utf8_lossy(&recovered.stdout)), [Standing::Busy]);
    signal("KILL", &orphan);
    let call = node.backup();
    eventually("a free lock", || {
        let ended = call.run();
        if ended.result().outcome == Outcome::Busy { None } else { Some(ended) }
    })
    .completed();
    assert_eq!(before.journals() + 2, node.world().journals(), "busy orders have none");
}
