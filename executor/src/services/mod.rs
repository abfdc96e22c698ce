//! What runs on a site's tree and rows: found, stopped, started again, and seen to run.
//!
//! It knows no plan and no journal: what was found is handed back, to be noted before anything is
//! stopped.

mod docker;
mod processes;
mod units;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use self::{docker::Docker, processes::Owner, units::Units};
pub use self::{
    docker::{Container, environment as docker_environment},
    processes::BURIAL,
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
}

impl ServiceError {
    /// The failure of the stage in which this happened.
    pub fn into_failure(self) -> Failure {
        let operator = chain(&self);
        let later = "Your site could not be stopped or started just now. Nothing was changed; please \
                     try again later.";
        match self {
            Self::Process(ProcessError::Stopped { .. }) => Failure::stopped(),
            Self::Away(_) => Failure::away(later, operator),
            Self::ShuttingDown => Failure::not_now(later, operator),
            Self::Setup(_) => Failure::permanent(crate::plans::CONTACT_SUPPORT, operator),
            _ => Failure::transient(later, operator),
        }
    }
}

/// What runs on one site.
#[derive(Debug)]
pub struct Running<'a> {
    services: &'a Services,
    docker: Option<Docker<'a>>,
    units: Units<'a>,
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
        spared: &'a [String],
    ) -> Result<Self, ServiceError> {
        let docker = match services.has_no_containers() {
            true => None,
            false => Some(Docker::of(node)?),
        };
        let units = Units::of(node, &services.units)?;
        Ok(Self { services, docker, units, spared })
    }

    /// What runs now.
    ///
    /// # Errors
    /// [`ServiceError`], also if there is no such user whose processes are to be ended.
    pub async fn look(&self, stop: &Stop) -> Result<Found, ServiceError> {
        self.owner()?;
        let containers = match &self.docker {
            Some(docker) => docker.look(&self.services.containers, self.spared, stop).await?,
            None => Vec::new(),
        };
        Ok(Found { containers, units: self.units.look(stop).await? })
    }

    fn owner(&self) -> Result<Option<Owner<'_>>, ServiceError> {
        self.services.user.as_deref().map(Owner::of).transpose()
    }

    /// Stops what was found, and ends the processes of the site's user.
    ///
    /// # Errors
    /// [`ServiceError`], if something still runs.
    pub async fn stop(&self, found: &Found, stop: &Stop) -> Result<(), ServiceError> {
        let within = self.services.stop_within;
        self.units.stop(&found.units, within, stop).await?;
        if let Some(docker) = &self.docker {
            docker.stop(&found.containers, within, stop).await?;
        }
        match self.owner()? {
            Some(owner) => owner.end_all(within).await,
            None => Ok(()),
        }
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
                Ok(()) => return Ok(None),
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

    /// Starts what was found, anew if it runs, and waits until it runs and is well, or will not be. An
    /// engine that is away is waited for.
    ///
    /// # Errors
    /// [`ServiceError::Away`] if it stays away, [`ServiceError::ShuttingDown`], and whatever kept us from
    /// asking.
    pub async fn start(&self, found: &Found, stop: &Stop) -> Result<Condition, ServiceError> {
        let Services { start_within, stop_within, .. } = *self.services;
        let deadline = Instant::now() + start_within;
        let units = self.units.start(&found.units, start_within, stop).await?;
        match (units, &self.docker) {
            (Some(condition), _) => Ok(condition),
            (None, Some(docker)) if !found.containers.is_empty() => {
                docker.start(&found.containers, (stop_within, deadline), stop).await
            }
            (None, _) => Ok(Condition::Well),
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
