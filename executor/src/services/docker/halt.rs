//! Containers stop: who needs another one before that one, all others at once.

use std::time::Duration;

use tokio::time::Instant;

use super::{Container, Docker, Inspected, needs::needs_of};
use crate::{
    services::{
        ServiceError,
        together::{Task, in_order},
    },
    stop::Stop,
};

/// Each has at least this long, whatever the others took.
const LEAST: Duration = Duration::from_secs(1);

/// How long containers may take to stop by themselves.
#[derive(Debug, Clone, Copy)]
pub(in crate::services) struct Grace {
    /// Where they say nothing of it.
    pub(in crate::services) usual: Duration,
    /// The longest that they may ask for.
    pub(in crate::services) most: Duration,
}

impl Grace {
    /// The time that a container has.
    pub(super) fn of(self, one: &Inspected) -> Duration {
        let own = one.own_grace().map(|own| own.unwrap_or(self.most).min(self.most));
        own.unwrap_or(self.usual)
    }
}

impl Docker<'_> {
    /// Stops them, and says of each that had to be killed. Those that are gone meanwhile are no more to
    /// be stopped.
    ///
    /// # Errors
    /// [`ServiceError::Alive`] if one still runs.
    pub(in crate::services) async fn stop(
        &self,
        containers: &[Container],
        grace: Grace,
        stop: &Stop,
    ) -> Result<Vec<String>, ServiceError> {
        let (there, _) = self.find(containers, stop).await?;
        if there.is_empty() {
            return Ok(Vec::new());
        }
        let before = needs_of(&there).needed_by;
        // All of them together have no longer than one of them may ask for.
        let deadline = Instant::now() + grace.most.max(grace.usual);
        let stopped = in_order(&before, |place| -> Task<'_, Result<(), ServiceError>> {
            let left = deadline.saturating_duration_since(Instant::now()).max(LEAST);
            Box::pin(self.stop_one(&there[place], grace.of(&there[place]).min(left), stop))
        });
        for one in stopped.await {
            one?;
        }
        let (left, _) = self.find(containers, stop).await?;
        if let Some(one) = left.iter().find(|one| one.is_up() && !one.state.restarting) {
            return Err(ServiceError::Alive(format!("container {}", one.name())));
        }
        let was_up = |one: &&Inspected| {
            let before = there.iter().find(|before| before.id == one.id);
            before.is_some_and(Inspected::is_up) && one.was_killed() && !grace.of(one).is_zero()
        };
        let killed = left.iter().filter(was_up).map(|one| {
            let (name, within) = (one.name(), grace.of(one).as_secs());
            format!(
                "container {name} did not stop within {within} s and was killed: give it a longer \
                 `stop_grace_period`, or raise `site.services.own_stop_seconds`"
            )
        });
        Ok(killed.collect())
    }

    async fn stop_one(
        &self,
        one: &Inspected,
        within: Duration,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        if !one.is_up() {
            return Ok(());
        }
        let doing = format!("stop container {}", one.name());
        let seconds = within.as_secs().to_string();
        let args = ["stop", "-t", &seconds, &one.id].map(str::to_owned).to_vec();
        match self.run(&doing, args, within, stop).await {
            Err(ServiceError::Gone) => Ok(()),
            stopped => stopped.map(drop),
        }
    }
}
