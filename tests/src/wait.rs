//! Waiting for events, with a deadline.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take that must happen.
pub const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);
/// A look may start a program. Whoever waits for long looks less often, and leaves the processor to
/// those who are waited for.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(40);

/// What [`be_patient`] said, in seconds.
static PATIENCE: AtomicU64 = AtomicU64::new(DEADLINE.as_secs());

/// From now on, anything may take this long: a large site is saved and brought back.
pub fn be_patient(deadline: Duration) {
    PATIENCE.store(deadline.as_secs(), Ordering::Relaxed);
}

/// Waits until `look` sees something, and returns it.
///
/// # Panics
/// If it has not happened within a minute, or what [`be_patient`] said.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let patience = Duration::from_secs(PATIENCE.load(Ordering::Relaxed));
    let seen = within(patience, &mut look);
    seen.unwrap_or_else(|| panic!("{what} did not happen within {patience:?}"))
}

/// What `look` sees within this long, if anything.
pub fn within<T>(how_long: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + how_long;
    let mut rest = LOOK_AGAIN_AFTER;
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() >= deadline {
            return seen;
        }
        pause(rest);
        rest = (rest * 5 / 4).min(LOOK_AT_LEAST_EVERY);
    }
}

/// Whether `look` sees nothing for this long.
pub fn remains(how_long: Duration, mut look: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + how_long;
    while Instant::now() < deadline {
        if !look() {
            return false;
        }
        pause(LOOK_AGAIN_AFTER);
    }
    true
}

fn pause(rest: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the one place between two looks")]
    thread::sleep(rest);
}
