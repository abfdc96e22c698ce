//! Units of systemd, through `systemctl`.

use std::{collections::BTreeMap, time::Duration};

use super::{ANSWER_WITHIN, Condition, ServiceError};
use crate::{
    config::{Node, check_root_owned},
    confine,
    process::{Ended, Input, Moved, ProcessError, Program},
    stop::Stop,
};

/// The units of a site.
#[derive(Debug)]
pub(super) struct Units<'a> {
    node: &'a Node,
    names: &'a [String],
}

impl<'a> Units<'a> {
    pub(super) fn of(node: &'a Node, names: &'a [String]) -> Result<Self, ServiceError> {
        if !names.is_empty() {
            check_root_owned(&node.systemctl).map_err(|error| {
                ServiceError::Setup(format!("systemctl, as `node.systemctl` names it: {error}"))
            })?;
        }
        Ok(Self { node, names })
    }

    /// Those that run.
    pub(super) async fn look(&self, stop: &Stop) -> Result<Vec<String>, ServiceError> {
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        let mut states = Vec::new();
        // It fails if one of them does not run, and says how each is all the same, a line each.
        self.run("is-active", self.names, ANSWER_WITHIN, stop, |line| states.push(line.to_owned()))
            .await?;
        if states.len() != self.names.len() {
            let said = format!("it said {} lines of {} units", states.len(), self.names.len());
            return Err(ServiceError::Refused { doing: "look at the site's units".into(), said });
        }
        let runs = |state: &str| matches!(state, "active" | "activating" | "reloading");
        let named = self.names.iter().zip(&states);
        Ok(named.filter(|(_, state)| runs(state)).map(|(name, _)| name.clone()).collect())
    }

    /// Whoever does not stop in time is killed.
    pub(super) async fn stop(
        &self,
        units: &[String],
        within: Duration,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        if units.is_empty() {
            return Ok(());
        }
        let ended = match self.run("stop", units, within, stop, |_| {}).await {
            Err(ServiceError::Process(ProcessError::NoProgress { .. })) => {
                let kill: Vec<String> =
                    ["--signal=KILL".to_owned()].into_iter().chain(units.iter().cloned()).collect();
                self.run("kill", &kill, ANSWER_WITHIN, stop, |_| {}).await?;
                self.run("stop", units, ANSWER_WITHIN, stop, |_| {}).await?
            }
            ended => ended?,
        };
        match ended.status.success() {
            true => Ok(()),
            false => Err(refused("stop the site's units", &ended)),
        }
    }

    /// Starts them anew; how they are if they do not run. A machine that is being shut down starts no
    /// units any more: [`ServiceError::ShuttingDown`].
    pub(super) async fn start(
        &self,
        units: &[String],
        within: Duration,
        stop: &Stop,
    ) -> Result<Option<Condition>, ServiceError> {
        if units.is_empty() {
            return Ok(None);
        }
        let ended = match self.run("restart", units, within, stop, |_| {}).await {
            Err(ServiceError::Process(ProcessError::NoProgress { .. })) => {
                return Ok(Some(Condition::Down("the site's units do not start in time".into())));
            }
            ended => ended?,
        };
        match ended.status.success() {
            true => Ok(None),
            false if self.is_shutting_down(stop).await? => Err(ServiceError::ShuttingDown),
            false => {
                let error = refused("start the site's units", &ended);
                Ok(Some(Condition::Down(error.to_string())))
            }
        }
    }

    /// Whether the machine is being shut down. One without systemd does not say so.
    pub(super) async fn is_shutting_down(&self, stop: &Stop) -> Result<bool, ServiceError> {
        if check_root_owned(&self.node.systemctl).is_err() {
            return Ok(false);
        }
        let mut shutting_down = false;
        let look = |line: &str| shutting_down |= line.trim() == "stopping";
        self.run("is-system-running", &[], ANSWER_WITHIN, stop, look).await?;
        Ok(shutting_down)
    }

    async fn run(
        &self,
        verb: &str,
        args: &[String],
        patience: Duration,
        stop: &Stop,
        mut on_line: impl FnMut(&str),
    ) -> Result<Ended, ServiceError> {
        let mut argv = vec![self.node.systemctl.display().to_string(), verb.to_owned()];
        argv.extend_from_slice(args);
        let program = Program {
            name: "systemctl".into(),
            path: "/proc/self/exe".into(),
            args: confine::tied(argv),
            env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            stdin: Input::default(),
            patience,
        };
        let ended = program
            .start()?
            .wait(stop, |line| {
                on_line(&String::from_utf8_lossy(line));
                Moved::No
            })
            .await?;
        Ok(ended)
    }
}

fn refused(doing: &str, ended: &Ended) -> ServiceError {
    let first = ended.stderr.lines().find(|line| !line.trim().is_empty());
    let said = first.unwrap_or("systemctl said nothing").chars().take(300).collect();
    ServiceError::Refused { doing: doing.to_owned(), said }
}
