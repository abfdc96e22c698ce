//! Containers are looked at for a while behind the opened door: one that ends soon is started again.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Container, Docker, Inspected, launch::Terms};
use crate::{
    services::{Condition, ServiceError},
    stop::Stop,
};

/// Between two looks at what nobody waits for.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(300);

impl Docker<'_> {
    /// Looks at them until all have run for so long without an end; until the terms' deadline one that
    /// ends is started again. Returns how they are, and the names of those that said of themselves that
    /// they had done what they were for.
    ///
    /// # Errors
    /// [`ServiceError`] if the engine could not be asked.
    pub(in crate::services) async fn watch(
        &self,
        containers: &[Container],
        steady: Duration,
        terms: &Terms,
        stop: &Stop,
    ) -> Result<(Condition, Vec<String>), ServiceError> {
        let mut since = Instant::now();
        let mut lives = BTreeMap::new();
        loop {
            let (seen, _) = self.find(containers, stop).await?;
            let is_late = Instant::now() >= terms.deadline;
            let is_down = |one: &&Inspected| !one.is_up() && !one.has_finished();
            let down: Vec<&Inspected> = seen.iter().filter(is_down).collect();
            if !down.is_empty() {
                if is_late {
                    return Ok((Condition::Down(self.why_down(&down).await), Vec::new()));
                }
                let is_it = |container: &&Container| {
                    down.iter().any(|one| one.id == container.id || one.name() == container.name)
                };
                let these: Vec<Container> = containers.iter().filter(is_it).cloned().collect();
                match self.start(&these, terms, stop).await? {
                    Condition::Well => {}
                    // It runs in this very moment, and has ended before.
                    Condition::Unwell(_) => {
                        let why = self.why_down(&down).await;
                        return Ok((Condition::Down(why), Vec::new()));
                    }
                    down @ Condition::Down(_) => return Ok((down, Vec::new())),
                }
                lives.clear();
                since = Instant::now();
                continue;
            }
            let mut restarted = None;
            for one in &seen {
                let life = one.state.started_at.clone();
                let before = lives.insert(one.id.clone(), life.clone());
                if one.state.restarting || before.is_some_and(|before| before != life) {
                    restarted = Some(one.name());
                }
            }
            if let Some(name) = restarted {
                if is_late {
                    let why = format!("container {name} restarts");
                    return Ok((Condition::Unwell(why), Vec::new()));
                }
                since = Instant::now();
            }
            if since.elapsed() >= steady {
                let ended = seen.iter().filter(|one| !one.is_up());
                return Ok((Condition::Well, ended.map(|one| one.name().to_owned()).collect()));
            }
            sleep(LOOK_AGAIN_AFTER.min(steady)).await;
        }
    }
}
