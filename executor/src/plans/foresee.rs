//! Foresight as a stage of a plan: what would keep trees from changing places refuses the order before
//! the door closes.

use std::path::Path;

use super::CONTACT_SUPPORT;
use crate::{
    aside::Aside,
    base::Base,
    failure::Failure,
    foresight::{Obstacle, Swapped, protections, refusals},
};

/// Makes `.holdfast` ready, and refuses by name whatever would keep these trees from changing places.
pub(super) async fn foresee(base: &Base, swapped: &[Swapped<'_>]) -> Result<Aside, Failure> {
    let aside = Aside::of(base.path());
    refuse(&protections(base, &aside, swapped))?;
    aside.prepare().map_err(|error| {
        Failure::permanent(CONTACT_SUPPORT, format!("prepare `.holdfast`: {error}"))
    })?;
    refuse(&refusals(base, &aside, swapped).await)?;
    Ok(aside)
}

/// The trees of a restore, which are not there yet.
pub(super) fn to_come<'a>(live: impl Iterator<Item = &'a Path>) -> Vec<Swapped<'a>> {
    live.map(|live| Swapped { live, kept: None }).collect()
}

fn refuse(obstacles: &[Obstacle]) -> Result<(), Failure> {
    let text = || obstacles.iter().map(Obstacle::text).collect::<Vec<_>>().join("; ");
    match obstacles {
        [] => Ok(()),
        passing if passing.iter().all(Obstacle::is_passing) => Err(Failure::transient(
            "Something went wrong on our side. Nothing was changed. Try again later.",
            text(),
        )),
        _ => Err(Failure::permanent(CONTACT_SUPPORT, text())),
    }
}
