//! Containers stop as their owners say: in their own time, and as paused as they were.
//!
//! Needs: docker, restic, strace.

use super::{POLITE, Scene};

/// Saves what it has when it is told to end, which takes it four seconds.
const SAVES: &str = "trap 'sleep 4; echo saved >/shared/saved; exit 0' TERM; \
                     while :; do sleep 1 & wait; done";

#[test]
fn a_container_has_its_own_time_to_stop() {
    let scene = Scene::open();
    let (folder, shared) = scene.shared();
    scene.container("web", &[&shared, "--stop-timeout=30"], SAVES);
    let snapshot = scene.saved();
    let result = scene.node.restore(&snapshot).run().completed();
    assert!(folder.join("saved").exists(), "it was killed: {result:?}");
    assert!(!result.operator_message.contains("killed"), "{result:?}");
    assert_eq!(scene.seen_in("web"), "old");
}

#[test]
fn a_container_that_is_killed_is_named_in_the_result() {
    for (services, own) in
        [("", "--stop-signal=TERM"), ("own_stop_seconds = 1", "--stop-timeout=30")]
    {
        let scene = Scene::open();
        scene.configure("", &format!("[site.services]\n{services}\n"));
        let (folder, shared) = scene.shared();
        scene.container("web", &[&shared, own], SAVES);
        scene.container("kill", &["--stop-signal=KILL"], POLITE);
        let snapshot = scene.saved();
        let said = scene.node.restore(&snapshot).run().completed().operator_message;
        assert!(said.contains("container web did not stop within"), "{said}");
        assert!(!said.contains("container kill"), "it asks for no more: {said}");
        assert!(!folder.join("saved").exists());
        assert_eq!(scene.seen_in("web"), "old");
    }
}

#[test]
fn a_paused_container_is_paused_again_on_the_other_tree() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    scene.container("still", &["--health-cmd=test -e /none", "--health-interval=1s"], POLITE);
    scene.engine.run(&["pause", "still"]);
    let snapshot = scene.saved();
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(true));
    assert_eq!(scene.engine.inspect("still", ".State.Status"), "paused");
    scene.engine.run(&["unpause", "still"]);
    assert_eq!((scene.seen_in("web"), scene.seen_in("still")), ("old".into(), "old".into()));
}
