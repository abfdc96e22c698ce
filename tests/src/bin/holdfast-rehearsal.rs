//! The executor of the tests: the real one, with a script that says where it fails, waits or repeats.
//!
//! `HOLDFAST_REHEARSAL` is `before fetch`, `after fetch` (it fails there), `wait fetch` (it waits
//! there for the wish to stop), `held fetch /gate` (it waits there for as long as that file is there), `twice`
//! (every step is taken twice), `carry on` (`recover` goes on where an executor was killed), or several
//! parted by commas. A `-` before a stage means its way back.

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use holdfast_executor::{
    Failure, Stop,
    rehearsal::{Rehearsal, Step},
};

/// How long it waits for whoever is to go on with the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// What says what is rehearsed: the one variable that the executor does not clear.
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
        let stage = name(step);
        self.0.iter().any(|(v, s)| v == verb && (*s == stage || s.is_empty()))
    }

    /// The file that holds this step for as long as it is there.
    fn gate(&self, step: Step) -> Option<&Path> {
        let held = self.0.iter().filter(|(verb, _)| verb == "held");
        let mut gates = held.filter_map(|(_, rest)| rest.split_once(' '));
        gates.find(|(stage, _)| *stage == name(step)).map(|(_, gate)| Path::new(gate))
    }
}

fn name(step: Step) -> String {
    match step {
        Step::Run(stage) => stage.to_string(),
        Step::Revert(stage) => format!("-{stage}"),
    }
}

fn failure(text: &str) -> Failure {
    Failure::transient("Rehearsed.", text)
}

impl Rehearsal for Script {
    fn enter(&mut self, step: Step, stop: &Stop) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while self.says("wait", step) && !stop.is_requested() {
            if Instant::now() > deadline {
                return Err(failure("nobody asked to stop"));
            }
            std::thread::yield_now();
        }
        while self.gate(step).is_some_and(Path::exists) {
            if Instant::now() > deadline {
                return Err(failure("nobody opened the gate"));
            }
            std::thread::yield_now();
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
