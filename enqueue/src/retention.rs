//! What is kept and what goes: a pure function over the catalogue.
//!
//! Manual backups are kept by their number. Not counted and not deleted: what is held, and daily ones.
//! Counted and not deleted: what is being restored, and the newest complete backup of each source.
//! Failed jobs are no backups.

use std::collections::BTreeSet;

use holdfast_job::{JobId, SourceId, WhatHappened};
use holdfast_store::{Backup, BackupKind};

/// What becomes of a backup, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Which.
    pub backup: JobId,
    /// What becomes of it.
    pub fate: Fate,
    /// Why.
    pub reason: &'static str,
}

/// What becomes of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It stays until something has ended that is under way.
    KeepForNow,
    /// It goes.
    Delete,
}

/// Decides about one customer's active backups, newest first; `keep` manual ones stay.
pub fn decide(backups: &[Backup], keep: u32, being_restored: &BTreeSet<JobId>) -> Vec<Decision> {
    let mut counted = 0;
    let mut seen: BTreeSet<&SourceId> = BTreeSet::new();
    let mut decisions = Vec::with_capacity(backups.len());
    for backup in backups {
        // The newest complete one of a source is the first that is met.
        let mut newest = false;
        for id in saved(backup).filter(|_| !backup.incomplete) {
            newest |= seen.insert(id);
        }
        let counts = backup.kind == BackupKind::Manual && !backup.held;
        counted += u32::from(counts);
        let (fate, reason) = if backup.kind == BackupKind::Daily {
            (Fate::Keep, "a daily backup")
        } else if backup.held {
            (Fate::Keep, "it is held")
        } else if counted <= keep {
            (Fate::Keep, "among the most recent")
        } else if newest {
            (Fate::Keep, "the newest complete backup of a source")
        } else if being_restored.contains(&backup.uuid) {
            (Fate::KeepForNow, "it is being restored")
        } else {
            (Fate::Delete, "older than those that are kept")
        };
        decisions.push(Decision { backup: backup.uuid, fate, reason });
    }
    decisions
}

fn saved(backup: &Backup) -> impl Iterator<Item = &SourceId> {
    let saved = backup.sources.iter().filter(|source| source.what == WhatHappened::Saved);
    saved.map(|source| &source.id)
}

#[cfg(test)]
mod tests {
    use holdfast_job::{Moment, SourceResult};
    use holdfast_store::BackupState;

    use super::*;

    /// The backup of number `number`; a higher one is newer.
    fn backup(number: u64, sources: &[&str]) -> Backup {
        let source = |id: &&str| SourceResult {
            id: id.parse().unwrap(),
            name: (*id).into(),
            what: WhatHappened::Saved,
            bytes: 1,
            entries: 1,
        };
        Backup {
            uuid: format!("0193e5c0-0000-7000-8000-{number:012}").parse().unwrap(),
            customer: "42".parse().unwrap(),
            repository: "manual".parse().unwrap(),
            snapshot: format!("{number:064}").parse().unwrap(),
            kind: BackupKind::Manual,
            scope: "both".into(),
            sources: sources.iter().map(source).collect(),
            bytes: 1,
            state: BackupState::Active,
            incomplete: false,
            unreadable: Vec::new(),
            held: false,
            verified_at: None,
            requested_by: None,
            note: None,
            created_at: Moment::from_unix_seconds(number),
        }
    }

    /// The numbers of those that go.
    fn deleted(backups: &[Backup], keep: u32, restored: &[u64]) -> Vec<u64> {
        let restored = restored.iter().map(|number| backup(*number, &[]).uuid).collect();
        let decisions = decide(backups, keep, &restored);
        assert_eq!(decisions.len(), backups.len());
        let goes = |(backup, decision): (&Backup, &Decision)| {
            (decision.fate == Fate::Delete).then(|| backup.created_at.unix_seconds())
        };
        backups.iter().zip(&decisions).filter_map(goes).collect()
    }

    #[test]
    fn the_most_recent_stay_and_the_others_go() {
        let seven: Vec<_> = (1..=7).rev().map(|number| backup(number, &["web", "db"])).collect();
        assert_eq!(deleted(&seven, 5, &[]), [2, 1]);
        assert_eq!(deleted(&seven[..5], 5, &[]), [0; 0]);
        assert_eq!(deleted(&seven, 1, &[]), [6, 5, 4, 3, 2, 1]);
        assert_eq!(deleted(&seven, 5, &[1]), [2]);
    }

    #[test]
    fn the_newest_complete_backup_of_each_source_always_stays() {
        let backups = [
            backup(9, &["web"]),
            Backup { incomplete: true, ..backup(8, &["db"]) },
            backup(7, &["web"]),
            backup(6, &["db", "web"]),
            backup(5, &["db"]),
        ];
        assert_eq!(deleted(&backups, 1, &[]), [8, 7, 5]);
        let half = Backup { incomplete: true, ..backup(4, &["old"]) };
        assert_eq!(deleted(&[backup(9, &["web"]), half], 1, &[]), [4]);
    }

    #[test]
    fn held_and_daily_ones_stay_and_are_not_counted() {
        let backups = [
            Backup { held: true, ..backup(9, &["web"]) },
            Backup { kind: BackupKind::Daily, ..backup(8, &["web"]) },
            backup(7, &["web"]),
            backup(6, &["web"]),
        ];
        assert_eq!(deleted(&backups, 1, &[]), [6]);
    }
}
