//! The end of a worker, in phases: it takes nothing new; what is under way may end by itself; it is
//! cut short.

use std::{io, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::sleep,
};
use tracing::info;

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// There is none in sight.
    Work,
    /// Nothing new is taken; what is under way may end by itself.
    Quiet,
    /// What is under way is cut short: it puts everything back, or finishes what cannot be.
    Cancel,
    /// Nothing is under way any more.
    Done,
}

/// The phase, as everybody sees it.
#[derive(Debug, Clone)]
pub struct Stop {
    phase: watch::Sender<Phase>,
}

impl Stop {
    /// The first SIGTERM or SIGINT begins the end; `grace` later, or at a second one, what is under way
    /// is cut short.
    ///
    /// # Errors
    /// If signals cannot be heard.
    pub fn on_signals(grace: Duration) -> io::Result<Self> {
        let stop = Self { phase: watch::Sender::new(Phase::Work) };
        let (mut term, mut int) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let told = stop.clone();
        tokio::spawn(async move {
            let mut heard = async || {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
            };
            heard().await;
            info!(grace_seconds = grace.as_secs(), "ending: nothing new is taken");
            told.at_least(Phase::Quiet);
            tokio::select! {
                () = heard() => {}
                () = sleep(grace) => {}
            }
            info!("ending: what is under way is cut short");
            told.at_least(Phase::Cancel);
        });
        Ok(stop)
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes on to this phase, unless it is already further.
    pub fn at_least(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }

    /// Waits until it is this phase or a later one.
    pub async fn until(&self, phase: Phase) {
        // The sender is in our hands, so this cannot end early.
        let _ = self.phase.subscribe().wait_for(|now| *now >= phase).await;
    }
}
