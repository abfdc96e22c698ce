//! The executor of the tests: the real one, with a script that says where it fails, waits or repeats.
//!
//! `HOLDFAST_REHEARSAL` is `before fetch`, `after fetch` (it fails there), `wait fetch` (it waits
//! there for the wish to stop), `held fetch` (it waits there for as long as the file
//! `HOLDFAST_REHEARSAL_GATE` is there), `twice` (every step is taken twice), `carry on` (`recover` goes on where
//! an executor was killed), or several parted by commas. A `-` before a stage means its way back.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use holdfast_executor::{
    Failure, Stop,
    rehearsal::{Rehearsal, Step},
};

/// What says what is rehearsed.
const VARIABLE: &str = "HOLDFAST_REHEARSAL";

struct Script(Vec<(String, String)>);

impl Script {
    fn from_environment() -> Self {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        let line = |line: &str| {
            let (verb, stage) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            (verb.to_owned(), stage.to_owned())
        };
        Self(text.split(',').map(line).collect())
    }

    fn says(&self, verb: &str, step: Step) -> bool {
        let stage = match step {
            Step::Run(stage) => stage.to_string(),
            Step::Revert(stage) => format!("-{stage}"),
        };
        self.0.iter().any(|(v, s)| v == verb && (*s == stage || s.is_empty()))
    }
}

fn failure(text: &str) -> Failure {
    Failure::transient("Rehearsed.", text)
}

impl Rehearsal for Script {
    fn enter(&mut self, step: Step, stop: &Stop) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.says("wait", step) && !stop.is_requested() {
            if Instant::now() > deadline {
                return Err(failure("nobody asked to stop"));
            }
            std::thread::yield_now();
        }
        if self.says("held", step) {
            let gate = std::env::var_os("HOLDFAST_REHEARSAL_GATE").map(PathBuf::from);
            while gate.as_ref().is_some_and(|gate| gate.exists()) {
                if Instant::now() > deadline {
                    return Err(failure("nobody opened the gate"));
                }
                std::thread::yield_now();
            }
        }
        if self.says("before", step) { Err(failure("rehearsed, before")) } else { Ok(()) }
    }

    fn carries_on(&self) -> bool {
        self.0.iter().any(|(verb, rest)| verb == "carry" && rest == "on")
    }

    fn variable(&self) -> Option<&'static str> {
        Some(VARIABLE)
    }

    fn times(&self, step: Step) -> usize {
        if self.says("twice", step) { 2 } else { 1 }
    }

    fn leave(&mut self, step: Step) -> Result<(), Failure> {
        if self.says("after", step) { Err(failure("rehearsed, after")) } else { Ok(()) }
    }
}

fn main() -> ExitCode {
    holdfast_executor::main(&mut Script::from_environment())
}
