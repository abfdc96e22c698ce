//! `holdfast-executor`: see the library.

use std::process::ExitCode;

use holdfast_executor::rehearsal::NoRehearsal;

fn main() -> ExitCode {
    holdfast_executor::main(&mut NoRehearsal)
}
