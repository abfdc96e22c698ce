//! What a process holds: to see whether it grows.

use std::fs;

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
}
