//! What people type at a shell: verbs, arguments, scripts, and who they are.
//!
//! Needs: restic.

use std::process::Stdio;

use holdfast_job::Outcome;
use holdfast_tests::Node;
use serde_json::json;

use super::{assert_refused, no_snapshot};

/// Runs the executor with these arguments: exit code and stderr.
fn by_hand(node: &Node, args: &[&str], sudo_user: Option<&str>) -> (Option<i32>, String) {
    let mut command = node.executor_with(args);
    command.stdin(Stdio::null());
    sudo_user.map(|user| command.env("SUDO_USER", user));
    let output = command.output().expect("the executor");
    assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn nothing_is_settled_where_nothing_is_stuck() {
    let node = Node::with_site();
    let before = node.world();
    let settle = |side| by_hand(&node, &["settle", "42", "--as", side], None);
    for side in ["old", "new"] {
        let (code, said) = settle(side);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("nothing of customer 42 is stuck"), "{said}");
    }
    // Neither after an order that ended.
    node.backup_of("db").run().ended_as(Outcome::Failed);
    let (code, said) = settle("new");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("nothing of customer 42 is stuck"), "{said}");
    before.assert_unchanged(&node, "settle");
}

#[test]
fn a_verb_that_is_called_wrongly_says_how_it_is_used() {
    let node = Node::with_site();
    let before = node.world();
    for (args, says) in [
        (&[][..], "a verb is missing"),
        (&["backup", "42"], "`backup` takes no arguments: the order comes on stdin"),
        (&["restore", "--help"], "`restore` takes no arguments"),
        (&["undo", ""], "`undo` takes no arguments"),
        (&["delete", "latest"], "`delete` takes no arguments"),
        (&["recover", "42"], "`recover` takes no arguments"),
        (&["prune"], "`prune` is not understood"),
        (&["doctor", "--jason"], "is not understood"),
        (&["settle", "42"], "is not understood"),
        (&["settle", "42", "--as", "both"], "neither `old` nor `new`"),
        (&["settle", "--help", "--as", "old"], "is no customer id"),
        (&["settle", "042", "--as", "old"], "is no customer id"),
        (&["repository-password", "0", "manual"], "is no customer id"),
        (&["repository-password", "42", "../x"], "is no repository name"),
        (&["repository-password", "42", "daily"], "no repository `daily` is configured"),
        (&["--config", "etc", "backup"], "is not understood"),
    ] {
        let (code, said) = by_hand(&node, args, None);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
        before.assert_untouched(&node, &args.join(" "));
    }
}

#[test]
fn the_confined_verb_is_not_for_use_by_hand() {
    let node = Node::with_site();
    let mark = node.root().join("mark");
    let cell = json!({
        "confinement": { "hide": node.root().join("customers"), "show": null },
        "program": ["/usr/bin/touch", mark],
    });
    for argument in [cell.to_string().as_str(), "{}", "--help"] {
        let (code, said) = by_hand(&node, &["confine", argument], None);
        // What no program that is confined ends with.
        assert_eq!(code, Some(125), "{said}");
        assert!(said.contains("the executor's own and not for use by hand"), "{said}");
    }
    assert!(!mark.exists());
}

#[test]
fn what_the_worker_starts_must_be_signed() {
    let node = Node::with_site();
    let before = node.world();
    let orders =
        [node.backup(), node.restore(&no_snapshot()), node.undo(), node.delete(&no_snapshot())];
    for call in orders {
        for (name, value) in [("SUDO_USER", "nobody"), ("SUDO_UID", "65534")] {
            let ended = call.clone().with_env(name, value).run();
            assert_refused(&ended, "an order of the worker's must be signed");
        }
    }
    for args in [&["settle", "42", "--as", "old"][..], &["repository-password", "42", "manual"]] {
        let (code, said) = by_hand(&node, args, Some("nobody"));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("for root at a shell, not for the worker"), "{said}");
    }
    before.assert_untouched(&node, "the worker");
    // An operator who came by sudo is root.
    let ended = node.backup_of("db").with_env("SUDO_USER", "alice").run();
    ended.ended_as(Outcome::Failed);
}

#[test]
fn the_scripts_refuse_what_is_no_id_before_they_start_anything() {
    let node = Node::with_site();
    let before = node.world();
    let full = no_snapshot();
    let full = full.as_str();
    let upper = full.to_uppercase();
    let with_path = format!("{full}:/etc");
    let (usage, customer, snapshot) = ("usage: ", "is no customer id", "is no snapshot id");
    for (verb, args, says) in [
        ("backup", &[][..], usage),
        ("backup", &["42"], usage),
        ("backup", &["42", "both", "manual", "more"], usage),
        ("backup", &["--help", "both"], customer),
        ("backup", &["0", "both"], customer),
        ("backup", &["042", "both"], customer),
        ("backup", &["-1", "both"], customer),
        ("backup", &["42\n43", "both"], customer),
        ("backup", &["42,\"node\":\"x\"", "both"], customer),
        ("backup", &["42", "--help"], "is no scope"),
        ("backup", &["42", "both\",\"x\":\""], "is no scope"),
        ("backup", &["42", "both", "--help"], "is no repository name"),
        ("restore", &["42", full], usage),
        ("restore", &["--help", full, "both"], customer),
        ("restore", &["42", "--help", "both"], snapshot),
        ("restore", &["42", "latest", "both"], snapshot),
        ("restore", &["42", &full[..8], "both"], snapshot),
        ("restore", &["42", &upper, "both"], snapshot),
        ("restore", &["42", &with_path, "both"], snapshot),
        ("restore", &["42", full, "both", "--undo"], usage),
        ("undo", &[], usage),
        ("undo", &["--help"], customer),
        ("undo", &["42", "43"], "is no job id"),
        ("undo", &["42", "--help"], "is no job id"),
        ("undo", &["42", "43", "44"], usage),
        ("delete", &["42"], usage),
        ("delete", &["--help", full], customer),
        ("delete", &["42", "--help"], snapshot),
        ("delete", &["42", "latest"], snapshot),
        ("delete", &["42", full, "../x"], "is no repository name"),
    ] {
        // Had the script started this, it would have complained of that instead.
        let output = node
            .script(verb, args)
            .env("HOLDFAST_EXECUTOR", "/bin/false")
            .output()
            .expect("the script");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{verb} {args:?}: {said}");
        assert!(said.starts_with(&format!("customer-{verb}.sh: ")), "{verb} {args:?}: {said}");
        assert!(said.contains(says), "{verb} {args:?}: {said}");
        assert!(output.stdout.is_empty(), "{verb} {args:?}: {output:?}");
    }
    // What the scripts cannot judge, the executor refuses.
    let output = node.script("backup", &["4294967296", "both"]).output().expect("the script");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    before.assert_untouched(&node, "the scripts");
}
