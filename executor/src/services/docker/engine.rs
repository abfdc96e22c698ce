//! The `docker` program: run, and its words understood.

use std::{collections::BTreeMap, path::Path, time::Duration};

use super::{
    super::{ANSWER_WITHIN, ServiceError},
    Docker,
    inspected::shortened,
};
use crate::{
    confine,
    process::{Ended, Input, Moved, ProcessError, Program},
    stop::Stop,
};

/// More of an answer than this is not read.
const MOST_BYTES: usize = 16 << 20;
/// What docker says when its engine is not there.
const AWAY: [&str; 3] =
    ["Cannot connect to the Docker daemon", "error during connect", "connection refused"];
/// What it says of a container that is gone.
const GONE: [&str; 1] = ["no such container"];

impl Docker<'_> {
    /// Runs docker; `waits` is how long it was told to wait.
    pub(super) async fn run(
        &self,
        doing: &str,
        args: Vec<String>,
        waits: Duration,
        stop: &Stop,
    ) -> Result<String, ServiceError> {
        let answer = self.ask_engine(args, waits + ANSWER_WITHIN, stop).await;
        let (ended, said) = answer.map_err(|error| match error {
            // An engine that hangs is one that is not there.
            error @ ProcessError::NoProgress { .. } => ServiceError::Away(error.to_string()),
            error => error.into(),
        })?;
        match ended.status.success() {
            true => Ok(said),
            false => Err(refused(doing, &ended.stderr)),
        }
    }

    /// Runs docker: how it ended, and what it said on stdout.
    pub(super) async fn ask_engine(
        &self,
        args: Vec<String>,
        patience: Duration,
        stop: &Stop,
    ) -> Result<(Ended, String), ProcessError> {
        let mut argv = vec![self.node.docker.display().to_string()];
        argv.extend(args);
        let program = Program {
            name: "docker".into(),
            path: "/proc/self/exe".into(),
            args: confine::tied(argv),
            env: environment(&self.node.docker_socket),
            stdin: Input::default(),
            patience,
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
            .await?;
        Ok((ended, said))
    }
}

/// What docker's last words mean: before them may stand what is deprecated.
pub(super) fn refused(doing: &str, stderr: &str) -> ServiceError {
    let has = |words: &[&str]| words.iter().any(|words| stderr.to_lowercase().contains(words));
    let away = AWAY.map(str::to_lowercase);
    // `Error: failed to start containers: web` stands behind the reason.
    let reason = stderr.lines().rev().find(|line| line.contains("Error response from daemon"));
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
    let said = shortened(reason.or(last).unwrap_or("docker said nothing"));
    match (away.iter().any(|words| has(&[words])), has(&GONE)) {
        (true, _) => ServiceError::Away(said),
        (_, true) => ServiceError::Gone,
        _ => ServiceError::Refused { doing: doing.to_owned(), said },
    }
}

/// The environment of docker: the engine behind this socket, and nothing of root's home.
pub fn environment(socket: &Path) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
        ("DOCKER_HOST".into(), format!("unix://{}", socket.display())),
        ("DOCKER_CONFIG".into(), "/nonexistent".into()),
    ])
}
