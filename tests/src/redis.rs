//! A private Redis behind a socket in a directory of its own, as Debian configures it: what it holds is
//! gone when it is killed.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{eventually, output_of, program};

/// A server; ended on drop.
#[derive(Debug)]
pub struct Redis {
    folder: PathBuf,
    child: Option<Child>,
}

impl Redis {
    /// Starts a server in `folder`, which is made.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start(folder: &Path) -> Self {
        fs::create_dir(folder).expect("a folder");
        let mut server = Self { folder: folder.to_owned(), child: None };
        server.start_again();
        server
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    /// Starts it again, empty.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start_again(&mut self) {
        let mut server = program("/usr/bin/redis-server");
        // Its folder is named by nothing that runs: see `Node::processes`.
        server.current_dir(&self.folder).args(["--port", "0", "--save", "", "--appendonly", "no"]);
        server.args(["--unixsocket", "redis.sock", "--unixsocketperm", "777", "--dir", "."]);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(server.spawn().expect("redis-server"));
        eventually("an answer of Redis", || {
            UnixStream::connect(self.socket()).ok()?;
            let answer = self.client(&["PING"]).output().expect("redis-cli").stdout;
            answer.starts_with(b"PONG").then_some(())
        });
    }

    /// Kills it.
    ///
    /// # Panics
    /// If that fails.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a signal");
            child.wait().expect("its end");
            let _ = fs::remove_file(self.socket());
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// What it answers to a command.
    pub fn say(&self, words: &[&str]) -> String {
        output_of(&mut self.client(words)).trim_end().to_owned()
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut client = program("/usr/bin/redis-cli");
        client.arg("-s").arg(self.socket()).args(words);
        client
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
