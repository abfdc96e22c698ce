//! The host's own programs on an order's way.
//!
//! Needs: restic, strace.

use std::{fs, path::PathBuf};

use holdfast_job::Outcome;
use holdfast_tests::{Node, place_program};

struct Scene {
    node: Node,
}

impl Scene {
    /// A site whose hooks are these shell scripts; what they are told goes into `told`.
    fn open(hooks: &[(&str, &str)]) -> Self {
        let scene = Self { node: Node::with_site() };
        scene.hook_up(hooks);
        scene
    }

    fn hook_up(&self, hooks: &[(&str, &str)]) {
        let mut table = String::from("[site.hooks]\n");
        for (name, script) in hooks {
            let path = self.node.root().join("etc").join(name);
            let told = self.told(name);
            let told = told.display();
            place_program(&path, &format!("#!/bin/sh\ncat >>{told}\n{script}\n"));
            table.push_str(&format!("{name} = \"{}\"\n", path.display()));
        }
        self.node.configure("", &table);
    }

    fn told(&self, name: &str) -> PathBuf {
        self.node.root().join(format!("told-{name}"))
    }

    /// What a hook read, a value a call.
    fn calls(&self, name: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.told(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

#[test]
fn each_hook_is_called_at_its_moment_with_the_job_as_json() {
    let scene = Scene::open(&[("before", ""), ("after_swap", ""), ("after", ""), ("stuck", "")]);
    let snapshot = scene.node.backed_up();
    assert_eq!(scene.calls("before").len(), 1);
    assert!(scene.calls("after_swap").is_empty(), "a backup swaps nothing");
    let call = scene.node.restore(&snapshot);
    call.run().completed();
    for hook in ["before", "after_swap", "after"] {
        let told = scene.calls(hook).pop().expect("a call");
        assert_eq!(told["hook"], hook);
        assert_eq!(told["job"], call.job().to_string());
        assert_eq!((&told["customer"], &told["version"]), (&42.into(), &1.into()));
        assert_eq!(told["order"]["verb"], "restore");
        assert_eq!(told["order"]["snapshot"], snapshot.as_str());
    }
    assert_eq!(scene.calls("after").pop().expect("a call")["outcome"], "completed");
    assert!(scene.calls("stuck").is_empty());
    scene.node.recover();
}

#[test]
fn a_before_that_says_not_now_is_busy_with_its_reason_and_costs_no_attempt() {
    let scene = Scene::open(&[("before", "echo 'deployment 17 is running'; exit 75")]);
    let before = scene.node.world();
    let call = scene.node.backup();
    for _ in 0..5 {
        let result = call.run().ended_as(Outcome::Busy);
        assert!(result.operator_message.contains("deployment 17 is running"), "{result:?}");
        assert!(result.customer_message.contains("Not now: deployment 17"), "{result:?}");
    }
    before.assert_unchanged(&scene.node, "not now");
    scene.hook_up(&[("before", "")]);
    call.run().completed();
}

#[test]
fn a_before_that_refuses_or_hangs_changes_nothing() {
    let scene = Scene::open(&[("before", "echo 'the contract has ended'; exit 1")]);
    let before = scene.node.world();
    let result = scene.node.backup().run().ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("the contract has ended"), "{result:?}");
    before.assert_unchanged(&scene.node, "a refusal");
    scene.hook_up(&[("before", "while :; do sleep 1000; done")]);
    let mut running = scene.node.backup().start();
    running.until_said("\"stage\":\"check\"");
    running.let_go();
    running.wait().ended_as(Outcome::Stopped);
    scene.node.quiet();
    before.assert_unchanged(&scene.node, "a hook that was stopped");
}

#[test]
fn an_after_swap_that_fails_brings_the_old_site_back_and_is_told_of_that() {
    let scene = Scene::open(&[]);
    let snapshot = scene.node.backed_up();
    fs::write(scene.node.live().join("page"), "new").expect("a page");
    let before = scene.node.tree();
    scene.hook_up(&[("after_swap", "echo 'no cache to flush'; exit 3")]);
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("exit code 3: no cache to flush"), "{result:?}");
    assert_eq!(scene.node.tree(), before);
    assert_eq!(scene.calls("after_swap").len(), 2, "once with the new site, once with the old");
    scene.node.recover();
}

#[test]
fn a_hook_ends_with_all_that_it_started_and_holds_no_lock() {
    let scene = Scene::open(&[(
        "after",
        "sh -c \"sleep 1000; : $0\" & ls -l /proc/$$/fd | grep -c 'customer-42.lock' >&2; exit 4",
    )]);
    let ended = scene.node.backup().run();
    ended.completed();
    let warned = ended.said().iter().any(|line| line.contains("exit code 4: 0"));
    assert!(warned, "{:?}", ended.said());
    // Its group is gone with it, though it had a child in the background.
    scene.node.quiet();
    scene.node.backed_up();
}

#[test]
fn a_hook_that_others_may_change_is_refused_by_its_key() {
    let scene = Scene::open(&[("before", "")]);
    let path = scene.node.root().join("etc/before");
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    for (bits, problem) in [(0o777, "may be written by others"), (0o600, "is no program")] {
        mode(bits);
        let result = scene.node.backup().run().ended_as(Outcome::Failed);
        let said = &result.operator_message;
        assert!(said.contains("site.hooks.before") && said.contains(problem), "{said}");
    }
}

#[test]
fn a_restore_that_recover_finishes_is_told_of_and_one_that_is_stuck_once() {
    let scene = Scene::open(&[("after", ""), ("stuck", "")]);
    let snapshot = scene.node.backed_up();
    let mut running = scene.node.restore(&snapshot).rehearsed("wait open").start();
    running.until_said("\"stage\":\"open\"");
    running.kill();
    running.wait();
    let before = scene.calls("after").len();
    scene.node.recover();
    assert_eq!(scene.calls("after").len(), before + 1);
    let ended = scene.node.restore(&snapshot).rehearsed("before open,before -swap_files").run();
    ended.ended_as(Outcome::Stuck);
    let told = scene.calls("stuck");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["outcome"], "stuck");
    assert!(told[0]["message"].as_str().is_some_and(|text| text.contains("settle 42 --as")));
    let recover = scene.node.executor_with(&["recover"]).output().expect("recover");
    assert_eq!(recover.status.code(), Some(i32::from(Outcome::Stuck.exit_code())));
    assert_eq!(scene.calls("stuck").len(), 1, "a person is told once");
    let settle = scene.node.executor_with(&["settle", "42", "--as", "new"]).output();
    assert!(settle.expect("settle").status.success());
    scene.node.recover();
}
