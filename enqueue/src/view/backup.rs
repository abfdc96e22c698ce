//! A backup, as it is shown.

use holdfast_job::WhatHappened;
use holdfast_store::{Backup, BackupKind, BackupState};
use serde::Serialize;

use super::time;

/// A backup, as it is shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    uuid: String,
    snapshot_id: String,
    kind: BackupKind,
    scope: String,
    state: BackupState,
    created_at: String,
    bytes: u64,
    sources: Vec<ShownSource>,
    incomplete: bool,
    unreadable: Vec<String>,
    held: bool,
    verified_at: Option<String>,
    requested_by: Option<String>,
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownSource {
    id: String,
    name: String,
    bytes: u64,
    entries: u64,
}

impl From<Backup> for Shown {
    fn from(backup: Backup) -> Self {
        let saved = backup.sources.into_iter().filter(|source| source.what == WhatHappened::Saved);
        let sources = saved.map(|source| ShownSource {
            id: source.id.to_string(),
            name: source.name,
            bytes: source.bytes,
            entries: source.entries,
        });
        Self {
            uuid: backup.uuid.to_string(),
            snapshot_id: backup.snapshot.to_string(),
            kind: backup.kind,
            scope: backup.scope,
            state: backup.state,
            created_at: time(backup.created_at),
            bytes: backup.bytes,
            sources: sources.collect(),
            incomplete: backup.incomplete,
            unreadable: backup.unreadable,
            held: backup.held,
            verified_at: backup.verified_at.map(time),
            requested_by: backup.requested_by,
            note: backup.note,
        }
    }
}
