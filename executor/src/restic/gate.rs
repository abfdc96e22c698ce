//! A gate at which restic waits with its repository open, which takes it a second of key derivation and
//! locking, until what it is to do is there to be done.
//!
//! The gate is a file that restic reads behind the opening, and that is a pipe of ours: restic waits at
//! it until we let go of our end. For `backup` it is an `--exclude-file`, read before any source is
//! looked at (`runBackup` in restic's `cmd/restic/cmd_backup.go`); a pattern that cannot be one sends it
//! away instead, with nothing saved. For `ls` it is the version of its cache, see `cache`. Tests hold
//! both. If the executor dies, its end is gone as well, but `confine` has tied restic's life to it: it is
//! on its way out.

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

    /// Lets restic go on with this as what it has read.
    pub(super) fn open_with(mut self, text: &[u8]) {
        // One that is gone already need not be told.
        let _ = self.0.write_all(text);
    }

    /// Sends restic away.
    pub(super) fn turn_away(mut self) {
        // One that is gone already need not be told.
        let _ = self.0.write_all(IMPOSSIBLE);
    }
}

impl Threshold {
    /// The file that restic is to read.
    pub(super) fn path(&self) -> String {
        format!("/dev/fd/{}", self.0.as_raw_fd())
    }
}
