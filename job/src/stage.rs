//! The stages that plans are made of, by the name that journals, messages and pages use.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One step of a plan. Which plan has which, and in what order, the executor's plans say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Can this work at all? Nothing is changed yet.
    Check,
    /// Databases are dumped, and what the snapshot holds is written down.
    Dump,
    /// restic saves the sources.
    Snapshot,
    /// The snapshot is read back.
    Verify,
    /// What was only needed on the way is removed.
    Tidy,
    /// The snapshot is brought beside the live site.
    Fetch,
    /// The databases of the snapshot are loaded beside the live ones.
    Load,
    /// The maintenance flag is set.
    Close,
    /// What runs on the site is stopped.
    Halt,
    /// Live and prepared tables change places.
    SwapDatabase,
    /// Live and prepared trees change places.
    SwapFiles,
    /// What ran is started again, and looked at through the closed door.
    Resume,
    /// The maintenance flag is taken away.
    Open,
    /// What was displaced becomes the undo copy.
    Keep,
    /// Snapshots are forgotten.
    Forget,
    /// That they are gone is read back.
    ReadBack,
}

impl Stage {
    /// The name in journals, messages and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Dump => "dump",
            Self::Snapshot => "snapshot",
            Self::Verify => "verify",
            Self::Tidy => "tidy",
            Self::Fetch => "fetch",
            Self::Load => "load",
            Self::Close => "close",
            Self::Halt => "halt",
            Self::SwapDatabase => "swap_database",
            Self::SwapFiles => "swap_files",
            Self::Resume => "resume",
            Self::Open => "open",
            Self::Keep => "keep",
            Self::Forget => "forget",
            Self::ReadBack => "read_back",
        }
    }
}

impl Stage {
    /// Whether the stage belongs to the switch, or comes behind it: what has come so far goes on to its
    /// end, and no stop is heeded.
    pub fn is_past_stopping(self) -> bool {
        matches!(
            self,
            Self::Halt
                | Self::SwapDatabase
                | Self::SwapFiles
                | Self::Resume
                | Self::Open
                | Self::Keep
        )
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_word_in_the_journal() {
        let written = serde_json::to_string(&Stage::SwapFiles).unwrap();
        assert_eq!(written, format!("\"{}\"", Stage::SwapFiles));
    }
}
