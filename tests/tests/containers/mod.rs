//! A site in containers, on a real Docker engine: halted for the switch, resumed behind it.
//!
//! Needs: docker, restic, strace.

mod databases;
mod engine;
mod foreseen;
mod grace;
mod health;
mod jobs;
mod needs;
mod others;
mod writers;

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
};

use holdfast_job::{Outcome, SnapshotId};
use holdfast_tests::{Docker, IMAGE, Node, eventually, free_port, restic};

/// What docker compose calls the site's containers.
const LABEL: &str = "--label=com.docker.compose.project=customer-42";

/// A site whose page is `old` in its backup, and `new` now; the engine ends last.
struct Scene {
    node: Node,
    engine: Docker,
}

impl Scene {
    fn open() -> Self {
        let (node, engine) = (Node::with_site(), Docker::start());
        let scene = Self { node, engine };
        scene.configure("", "");
        scene.page("old");
        scene
    }

    /// With more for `[node]` and more at the end, such as `[site.services]`.
    fn configure(&self, node: &str, rest: &str) {
        let socket = format!("docker_socket = \"{}\"\n{node}", self.engine.socket().display());
        self.node.configure_all(&restic(), &socket, "", rest);
    }

    fn page(&self, text: &str) {
        fs::write(self.node.live().join("page"), text).expect("a page");
    }

    /// A backup of the old page; then the page is new.
    fn saved(&self) -> SnapshotId {
        let snapshot = self.node.backed_up();
        self.page("new");
        snapshot
    }

    /// A container that has the site at `/site` and begins with what its shell is told.
    fn container(&self, name: &str, more: &[&str], command: &str) {
        let site = format!("--volume={}:/site", self.node.live().display());
        let mut args = vec!["run", "--detach", "--network=none", "--name", name, LABEL, &site];
        args.extend_from_slice(more);
        args.extend([IMAGE, "sh", "-c", command]);
        self.engine.run(&args);
    }

    /// What a container sees of the site.
    fn seen_in(&self, name: &str) -> String {
        self.engine.run(&["exec", name, "cat", "/site/page"])
    }

    /// A folder beside the site, and the option that gives it to a container at `/shared`.
    fn shared(&self) -> (PathBuf, String) {
        let folder = self.node.root().join("shared");
        fs::create_dir_all(&folder).expect("a folder");
        let volume = format!("--volume={}:/shared", folder.display());
        (folder, volume)
    }

    /// `doctor` finds nothing bad.
    fn refuses_nothing(&self) {
        let (bad, _) = self.doctor();
        assert!(bad.is_empty(), "{bad:?}");
    }

    fn since(&self, name: &str) -> String {
        self.engine.inspect(name, ".State.StartedAt")
    }

    /// What `doctor` finds bad, and all that it says.
    fn doctor(&self) -> (Vec<String>, String) {
        let output = self.node.executor_with(&["doctor"]).output().expect("doctor");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let ours = |line: &&str| line.starts_with("BAD") && line.contains("customer 42");
        let bad = text.lines().filter(ours).map(str::to_owned);
        (bad.collect(), text)
    }

    /// Nothing was stopped or changed, and the refusal names what is in the way, as `doctor` does.
    fn refuses(&self, snapshot: &SnapshotId, outcome: Outcome, words: &[&str]) {
        let before = self.engine.run(&["ps", "--no-trunc", "--format", "{{.ID}}"]);
        let result = self.node.restore(snapshot).run().ended_as(outcome);
        let (bad, _) = self.doctor();
        for word in words {
            assert!(result.operator_message.contains(word), "{word}: {result:?}");
            assert!(bad.iter().any(|line| line.contains(word)), "{word}: {bad:?}");
        }
        assert_eq!(result.closed_ms, None, "the site was closed");
        assert_eq!(self.engine.run(&["ps", "--no-trunc", "--format", "{{.ID}}"]), before);
        assert_eq!(self.live(), "new");
    }

    fn runs(&self, name: &str) -> bool {
        self.engine.inspect(name, ".State.Running") == "true"
    }

    /// The live page.
    fn live(&self) -> String {
        fs::read_to_string(self.node.live().join("page")).expect("a page")
    }
}

/// A container's first process that ends when it is asked to.
const POLITE: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait; done";
/// One that does not.
const DEAF: &str = "trap '' TERM; while :; do sleep 1; done";

#[test]
fn a_restored_site_is_seen_through_its_containers_and_so_is_its_undo() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    // Ignores the wish to stop, and is killed in time.
    scene.container("cron", &[], DEAF);
    scene.container("spare", &[], POLITE);
    scene.engine.run(&["stop", "--time=1", "spare"]);
    let stranger = ["run", "--detach", "--network=none", "--name=stranger", IMAGE, "sh", "-c"];
    scene.engine.run(&[&stranger[..], &[POLITE]].concat());
    let since = scene.engine.inspect("stranger", ".State.StartedAt");
    let snapshot = scene.saved();
    assert_eq!(scene.seen_in("web"), "new");
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(result.healthy, Some(true));
    assert_eq!((scene.seen_in("web"), scene.seen_in("cron")), ("old".into(), "old".into()));
    assert!(!scene.runs("spare"), "what was stopped before stays stopped");
    assert_eq!(scene.engine.inspect("stranger", ".State.StartedAt"), since, "not the site's");
    scene.node.undo().run().completed();
    assert_eq!((scene.seen_in("web"), scene.seen_in("cron")), ("new".into(), "new".into()));
    // Three seconds for the deaf one, and what an engine takes on a busy machine.
    let closed = result.closed_ms.expect("the time");
    assert!(closed < 20_000, "{closed} ms");
}

#[test]
fn a_page_is_served_anew_by_a_container_that_holds_the_old_tree_open() {
    let scene = Scene::open();
    let port = free_port();
    let site = format!("--volume={}:/site", scene.node.live().display());
    let listen = format!("127.0.0.1:{port}");
    let command = ["httpd", "-f", "-p", &listen, "-h", "/site"];
    let run = ["run", "--detach", "--network=host", "--name=shop-42", &site, IMAGE];
    scene.engine.run(&[&run[..], &command[..]].concat());
    scene.configure("", "[site.services]\ncontainers = { names = [\"shop-{id}\"] }\n");
    let snapshot = scene.saved();
    let page = || {
        eventually("the web server", || TcpStream::connect(("127.0.0.1", port)).ok());
        let url = format!("http://127.0.0.1:{port}/page");
        let mut curl = holdfast_tests::program("/usr/bin/curl");
        holdfast_tests::output_of(curl.args(["--silent", "--fail", &url]))
    };
    assert_eq!(page(), "new");
    scene.node.restore(&snapshot).run().completed();
    assert_eq!(page(), "old");
}

#[test]
fn a_site_whose_containers_are_to_be_left_alone_says_so() {
    let scene = Scene::open();
    scene.container("web", &[], POLITE);
    scene.configure("", "[site.services]\ncontainers = { names = [] }\n");
    let snapshot = scene.saved();
    let since = scene.engine.inspect("web", ".State.StartedAt");
    let result = scene.node.restore(&snapshot).run().completed();
    assert_eq!(scene.engine.inspect("web", ".State.StartedAt"), since);
    assert_eq!(result.healthy, None, "there is nobody to ask");
}

#[test]
fn a_container_that_would_be_gone_once_stopped_is_refused_before_anything_is_done() {
    let scene = Scene::open();
    let snapshot = scene.saved();
    scene.container("web", &["--rm"], POLITE);
    let result = scene.node.restore(&snapshot).run().ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("--rm"), "{result:?}");
    assert!(scene.runs("web"));
    assert_eq!(scene.live(), "new");
}

#[test]
fn a_user_of_the_same_number_in_somebodys_container_is_somebody_else() {
    let scene = Scene::open();
    // The number of the user `news`, whom Debian has.
    let user = ["run", "--detach", "--network=none", "--name=stranger", "--user=9", IMAGE];
    scene.engine.run(&[&user[..], &["sh", "-c", POLITE]].concat());
    let services = "[site.services]\ncontainers = { names = [] }\nuser = \"news\"\n";
    fs::write(scene.node.root().join("etc/customers/42.toml"), services).expect("an override");
    let snapshot = scene.saved();
    let since = scene.engine.inspect("stranger", ".State.StartedAt");
    scene.node.restore(&snapshot).run().completed();
    assert!(scene.runs("stranger"));
    assert_eq!(scene.engine.inspect("stranger", ".State.StartedAt"), since);
}

/// The journal of a job says at which stage it is.
fn journal_says(path: &Path, stage: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains(stage))
}
