//! What runs on a site's tree and rows: found, stopped, started again, and seen to run.
//!
//! It knows no plan and no journal: what was found is handed back, to be noted before anything is
//! stopped.

mod docker;
mod foresee;
mod holders;
mod left_behind;
mod listeners;
mod processes;
mod spare;
mod together;
mod units;

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

pub use self::{
    docker::{Container, environment as docker_environment},
    foresee::{Foreseen, Ground, Obstacle},
    processes::BURIAL,
};
use self::{
    docker::{Docker, Grace, Terms},
    processes::Owner,
    units::Units,
};
use crate::{
    config::{Node, Services},
    failure::{Failure, chain},
    process::ProcessError,
    stop::Stop,
};

/// How long the engine or systemd may take for an answer, beside what it was told to wait for.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at something that is to come.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What was found running, and is to run again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Containers.
    pub containers: Vec<Container>,
    /// Units of systemd.
    pub units: Vec<String>,
}

impl Found {
    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.units.is_empty()
    }
}

/// How what was started is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It runs, and says that it is well if it can say.
    Well,
    /// It runs, and is not well: why.
    Unwell(String),
    /// It does not run: why.
    Down(String),
}

/// What something is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The new site: what runs may be on the old tree, and one that will not run is reason enough to go
    /// back.
    New,
    /// The old site: what runs may be on the new tree, and all that can run is to.
    Old,
    /// A site that a person has settled: what runs on its tree is left alone.
    Settled,
}

/// How long it may take until all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as is configured.
    Whole,
    /// No longer than this for what runs and is not well: nothing hangs on it, and visitors wait.
    Short(Duration),
}

/// Why something could not be found, stopped or started.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A program did not come to its own end.
    #[error("what runs on the site cannot be managed")]
    Process(#[from] ProcessError),
    /// The Docker engine is not there.
    #[error("the Docker engine is not there ({0}): start it, or see its log")]
    Away(String),
    /// systemd starts no units any more.
    #[error("this machine is being shut down, and its units start when it is up again")]
    ShuttingDown,
    /// A container is not there any more.
    #[error("a container of the site's is gone")]
    Gone,
    /// A program refused.
    #[error("could not {doing}: {said}")]
    Refused {
        /// What was being done.
        doing: String,
        /// What the program said.
        said: String,
    },
    /// It cannot work as it is set up.
    #[error("{0}")]
    Setup(String),
    /// It still runs.
    #[error("{0} could not be ended")]
    Alive(String),
    /// Something is at work that is not to be cut short.
    #[error("{0}")]
    AtWork(String),
}

impl ServiceError {
    /// The failure of the stage in which this happened.
    pub fn into_failure(self) -> Failure {
        let operator = chain(&self);
        let later = "Your site could not be stopped or started just now. Nothing was changed; try \
                     again later.";
        match self {
            Self::Process(ProcessError::Stopped { .. }) => Failure::stopped(),
            Self::Away(_) => Failure::away(later, operator),
            Self::ShuttingDown => Failure::not_now(later, operator),
            Self::AtWork(_) => Failure::not_now(
                "A job of your site is at work just now. Nothing was changed; try again when it has \
                 ended.",
                operator,
            ),
            Self::Setup(_) => Failure::permanent(crate::plans::CONTACT_SUPPORT, operator),
            _ => Failure::transient(later, operator),
        }
    }
}

/// What runs on one site.
#[derive(Debug)]
pub struct Running<'a> {
    node: &'a Node,
    services: &'a Services,
    docker: Option<Docker<'a>>,
    units: Units<'a>,
    ground: &'a Ground,
    /// Containers that databases are in.
    spared: &'a [String],
}

impl<'a> Running<'a> {
    /// Of this site; `spared` names the containers that databases are in, which are left alone.
    ///
    /// # Errors
    /// [`ServiceError::Setup`] if a program that is needed cannot be used.
    pub fn of(
        node: &'a Node,
        services: &'a Services,
        ground: &'a Ground,
        spared: &'a [String],
    ) -> Result<Self, ServiceError> {
        let docker = match services.has_no_containers() {
            true => None,
            false => Some(Docker::of(node)?),
        };
        let units = Units::of(node, &services.units)?;
        Ok(Self { node, services, docker, units, ground, spared })
    }

    /// The containers that run now and are not spared.
    async fn containers(&self, stop: &Stop) -> Result<Vec<docker::Inspected>, ServiceError> {
        let Some(docker) = &self.docker else { return Ok(Vec::new()) };
        let which = &self.services.containers;
        let mut all = docker.look(which, &self.ground.also, stop).await?;
        all.retain(|one| !self.spared.iter().any(|spared| one.is(spared)));
        Ok(all)
    }

    fn owner(&self) -> Result<Option<Owner<'_>>, ServiceError> {
        self.services.user.as_deref().map(Owner::of).transpose()
    }

    fn grace(&self) -> Grace {
        Grace { usual: self.services.stop_within, most: self.services.own_stop_within }
    }

    /// Stops what was found, and ends the processes of the site's user. Returns a sentence about each
    /// that had to be killed.
    ///
    /// # Errors
    /// [`ServiceError`], if something still runs.
    pub async fn stop(&self, found: &Found, stop: &Stop) -> Result<Vec<String>, ServiceError> {
        let Grace { usual, most } = self.grace();
        let units = self.units.stop(&found.units, (usual, most), stop);
        let containers = async {
            match &self.docker {
                Some(docker) => docker.stop(&found.containers, self.grace(), stop).await,
                None => Ok(Vec::new()),
            }
        };
        let (units, containers) = tokio::join!(units, containers);
        let mut killed = units?;
        killed.extend(containers?);
        if let Some(owner) = self.owner()? {
            owner.end_all(usual).await?;
        }
        Ok(killed)
    }

    /// The same on the way back: an engine that is away is waited for, and whatever does not stop goes
    /// on: what it writes is set aside with the tree that it is on. Returns why, then.
    ///
    /// # Errors
    /// [`ServiceError`] if it could not even be tried.
    pub async fn stop_all_the_same(
        &self,
        found: &Found,
        stop: &Stop,
    ) -> Result<Option<ServiceError>, ServiceError> {
        let deadline = Instant::now() + self.services.start_within;
        loop {
            match self.stop(found, stop).await {
                Ok(_) => return Ok(None),
                Err(ServiceError::Away(_)) if Instant::now() < deadline => {
                    sleep(LOOK_AGAIN_AFTER).await;
                }
                Err(error @ (ServiceError::Away(_) | ServiceError::Process(_))) => {
                    return Err(error);
                }
                Err(error) => return Ok(Some(error)),
            }
        }
    }

    fn terms(&self, aim: Aim, patience: Patience) -> Terms {
        let deadline = Instant::now() + self.services.start_within;
        let well_by = match patience {
            Patience::Whole => deadline,
            Patience::Short(within) => deadline.min(Instant::now() + within),
        };
        Terms { aim, deadline, well_by, grace: self.grace(), astray: BTreeSet::new() }
    }

    /// Starts what was found, and waits until it runs and is well, or will not be. An engine that is away
    /// is waited for.
    ///
    /// # Errors
    /// [`ServiceError::Away`] if it stays away, [`ServiceError::ShuttingDown`], and whatever kept us from
    /// asking.
    pub async fn start(
        &self,
        found: &Found,
        (aim, patience): (Aim, Patience),
        stop: &Stop,
    ) -> Result<Condition, ServiceError> {
        let mut terms = self.terms(aim, patience);
        if aim == Aim::Settled {
            terms.astray = self.left_behind(&found.containers, stop).await?.astray;
        }
        let units = self.start_units(&found.units, aim, stop);
        let containers = async {
            match &self.docker {
                Some(docker) if !found.containers.is_empty() => {
                    let since = SystemTime::now();
                    let started = docker.start(&found.containers, &terms, stop).await?;
                    if matches!(started, Condition::Down(_)) {
                        self.remove_made(&found.containers, since, stop).await;
                    }
                    Ok::<_, ServiceError>(started)
                }
                _ => Ok(Condition::Well),
            }
        };
        let (units, containers) = tokio::join!(units, containers);
        let (units, containers) = (units?, containers?);
        Ok(units.unwrap_or(containers))
    }

    async fn start_units(
        &self,
        units: &[String],
        aim: Aim,
        stop: &Stop,
    ) -> Result<Option<Condition>, ServiceError> {
        let running = match aim {
            Aim::Settled => self.units.look(stop).await?,
            Aim::New | Aim::Old => Vec::new(),
        };
        let down: Vec<String> =
            units.iter().filter(|unit| !running.contains(unit)).cloned().collect();
        self.units.start(&down, self.services.start_within, stop).await
    }

    /// Looks for a while, behind the opened door, whether containers go on; one that fails is started
    /// again. Returns how they are, and the names of those that have ended without a failure.
    ///
    /// # Errors
    /// [`ServiceError`] if they could not be looked at.
    pub async fn watch(
        &self,
        found: &Found,
        stop: &Stop,
    ) -> Result<(Condition, Vec<String>), ServiceError> {
        match &self.docker {
            Some(docker) if !found.containers.is_empty() && !self.services.watch_for.is_zero() => {
                let terms = self.terms(Aim::Settled, Patience::Whole);
                docker.watch(&found.containers, self.services.watch_for, &terms, stop).await
            }
            _ => Ok((Condition::Well, Vec::new())),
        }
    }

    /// Whether the machine is being shut down: what a site needs may be gone before it, so that it says
    /// nothing of the site that it does not answer any more.
    pub async fn is_shutting_down(&self, stop: &Stop) -> bool {
        self.units.is_shutting_down(stop).await.unwrap_or(false)
    }

    /// Whether what was found says of itself that it is well, now.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn ask(&self, found: &Found, stop: &Stop) -> Result<Condition, ServiceError> {
        match &self.docker {
            Some(docker) => docker.ask(&found.containers, stop).await,
            None => Ok(Condition::Well),
        }
    }
}
