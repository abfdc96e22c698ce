//! A swept site that runs in a container, on a real engine.

use std::os::unix::fs::MetadataExt;

use crate::{Docker, IMAGE, Node, restic};

/// A first process that ends when it is asked to.
const WEB: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait; done";

/// The engine, and the container `web` in it.
#[derive(Debug)]
pub(super) struct Container {
    engine: Docker,
}

impl Container {
    /// Starts the engine and configures the site so.
    pub(super) fn open(node: &Node) -> Self {
        let engine = Docker::start();
        let socket = format!("docker_socket = \"{}\"", engine.socket().display());
        node.configure_all(
            &restic(),
            &socket,
            "",
            "[site.services]\nstop_seconds = 1\nwatch_seconds = 0\n",
        );
        let container = Self { engine };
        container.renew(node);
        container
    }

    /// A new container on the tree that is live now.
    pub(super) fn renew(&self, node: &Node) {
        let _ = self.engine.command(&["rm", "--force", "web"]).output();
        let site = format!("--volume={}:/site", node.live().display());
        let label = "--label=com.docker.compose.project=customer-42";
        let run = ["run", "--detach", "--network=none", "--name=web", label, &site, IMAGE];
        self.engine.run(&[&run[..], &["sh", "-c", WEB]].concat());
    }

    /// Why the container does not serve the live tree, if it does not.
    pub(super) fn problem(&self, node: &Node) -> Option<String> {
        let seen = self.engine.command(&["exec", "web", "stat", "-c", "%i", "/site"]).output();
        let seen = seen.expect("docker");
        let inode = String::from_utf8_lossy(&seen.stdout).trim().to_owned();
        let live = node.live().metadata().expect("a live tree").ino().to_string();
        (inode != live).then(|| format!("the container serves {inode:?}, live is {live}: {seen:?}"))
    }
}
