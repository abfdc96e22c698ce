//! What a process holds: to see whether it grows.

use std::{fs, time::Duration};

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Open descriptors.
    pub descriptors: usize,
    /// Children of its first thread, dead ones that nobody waited for among them.
    pub children: usize,
    /// Memory in use, in KiB.
    pub resident_kib: u64,
}

impl Footprint {
    /// Of the process with this id.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(pid: u32) -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a file");
        let status = read("status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        Self {
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors").count(),
            children: read(&format!("task/{pid}/children")).split_whitespace().count(),
            resident_kib: resident.expect("a size"),
        }
    }

    /// The time on a processor that a process has had, and its children, and theirs.
    ///
    /// # Panics
    /// If there is none.
    pub fn busy(pid: u32) -> Duration {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a file");
        let stat = read("stat");
        // proc_pid_stat(5): the name, which may have spaces, ends with the last bracket; then the state
        // is the third, and the times are the fourteenth and fifteenth, in hundredths of a second.
        let behind = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 =
            behind.skip(11).take(2).map(|word| word.parse::<u64>().expect("a time")).sum();
        let children = read(&format!("task/{pid}/children"));
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        Duration::from_millis(10 * ticks) + children.map(Self::busy).sum::<Duration>()
    }
}
