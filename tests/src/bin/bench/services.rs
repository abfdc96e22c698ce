//! How long a site of five containers that need each other is closed, beside what compose takes to stop
//! and to start the same project.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use holdfast_tests::{Docker, IMAGE, Node, eventually, restic};

use super::{
    figure::{Figure, median},
    timed,
};

/// Compose, as Debian's package has it.
const COMPOSE: &str = "/usr/bin/docker-compose";
/// Both are taken so often, by turns.
const ROUNDS: usize = 5;
/// How long the slow container takes until it serves.
const SLOW: Duration = Duration::from_secs(3);

/// Each service and what it needs.
const SERVICES: [(&str, &[&str]); 5] = [
    ("db", &[]),
    ("cache", &[]),
    ("app", &["db", "cache"]),
    ("web", &["app"]),
    ("proxy", &["web"]),
];

/// A project of the site's.
struct Project {
    node: Node,
    engine: Docker,
}

impl Project {
    /// All of it runs; one service serves only after `slow`.
    fn up(slow: Duration) -> Self {
        let (node, engine) = (Node::with_site(), Docker::start());
        let socket = format!("docker_socket = \"{}\"", engine.socket().display());
        node.configure_all(&restic(), &socket, "", "");
        fs::write(node.root().join("compose.yaml"), description(&node.live(), slow))
            .expect("a file");
        let project = Self { node, engine };
        project.compose(&["up", "--detach"]);
        project.until_ready();
        project
    }

    fn compose(&self, args: &[&str]) -> Duration {
        let mut compose = holdfast_tests::program(COMPOSE);
        compose.env("DOCKER_HOST", format!("unix://{}", self.engine.socket().display()));
        compose.arg("--project-name=customer-42").arg("--file");
        compose.arg(self.node.root().join("compose.yaml")).args(args);
        run(&mut compose)
    }

    /// Every container runs, and those that check themselves say that they are well.
    fn until_ready(&self) {
        eventually("the whole project", || {
            let run = ["ps", "--quiet", "--filter", "label=com.docker.compose.project=customer-42"];
            let starting = [&run[..], &["--filter", "health=starting"]].concat();
            let (all, left) = (self.engine.run(&run), self.engine.run(&starting));
            (all.lines().count() == SERVICES.len() && left.is_empty()).then_some(())
        });
    }
}

fn run(command: &mut Command) -> Duration {
    let (output, took) = timed(|| command.output().expect("compose"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    took
}

fn description(site: &Path, slow: Duration) -> String {
    let site = site.display();
    let mut text = "version: \"2.4\"\nservices:\n".to_owned();
    for (name, needs) in SERVICES {
        let ready = match name == "app" && !slow.is_zero() {
            true => format!("sleep {} & wait; cat </dev/null >/tmp/ready; ", slow.as_secs()),
            false => String::new(),
        };
        let check = match ready.is_empty() {
            true => String::new(),
            false => "    healthcheck: {test: \"test -e /tmp/ready\", interval: 2s}\n".to_owned(),
        };
        let script = format!(
            "trap 'exit 0' TERM; busybox rm -f /tmp/ready; {ready}while :; do sleep 1 & wait; done"
        );
        // Later versions of compose write this label themselves.
        let needed = needs.iter().map(|need| format!("{need}:service_started:false"));
        let needed = needed.collect::<Vec<_>>().join(",");
        text.push_str(&format!(
            "  {name}:\n    image: {IMAGE}\n    network_mode: none\n    \
             volumes: [\"{site}:/site\"]\n    depends_on: {needs:?}\n    \
             labels: {{com.docker.compose.depends_on: \"{needed}\"}}\n{check}    \
             command: [\"sh\", \"-c\", {script:?}]\n"
        ));
    }
    text
}

/// How long the site is closed, and how long compose takes.
pub fn figures() -> Vec<Figure> {
    vec![
        measured("services.closed", "5 containers", Duration::ZERO),
        measured("services.closed", "5 containers, one slow", SLOW),
    ]
}

fn measured(name: &'static str, size: &'static str, slow: Duration) -> Figure {
    let project = Project::up(slow);
    let snapshot = project.node.backed_up();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let since = Instant::now();
        project.compose(&["stop"]);
        project.compose(&["start"]);
        theirs.push(since.elapsed() + slow);
        project.until_ready();
        let result = project.node.restore(&snapshot).run().completed();
        ours.push(Duration::from_millis(result.closed_ms.expect("the time")));
        project.until_ready();
        project.node.recover();
    }
    let peer = match slow.is_zero() {
        true => "compose stop + start",
        false => "compose stop + start, and its own start",
    };
    Figure::milliseconds(name, size, median(ours)).beside_duration(peer, median(theirs))
}
