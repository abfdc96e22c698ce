//! One lock file a customer: whoever holds it is alone with that customer's site on this node.
//!
//! The descriptor is inherited by every child, so the lock is free only when the executor and all
//! that it started are gone. The files stay; only the lock on them comes and goes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use holdfast_job::CustomerId;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::stop::Stop;

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Proof that nobody else acts on this customer's site.
#[derive(Debug)]
pub struct CustomerLock {
    customer: CustomerId,
    _held: File,
}

/// Why the lock is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another executor, or a child that outlived one, has it.
    #[error("another order of customer {0} is under way on this node")]
    Held(CustomerId),
    /// A stop was asked for while somebody else had it.
    #[error("stopped while another order of customer {0} was under way")]
    Stopped(CustomerId),
    /// The lock file cannot be used.
    #[error("lock file {}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CustomerLock {
    /// Takes the lock if it is free now.
    ///
    /// # Errors
    /// [`LockError::Held`] if it is not.
    pub fn try_take(state: &Path, customer: CustomerId) -> Result<Self, LockError> {
        let file = state.join("locks").join(format!("customer-{customer}.lock"));
        match hold(&file) {
            Ok(Some(held)) => Ok(Self { customer, _held: held }),
            Ok(None) => Err(LockError::Held(customer)),
            Err(source) => Err(LockError::File { file, source }),
        }
    }

    /// Takes the lock, waiting at most `patience` for whoever has it.
    ///
    /// # Errors
    /// [`LockError::Held`] if it was not free in time, [`LockError::Stopped`] on a stop.
    pub async fn take(
        state: &Path,
        customer: CustomerId,
        patience: Duration,
        stop: &Stop,
    ) -> Result<Self, LockError> {
        let deadline = Instant::now() + patience;
        loop {
            match Self::try_take(state, customer) {
                Err(LockError::Held(_)) if stop.is_requested() => {
                    return Err(LockError::Stopped(customer));
                }
                Err(LockError::Held(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_AGAIN_AFTER).await;
                }
                taken => return taken,
            }
        }
    }

    /// Whose lock this is.
    pub fn customer(&self) -> CustomerId {
        self.customer
    }
}

/// Locks a file, which is made if there is none, for us and whatever we start; `None` if somebody else
/// has it.
///
/// # Errors
/// What the system said.
pub fn hold(file: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let open = options.create(true).truncate(false).write(true).mode(0o600).open(file)?;
    // flock(2), which belongs to the open file: it is let go when the last descriptor of it is
    // closed, here or in a child, and never by hand.
    match open.try_lock() {
        Ok(()) => {
            fcntl(&open, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(Some(open))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
