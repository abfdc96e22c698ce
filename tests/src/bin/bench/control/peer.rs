//! The peers: `tests/peers`, which `scripts/bench` has installed into `.tools/peers`.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use holdfast_tests::{Fleet, eventually, free_port, program, signal};

use super::TOKEN_SECRET;

/// A stack that does the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// Express 5, BullMQ.
    Express,
    /// Flask 3 under gunicorn, RQ.
    Flask,
}

/// A part of a stack, running; ended on drop.
pub struct Peer {
    port: u16,
    child: Child,
    claims: PathBuf,
}

impl Stack {
    /// All.
    pub const ALL: [Self; 2] = [Self::Express, Self::Flask];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Express => "Express + BullMQ",
            Self::Flask => "Flask + RQ",
        }
    }

    /// Its web side, set up as it is fastest on two cores: two processes of each.
    pub fn web(self, fleet: &Fleet) -> Peer {
        let port = free_port();
        let bind = format!("127.0.0.1:{port}");
        let command = match self {
            Self::Express => node(&["web", "2"]),
            Self::Flask => python(&[
                "-m",
                "gunicorn",
                "--worker-class",
                "gthread",
                "--workers",
                "2",
                "--threads",
                "32",
                "--backlog",
                "4096",
                "--keep-alive",
                "75",
                "--bind",
                &bind,
                "flask_rq:app",
            ]),
        };
        let peer = Peer::start(fleet, command, "web", port);
        eventually("an answer of a peer", || TcpStream::connect(("127.0.0.1", port)).ok());
        peer
    }

    /// Its worker.
    pub fn worker(self, fleet: &Fleet) -> Peer {
        let command = match self {
            Self::Express => node(&["worker"]),
            Self::Flask => python(&["rq_worker.py"]),
        };
        Peer::start(fleet, command, "worker", 0)
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project")
}

fn python(words: &[&str]) -> Command {
    let mut python = program(project().join(".tools/peers/python/bin/python"));
    python.args(words).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

fn node(words: &[&str]) -> Command {
    let mut node = program("/usr/bin/env");
    node.args(["node", "express_bullmq.js"]).args(words);
    node.env("NODE_PATH", project().join(".tools/peers/node_modules"));
    node.env("NODE_ENV", "production");
    node
}

impl Peer {
    fn start(fleet: &Fleet, mut command: Command, account: &str, port: u16) -> Self {
        let claims = fleet.node.root().join(format!("claims-{}", free_port()));
        command.current_dir(project().join("tests/peers"));
        command.env("PEER_PORT", port.to_string()).env("PEER_CLAIMS", &claims);
        command.env("PEER_MARIADB", fleet.control.socket());
        command.env("PEER_REDIS", fleet.redis.socket());
        command.env("PEER_SCHEMA", Fleet::SCHEMA).env("PEER_SECRET", TOKEN_SECRET);
        command.env("PEER_USER", format!("holdfast_{account}"));
        command.env("PEER_PASSWORD", format!("the password of {account}"));
        let log = fleet.node.root().join("peers.log");
        let log = fs::File::options().create(true).append(true).open(log);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("a log"));
        let child = command.spawn().expect("a peer: scripts/bench installs them");
        Self { port, child, claims }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first process.
    pub fn first_pid(&self) -> u32 {
        self.child.id()
    }

    /// The process that does the work: a child of the first, if that has any.
    pub fn pid(&self) -> u32 {
        let first = self.child.id();
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let child = children.unwrap_or_default().split(' ').next().and_then(|pid| pid.parse().ok());
        child.unwrap_or(first)
    }

    /// What its worker has claimed: a job and a time a line.
    pub fn claims(&self) -> String {
        fs::read_to_string(&self.claims).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        signal("TERM", &self.child.id().to_string());
        let _ = self.child.wait();
    }
}
