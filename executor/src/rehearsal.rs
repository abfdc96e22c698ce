//! A rehearsal: the real executor, made to fail, wait or repeat where a test says so.
//!
//! The shipped program has [`NoRehearsal`] and nothing to switch it with. The tests build a program
//! of their own from this library, which is this executor in everything else.

use holdfast_job::Stage;

use crate::{failure::Failure, stop::Stop};

/// A stage, and which way it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Forward.
    Run(Stage),
    /// Back.
    Revert(Stage),
}

/// What a test does to the steps of a plan.
pub trait Rehearsal {
    /// Before a step is taken; what it returns is the step's end.
    ///
    /// # Errors
    /// The failure that the step is to have before it did anything.
    fn enter(&mut self, _step: Step, _stop: &Stop) -> Result<(), Failure> {
        Ok(())
    }

    /// Whether an open journal is carried on where it stands, as if its executor had not died.
    fn carries_on(&self) -> bool {
        false
    }

    /// The variable of the environment that says what is rehearsed: it stays where all others go.
    fn variable(&self) -> Option<&'static str> {
        None
    }

    /// How often the step is taken.
    fn times(&self, _step: Step) -> usize {
        1
    }

    /// After a step was taken.
    ///
    /// # Errors
    /// The failure that the step is to have after it did everything.
    fn leave(&mut self, _step: Step) -> Result<(), Failure> {
        Ok(())
    }
}

/// No rehearsal: what the shipped executor has.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRehearsal;

impl Rehearsal for NoRehearsal {}
