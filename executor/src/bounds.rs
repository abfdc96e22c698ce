//! How long a switch can go on that has begun: nobody may kill an executor before, and the worker's
//! unit waits so long. What is waited for is bounded where it is started; here the waits are added up.
//!
//! It assumes that whatever can be silent is, each to the end of its patience: the engine and the
//! site's units, its hook, its page, and its server, of which the first statement without an answer
//! ends the way there, and the first on the way back is left to `recover`.

use std::time::Duration;

use crate::{
    config::{Probe, Services},
    health::BEYOND,
    hooks,
    plans::{AWAY_FOR, DATABASE_PATIENCE, SOMEBODY_COMES_UP},
    process::LONGEST_END,
    services::{ANSWER_WITHIN, BURIAL},
};

/// The longest from `Close` to `Open`, there and all the way back.
pub fn longest_switch(services: &Services, probe: Option<&Probe>) -> Duration {
    let look = ended(ANSWER_WITHIN);
    let hook = ended(hooks::PATIENCE);
    // Where it is not well, it is asked whether the machine is being shut down, twice at the end.
    let page = look * 2
        + probe
            .map_or(Duration::ZERO, |probe| services.start_within + ended(probe.patience + BEYOND));
    // Who comes up behind the closed door is stopped as well, and again.
    let come_up = (look * 3 + stop(services)) * SOMEBODY_COMES_UP;
    let there = look * 2
        + stop(services)
        + ended(DATABASE_PATIENCE)
        + come_up
        + start(services)
        + hook
        + page;
    // On the way back an engine that is away is waited for as long as for a start.
    let again = services.start_within + stop(services);
    let back = again + AWAY_FOR + ended(DATABASE_PATIENCE) + start(services) + hook;
    there + back
}

/// Units and containers side by side, which are looked at before and after, then processes. All
/// containers together have the longest time that one may ask for.
fn stop(services: &Services) -> Duration {
    let (within, look) = (services.stop_within, ended(ANSWER_WITHIN));
    let most = services.own_stop_within.max(within);
    let units = ended(most) + look * 5;
    let containers = look + ended(most + ANSWER_WITHIN) + look;
    units.max(containers) + within + BURIAL
}

/// Units have as long as all, and where they fail, a look at the machine comes in the place of what
/// follows; a container that is begun at the last moment is stopped first. Then its log is read, and it
/// is looked who was left behind.
fn start(services: &Services) -> Duration {
    let look = ended(ANSWER_WITHIN);
    let most = services.own_stop_within.max(services.stop_within);
    ended(services.start_within) + look + ended(most + ANSWER_WITHIN) + look * 5
}

/// A program that does not end within its patience, and has to be killed.
fn ended(patience: Duration) -> Duration {
    patience + LONGEST_END
}
