//! The birth of a process: what tells it from another one that has its id later.

use std::{
    fs, io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// The kernel's ticks a second in what it tells of processes: USER_HZ, which is 100 on every machine that
/// Debian has.
const TICKS: u64 = 100;

/// When a process was born: in which life of the machine, and how far into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Birth {
    /// The machine's boot id.
    pub boot: String,
    /// Ticks since that boot.
    pub ticks: u64,
}

impl Birth {
    /// That of a process that is there.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { boot: boot_id()?, ticks: ticks_in(&stat)? })
    }

    /// As a moment of this life of the machine.
    ///
    /// # Errors
    /// What reading `/proc/stat` said.
    pub fn moment(&self) -> io::Result<SystemTime> {
        let stat = fs::read_to_string("/proc/stat")?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        let boot: u64 = boot.ok_or(io::ErrorKind::InvalidData)?;
        let since_boot = Duration::from_millis(self.ticks.saturating_mul(1000 / TICKS));
        Ok(UNIX_EPOCH + Duration::from_secs(boot) + since_boot)
    }
}

/// Another one after each boot.
fn boot_id() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// The 22nd field of `/proc/<pid>/stat`, proc(5); the second, a name, may hold anything.
fn ticks_in(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_birth_and_its_child_has_a_later_one() {
        let own = Birth::of(std::process::id()).unwrap();
        assert_eq!(Birth::of(std::process::id()), Some(own.clone()));
        assert!(own.moment().unwrap() < SystemTime::now() + Duration::from_secs(2));
        assert!(Birth::of(1).unwrap().ticks < own.ticks);
        assert_eq!(Birth::of(u32::MAX), None);
    }

    #[test]
    fn a_name_with_brackets_and_spaces_is_passed_over() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(ticks_in(stat), Some(4242));
    }
}
