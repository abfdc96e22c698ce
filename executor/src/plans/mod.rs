//! The plans: one file each, opening with the sentence a customer would understand.

mod backup;
mod closing;
mod code;
mod databases;
mod delete;
mod foresee;
mod hooks;
mod life;
mod preconditions;
mod restore;
mod switch;
mod undo;

pub use backup::{Backup, rehearsals_of};
pub use databases::{AWAY_FOR, PATIENCE as DATABASE_PATIENCE, administer, beginnings, names_of};
pub use delete::Delete;
pub use preconditions::check_hardlinks;
pub use restore::Restore;
pub use switch::{SOMEBODY_COMES_UP, Switch};
pub use undo::Undo;

use holdfast_job::{Stage, Verb};

use crate::{
    config::{ConfigError, Site},
    failure::{Failure, chain},
};

/// What a customer reads when the fault is ours and lasting.
pub const CONTACT_SUPPORT: &str =
    "This site cannot be backed up or restored as it is set up. Contact support.";

/// A mistake in the configuration, as the failure of a stage.
pub fn misconfigured(error: &ConfigError) -> Failure {
    Failure::permanent(CONTACT_SUPPORT, chain(error))
}

/// The site of a plan: absent only when a journal is settled after its configuration broke, which
/// the stages that are then run or reverted can do without.
#[derive(Debug)]
pub struct SiteOrError(pub Result<Site, ConfigError>);

impl SiteOrError {
    /// The site.
    ///
    /// # Errors
    /// The failure of a stage that cannot do without.
    pub fn get(&self) -> Result<&Site, Failure> {
        self.0.as_ref().map_err(misconfigured)
    }
}

/// A journal names a stage that its plan does not have: it was written by something else.
fn foreign_stage(verb: Verb, stage: Stage) -> Failure {
    Failure::permanent(
        CONTACT_SUPPORT,
        format!("the plan `{}` of this version has no stage `{stage}`", verb.word()),
    )
}
