//! Containers that were made for one job: never cut short, never run twice.
//!
//! Needs: docker, restic, strace.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::eventually;

use super::{POLITE, Scene};

const ONE_OFF: &str = "--label=com.docker.compose.oneoff=True";

fn job(seconds: u32) -> String {
    format!("echo begun >>/shared/log; sleep {seconds}; echo ended >>/shared/log")
}

#[test]
fn a_job_that_ends_soon_is_waited_for_and_not_begun_again() {
    for more in [&["--rm"][..], &[]] {
        let scene = Scene::open();
        let (folder, shared) = scene.shared();
        scene.container("web", &[], POLITE);
        let snapshot = scene.saved();
        scene.container("job", &[more, &[ONE_OFF, &shared]].concat(), &job(4));
        let (bad, _) = scene.doctor();
        assert!(
            bad.iter().any(|line| line.contains("container job was made for one job")),
            "{bad:?}"
        );
        scene.node.restore(&snapshot).run().completed();
        assert_eq!(scene.seen_in("web"), "old");
        let said = fs::read_to_string(folder.join("log")).expect("its log");
        assert_eq!(said, "begun\nended\n");
    }
}

#[test]
fn a_job_that_takes_long_is_not_the_moment() {
    let scene = Scene::open();
    let (folder, shared) = scene.shared();
    scene.container("web", &[], POLITE);
    let snapshot = scene.saved();
    scene.container("job", &[ONE_OFF, &shared], &job(1000));
    eventually("the job", || folder.join("log").exists().then_some(()));
    scene.refuses(&snapshot, Outcome::Busy, &["container job was made for one job"]);
    assert_eq!(fs::read_to_string(folder.join("log")).expect("its log"), "begun\n");
    scene.engine.run(&["kill", "job"]);
    scene.node.restore(&snapshot).run().completed();
    assert_eq!(fs::read_to_string(folder.join("log")).expect("its log"), "begun\n", "once");
}

#[test]
fn a_job_that_begins_during_the_fetch_is_seen_before_the_site_is_closed() {
    let scene = Scene::open();
    let (_, shared) = scene.shared();
    scene.container("web", &[], POLITE);
    let snapshot = scene.saved();
    let gate = scene.node.root().join("gate");
    fs::write(&gate, "").expect("a file");
    let held = format!("held close {}", gate.display());
    let running = scene.node.restore(&snapshot).rehearsed(&held).start();
    running.until_said("\"stage\":\"close\"");
    scene.container("job", &[ONE_OFF, &shared], &job(1000));
    let since = scene.since("web");
    fs::remove_file(&gate).expect("away");
    let result = running.wait().ended_as(Outcome::Busy);
    assert!(result.operator_message.contains("container job was made for one job"), "{result:?}");
    assert_eq!((scene.since("web"), result.closed_ms), (since, None));
    assert!(scene.runs("job"));
    scene.engine.run(&["kill", "job"]);
    scene.node.recover();
}

#[test]
fn a_container_that_does_what_it_is_for_and_ends_is_named_in_the_result() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    let ends = format!("test -e /site/again && exit 0; {POLITE}");
    scene.container("import", &[], &ends);
    fs::write(scene.node.live().join("again"), "").expect("a file");
    let snapshot = scene.saved();
    let result = scene.node.restore(&snapshot).run().completed();
    let said = &result.operator_message;
    assert!(said.contains("container import was started again, and has ended"), "{said}");
    assert_eq!((result.healthy, scene.runs("web")), (Some(true), true));
}

#[test]
fn a_task_of_a_swarm_is_refused_by_name() {
    let scene = Scene::open();
    let snapshot = scene.saved();
    scene.container("web.1.x", &["--label=com.docker.swarm.service.id=abc"], POLITE);
    scene.refuses(&snapshot, Outcome::Failed, &["container web.1.x is a task of a swarm"]);
}
