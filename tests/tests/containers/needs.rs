//! Containers that need each other: started in order, tried until they run, stopped the other way round;
//! and what does not run keeps no whole site closed.
//!
//! Needs: docker, restic, strace.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::eventually;

use super::{POLITE, Scene};

const DEPENDS_ON: &str = "--label=com.docker.compose.depends_on";

/// Others can begin so many seconds after it did, and not before.
fn slow(seconds: u32) -> String {
    format!(
        "trap 'busybox rm -f /shared/up; exit 0' TERM; busybox rm -f /shared/up; \
         sleep {seconds} & wait; cat </dev/null >/shared/up; while :; do sleep 1 & wait; done"
    )
}

/// Ends so many seconds after it began if what it needs is not up.
fn needy(seconds: u32) -> String {
    format!("sleep {seconds}; test -e /shared/up || {{ echo nothing is up; exit 1; }}; {POLITE}")
}

/// A slow container and, once that is up, one that needs it.
fn slow_and_needy(scene: &Scene, (slow_for, dies_after): (u32, u32)) {
    let (folder, shared) = scene.shared();
    scene.container("dep", &[&shared], &slow(slow_for));
    eventually("what is needed", || folder.join("up").exists().then_some(()));
    scene.container("app", &[&shared], &needy(dies_after));
    eventually("who needs it", || scene.runs("app").then_some(()));
}

#[test]
fn a_container_that_exits_until_another_is_up_is_tried_until_it_runs() {
    let scene = Scene::open();
    slow_and_needy(&scene, (6, 0));
    let snapshot = scene.saved();
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(true));
    assert_eq!((scene.seen_in("dep"), scene.seen_in("app")), ("old".into(), "old".into()));
    scene.node.undo().run().completed();
    assert_eq!((scene.seen_in("dep"), scene.seen_in("app")), ("new".into(), "new".into()));
}

#[test]
fn a_container_that_ends_soon_behind_the_opened_door_is_started_again() {
    let scene = Scene::open();
    scene.configure("", "[site.services]\nwatch_seconds = 8\n");
    slow_and_needy(&scene, (5, 3));
    let snapshot = scene.saved();
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(true), "{result:?}");
    assert_eq!((scene.runs("app"), scene.seen_in("app")), (true, "old".into()));
}

#[test]
fn a_container_that_does_not_stay_up_behind_the_opened_door_is_told_of() {
    let scene = Scene::open();
    scene.configure("", "[site.services]\nstart_seconds = 3\nwatch_seconds = 8\n");
    slow_and_needy(&scene, (1, 3));
    let snapshot = scene.saved();
    // What it needs does not come again.
    scene.engine.run(&["rm", "--force", "dep"]);
    fs::remove_file(scene.node.root().join("shared/up")).expect("away");
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(false), "{result:?}");
    for words in ["Warning", "container app does not run: exit code 1", "nothing is up"] {
        assert!(result.operator_message.contains(words), "{result:?}");
    }
    assert_eq!(scene.live(), "old");
}

#[test]
fn a_container_that_cannot_run_on_either_site_is_a_warning_and_no_reason_to_be_stuck() {
    let scene = Scene::open();
    scene.configure("", "[site.services]\nstart_seconds = 2\n");
    slow_and_needy(&scene, (0, 0));
    let snapshot = scene.saved();
    scene.engine.run(&["rm", "--force", "dep"]);
    fs::remove_file(scene.node.root().join("shared/up")).expect("away");
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    let said = &result.operator_message;
    assert!(said.contains("Warning: container app does not run: exit code 1"), "{said}");
    assert!(said.contains("nothing is up") && !said.contains("`mv`"), "{said}");
    assert_eq!(scene.live(), "new");
    assert!(!scene.node.flag().exists(), "the site is closed");
    scene.node.backup().run().completed();
    scene.node.recover();
}

#[test]
fn a_settled_site_keeps_what_runs_and_comes_to_its_end_whatever_does_not() {
    for (script, side) in
        [("before swap_files,before -halt", "old"), ("after swap_files,before -swap_files", "new")]
    {
        let scene = Scene::open();
        scene.configure("", "[site.services]\nstart_seconds = 2\n");
        slow_and_needy(&scene, (0, 0));
        let snapshot = scene.saved();
        let result = scene.node.restore(&snapshot).rehearsed(script).run();
        let said = result.ended_as(Outcome::Stuck).operator_message;
        assert!(said.contains(&format!("settle 42 --as {side}")), "{said}");
        assert!(said.contains("Nothing is to be moved") && !said.contains("`mv`"), "{said}");
        // A person has started what serves, on the tree that is live; the other one cannot run.
        let (folder, _) = scene.shared();
        scene.engine.run(&["start", "dep"]);
        eventually("what is needed", || folder.join("up").exists().then_some(()));
        fs::remove_file(folder.join("up")).expect("away");
        let since = scene.since("dep");
        let output = scene.node.executor_with(&["settle", "42", "--as", side]).output();
        let output = output.expect("settle");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("container app does not run: exit code 1"), "{text}");
        assert_eq!(scene.since("dep"), since, "what runs well is left alone");
        assert_eq!(scene.seen_in("dep"), if side == "old" { "new" } else { "old" });
        assert!(!scene.node.flag().exists());
        scene.node.recover();
    }
}

#[test]
fn containers_start_in_the_order_of_their_needs_and_stop_in_the_other() {
    let scene = Scene::open();
    let (folder, shared) = scene.shared();
    let container = |name: &str, needs: &str| {
        let labels =
            [format!("{DEPENDS_ON}={needs}"), format!("--label=com.docker.compose.service={name}")];
        let says = format!(
            "trap 'echo stop {name} >>/shared/order; exit 0' TERM; echo start {name} >>/shared/order; \
             while :; do sleep 1 & wait; done"
        );
        scene.container(name, &[&shared, &labels[0], &labels[1]], &says);
    };
    // The youngest is needed by all others.
    container("proxy", "web:service_started:false");
    container("web", "app:service_started:true");
    container("app", "db:service_started:false,cache:service_started:false");
    container("cache", "");
    container("db", "");
    let snapshot = scene.saved();
    eventually("all of them", || {
        let said = fs::read_to_string(folder.join("order")).unwrap_or_default();
        (said.lines().count() == 5).then_some(())
    });
    fs::remove_file(folder.join("order")).expect("away");
    scene.node.restore(&snapshot).run().completed();
    let said = fs::read_to_string(folder.join("order")).expect("the order");
    let at = |what: &str| said.lines().position(|line| line == what).expect(what);
    for (first, then) in [("db", "app"), ("cache", "app"), ("app", "web"), ("web", "proxy")] {
        assert!(at(&format!("start {first}")) < at(&format!("start {then}")), "{said}");
        assert!(at(&format!("stop {then}")) < at(&format!("stop {first}")), "{said}");
    }
    assert_eq!(said.lines().count(), 10, "each once: {said}");
}

#[test]
fn who_needs_a_healthy_container_is_started_when_that_is_healthy() {
    let scene = Scene::open();
    let (folder, shared) = scene.shared();
    let healthy = ["--health-cmd=test -e /shared/up", "--health-interval=60s", &shared];
    let service = ["--label=com.docker.compose.service=db"];
    scene.container("db", &[&healthy[..], &service].concat(), &slow(2));
    eventually("the first", || folder.join("up").exists().then_some(()));
    let needs = format!("{DEPENDS_ON}=db:service_healthy:false");
    let once = format!("echo begun >>/shared/begun; {}", needy(0));
    scene.container("app", &[&shared, &needs], &once);
    let snapshot = scene.saved();
    eventually("the second", || folder.join("begun").exists().then_some(()));
    scene.node.restore(&snapshot).run().completed();
    let begun = fs::read_to_string(folder.join("begun")).expect("a file");
    assert_eq!(begun.lines().count(), 2, "before and behind the restore, without a failed try");
    assert_eq!(scene.seen_in("app"), "old");
}
