//! The worker's user and the real sudo: what it may start, and that what it brings must be signed.
//!
//! Needs: restic.

use std::process::Stdio;

use holdfast_job::Outcome;
use holdfast_tests::{Node, Signer, Sudoers, executor, output_of};

use super::{assert_refused, one_of_each};

#[test]
fn what_the_worker_brings_through_sudo_must_be_signed() {
    let node = Node::with_site();
    let (signer, sudoers) = (Signer::new(&node, "web-1"), Sudoers::new(&node));
    let before = node.world();
    let unsigned = "an order of the worker's must be signed, and this one is not";
    for call in one_of_each(&node) {
        assert_refused(&call.clone().by_worker(&sudoers).run(), unsigned);
        // sudo says who called it, whatever the caller says.
        let lying =
            call.by_worker(&sudoers).with_env("SUDO_USER", "root").with_env("SUDO_UID", "0");
        assert_refused(&lying.run(), unsigned);
    }
    let call = node.backup().named().by_worker(&sudoers);
    let stranger = Signer::new(&node, "web-2");
    stranger.withdraw();
    assert_refused(&call.run_signed(&stranger), "which is not in");
    before.assert_untouched(&node, "the worker");
    let ended = call.run_signed(&signer);
    ended.completed();
    assert_eq!(call.run_signed(&signer).last_line(), ended.last_line());
}

#[test]
fn what_the_worker_orders_is_stopped_when_it_lets_go() {
    let node = Node::with_site();
    let (signer, sudoers) = (Signer::new(&node, "web-1"), Sudoers::new(&node));
    let before = node.world();
    let call = node.backup().named().by_worker(&sudoers);
    let mut running = call.start_with(&signer.sign(&call.request), Stdio::piped());
    running.let_go();
    running.wait().ended_as(Outcome::Stopped);
    before.assert_unchanged(&node, "a stopped order");
}

#[test]
fn the_worker_may_start_its_six_verbs_and_nothing_else() {
    let node = Node::with_site();
    Signer::new(&node, "web-1");
    let sudoers = Sudoers::new(&node);
    let before = node.world();
    let etc = node.root().join("etc").display().to_string();
    let sudo = |config: &[&str], args: &[&str]| {
        let mut command = sudoers.command("/usr/bin/sudo");
        command.arg("-n").arg(executor()).args(config).args(args).stdin(Stdio::null());
        command
    };
    let config = ["--config", etc.as_str()];
    for args in [&["recover"][..], &["doctor"]] {
        output_of(&mut sudo(&config, args));
    }
    for (config, args) in [
        (&config[..], &["settle", "42", "--as", "old"][..]),
        (&config, &["repository-password", "42", "manual"]),
        (&config, &["confine", "{}"]),
        (&config, &["doctor", "--json"]),
        (&config, &["backup", ""]),
        (&config, &["backup", "42"]),
        (&config, &["restore", "--help"]),
        (&config, &["recover", "--config", "/tmp"]),
        (&config, &["doctor", "doctor"]),
        (&config, &["prune"]),
        (&config, &["BACKUP"]),
        (&config, &["backup restore"]),
        (&config, &["--version"]),
        (&config, &[]),
        (&[], &["backup"]),
        (&["--config", "/tmp"], &["backup"]),
    ] {
        let output = sudo(config, args).output().expect("sudo");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("sudo: a password is required"), "{args:?}: {said}");
    }
    before.assert_unchanged(&node, "recover, doctor, and what is not allowed");
}

#[test]
fn a_program_of_the_workers_runs_as_its_user_and_can_call_sudo() {
    let node = Node::with_site();
    Signer::new(&node, "web-1");
    let sudoers = Sudoers::new(&node);
    let said = output_of(sudoers.command("/usr/bin/id").arg("-un"));
    assert_eq!(said, "nobody\n");
    let executor = executor();
    let script =
        format!("sudo -n {} --config {}/etc doctor", executor.display(), node.root().display());
    let said = output_of(sudoers.command("/bin/sh").args(["-c", &script]));
    assert!(said.contains("good  configuration"), "{said}");
}
