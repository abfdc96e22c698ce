//! A container's own health check, run by us: docker's first one comes a whole interval after a start,
//! and a site is not to stay closed for that.

use std::time::Duration;

use super::{Docker, Inspected, inspected::shortened};
use crate::{process::ProcessError, services::ServiceError, stop::Stop};

impl Docker<'_> {
    /// Runs its check as docker would, in the container and as its user. Returns [`None`] if it is
    /// healthy, or what is wrong.
    ///
    /// # Errors
    /// [`ServiceError`] if docker could not be asked.
    pub(super) async fn check(
        &self,
        one: &Inspected,
        within: Duration,
        stop: &Stop,
    ) -> Result<Option<String>, ServiceError> {
        let name = one.name();
        let Some((command, patience)) = one.health_check() else {
            return Ok(one.waits_for());
        };
        let mut args = vec!["exec".to_owned(), one.id.clone()];
        args.extend(command);
        let answer = self.ask_engine(args, patience.min(within), stop).await;
        let (ended, said) = match answer {
            Err(ProcessError::NoProgress { .. }) => {
                return Ok(Some(format!("container {name}: its health check does not end")));
            }
            answer => answer?,
        };
        if ended.status.success() {
            return Ok(None);
        }
        let said = format!("{said} {}", ended.stderr);
        let said = match said.trim() {
            "" => ended.how(),
            said => shortened(said),
        };
        Ok(Some(format!("container {name} is unhealthy: {said}")))
    }
}
