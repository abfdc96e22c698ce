//! An engine that goes away, hangs, or comes back by itself in the middle.
//!
//! Needs: docker, restic, strace.

use holdfast_job::Outcome;
use holdfast_tests::Hang;

use super::{POLITE, Scene, journal_says};

#[test]
fn a_container_that_an_engine_brings_back_in_the_middle_ends_on_the_new_site() {
    for stage in ["swap_files", "resume"] {
        let mut scene = Scene::open();
        scene.container("web", &["--restart=always"], POLITE);
        scene.container("worker", &["--restart=unless-stopped"], POLITE);
        let snapshot = scene.saved();
        let mut running = scene.node.restore(&snapshot).rehearsed(&format!("wait {stage}")).start();
        running.until_said(&format!("\"stage\":\"{stage}\""));
        // Back on the tree that is live now, whichever that is.
        scene.engine.crash();
        scene.engine.run(&["start", "web"]);
        running.let_go();
        running.wait().completed();
        assert_eq!((scene.seen_in("web"), scene.seen_in("worker")), ("old".into(), "old".into()));
    }
}

#[test]
fn an_engine_that_is_away_in_the_middle_leaves_the_site_closed_until_it_is_back() {
    let mut scene = Scene::open();
    scene.container("web", &["--restart=always"], POLITE);
    scene.configure("", "[site.services]\nstart_seconds = 1\n");
    let snapshot = scene.saved();
    let call = scene.node.restore(&snapshot).rehearsed("wait resume");
    let mut running = call.start();
    running.until_said("\"stage\":\"resume\"");
    scene.engine.kill();
    running.let_go();
    let ended = running.wait();
    let result = ended.ended_as(Outcome::Busy);
    assert!(result.operator_message.contains("Docker engine"), "{result:?}");
    assert!(journal_says(&scene.node.journal(call.job()), "resume"));
    assert!(scene.node.flag().exists(), "nobody may see it without its containers");
    scene.engine.start_again();
    let said = scene.node.recover();
    assert!(said.contains("\"settled\""), "{said}");
    assert!(scene.runs("web") && !scene.node.flag().exists());
    assert_eq!(scene.seen_in("web"), "new");
}

#[test]
fn an_engine_that_hangs_when_a_restore_begins_changes_nothing() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    let snapshot = scene.saved();
    scene.engine.hang(Hang::Begins);
    let ended = scene.node.restore(&snapshot).run();
    scene.engine.hang(Hang::Ends);
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("docker made no progress"), "{result:?}");
    assert_eq!(scene.seen_in("web"), "new");
}

#[test]
fn a_container_that_is_made_anew_in_the_middle_is_known_by_its_name() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    let snapshot = scene.saved();
    let mut running = scene.node.restore(&snapshot).rehearsed("wait swap_files").start();
    running.until_said("\"stage\":\"swap_files\"");
    scene.engine.run(&["rm", "--force", "web"]);
    scene.container("web", &[], POLITE);
    running.let_go();
    running.wait().completed();
    assert_eq!(scene.seen_in("web"), "old");
    scene.engine.run(&["rm", "--force", "web"]);
    scene.node.undo().run().completed();
}

#[test]
fn a_container_that_is_gone_for_good_keeps_no_site_closed() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    let snapshot = scene.saved();
    let mut running = scene.node.restore(&snapshot).rehearsed("wait resume").start();
    running.until_said("\"stage\":\"resume\"");
    scene.engine.run(&["rm", "--force", "web"]);
    running.let_go();
    let result = running.wait().ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("container web is gone"), "{result:?}");
    assert!(!scene.node.flag().exists());
    assert_eq!(scene.live(), "new", "the old site, from before the restore");
    scene.node.recover();
}

#[test]
fn containers_that_need_each_other_come_up_together() {
    let scene = Scene::open();
    let shared = scene.node.root().join("shared");
    std::fs::create_dir(&shared).expect("a folder");
    let shared = format!("--volume={}:/shared", shared.display());
    let app = "trap 'rm -f /shared/up; exit 0' TERM; rm -f /shared/up; sleep 0.3; \
               cat </dev/null >/shared/up; while :; do sleep 1 & wait; done";
    scene.container("app", &[&shared], &app.replace("rm -f", "busybox rm -f"));
    holdfast_tests::eventually("the app", || {
        scene.node.root().join("shared/up").exists().then_some(())
    });
    scene.container("proxy", &[&shared], &format!("test -e /shared/up || exit 1; {POLITE}"));
    let snapshot = scene.saved();
    scene.node.restore(&snapshot).run().completed();
    assert_eq!((scene.seen_in("app"), scene.seen_in("proxy")), ("old".into(), "old".into()));
}

#[test]
fn an_engine_that_starts_anew_while_the_site_resumes_is_waited_for() {
    let mut scene = Scene::open();
    scene.container("web", &["--restart=always"], POLITE);
    let snapshot = scene.saved();
    let mut running = scene.node.restore(&snapshot).rehearsed("wait resume").start();
    running.until_said("\"stage\":\"resume\"");
    scene.engine.kill();
    running.let_go();
    scene.engine.start_again();
    running.wait().completed();
    assert_eq!(scene.seen_in("web"), "old");
}
