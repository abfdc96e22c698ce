//! What a program that must succeed says.

use std::process::Command;

/// Runs a program to its end and returns its stdout.
///
/// # Panics
/// If it does not succeed; command, status and both outputs are then printed.
pub fn output_of(command: &mut Command) -> String {
    let ended = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "$ {command:?}\n{}\n{said}\n{errors}", ended.status);
    said
}
