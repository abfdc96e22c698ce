//! The command `holdfast` against a whole installation, as people and scripts call it.

mod breaks;
mod documents;
mod exit_codes;
mod handles;
mod orders;
mod pages;
mod profiles;

use std::{
    fmt, fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use holdfast_tests::{Fleet, built, program};
use serde_json::Value;

/// Where somebody calls it: a home of their own, and what is in their environment.
struct Desk {
    home: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Desk {
    /// Of an operator who has said all by the environment, for customer 42.
    fn new(fleet: &Fleet) -> Self {
        let mut desk = Self::bare(fleet);
        desk.environment.extend([
            ("HOLDFAST_URL", fleet.web.url("")),
            ("HOLDFAST_TOKEN", fleet.web.token().to_owned()),
            ("HOLDFAST_CUSTOMER", "42".to_owned()),
        ]);
        desk
    }

    /// Of somebody who has said nothing yet.
    fn bare(fleet: &Fleet) -> Self {
        let home = fleet.node.root().join("home");
        fs::create_dir_all(&home).expect("a home");
        Self { home, environment: Vec::new() }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = program(built("holdfast"));
        command.args(words).env("HOME", &self.home).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What it says, called so.
    fn call(&self, words: &[&str]) -> Said {
        Said::of(words, self.command(words).output().expect("holdfast"))
    }

    /// What it says, told this on stdin.
    fn told(&self, words: &[&str], stdin: &str) -> Said {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("holdfast");
        let mut pipe = child.stdin.take().expect("stdin");
        pipe.write_all(stdin.as_bytes()).expect("stdin");
        drop(pipe);
        Said::of(words, child.wait_with_output().expect("holdfast"))
    }

    /// The same at a terminal.
    fn at_terminal(&self, words: &[&str]) -> Command {
        let call: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let call = format!("{} {}", built("holdfast").display(), call.join(" "));
        let command = self.command(&[]);
        let environment: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        let mut command = program("/usr/bin/script");
        command.envs(environment).args(["--quiet", "--return", "--flush", "--command", &call]);
        command.arg("/dev/null").env("TERM", "xterm");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What it says at a terminal where somebody types this, once they are asked.
    fn typed(&self, words: &[&str], typed: &str) -> Said {
        let mut child = self.at_terminal(words).spawn().expect("script");
        let mut pipe = child.stdin.take().expect("stdin");
        pipe.write_all(format!("{typed}\n").as_bytes()).expect("stdin");
        let said = Said::of(words, child.wait_with_output().expect("script"));
        drop(pipe);
        said
    }
}

/// What was said, and how it ended.
struct Said {
    words: String,
    code: Option<i32>,
    out: String,
    err: String,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { words, code, out, err } = self;
        write!(f, "$ holdfast {words}\nended with {code:?}\nstdout: {out}\nstderr: {err}")
    }
}

impl Said {
    fn of(words: &[&str], output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Self { words: words.join(" "), code: output.status.code(), out, err }
    }

    /// This, which has ended so.
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// This, which says that on stdout.
    fn says(self, what: &str) -> Self {
        assert!(self.out.contains(what), "{what:?} is missing\n{self:?}");
        self
    }

    /// This, which says that on stderr.
    fn warns(self, what: &str) -> Self {
        assert!(self.err.contains(what), "{what:?} is missing\n{self:?}");
        self
    }

    /// The one JSON object on stdout.
    fn json(&self) -> Value {
        let [value] = self.json_lines().try_into().unwrap_or_else(|_| panic!("{self:?}"));
        value
    }

    /// The JSON lines on stdout.
    fn json_lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{self:?}")))
            .collect()
    }

    /// The one JSON object on stderr.
    fn problem(&self) -> Value {
        serde_json::from_str(&self.err).unwrap_or_else(|_| panic!("{self:?}"))
    }
}
