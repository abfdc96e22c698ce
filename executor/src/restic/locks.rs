//! Locks in the repository that a restic of ours left behind when it was killed.
//!
//! restic never clears a stale lock by itself. Its `unlock` takes a live restic in another PID namespace
//! for a dead one, and a dead one whose id some other process has by now for a live one. So locks are
//! cleared only when every lock there names this host and a process that one of our journals started and
//! that is gone, by boot and time of birth.

use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

use serde::Deserialize;

use super::{Invocation, Restic, ResticError, Watch};
use crate::{
    birth::Birth,
    journal::{Journal, Record},
    process::Moved,
};

/// A lock as restic writes it.
#[derive(Debug, Deserialize)]
struct RepositoryLock {
    #[serde(skip)]
    id: String,
    time: String,
    hostname: String,
    #[serde(default)]
    username: String,
    pid: u32,
}

impl Restic<'_> {
    /// Clears the locks if all of them are ours and stale; else leaves them all.
    pub(super) async fn clear_own_stale_locks(
        &self,
        watch: &mut dyn Watch,
    ) -> Result<(), ResticError> {
        let locks = self.locks(watch).await?;
        let started = started(&self.node.state);
        let here = nix::unistd::gethostname().unwrap_or_default();
        let stale = |lock: &RepositoryLock| {
            here.to_str() == Some(&lock.hostname)
                && started.get(&lock.pid).is_some_and(|births| lock.is_of_the_dead(births))
        };
        if locks.is_empty() || !locks.iter().all(stale) {
            return Ok(());
        }
        self.run(Invocation::new("unlock"), watch, &mut |_, _| Moved::Yes).await?;
        // Left are those whose process id some other process has by now.
        let left = self.locks(watch).await?;
        let known = |lock: &RepositoryLock| locks.iter().any(|before| before.id == lock.id);
        if left.is_empty() || !left.iter().all(known) {
            return Ok(());
        }
        match self.repository.local_path() {
            Some(path) => {
                for lock in &left {
                    // Gone already, it is as it should be.
                    let _ = fs::remove_file(path.join("locks").join(&lock.id));
                }
            }
            // Somebody else's could have come since.
            None if self.repository.shared => {}
            None => {
                let all = Invocation::new("unlock").arg("--remove-all");
                self.run(all, watch, &mut |_, _| Moved::Yes).await?;
            }
        }
        Ok(())
    }

    /// The locks that nobody has refreshed for an hour, a sentence each: restic does so every five
    /// minutes.
    ///
    /// # Errors
    /// [`ResticError`].
    pub async fn forgotten_locks(&self, watch: &mut dyn Watch) -> Result<Vec<String>, ResticError> {
        let now = humane(SystemTime::now());
        let told = |lock: RepositoryLock| {
            let RepositoryLock { time, hostname, username, pid, .. } = lock;
            (seconds_of(&time)? + FORGOTTEN_SECONDS < now)
                .then(|| format!("a lock of {time}, by process {pid} of {username} on {hostname}"))
        };
        Ok(self.locks(watch).await?.into_iter().filter_map(told).collect())
    }

    async fn locks(&self, watch: &mut dyn Watch) -> Result<Vec<RepositoryLock>, ResticError> {
        let mut ids = Vec::new();
        let list = Invocation::new("list").arg("--no-lock").arg("locks");
        self.run(list, watch, &mut |line, _| {
            let id = String::from_utf8_lossy(line).trim().to_owned();
            ids.extend((!id.is_empty()).then_some(id));
            Moved::Yes
        })
        .await?;
        let mut locks = Vec::new();
        for id in ids {
            let mut text = Vec::new();
            let cat = Invocation::new("cat").arg("--no-lock").arg("lock").arg(id.clone());
            let read = self
                .run(cat, watch, &mut |line, _| {
                    text.extend_from_slice(line);
                    Moved::Yes
                })
                .await;
            match (read, serde_json::from_slice(&text)) {
                (Ok(_), Ok(lock)) => locks.push(RepositoryLock { id, ..lock }),
                // Gone since it was listed: its holder is alive and well.
                (Err(ResticError::Failed { .. }), _) => {}
                (Err(error), _) => return Err(error),
                (Ok(_), Err(error)) => {
                    let problem = format!("a lock is not understood: {error}");
                    return Err(ResticError::Answer { command: "cat", problem });
                }
            }
        }
        Ok(locks)
    }
}

/// A lock that was not refreshed for so long is nobody's.
const FORGOTTEN_SECONDS: u64 = 3600;

impl RepositoryLock {
    /// Whether the process that made it is gone, given the births of all processes of ours that had its
    /// id.
    fn is_of_the_dead(&self, births: &[Option<Birth>]) -> bool {
        let Some(there) = Birth::of(self.pid) else { return true };
        // Written down by an earlier version, any process of this id may be it.
        let is_ours = births.iter().any(|birth| birth.as_ref().is_none_or(|birth| *birth == there));
        // Somebody's own restic that has by chance the id of one of ours was there before its lock.
        let was_born = there.moment().map(humane);
        let is_later = was_born
            .is_ok_and(|born| seconds_of(&self.time).is_some_and(|locked| born > locked + 1));
        !is_ours && is_later
    }
}

/// Seconds since 1970.
fn humane(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Seconds since 1970 of a time as Go writes it in JSON: `2026-11-30T02:47:13.123+01:00`.
fn seconds_of(time: &str) -> Option<u64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let zone = time
        .get(19..)?
        .trim_start_matches(['.', ','])
        .trim_start_matches(|c: char| c.is_ascii_digit());
    let offset = match zone {
        "Z" => 0,
        zone => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let offset = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -offset } else { offset }
        }
    };
    // Howard Hinnant's `days_from_civil`.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + day_of_era - 719_468;
    (days * 86_400 + hour * 3600 + minute * 60 + second - offset).try_into().ok()
}

/// Every restic that a journal on this node tells of, by its process id. One that cannot be read tells of
/// none.
fn started(state: &Path) -> BTreeMap<u32, Vec<Option<Birth>>> {
    let folders = fs::read_dir(state.join("journals")).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten());
    let mut started = BTreeMap::<u32, Vec<Option<Birth>>>::new();
    for journal in files.flatten().filter_map(|file| Journal::open(&file.path()).ok()) {
        for record in journal.records() {
            if let Record::Restic { pid, birth, .. } = record {
                started.entry(*pid).or_default().push(birth.clone());
            }
        }
    }
    started
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_go_is_a_moment() {
        assert_eq!(seconds_of("2026-11-20T19:10:50Z"), Some(1_795_201_850));
        assert_eq!(seconds_of("2026-11-20T20:10:50.123456789+01:00"), Some(1_795_201_850));
        assert_eq!(seconds_of("2026-11-20T15:40:50-03:30"), Some(1_795_201_850));
        assert_eq!(seconds_of("2000-02-29T00:00:00Z"), Some(951_782_400));
        assert_eq!(seconds_of("yesterday"), None);
    }

    fn lock(time: &str) -> RepositoryLock {
        RepositoryLock {
            id: String::new(),
            time: time.into(),
            hostname: String::new(),
            username: String::new(),
            pid: std::process::id(),
        }
    }

    #[test]
    fn a_lock_of_an_earlier_boot_or_of_another_process_is_of_the_dead() {
        let here = Birth::of(std::process::id()).unwrap();
        let old = lock("2020-01-01T00:00:00Z");
        let earlier = Birth { boot: "another".into(), ..here.clone() };
        let other = Birth { ticks: here.ticks.saturating_sub(1), ..here.clone() };
        assert!(old.is_of_the_dead(&[Some(earlier.clone())]));
        assert!(old.is_of_the_dead(&[Some(other.clone()), Some(earlier)]));
        // This very process, or one that an earlier version has written down.
        assert!(!old.is_of_the_dead(&[Some(other.clone()), Some(here)]));
        assert!(!old.is_of_the_dead(&[None]));
        // Somebody's own restic, which was there before its lock.
        assert!(!lock("2099-01-01T00:00:00Z").is_of_the_dead(&[Some(other)]));
    }
}
