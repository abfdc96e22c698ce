//! What systemd is told of this worker: that it is ready, that its loops go round, that it ends. A loop
//! that is stuck has no pulse, and systemd's watchdog starts the worker anew: what it had in hand is
//! rescued as from one that died.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::time::{Instant, interval};
use tracing::{error, warn};

/// So long at most is one round of a loop: a database that does not answer is waited for half as long.
const LONGEST_ROUND: Duration = Duration::from_secs(90);

/// Where a loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// It has begun a round.
    Since(Instant),
    /// It waits for what may take as long as it likes: a free slot.
    Resting,
}

/// The pulse of one loop. Clones share it.
#[derive(Debug, Clone)]
pub struct Beat(Arc<Mutex<Round>>);

impl Beat {
    /// Of a loop that begins now.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Round::Since(Instant::now()))))
    }

    /// A round begins.
    pub fn round(&self) {
        self.set(Round::Since(Instant::now()));
    }

    /// What comes now may take as long as it likes.
    pub fn rest(&self) {
        self.set(Round::Resting);
    }

    fn set(&self, round: Round) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = round;
    }

    fn is_felt(&self, now: Instant) -> bool {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Round::Since(began) => now.duration_since(began) <= LONGEST_ROUND,
            Round::Resting => true,
        }
    }
}

/// Tells systemd, if it has started us, how the worker is. Nobody else listens.
pub fn tell(state: NotifyState<'_>) {
    if let Err(error) = notify(&[state]) {
        warn!("systemd could not be told: {error}");
    }
}

/// Tells systemd's watchdog, if it is on, that every loop goes round; until it is dropped.
pub async fn tell_watchdog(beats: Vec<(&'static str, Beat)>) {
    let Some(patience) = watchdog_enabled() else { return };
    let mut ticks = interval(patience / 3);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        match beats.iter().find(|(_, beat)| !beat.is_felt(now)) {
            None => tell(NotifyState::Watchdog),
            Some((what, _)) => error!("the {what} has not moved for {LONGEST_ROUND:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_does_not_go_round_has_no_pulse_unless_it_rests() {
        let (beat, now) = (Beat::new(), Instant::now());
        assert!(beat.is_felt(now + LONGEST_ROUND - Duration::from_secs(1)));
        assert!(!beat.is_felt(now + LONGEST_ROUND + Duration::from_secs(1)));
        beat.rest();
        assert!(beat.is_felt(now + LONGEST_ROUND * 100));
        beat.round();
        assert!(!beat.is_felt(Instant::now() + LONGEST_ROUND * 2));
    }
}
