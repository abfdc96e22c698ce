//! The wish to stop, from whichever side it comes: the closed lifeline or a signal.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// A wish to stop that is never taken back. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    requested: AtomicBool,
    bell: Notify,
}

impl Stop {
    /// Asks everybody who holds a clone to stop.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::SeqCst);
        self.0.bell.notify_waiters();
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }

    /// Waits until somebody asks.
    pub async fn requested(&self) {
        let ring = self.0.bell.notified();
        tokio::pin!(ring);
        // Armed before the look, so that a wish in between is not missed.
        ring.as_mut().enable();
        if !self.is_requested() {
            ring.await;
        }
    }
}
