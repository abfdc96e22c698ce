//! PHP's compiled code behind a restore: a real php-fpm with opcache serves the restored tree, and a
//! hacked page does not live on in its memory.
//!
//! Needs: nginx, php, restic, strace.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use holdfast_job::{Outcome, Scope, UndoCopy};
use holdfast_tests::{Nginx, Node, Php, restic};

const SETTINGS: [&str; 2] = ["opcache.validate_timestamps=1", "opcache.validate_timestamps=0"];

/// A site of one page, and who serves it.
struct Scene {
    nginx: Nginx,
    php: Php,
    node: Node,
}

impl Scene {
    fn with(settings: &[&str]) -> Self {
        let node = Node::with_site();
        write(&node.live().join("index.php"), "good");
        let php = Php::start(&node.root().join("php"), settings);
        let site = (node.base(), node.live());
        let nginx = Nginx::start_with(
            &node.root().join("nginx"),
            (&site.0, &site.1),
            "0123456789abcdef",
            &php.location(),
        );
        let scene = Self { nginx, php, node };
        scene.configure("");
        scene
    }

    fn configure(&self, site: &str) {
        let php = format!("php = \"{}/php\"", self.node.root().display());
        self.node.configure_all(&restic(), &php, site, "");
    }

    /// What a visitor of the page sees.
    fn page(&self) -> String {
        self.nginx.curl("index.php", &[])
    }
}

/// A script that says this; its length and time are the same whatever it says.
fn write(path: &Path, word: &str) {
    fs::write(path, format!("<?php echo '{word}';\n")).expect("a script");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    File::open(path).and_then(|file| file.set_modified(time)).expect("a time");
}

#[test]
fn a_hacked_page_does_not_live_on_in_phps_memory_and_an_undo_brings_it_back() {
    for setting in SETTINGS {
        let mut scene = Scene::with(&[setting]);
        assert_eq!(scene.page(), "good");
        let snapshot = scene.node.backed_up();
        write(&scene.node.live().join("index.php"), "hack");
        scene.php.restart();
        assert_eq!(scene.page(), "hack", "{setting}: it is compiled");
        let restored = scene.node.restore(&snapshot).run().completed();
        assert_eq!(scene.page(), "good", "{setting}: {restored:?}");
        assert_eq!(restored.operator_message, "Your site is restored.");
        scene.node.undo().run().completed();
        assert_eq!(scene.page(), "hack", "{setting}: the undone one is served from memory");
        scene.node.recover();
    }
}

#[test]
fn a_restore_that_is_put_back_leaves_nothing_of_the_restored_tree_in_phps_memory() {
    let mut scene = Scene::with(&["opcache.validate_timestamps=0"]);
    let snapshot = scene.node.backed_up();
    write(&scene.node.live().join("index.php"), "else");
    scene.php.restart();
    assert_eq!(scene.page(), "else");
    // A visitor who is let in behind the switch compiles the restored page.
    let probe = format!(
        "[site.services]\nstart_seconds = 1\n[site.probe]\nurl = \"{}\"\ntext = \"else\"\n",
        scene.nginx.url("index.php")
    );
    let root = scene.node.root().display();
    scene.node.secret("etc/probe", "0123456789abcdef");
    scene.node.configure_all(
        &restic(),
        &format!("php = \"{root}/php\"\nprobe_secret_file = \"{root}/etc/probe\""),
        "",
        &probe,
    );
    let ended = scene.node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("answers without"), "{ended:?}");
    assert_eq!(scene.page(), "else");
    scene.node.recover();
}

#[test]
fn what_is_compiled_of_other_sites_stays() {
    let mut scene = Scene::with(&["opcache.validate_timestamps=0"]);
    let neighbour = scene.node.root().join("customers/neighbour.php");
    let snapshot = scene.node.backed_up();
    scene.php.restart();
    write(&neighbour, "old");
    let nginx = Nginx::start_with(
        &scene.node.root().join("neighbour"),
        (&scene.node.base(), neighbour.parent().expect("a folder")),
        "0123456789abcdef",
        &scene.php.location(),
    );
    assert_eq!(nginx.curl("neighbour.php", &[]), "old");
    write(&neighbour, "new");
    assert_eq!(scene.page(), "good");
    scene.node.restore(&snapshot).run().completed();
    assert_eq!(nginx.curl("neighbour.php", &[]), "old", "the whole memory was emptied");
    scene.node.recover();
}

#[test]
fn a_pool_that_will_not_forget_is_named_before_the_door_closes() {
    let scene = Scene::with(&["opcache.restrict_api=/nowhere"]);
    let snapshot = scene.node.backed_up();
    let doctor = |scene: &Scene| {
        let output = scene.node.executor_with(&["doctor"]).output().expect("doctor");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = doctor(&scene);
    assert!(said.contains("BAD   customer 42: PHP: "), "{said}");
    assert!(said.contains("`opcache.restrict_api` does not let its script in"), "{said}");
    // Found by itself, it is told with the result; named in the configuration, it must do it.
    let restored = scene.node.restore(&snapshot).run().completed();
    let told = "Visitors may still get earlier pages: PHP's pool at ";
    assert!(restored.operator_message.contains(told), "{restored:?}");
    let socket = scene.php.socket();
    scene.configure(&format!("php_pools = [\"{}\"]", socket.display()));
    let ended = scene.node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("restrict_api"), "{ended:?}");
    assert_eq!(result.closed_ms, None, "{ended:?}");
    scene.configure("php_pools = []");
    let restored = scene.node.restore(&snapshot).run().completed();
    assert_eq!(restored.operator_message, "Your site is restored.");
    assert!(!doctor(&scene).contains("BAD   customer 42: PHP"));
    scene.node.recover();
}

#[test]
fn a_pool_that_may_not_read_the_base_is_told_what_to_do() {
    let mut scene = Scene::with(&[]);
    let live = scene.node.live();
    let pool = scene.node.root().join("php/8.2/fpm/pool.d/shop.conf");
    let text = fs::read_to_string(&pool).expect("a pool");
    let text = format!("{text}php_admin_value[open_basedir] = {}\n", live.display());
    fs::write(&pool, text).expect("a pool");
    scene.php.restart();
    let snapshot = scene.node.backed_up();
    let restored =
        scene.node.restore_with(&snapshot, Scope::Files, UndoCopy::Keep).run().completed();
    assert!(restored.operator_message.contains("`open_basedir`"), "{restored:?}");
    scene.node.recover();
}

#[test]
fn a_pool_that_does_not_run_is_no_obstacle() {
    let node = Node::with_site();
    drop(Php::start(&node.root().join("php"), &[]));
    let php = format!("php = \"{}/php\"", node.root().display());
    node.configure_all(&restic(), &php, "", "");
    let snapshot = node.backed_up();
    let restored = node.restore(&snapshot).run().completed();
    assert_eq!(restored.operator_message, "Your site is restored.");
    node.recover();
}
