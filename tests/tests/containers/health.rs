//! A site that was well before is well after, or is its old self again and says why.
//!
//! Needs: docker, restic, strace.

use std::fs;

use holdfast_job::{Order, Outcome};

use super::{POLITE, Scene};

/// Says itself that it is well while there is a file `ok` in the site.
const CHECKED: [&str; 4] = [
    "--health-cmd=test -e /site/ok",
    "--health-interval=200ms",
    "--health-retries=1",
    "--health-timeout=5s",
];

fn healthy(scene: &Scene, name: &str) {
    holdfast_tests::eventually("a healthy container", || {
        (scene.engine.inspect(name, ".State.Health.Status") == "healthy").then_some(())
    });
}

#[test]
fn a_container_that_does_not_start_on_the_restored_site_brings_the_old_one_back() {
    let scene = Scene::open();
    scene.configure("", "[site.services]\nstart_seconds = 2\n");
    let snapshot = scene.saved();
    fs::write(scene.node.live().join("ok"), "").expect("a file");
    let told = format!("test -e /site/ok || {{ echo no ok here; exit 9; }}; {POLITE}");
    scene.container("web", &[], &told);
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    assert!(
        result.operator_message.contains("container web does not run: exit code 9"),
        "{result:?}"
    );
    assert!(result.operator_message.contains("no ok here"), "the log says why: {result:?}");
    assert!(result.customer_message.contains("did not work as it should"), "{result:?}");
    assert!(scene.runs("web"));
    assert_eq!(scene.seen_in("web"), "new", "the old site, from before the restore");
    assert!(!scene.node.flag().exists());
    scene.node.recover();
}

#[test]
fn a_container_that_gets_unhealthy_brings_the_old_site_back_unless_that_is_not_wished() {
    let scene = Scene::open();
    scene.configure("", "[site.services]\nstart_seconds = 2\n");
    let snapshot = scene.saved();
    fs::write(scene.node.live().join("ok"), "").expect("a file");
    scene.container("web", &CHECKED, POLITE);
    healthy(&scene, "web");
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("container web is unhealthy"), "{result:?}");
    assert_eq!(scene.seen_in("web"), "new");
    healthy(&scene, "web");
    let mut call = scene.node.restore(&snapshot);
    if let Order::Restore(order) = &mut call.request.order {
        order.keep_unhealthy = true;
    }
    let result = call.run().completed();
    assert_eq!(result.healthy, Some(false));
    assert_eq!(scene.seen_in("web"), "old");
    // Broken before, it may be restored, whatever comes of that.
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(false));
    scene.node.recover();
}

#[test]
fn a_container_that_never_gets_healthy_is_waited_for_no_longer_than_is_configured() {
    let scene = Scene::open();
    scene.configure("", "[site.services]\nstart_seconds = 2\n");
    let snapshot = scene.saved();
    fs::write(scene.node.live().join("ok"), "").expect("a file");
    let hangs = ["--health-cmd=test -e /site/ok || sleep 1000", "--health-interval=200ms"];
    scene.container("web", &[&hangs[..], &["--health-timeout=1000s"]].concat(), POLITE);
    healthy(&scene, "web");
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("its health check does not end"), "{result:?}");
    assert_eq!(scene.seen_in("web"), "new");
    scene.node.recover();
}

/// A first process that is ready a while after it was started.
fn ready_after(seconds: u32) -> String {
    format!(
        "busybox rm -f /tmp/ready; sleep {seconds} & wait; cat </dev/null >/tmp/ready; {POLITE}"
    )
}

#[test]
fn a_container_that_is_unhealthy_at_first_is_waited_for() {
    let scene = Scene::open();
    let own = ["--health-cmd=test -e /tmp/ready", "--health-interval=1s", "--health-retries=1"];
    scene.container("web", &own, &ready_after(4));
    healthy(&scene, "web");
    let snapshot = scene.saved();
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(true));
    assert_eq!(scene.seen_in("web"), "old");
    assert!(result.closed_ms.expect("the time") >= 4000, "it was opened too early: {result:?}");
}

#[test]
fn a_site_is_not_kept_closed_for_the_interval_of_a_health_check() {
    let scene = Scene::open();
    scene.configure("", "[site.services]\nstart_seconds = 40\n");
    let own = ["--health-cmd=test -e /tmp/ready", "--health-interval=50s"];
    scene.container("web", &own, &ready_after(0));
    let snapshot = scene.saved();
    let (bad, said) = scene.doctor();
    assert!(bad.is_empty(), "not checked by docker yet, it is well: {bad:?}");
    assert!(said.contains("container web checks its health each 50 s, and has 40 s"), "{said}");
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(true));
    assert_eq!(scene.seen_in("web"), "old");
    let closed = result.closed_ms.expect("the time");
    assert!(closed < 15_000, "{closed} ms");
}

#[test]
fn a_site_is_opened_when_its_container_listens_on_its_port_again() {
    let scene = Scene::open();
    let server = "trap 'exit 0' TERM; sleep 2 & wait $!; httpd -f -p 8080 -h /site & wait";
    scene.container("web", &[], server);
    let serves = || {
        let fetch =
            ["exec", "web", "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/page"];
        let said = scene.engine.command(&fetch).output().expect("docker");
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let snapshot = scene.saved();
    assert_eq!(holdfast_tests::eventually("the page", serves), "new");
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(serves().as_deref(), Some("old"), "it is open and does not serve");
    assert!(result.closed_ms.expect("the time") >= 2000, "{result:?}");
}
