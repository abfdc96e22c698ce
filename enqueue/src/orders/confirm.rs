//! What a person should know before a site is switched, and the word by which they say that they do.

use holdfast_job::{Moment, UndoCopy};
use holdfast_store::{Backup, Job};

use super::refusal::Refusal;
use crate::config::Config;

/// The word that confirms a restore.
pub const RESTORE: &str = "RESTORE";
/// The word that confirms an undo.
pub const UNDO: &str = "UNDO";

/// What a switch sets aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetsAside {
    /// Everything since this, up to the switch.
    pub since: Moment,
    /// For how long it can be brought back; not at all without.
    pub undo_hours: Option<u64>,
}

impl SetsAside {
    /// What the restore of this backup sets aside.
    pub fn by_restore(config: &Config, backup: &Backup, undo: UndoCopy) -> Self {
        let undo_hours = matches!(undo, UndoCopy::Keep).then_some(config.undo_hours);
        Self { since: backup.created_at, undo_hours }
    }

    /// What the undo of this job sets aside.
    pub fn by_undo(config: &Config, taken_back: &Job) -> Self {
        let since = taken_back.completed_at.unwrap_or(taken_back.updated_at);
        Self { since, undo_hours: Some(config.undo_hours) }
    }

    /// Refuses unless the word was given.
    ///
    /// # Errors
    /// [`Refusal::NotConfirmed`].
    pub fn confirmed_by(self, word: &'static str, given: Option<&str>) -> Result<(), Refusal> {
        match given == Some(word) {
            true => Ok(()),
            false => Err(Refusal::NotConfirmed { word, aside: self }),
        }
    }
}
