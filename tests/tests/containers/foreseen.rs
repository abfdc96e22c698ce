//! Containers that could not be started again: found before anything is stopped.
//!
//! Needs: docker, restic, strace.

use std::fs;

use holdfast_job::{Order, Outcome};
use holdfast_tests::IMAGE;

use super::{LABEL, POLITE, Scene};

/// A container of the site's without a network of its own choice.
fn sharing(scene: &Scene, name: &str, mode: &str) {
    let site = format!("--volume={}:/site", scene.node.live().display());
    let network = if mode.starts_with("--network") { &[][..] } else { &["--network=none"] };
    let run = ["run", "--detach", mode, "--name", name, LABEL, &site];
    scene.engine.run(&[&run[..], network, &[IMAGE, "sh", "-c", POLITE]].concat());
}

#[test]
fn a_container_whose_partner_was_made_anew_is_found_before_anything_is_stopped() {
    for mode in ["--network=container:vpn", "--ipc=container:vpn", "--pid=container:vpn"] {
        let scene = Scene::open();
        let partner = ["--ipc=shareable"];
        scene.container("vpn", &partner, POLITE);
        sharing(&scene, "web", mode);
        let snapshot = scene.saved();
        scene.node.restore(&snapshot).run().completed();
        scene.page("new");
        scene.engine.run(&["rm", "--force", "vpn"]);
        scene.container("vpn", &partner, POLITE);
        if mode.starts_with("--pid") {
            // The processes went with the ones that they belonged to.
            assert!(!scene.runs("web"));
            continue;
        }
        let words = ["container web could not be started again", "is not there any more"];
        scene.refuses(&snapshot, Outcome::Failed, &words);
    }
}

#[test]
fn a_container_whose_mounts_are_gone_is_found_before_anything_is_stopped() {
    let scene = Scene::open();
    let (folder, shared) = scene.shared();
    scene.container("web", &[&shared], POLITE);
    let snapshot = scene.saved();
    fs::remove_dir(&folder).expect("away");
    let path = folder.display().to_string();
    scene.refuses(&snapshot, Outcome::Failed, &["container web could not be started again", &path]);
}

#[test]
fn a_container_whose_partner_for_volumes_is_gone_comes_back_all_the_same() {
    let scene = Scene::open();
    scene.container("data", &[], POLITE);
    let run =
        ["run", "--detach", "--network=none", "--name=web", LABEL, "--volumes-from=data", IMAGE];
    scene.engine.run(&[&run[..], &["sh", "-c", POLITE]].concat());
    scene.engine.run(&["rm", "--force", "data"]);
    let snapshot = scene.saved();
    scene.refuses_nothing();
    scene.node.restore(&snapshot).run().completed();
    assert_eq!(scene.seen_in("web"), "old");
}

#[test]
fn a_file_that_a_container_has_and_the_backup_lacks_is_found_before_the_site_is_closed() {
    let scene = Scene::open();
    let snapshot = scene.saved();
    let config = scene.node.live().join("config.php");
    fs::write(&config, "<?php").expect("a file");
    let volume = format!("--volume={}:/app/config.php", config.display());
    scene.container("app", &[&volume], POLITE);
    let since = scene.since("app");
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    let path = config.display().to_string();
    for words in ["container app could not be started again", &path, "is not in the backup"] {
        assert!(result.operator_message.contains(words), "{result:?}");
    }
    assert_eq!((scene.since("app"), result.closed_ms), (since, None));
    let mut call = scene.node.restore(&snapshot);
    if let Order::Restore(order) = &mut call.request.order {
        order.keep_unhealthy = true;
    }
    let result = call.run().completed();
    assert_eq!(result.healthy, Some(false));
    for words in ["container app does not run", &path, "not a directory"] {
        assert!(result.operator_message.contains(words), "{words}: {result:?}");
    }
    assert!(config.symlink_metadata().is_err(), "docker's folder stays in the tree");
    assert_eq!(scene.live(), "old");
    scene.node.undo().run().completed();
    scene.engine.run(&["start", "app"]);
    assert!(config.is_file());
    scene.node.recover();
}

#[test]
fn what_ends_or_is_made_anew_during_the_fetch_is_seen_before_the_site_is_closed() {
    let scene = Scene::open();
    for name in ["web", "worker", "cron"] {
        scene.container(name, &[], POLITE);
    }
    let snapshot = scene.saved();
    let gate = scene.node.root().join("gate");
    fs::write(&gate, "").expect("a file");
    let held = format!("held close {}", gate.display());
    let running = scene.node.restore(&snapshot).rehearsed(&held).start();
    running.until_said("\"stage\":\"close\"");
    scene.engine.run(&["stop", "--time=5", "worker"]);
    scene.engine.run(&["rm", "--force", "web"]);
    scene.container("web", &[], POLITE);
    fs::remove_file(&gate).expect("away");
    let result = running.wait().completed();
    let said = &result.operator_message;
    assert!(said.contains("container worker ran when this order began"), "{said}");
    assert!(!said.contains("container web") && !said.contains("container cron"), "{said}");
    assert!(!scene.runs("worker"), "somebody has stopped it");
    assert_eq!((scene.seen_in("web"), scene.seen_in("cron")), ("old".into(), "old".into()));
}
