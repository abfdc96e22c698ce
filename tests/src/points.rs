//! Points at which the executor is killed: the system calls it makes, as strace counts them.
//!
//! strace's injected signal arrives before the call is made, so "after the call" is the point
//! before the next one. Only the executor's first thread is traced, which makes every call that
//! matters; its children are not.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Call, Ended};

/// The calls of the swap section.
pub const SECTION_CALLS: [&str; 5] = ["renameat2", "fsync", "syncfs", "openat2", "unlinkat"];

/// Before the `number`th call of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The system call.
    pub call: String,
    /// Which one, from 1.
    pub number: usize,
}

/// A run that was traced.
#[derive(Debug)]
pub struct Traced {
    /// How it ended.
    pub ended: Ended,
    /// Every traced call, in order.
    pub points: Vec<Point>,
}

/// Runs an order, tracing these calls.
///
/// # Panics
/// If strace's record cannot be read.
pub fn traced_points(call: &Call, calls: &[&str], record: &Path) -> Traced {
    let ended = call.clone().wrapped(&words(&tracing(calls, record))).run();
    Traced { ended, points: points_in(record, calls) }
}

/// Runs another program, tracing these calls.
///
/// # Panics
/// If it cannot be started, or strace's record cannot be read.
pub fn traced_points_of(program: &Command, calls: &[&str], record: &Path) -> Vec<Point> {
    let status = behind(&tracing(calls, record), program).status().expect("strace");
    assert!(status.success(), "{program:?}: {status}");
    points_in(record, calls)
}

impl Point {
    /// Runs an order that is killed here.
    pub fn kill(&self, call: &Call, record: &Path) -> Ended {
        call.clone().wrapped(&words(&self.killing(record))).run()
    }

    /// Runs another program that is killed here; false if it came to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn kill_program(&self, program: &Command, record: &Path) -> bool {
        !behind(&self.killing(record), program).status().expect("strace").success()
    }

    fn killing(&self, record: &Path) -> Vec<String> {
        let Self { call, number } = self;
        let mut words = tracing(&[call], record);
        words.extend(["-e".into(), format!("inject={call}:signal=SIGKILL:when={number}")]);
        words
    }
}

/// strace of these calls, its record in a file.
fn tracing(calls: &[&str], record: &Path) -> Vec<String> {
    let trace = format!("trace={}", calls.join(","));
    let words = ["/usr/bin/strace", "-qq", "-e", &trace, "-o"];
    let mut words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    words.push(record.display().to_string());
    words
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// A program with another before it, its output unread.
fn behind(words: &[String], program: &Command) -> Command {
    let mut command = crate::program(&words[0]);
    command.args(&words[1..]).arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn points_in(record: &Path, calls: &[&str]) -> Vec<Point> {
    let text = fs::read_to_string(record).expect("strace's record");
    let mut points: Vec<Point> = Vec::new();
    for line in text.lines() {
        let name = line.split('(').next().unwrap_or_default();
        if calls.contains(&name) {
            let number = points.iter().filter(|point| point.call == name).count() + 1;
            points.push(Point { call: name.to_owned(), number });
        }
    }
    points
}
