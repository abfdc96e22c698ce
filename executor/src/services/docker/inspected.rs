//! What the engine says of one container, and what that means.

use serde::Deserialize;

use super::{Condition, ServiceError};

/// A container's id may be cut to this many digits, and no further.
const LEAST_ID: usize = 12;

/// What `docker inspect` says; what else it says is not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    pub(super) id: String,
    name: String,
    pub(super) created: String,
    pub(super) state: State,
    host_config: HostConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    pub(super) running: bool,
    pub(super) restarting: bool,
    pub(super) started_at: String,
    exit_code: i64,
    #[serde(default)]
    error: String,
    health: Option<Health>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    auto_remove: bool,
}

impl Inspected {
    pub(super) fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// Whether it is called so, by its name or by its id, which may be cut.
    pub(super) fn is(&self, called: &str) -> bool {
        let hex = called.len() >= LEAST_ID && called.bytes().all(|byte| byte.is_ascii_hexdigit());
        called == self.name() || (hex && self.id.starts_with(called))
    }

    /// What docker's `auto_remove` says: once stopped, it is gone.
    pub(super) fn goes_when_stopped(&self) -> bool {
        self.host_config.auto_remove
    }

    pub(super) fn health(&self) -> Option<&str> {
        self.state.health.as_ref().map(|health| health.status.as_str())
    }

    pub(super) fn is_up(&self) -> bool {
        self.state.running || self.state.restarting
    }

    /// It did what it was for and ended, as some do.
    pub(super) fn has_finished(&self) -> bool {
        let State { exit_code, error, health, .. } = &self.state;
        !self.is_up() && *exit_code == 0 && error.is_empty() && health.is_none()
    }

    pub(super) fn down(&self) -> Condition {
        let (name, state) = (self.name(), &self.state);
        let why = match state.error.is_empty() {
            true => format!("exit code {}", state.exit_code),
            false => state.error.chars().take(200).collect(),
        };
        Condition::Down(format!("container {name} does not run: {why}"))
    }

    /// What keeps it from being well, if that may pass.
    pub(super) fn waits_for(&self) -> Option<String> {
        let name = self.name();
        match (self.state.restarting, self.health()) {
            (true, _) => Some(format!("container {name} restarts")),
            (_, Some("starting")) => Some(format!("container {name} does not get healthy")),
            _ => None,
        }
    }
}

/// Reads what `docker container inspect` says.
///
/// # Errors
/// [`ServiceError::Refused`] if it is not understood.
pub(super) fn understood(said: &str) -> Result<Vec<Inspected>, ServiceError> {
    serde_json::from_str(said).map_err(|error| ServiceError::Refused {
        doing: "look at the site's containers".into(),
        said: format!("what docker says is not understood: {error}"),
    })
}
