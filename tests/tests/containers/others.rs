//! Somebody else has the tree: told before anything is stopped, and nobody comes up in the middle.
//!
//! Needs: docker, restic, strace.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::{IMAGE, Mount};

use super::{POLITE, Scene};

/// A container that is not the site's, with one folder of this machine.
fn stranger(scene: &Scene, name: &str, volume: &str) {
    let volume = format!("--volume={volume}");
    let run = ["run", "--detach", "--network=none", "--name", name, &volume, IMAGE];
    scene.engine.run(&[&run[..], &["sh", "-c", POLITE]].concat());
}

#[test]
fn a_container_of_somebody_else_that_has_the_tree_is_refused_by_name() {
    for below in ["", "/uploads"] {
        let scene = Scene::open();
        fs::create_dir(scene.node.live().join("uploads")).expect("a folder");
        scene.container("php", &[], POLITE);
        let snapshot = scene.saved();
        stranger(&scene, "shared-php", &format!("{}{below}:/site", scene.node.live().display()));
        let words = ["container shared-php is not the site's", "site.services.others"];
        scene.refuses(&snapshot, Outcome::Failed, &words);
        scene.engine.run(&["stop", "--time=1", "shared-php"]);
        scene.node.restore(&snapshot).run().completed();
        scene.refuses_nothing();
    }
}

#[test]
fn a_container_of_somebody_else_is_left_or_stopped_as_is_configured() {
    for (others, seen) in [("leave", "new"), ("stop", "old")] {
        let scene = Scene::open();
        scene.configure("", &format!("[site.services]\nothers = \"{others}\"\n"));
        scene.container("php", &[], POLITE);
        let snapshot = scene.saved();
        stranger(&scene, "shared-php", &format!("{}:/site", scene.node.live().display()));
        let result = scene.node.restore(&snapshot).run().completed();
        assert_eq!(
            (scene.seen_in("php"), scene.seen_in("shared-php")),
            ("old".into(), seen.into())
        );
        let warned = result.operator_message.contains("container shared-php is not stopped");
        assert_eq!(warned, others == "leave", "{result:?}");
        let (bad, _) = scene.doctor();
        let astray = bad
            .iter()
            .any(|line| line.contains("container shared-php goes on with a displaced tree"));
        assert_eq!(astray, others == "leave", "{bad:?}");
    }
}

#[test]
fn a_container_that_has_the_folder_above_the_tree_sees_the_restored_one() {
    let scene = Scene::open();
    scene.container("php", &[], POLITE);
    let snapshot = scene.saved();
    let customers = scene.node.root().join("customers");
    stranger(&scene, "all", &format!("{}:/customers", customers.display()));
    let since = scene.since("all");
    scene.refuses_nothing();
    scene.node.restore(&snapshot).run().completed();
    let page = "/customers/customer-42/public/page";
    assert_eq!(scene.engine.run(&["exec", "all", "cat", page]), "old");
    assert_eq!(scene.since("all"), since);
}

#[test]
fn a_tree_that_this_machine_has_at_a_second_place_is_refused_by_that_place() {
    let scene = Scene::open();
    let snapshot = scene.saved();
    let jail = scene.node.root().join("jail");
    fs::create_dir(&jail).expect("a folder");
    let mount = Mount::bound(&scene.node.live(), &jail);
    scene.refuses(&snapshot, Outcome::Failed, &[&format!("mounted at {}", jail.display())]);
    drop(mount);
    scene.node.restore(&snapshot).run().completed();
}

#[test]
fn a_volume_that_is_the_tree_goes_and_comes_with_its_container() {
    let scene = Scene::open();
    let device = format!("device={}", scene.node.live().display());
    let volume = ["volume", "create", "--opt=type=none", "--opt=o=bind", "--opt", &device, "tree"];
    scene.engine.run(&volume);
    let run =
        ["run", "--detach", "--network=none", "--name=web", super::LABEL, "--volume=tree:/site"];
    scene.engine.run(&[&run[..], &[IMAGE, "sh", "-c", POLITE]].concat());
    let snapshot = scene.saved();
    scene.node.restore(&snapshot).run().completed();
    assert_eq!(scene.seen_in("web"), "old");
}

#[test]
fn a_container_that_comes_up_behind_the_closed_door_ends_on_the_new_site() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    let snapshot = scene.saved();
    let mut running = scene.node.restore(&snapshot).rehearsed("wait swap_files").start();
    running.until_said("\"stage\":\"swap_files\"");
    scene.engine.run(&["start", "web"]);
    scene.container("second", &[], POLITE);
    running.let_go();
    running.wait().completed();
    assert_eq!((scene.seen_in("web"), scene.seen_in("second")), ("old".into(), "old".into()));
}

#[test]
fn somebody_else_who_comes_up_behind_the_closed_door_brings_the_old_site_back() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    let snapshot = scene.saved();
    let mut running = scene.node.restore(&snapshot).rehearsed("wait swap_files").start();
    running.until_said("\"stage\":\"swap_files\"");
    stranger(&scene, "watcher", &format!("{}:/site", scene.node.live().display()));
    running.let_go();
    let result = running.wait().ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("container watcher came up"), "{result:?}");
    assert_eq!((scene.live().as_str(), scene.seen_in("web")), ("new", "new".into()));
    assert!(!scene.node.flag().exists());
    scene.engine.run(&["kill", "watcher"]);
    scene.node.recover();
}
