//! Containers, through the `docker` program: it speaks every version of the engine's API, and the
//! root process needs no HTTP of its own.

mod inspected;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use self::inspected::{Inspected, understood};
use super::{ANSWER_WITHIN, Condition, LOOK_AGAIN_AFTER, ServiceError};
use crate::{
    config::{Containers, Node, check_root_owned},
    confine,
    process::{Input, Moved, ProcessError, Program},
    stop::Stop,
};

/// More of an answer than this is not read.
const MOST_BYTES: usize = 4 << 20;
/// A container that has no health check is well when it has run for this long.
const STEADY_AFTER: Duration = Duration::from_millis(300);
/// A container that is refused or exits is tried so often: what it needs may come up beside it.
const MOST_TRIES: u32 = 3;
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
}

/// The engine of this node.
#[derive(Debug)]
pub(super) struct Docker<'a> {
    node: &'a Node,
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
            if spared.iter().any(|spared| one.is(spared)) || !one.state.running {
                continue;
            }
            if one.goes_when_stopped() {
                return Err(ServiceError::Setup(format!(
                    "container {} was started with --rm: stopped, it would be gone; start it \
                     without",
                    one.name()
                )));
            }
            found.push(Container { name: one.name().to_owned(), id: one.id });
        }
        Ok(found)
    }

    /// Those that there are: by their ids, or by their names, if they were made anew. The oldest comes
    /// first, since what others need is made before them.
    async fn find(
        &self,
        containers: &[Container],
        stop: &Stop,
    ) -> Result<(Vec<Inspected>, Vec<String>), ServiceError> {
        let ids: Vec<&str> = containers.iter().map(|container| container.id.as_str()).collect();
        let mut there = self.inspect(&ids, stop).await?;
        let mut gone = Vec::new();
        for container in containers {
            if there.iter().any(|one| one.id == container.id) {
                continue;
            }
            match self.inspect(&[&container.name], stop).await?.pop() {
                Some(another) => there.push(another),
                None => gone.push(container.name.clone()),
            }
        }
        there.sort_by(|one, other| one.created.cmp(&other.created));
        Ok((there, gone))
    }

    /// Those that are gone meanwhile are no more to be stopped.
    pub(super) async fn stop(
        &self,
        containers: &[Container],
        within: Duration,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        let (there, _) = self.find(containers, stop).await?;
        if there.is_empty() {
            return Ok(());
        }
        let mut args = vec!["stop".to_owned(), "-t".into(), within.as_secs().to_string()];
        args.extend(there.iter().map(|one| one.id.clone()));
        match self.run("stop the site's containers", args, within, stop).await {
            Err(ServiceError::Gone) => {}
            stopped => drop(stopped?),
        }
        let (left, _) = self.find(containers, stop).await?;
        match left.iter().find(|one| one.state.running && !one.state.restarting) {
            Some(one) => Err(ServiceError::Alive(format!("container {}", one.name()))),
            None => Ok(()),
        }
    }

    /// Starts what does not run, and anew what does, since it may be on the wrong tree; waits until all
    /// run and are well, or one will not be.
    pub(super) async fn start(
        &self,
        containers: &[Container],
        (stop_within, deadline): (Duration, Instant),
        stop: &Stop,
    ) -> Result<Condition, ServiceError> {
        let mut tries = BTreeMap::<String, u32>::new();
        let mut steady: Option<(Vec<String>, Instant)> = None;
        loop {
            let last = Instant::now() >= deadline;
            let (seen, gone) = match self.find(containers, stop).await {
                Err(ServiceError::Away(_)) if !last => {
                    sleep(LOOK_AGAIN_AFTER).await;
                    continue;
                }
                found => found?,
            };
            let mut waiting = None;
            for one in &seen {
                let tried = tries.entry(one.id.clone()).or_default();
                if *tried > 0 && (one.is_up() || one.has_finished()) {
                    if one.health() == Some("unhealthy") {
                        return Ok(Condition::Unwell(format!(
                            "container {} is unhealthy",
                            one.name()
                        )));
                    }
                    waiting = waiting.or_else(|| one.waits_for());
                    continue;
                }
                if *tried >= MOST_TRIES || (last && *tried > 0) {
                    return Ok(one.down());
                }
                waiting = Some(format!("container {} is being started", one.name()));
                match self.start_one(one, (stop_within, deadline), stop).await {
                    // It is tried again like one that exits; one that is gone is seen to be.
                    Ok(()) | Err(ServiceError::Refused { .. } | ServiceError::Gone) => *tried += 1,
                    Err(ServiceError::Away(_)) if !last => {}
                    Err(error) => return Err(error),
                }
            }
            let since: Vec<String> = seen.iter().map(|one| one.state.started_at.clone()).collect();
            let now = Instant::now();
            let begun = match steady.take() {
                Some((before, begun)) if before == since => begun,
                _ => now,
            };
            let checked = |one: &Inspected| one.health() == Some("healthy");
            match waiting {
                None if last || seen.iter().all(checked) || now - begun >= STEADY_AFTER => {
                    return Ok(match gone.first() {
                        Some(name) => Condition::Unwell(format!("container {name} is gone")),
                        None => Condition::Well,
                    });
                }
                Some(why) if last => return Ok(Condition::Unwell(why)),
                _ => {}
            }
            steady = Some((since, begun));
            sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    async fn start_one(
        &self,
        one: &Inspected,
        (stop_within, deadline): (Duration, Instant),
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        let doing = format!("start container {}", one.name());
        let mut args = match one.state.running {
            false => vec!["start".to_owned()],
            true => vec!["restart".into(), "-t".into(), stop_within.as_secs().to_string()],
        };
        args.push(one.id.clone());
        let waits = stop_within + deadline.saturating_duration_since(Instant::now());
        self.run(&doing, args, waits, stop).await.map(drop)
    }

    /// How they are now.
    pub(super) async fn ask(
        &self,
        containers: &[Container],
        stop: &Stop,
    ) -> Result<Condition, ServiceError> {
        let (seen, _) = self.find(containers, stop).await?;
        for one in &seen {
            if !one.is_up() {
                return Ok(one.down());
            }
            if one.health() == Some("unhealthy") {
                return Ok(Condition::Unwell(format!("container {} is unhealthy", one.name())));
            }
        }
        let waiting = seen.iter().find_map(Inspected::waits_for);
        Ok(waiting.map_or(Condition::Well, Condition::Unwell))
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
            Err(ServiceError::Gone) => {
                let mut there = Vec::new();
                for id in ids {
                    let args = ["container", "inspect", *id].map(str::to_owned).to_vec();
                    match self.run(doing, args, Duration::ZERO, stop).await {
                        Err(ServiceError::Gone) => {}
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
        let mut argv = vec![self.node.docker.display().to_string()];
        argv.extend(args);
        let program = Program {
            name: "docker".into(),
            path: PathBuf::from("/proc/self/exe"),
            args: confine::tied(argv),
            env: environment(&self.node.docker_socket),
            stdin: Input::default(),
            patience: waits + ANSWER_WITHIN,
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
        let has = |words: &[&str]| words.iter().any(|words| ended.stderr.contains(words));
        // Its last word: before it may stand what is deprecated.
        let said = ended.stderr.lines().rev().find(|line| !line.trim().is_empty());
        let said: String = said.unwrap_or("it said nothing").chars().take(300).collect();
        Err(match (has(&AWAY), has(&GONE)) {
            (true, _) => ServiceError::Away(said),
            (_, true) => ServiceError::Gone,
            _ => ServiceError::Refused { doing: doing.to_owned(), said },
        })
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
