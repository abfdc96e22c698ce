//! What runs on a site's tree and rows: found, stopped, started again, and seen to run.
//!
//! It knows no plan and no journal: what was found is handed back, to be noted before anything is
//! stopped.

mod docker;
mod processes;
mod units;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

pub use self::docker::{Container, environment as docker_environment};
use self::{docker::Docker, processes::Owner, units::Units};
use crate::{
    config::{Node, Services},
    failure::{Failure, chain},
    process::ProcessError,
    stop::Stop,
};

/// Between two looks at something that is to come.
const LOOK_AGAIN_AFTER: std::time::Duration = std::time::Duration::from_millis(200);

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
    owner: Option<Owner<'a>>,
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
        let owner = services.user.as_deref().map(Owner::of).transpose()?;
        Ok(Self { services, docker, units, owner, spared })
    }

    /// What runs now.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn look(&self, stop: &Stop) -> Result<Found, ServiceError> {
        let containers = match &self.docker {
            Some(docker) => docker.look(&self.services.containers, self.spared, stop).await?,
            None => Vec::new(),
        };
        Ok(Found { containers, units: self.units.look(stop).await? })
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
        match &self.owner {
            Some(owner) => owner.end_all(within).await,
            None => Ok(()),
        }
    }

    /// Starts what was found, and waits until it runs and is well, or will not be. An engine that is
    /// away is waited for.
    ///
    /// # Errors
    /// [`ServiceError::Away`] if it stays away, and whatever kept us from asking.
    pub async fn start(
        &self,
        found: &Found,
        again: Again,
        stop: &Stop,
    ) -> Result<Condition, ServiceError> {
        let (within, deadline) =
            (self.services.start_within, Instant::now() + self.services.start_within);
        if let Some(docker) = self.docker.as_ref().filter(|_| !found.containers.is_empty()) {
            let stop_within = self.services.stop_within;
            loop {
                match docker.start(&found.containers, again, (stop_within, within), stop).await {
                    Ok(()) => break,
                    Err(ServiceError::Refused { doing, said }) => {
                        return Ok(Condition::Down(format!("could not {doing}: {said}")));
                    }
                    Err(ServiceError::Away(_)) if Instant::now() < deadline => {
                        sleep(LOOK_AGAIN_AFTER).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if let Some(condition) = self.units.start(&found.units, within, stop).await? {
            return Ok(condition);
        }
        match &self.docker {
            Some(docker) => docker.attend(&found.containers, deadline, stop).await,
            None => Ok(Condition::Well),
        }
    }

    /// Whether what was found says of itself that it is well, now.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn ask(&self, found: &Found, stop: &Stop) -> Result<Condition, ServiceError> {
        match &self.docker {
            Some(docker) => docker.attend(&found.containers, Instant::now(), stop).await,
            None => Ok(Condition::Well),
        }
    }
}

/// What to do about a container that runs when it is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It came back by itself, on whichever tree was there: it is started anew.
    Always,
    /// It is started anew only if it is not the very one that was found.
    IfAnother,
}
