//! Signals: those that are a wish to stop, and those that are passed over.
//!
//! sudo passes on what its caller sends. A taken-over worker could so end an executor in the middle of a
//! switch, and leave the site closed, with any signal that ends a program unheard.

use tokio::signal::unix::{SignalKind, signal};

use crate::stop::Stop;

/// SIGTERM comes from sudo, SIGINT and SIGHUP from a terminal: each is the wish to stop.
pub(crate) fn stop_on_signals(stop: &Stop) {
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let stop = stop.clone();
        hear(kind, move || stop.request());
    }
}

/// Passes over the signals that sudo passes on (by sudo(8)) and that mean nothing here. SIGQUIT stays
/// what it is: sudo does not pass it on to a command in a session of its own, and a person may need it.
pub(crate) fn pass_over_others() {
    for kind in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()] {
        hear(kind, || ());
    }
}

/// Calls `then` at each signal. One that cannot be heard keeps its usual effect.
fn hear(kind: SignalKind, mut then: impl FnMut() + Send + 'static) {
    if let Ok(mut signals) = signal(kind) {
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                then();
            }
        });
    }
}
