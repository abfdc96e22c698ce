//! The home page of a site, asked through the closed door as a visitor would.
//!
//! Needs: nginx, restic, strace.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::{Nginx, Node, place_program};

const SECRET: &str = "0123456789abcdef";

struct Scene {
    nginx: Nginx,
    node: Node,
}

impl Scene {
    fn open(probe: &str) -> Self {
        let node = Node::with_site();
        let folder = node.root().join("nginx");
        let nginx = Nginx::start(&folder, (&node.base(), &node.live()), SECRET);
        let scene = Self { nginx, node };
        scene.configure(SECRET, probe);
        scene
    }

    fn configure(&self, secret: &str, probe: &str) {
        self.configure_with(secret, probe, "/usr/bin/systemctl");
    }

    fn configure_with(&self, secret: &str, probe: &str, systemctl: &str) {
        self.node.secret("etc/probe", secret);
        let root = self.node.root().display();
        let url = self.nginx.url("page");
        self.node.configure_all(
            &holdfast_tests::restic(),
            &format!("probe_secret_file = \"{root}/etc/probe\"\nsystemctl = \"{systemctl}\""),
            "",
            &format!(
                "[site.services]\nstart_seconds = 1\n[site.probe]\nurl = \"{url}\"\n\
                 timeout_seconds = 2\n{probe}\n"
            ),
        );
    }

    fn page(&self, text: &str) {
        fs::write(self.node.live().join("page"), text).expect("a page");
    }
}

#[test]
fn a_site_that_is_not_well_behind_its_restore_is_its_old_self_again_and_says_why() {
    let scene = Scene::open("text = \"a shop\"");
    scene.page("nothing");
    let snapshot = scene.node.backed_up();
    scene.page("this is a shop");
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    let why = "answers without \"a shop\" in it";
    assert!(result.operator_message.contains(why), "{result:?}");
    assert!(result.customer_message.contains("did not work as it should"), "{result:?}");
    let page = fs::read_to_string(scene.node.live().join("page")).expect("a page");
    assert_eq!((page.as_str(), scene.nginx.status("page").as_str()), ("this is a shop", "200"));
    scene.node.recover();
}

/// Its web server may have been stopped before it was asked.
#[test]
fn a_site_that_does_not_answer_because_its_machine_is_being_shut_down_is_restored_later() {
    let scene = Scene::open("");
    let systemctl = scene.node.root().join("etc/systemctl");
    place_program(&systemctl, "#!/bin/sh\necho stopping\nexit 1\n");
    let without = scene.node.backed_up();
    scene.page("a shop");
    scene.configure_with(SECRET, "", &systemctl.display().to_string());
    let result = scene.node.restore(&without).run().ended_as(Outcome::Busy);
    assert!(result.operator_message.contains("being shut down"), "{result:?}");
    assert_eq!(scene.nginx.status("page"), "200");
    scene.node.recover();
}

#[test]
fn a_site_that_was_broken_before_is_restored_whether_it_gets_well_or_not() {
    let scene = Scene::open("");
    let without = scene.node.backed_up();
    scene.page("a shop");
    let with = scene.node.backed_up();
    fs::remove_file(scene.node.live().join("page")).expect("no page");
    assert_eq!(scene.nginx.status("page"), "404");
    let result = scene.node.restore(&without).run().completed();
    assert_eq!(result.healthy, Some(false));
    let result = scene.node.restore(&with).run().completed();
    assert_eq!(result.healthy, Some(true));
    let ended = scene.node.restore(&without).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("answers 404"), "{result:?}");
    let args = ["42", without.as_str(), "both", "--keep-unhealthy"];
    let said = holdfast_tests::output_of(&mut scene.node.script("restore", &args));
    assert!(said.contains("\"healthy\":false"), "{said}");
    scene.node.recover();
}

#[test]
fn the_probe_is_let_in_through_the_closed_door_by_its_secret_alone() {
    let scene = Scene::open("status = 200");
    scene.page("a shop");
    let snapshot = scene.node.backed_up();
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(true));
    let mut running = scene.node.restore(&snapshot).rehearsed("wait open").start();
    running.until_said("\"stage\":\"open\"");
    assert_eq!(scene.nginx.status("page"), "503", "to everybody else it is closed");
    running.let_go();
    running.wait().completed();
    scene.configure("another", "status = 200");
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("answers 503"), "{result:?}");
    scene.node.recover();
}

#[test]
fn whoever_reads_the_page_is_not_root_and_holds_no_lock() {
    let scene = Scene::open("");
    scene.page("a shop");
    let double = scene.node.root().join("etc/curl");
    let seen = scene.node.root().join("seen");
    fs::create_dir(&seen).expect("a folder");
    std::os::unix::fs::chown(&seen, Some(65534), None).expect("an owner");
    let text = format!(
        "#!/bin/sh\nid -u >{0}/uid\nls -l /proc/$$/fd >{0}/fds\ntr '\\0' ' ' </proc/$$/cmdline \
         >{0}/line\nprintf '=200' >&2\n",
        seen.display()
    );
    holdfast_tests::place_program(&double, &text);
    let open = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
    };
    open(scene.node.root());
    open(&scene.node.root().join("etc"));
    let root = scene.node.root().display();
    scene.node.configure_all(
        &holdfast_tests::restic(),
        &format!("curl = \"{}\"\nprobe_secret_file = \"{root}/etc/probe\"", double.display()),
        "",
        &format!("[site.probe]\nurl = \"{}\"\n", scene.nginx.url("page")),
    );
    let snapshot = scene.node.backed_up();
    scene.node.restore(&snapshot).run().completed();
    let read = |name: &str| fs::read_to_string(seen.join(name)).expect("what was seen");
    assert_eq!(read("uid").trim(), "65534");
    assert!(!read("fds").contains(".lock"), "{}", read("fds"));
    assert!(!read("line").contains(SECRET), "{}", read("line"));
    scene.node.recover();
}
