//! What nobody needs any more: `recover` lets it go, and keeps the rest.
//!
//! Needs: restic.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    process::Stdio,
};

use holdfast_job::{Outcome, Recovered, Standing};
use holdfast_tests::{Call, Node, damage, eventually, fill_site};
use serde_json::{Value, json};

use super::{aside, undo_of};

#[test]
fn an_undo_copy_whose_time_has_passed_is_let_go() {
    let node = Node::with_site();
    node.configure("undo_hours = 0", "");
    let snapshot = node.backed_up();
    damage(&node.live());
    let restore = node.restore(&snapshot);
    restore.run().completed();
    eventually("the end of the undo copy", || {
        node.recover();
        aside(&node, "undo-").is_empty().then_some(())
    });
    assert!(aside(&node, "trash-").is_empty());
    for (undo, says) in [
        (undo_of(&node, &restore), "the time for it has passed"),
        (node.undo(), "There is nothing to take back"),
    ] {
        let ended = undo.run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.customer_message.contains(says), "{ended:?}");
    }
}

/// A journal of before: that of this job, under another job, void since `hours`.
fn old_journal(node: &Node, call: &Call, number: u32, hours: u64) -> PathBuf {
    let job = format!("0193e5c0-0000-7000-8000-00000000000{number}");
    let path = node.journal(job.parse().expect("a job id"));
    let text = fs::read_to_string(node.journal(call.job())).expect("a journal");
    let (first, rest) = text.split_once('\n').expect("records");
    let mut opened: Value = serde_json::from_str(first).expect("a record");
    let now = call.request.issued_at.unix_seconds();
    opened["request"]["job"] = job.clone().into();
    opened["request"]["not_after"] = (now - hours * 3600).into();
    let rest = rest.replace(&call.job().to_string(), &job);
    fs::write(&path, format!("{opened}\n{rest}")).expect("a journal");
    path
}

#[test]
fn recover_takes_out_what_nobody_needs_any_more() {
    let node = Node::with_site();
    let live = node.tree();
    let call = node.backup_of("db");
    call.run().ended_as(Outcome::Failed);
    let expired = old_journal(&node, &call, 1, 25);
    let replayable = old_journal(&node, &call, 2, 23);
    let torn = node.journal("0193e5c0-0000-7000-8000-000000000003".parse().expect("a job id"));
    fs::write(&torn, [0; 4096]).expect("a journal without a record");
    let folder = node.base().join(".holdfast");
    let make = |name: &str| {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder.join(name)).expect("a folder");
        folder.join(name)
    };
    fill_site(&make("stage-0193e5c0-0000-7000-8000-000000000004/web"));
    fill_site(&make("trash-0-stage-0193e5c0-0000-7000-8000-000000000005/web"));
    let undo = |number: u32, until: u64| {
        let job = format!("0193e5c0-0000-7000-8000-00000000000{number}");
        let copy = make(&format!("undo-{job}"));
        fill_site(&make(&format!("undo-{job}/web")));
        let part = json!({ "source": "web", "name": "Website", "live": node.live() });
        let text = json!({
            "version": 1, "job": job, "made_at_ms": number, "until": until, "parts": [part],
        });
        fs::write(copy.join("undo.json"), text.to_string()).expect("an undo copy");
        copy
    };
    let now = call.request.issued_at.unix_seconds();
    let past = undo(6, now - 60);
    let kept = undo(7, now + 3600);

    let said = node.recover();
    let lines: Vec<Recovered> =
        said.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    let [recovered] = lines.as_slice() else { panic!("{said}") };
    assert_eq!((recovered.version, recovered.standing), (1, Standing::Settled));
    assert_eq!(recovered.customer.number(), Node::ID);
    assert_eq!(recovered.detail, "nothing was open");
    assert!(!expired.exists() && !torn.exists() && !past.exists(), "{said}");
    assert!(replayable.exists() && node.journal(call.job()).exists() && kept.exists(), "{said}");
    assert_eq!(node.left_over(), [""; 0]);
    assert_eq!(node.tree(), live);
    // Again, there is nothing left to do.
    let before = node.world();
    assert_eq!(node.recover(), said);
    before.assert_untouched(&node, "recover");
}

#[test]
fn recover_says_nothing_of_a_node_without_customers() {
    let node = Node::new();
    let output = node.executor_with(&["recover"]).stdin(Stdio::null()).output().expect("recover");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}
