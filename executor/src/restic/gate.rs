//! A gate before what restic saves: restic opens its repository, which takes it a second of key
//! derivation and locking, while what it is to save is still being written.
//!
//! restic reads the files of `--exclude-file` after it has opened and locked the repository, and
//! before it looks at any source (`runBackup` in its `cmd/restic/cmd_backup.go`; a test holds this).
//! The gate is such a file that is a pipe of ours: restic waits at it until we let go of our end. A
//! pattern that cannot be one sends it away instead, with nothing saved. If the executor dies, its
//! end is gone as well, but `confine` has tied restic's life to it: it is on its way out.

use std::{
    io::{self, PipeReader, PipeWriter, Write, pipe},
    os::fd::AsRawFd,
};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// No pattern: restic refuses a bracket that is never closed.
const IMPOSSIBLE: &[u8] = b"[\n";

/// Our end of the gate.
#[derive(Debug)]
pub(super) struct Gate(PipeWriter);

/// restic's end, inherited by what is started while this is held.
#[derive(Debug)]
pub(super) struct Threshold(PipeReader);

impl Gate {
    /// A gate that is closed.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn closed() -> io::Result<(Self, Threshold)> {
        let (theirs, ours) = pipe()?;
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok((Self(ours), Threshold(theirs)))
    }

    /// Lets restic go on.
    pub(super) fn open(self) {}

    /// Sends restic away.
    pub(super) fn turn_away(mut self) {
        // One that is gone already need not be told.
        let _ = self.0.write_all(IMPOSSIBLE);
    }
}

impl Threshold {
    /// What restic is to read its last excludes from.
    pub(super) fn path(&self) -> String {
        format!("/dev/fd/{}", self.0.as_raw_fd())
    }
}
