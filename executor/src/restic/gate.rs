//! A gate at which restic waits with its repository open, which takes it a second of key derivation and
//! locking, until what it is to do is there to be done.
//!
//! The gate is a file that restic reads behind the opening, and that is a pipe of ours: restic waits at
//! it until we let go of our end. For `backup` it is an `--exclude-file`, read before any source is
//! looked at (`runBackup` in restic's `cmd/restic/cmd_backup.go`). For `ls` it is the version of its
//! cache, see `cache`. Tests hold both. A gate that is dropped without having been opened sends restic
//! away: what it reads then is neither a pattern nor a version, and it saves nothing and finds nothing to
//! list. If the executor dies, nobody says that any more, but `confine` has tied restic's life to the
//! executor's: it is on its way out.

use std::{
    io::{self, PipeReader, PipeWriter, Write, pipe},
    os::fd::AsRawFd,
};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// No pattern, as restic refuses a bracket that is never closed; and no version of a cache.
const IMPOSSIBLE: &[u8] = b"[\n";

/// Our end of the gate.
#[derive(Debug)]
pub(super) struct Gate(Option<PipeWriter>);

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
        Ok((Self(Some(ours)), Threshold(theirs)))
    }

    /// Lets restic go on with this as what it has read.
    pub(super) fn open(mut self, text: &[u8]) {
        self.say(text);
    }

    fn say(&mut self, text: &[u8]) {
        if let Some(mut ours) = self.0.take() {
            // One that is gone already need not be told.
            let _ = ours.write_all(text);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.say(IMPOSSIBLE);
    }
}

impl Threshold {
    /// The file that restic is to read.
    pub(super) fn path(&self) -> String {
        format!("/dev/fd/{}", self.0.as_raw_fd())
    }
}
