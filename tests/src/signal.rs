//! Signals to processes that the tests started, but whose children they are not.

use crate::{output_of, program};

/// Sends a signal, such as `KILL`, to a process; through the shell's own `kill`, which every system
/// has.
///
/// # Panics
/// If there is no such process.
pub fn signal(name: &str, pid: &str) {
    output_of(program("/bin/sh").args(["-c", "kill -s \"$1\" \"$2\"", "kill", name, pid]));
}
