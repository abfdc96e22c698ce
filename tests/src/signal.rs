//! Signals to processes that the tests started, but whose children they are not.

use std::fs;

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};

use crate::eventually;

/// The signals that tests send, by the names that the shell has for them.
const NAMES: [(&str, Signal); 11] = [
    ("ABRT", Signal::ABORT),
    ("ALRM", Signal::ALARM),
    ("CONT", Signal::CONT),
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("KILL", Signal::KILL),
    ("QUIT", Signal::QUIT),
    ("STOP", Signal::STOP),
    ("TERM", Signal::TERM),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
];

/// Sends a signal, such as `KILL`, to a process.
///
/// # Panics
/// If there is no such process or signal.
pub fn signal(name: &str, pid: &str) {
    send(name, pid).unwrap_or_else(|error| panic!("SIG{name} to {pid}: {error}"));
}

/// The same to a process that may be gone already: for the end of a test, which may have failed because
/// of just that.
pub fn signal_if_there(name: &str, pid: u32) {
    let _ = send(name, &pid.to_string());
}

/// Stops a process, and waits until each of its threads stands still: one that goes on for a moment may
/// still take a request, and then answer none.
///
/// # Panics
/// If there is no such process, or it does not within a minute.
pub fn stop_all_of(pid: u32) {
    signal("STOP", &pid.to_string());
    eventually("a process that stands still", || {
        let mut threads = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads").flatten();
        let stands = |thread: fs::DirEntry| {
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            status.is_empty() || status.contains("\nState:\tT")
        };
        threads.all(stands).then_some(())
    });
}

fn send(name: &str, pid: &str) -> Result<(), Errno> {
    let (_, signal) = NAMES.iter().find(|(known, _)| *known == name).ok_or(Errno::INVAL)?;
    let pid = pid.parse().ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    kill_process(pid, *signal)
}
