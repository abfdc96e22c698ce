//! The hooks that every plan but a delete has at its beginning and at its end.

use holdfast_job::Outcome;

use super::SiteOrError;
use crate::{
    config::Site,
    failure::Failure,
    hooks::{self, Occasion},
    journal::Record,
    work::{Work, no_stop},
};

/// In `Check`: whether this is the moment.
///
/// # Errors
/// What the host's `before` said.
pub(super) async fn ask_before(site: &Site, work: &Work<'_>) -> Result<(), Failure> {
    hooks::before(site.hooks.before.as_deref(), work).await
}

/// At the end: what the host's `after` makes of it changes nothing. A stop cuts it short, but not the
/// one by which `recover` begins nothing new.
pub(super) async fn tell_after(site: &SiteOrError, work: &Work<'_>) {
    let Ok(site) = site.get() else { return };
    let what = (Some(Outcome::Completed), None);
    let is_recovered =
        |record: &Record| matches!(record, Record::Interrupted { .. } | Record::Settled { .. });
    let stop = match work.journal.records().iter().any(is_recovered) {
        true => no_stop(),
        false => work.stop.clone(),
    };
    hooks::tell(site.hooks.after.as_deref(), Occasion::After, what, work, &stop).await;
}
