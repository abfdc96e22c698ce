//! Containers, through the `docker` program: it speaks every version of the engine's API, and the
//! root process needs no HTTP of its own.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{Again, Condition, LOOK_AGAIN_AFTER, ServiceError};
use crate::{
    config::{Containers, Node, check_root_owned},
    process::{Input, Moved, ProcessError, Program},
    stop::Stop,
};

/// How long the engine may take for an answer, beside what it was told to wait for.
const PATIENCE: Duration = Duration::from_secs(10);
/// More of an answer than this is not read.
const MOST_BYTES: usize = 4 << 20;
/// A container that has no health check is well when it has run for this long.
const STEADY_AFTER: Duration = Duration::from_millis(300);
/// What docker says when its engine is not there.
const AWAY: [&str; 3] =
    ["Cannot connect to the Docker daemon", "error during connect", "connection refused"];
/// What it says of a container that is gone.
const GONE: [&str; 2] = ["No such container", "no such container"];

/// A container that was found running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Its whole id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was started, as the engine says.
    pub started_at: String,
}

/// The engine of this node.
#[derive(Debug)]
pub(super) struct Docker<'a> {
    node: &'a Node,
}

/// What `docker inspect` says; what else it says is not looked at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    state: State,
    host_config: HostConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    restarting: bool,
    started_at: String,
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
    fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }
}

impl<'a> Docker<'a> {
    pub(super) fn of(node: &'a Node) -> Result<Self, ServiceError> {
        check_root_owned(&node.docker).map_err(|error| {
            ServiceError::Setup(format!("docker, as `node.docker` names it: {error}"))
        })?;
        Ok(Self { node })
    }

    /// Those of the site that run.
    pub(super) async fn look(
        &self,
        which: &Containers,
        spared: &[String],
        stop: &Stop,
    ) -> Result<Vec<Container>, ServiceError> {
        let mut args = vec!["ps".to_owned(), "--quiet".into(), "--no-trunc".into()];
        match which {
            Containers::ByDefault(label) | Containers::Label(label) => {
                args.push(format!("--filter=label={label}"));
            }
            Containers::Names(names) => {
                let quoted = |name: &String| name.replace('.', "\\.");
                args.extend(names.iter().map(|name| format!("--filter=name=^/?{}$", quoted(name))));
            }
        }
        let said = self.run("list the site's containers", args, Duration::ZERO, stop).await?;
        let ids: Vec<&str> = said.lines().map(str::trim).filter(|id| !id.is_empty()).collect();
        let mut found = Vec::new();
        for one in self.inspect(&ids, stop).await? {
            let is = |named: &String| named == one.name() || one.id.starts_with(named.as_str());
            if spared.iter().any(is) || !one.state.running {
                continue;
            }
            if one.host_config.auto_remove {
                return Err(ServiceError::Setup(format!(
                    "container {} was started with --rm: stopped, it would be gone; start it \
                     without",
                    one.name()
                )));
            }
            found.push(Container {
                name: one.name().to_owned(),
                id: one.id,
                started_at: one.state.started_at,
            });
        }
        Ok(found)
    }

    /// Those that are gone meanwhile are no more to be stopped.
    pub(super) async fn stop(
        &self,
        containers: &[Container],
        within: Duration,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        if containers.is_empty() {
            return Ok(());
        }
        let mut args = vec!["stop".to_owned(), format!("--time={}", within.as_secs())];
        args.extend(containers.iter().map(|container| container.id.clone()));
        match self.run("stop the site's containers", args, within, stop).await {
            Err(ServiceError::Refused { said, .. })
                if GONE.iter().any(|gone| said.contains(gone)) => {}
            stopped => drop(stopped?),
        }
        let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
        let left = self.inspect(&ids, stop).await?;
        match left.iter().find(|one| one.state.running && !one.state.restarting) {
            Some(one) => Err(ServiceError::Alive(format!("container {}", one.name()))),
            None => Ok(()),
        }
    }

    /// Starts what does not run, and anew what runs on a tree that may be the wrong one.
    pub(super) async fn start(
        &self,
        containers: &[Container],
        again: Again,
        (stop_within, start_within): (Duration, Duration),
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
        let there = self.inspect(&ids, stop).await?;
        if let Some(gone) = containers.iter().find(|one| there.iter().all(|it| it.id != one.id)) {
            let doing = format!("start container {}", gone.name);
            return Err(ServiceError::Refused { doing, said: "it is gone".into() });
        }
        for one in there {
            let doing = format!("start container {}", one.name());
            let same = |it: &Container| it.id == one.id && it.started_at == one.state.started_at;
            let is_old = containers.iter().any(same);
            let args = match (one.state.running, again) {
                (false, _) => vec!["start".to_owned(), one.id],
                (true, Again::IfAnother) if is_old => continue,
                (true, _) => {
                    vec!["restart".into(), format!("--time={}", stop_within.as_secs()), one.id]
                }
            };
            self.run(&doing, args, stop_within + start_within, stop).await?;
        }
        Ok(())
    }

    /// Waits until all run and are well, or one will not be.
    pub(super) async fn attend(
        &self,
        containers: &[Container],
        deadline: Instant,
        stop: &Stop,
    ) -> Result<Condition, ServiceError> {
        let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
        let mut steady: Option<(Vec<String>, Instant)> = None;
        loop {
            let seen = self.inspect(&ids, stop).await?;
            let last = Instant::now() >= deadline;
            let mut waiting = None;
            for one in &seen {
                let (name, state) = (one.name(), &one.state);
                match state.health.as_ref().map(|health| health.status.as_str()) {
                    _ if !state.running && !state.restarting => {
                        let why = match state.error.is_empty() {
                            true => format!("exit code {}", state.exit_code),
                            false => state.error.chars().take(200).collect(),
                        };
                        return Ok(Condition::Down(format!(
                            "container {name} does not run: {why}"
                        )));
                    }
                    _ if state.restarting => waiting = Some(format!("container {name} restarts")),
                    Some("unhealthy") => {
                        return Ok(Condition::Unwell(format!("container {name} is unhealthy")));
                    }
                    Some("starting") => {
                        waiting = Some(format!("container {name} does not get healthy"));
                    }
                    _ => {}
                }
            }
            let since: Vec<String> = seen.iter().map(|one| one.state.started_at.clone()).collect();
            let checked = |one: &Inspected| {
                let status = one.state.health.as_ref().map(|health| health.status.as_str());
                status.is_some_and(|status| status == "healthy")
            };
            let now = Instant::now();
            let begun = match steady.take() {
                Some((before, begun)) if before == since => begun,
                _ => now,
            };
            match waiting {
                None if last || seen.iter().all(checked) || now - begun >= STEADY_AFTER => {
                    return Ok(Condition::Well);
                }
                Some(why) if last => return Ok(Condition::Unwell(why)),
                _ => {}
            }
            steady = Some((since, begun));
            sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    async fn inspect(&self, ids: &[&str], stop: &Stop) -> Result<Vec<Inspected>, ServiceError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let doing = "look at the site's containers";
        let mut args = vec!["container".to_owned(), "inspect".into()];
        args.extend(ids.iter().map(|id| (*id).to_owned()));
        let said = match self.run(doing, args, Duration::ZERO, stop).await {
            // It lists those that there are all the same.
            Err(ServiceError::Refused { said, .. })
                if GONE.iter().any(|gone| said.contains(gone)) =>
            {
                let mut there = Vec::new();
                for id in ids {
                    let args = ["container", "inspect", *id].map(str::to_owned).to_vec();
                    match self.run(doing, args, Duration::ZERO, stop).await {
                        Err(ServiceError::Refused { .. }) => {}
                        said => there.extend(understood(&said?)?),
                    }
                }
                return Ok(there);
            }
            said => said?,
        };
        understood(&said)
    }

    /// Runs docker; `waits` is how long it was told to wait.
    async fn run(
        &self,
        doing: &str,
        args: Vec<String>,
        waits: Duration,
        stop: &Stop,
    ) -> Result<String, ServiceError> {
        let program = Program {
            name: "docker".into(),
            path: self.node.docker.clone(),
            args,
            env: environment(&self.node.docker_socket),
            stdin: Input::default(),
            patience: waits + PATIENCE,
        };
        let mut said = String::new();
        let ended = program
            .start()?
            .wait(stop, |line| {
                if said.len() < MOST_BYTES {
                    said.push_str(&String::from_utf8_lossy(line));
                    said.push('\n');
                }
                Moved::No
            })
            .await
            .map_err(|error| match error {
                // An engine that hangs is one that is not there.
                error @ ProcessError::NoProgress { .. } => ServiceError::Away(error.to_string()),
                error => error.into(),
            })?;
        if ended.status.success() {
            return Ok(said);
        }
        let first = ended.stderr.lines().find(|line| !line.trim().is_empty());
        let said: String = first.unwrap_or("it said nothing").chars().take(300).collect();
        match AWAY.iter().any(|away| ended.stderr.contains(away)) {
            true => Err(ServiceError::Away(said)),
            false => Err(ServiceError::Refused { doing: doing.to_owned(), said }),
        }
    }
}

/// The environment of docker: the engine behind this socket, and nothing of root's home.
pub fn environment(socket: &std::path::Path) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
        ("DOCKER_HOST".into(), format!("unix://{}", socket.display())),
        ("DOCKER_CONFIG".into(), PathBuf::from("/nonexistent").display().to_string()),
    ])
}

fn understood(said: &str) -> Result<Vec<Inspected>, ServiceError> {
    serde_json::from_str(said).map_err(|error| ServiceError::Refused {
        doing: "look at the site's containers".into(),
        said: format!("what docker says is not understood: {error}"),
    })
}
