//! Units of systemd, through `systemctl`.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{ANSWER_WITHIN, Condition, Obstacle, ServiceError};
use crate::{
    config::{Node, check_root_owned},
    confine,
    process::{Ended, Input, Moved, ProcessError, Program},
    stop::Stop,
};

/// A stop that took less was no killing by systemd itself.
const KILLED_BY_SYSTEMD_AFTER: Duration = Duration::from_millis(900);

/// What systemd says of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Fact {
    name: String,
    load: String,
    active: String,
    kind: String,
    timeout: String,
    result: String,
}

impl Fact {
    fn set(&mut self, key: &str, value: &str) {
        let field = match key {
            "Id" => &mut self.name,
            "LoadState" => &mut self.load,
            "ActiveState" => &mut self.active,
            "Type" => &mut self.kind,
            "TimeoutStopUSec" => &mut self.timeout,
            "Result" => &mut self.result,
            _ => return,
        };
        value.clone_into(field);
    }
}

/// A time as systemd writes it, such as `1min 30s`.
fn span(text: &str) -> Option<Duration> {
    let part = |word: &str| {
        let digits = word.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = word[..digits].parse().ok()?;
        let seconds = match &word[digits..] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(number * seconds).ok()
    };
    text.split_whitespace().map(part).sum()
}

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
        let runs = |state: &str| matches!(state, "active" | "activating" | "reloading");
        let states = self.states(self.names, stop).await?;
        let named = self.names.iter().zip(&states);
        Ok(named.filter(|(_, state)| runs(state)).map(|(name, _)| name.clone()).collect())
    }

    async fn states(&self, units: &[String], stop: &Stop) -> Result<Vec<String>, ServiceError> {
        let mut states = Vec::new();
        if units.is_empty() {
            return Ok(states);
        }
        // It fails if one of them does not run, and says how each is all the same, a line each.
        self.run("is-active", units, ANSWER_WITHIN, stop, |line| states.push(line.to_owned()))
            .await?;
        match states.len() == units.len() {
            true => Ok(states),
            false => {
                let said = format!("it said {} lines of {} units", states.len(), units.len());
                Err(ServiceError::Refused { doing: "look at the site's units".into(), said })
            }
        }
    }

    /// What of those that run would be in the way of a stop and a start.
    pub(super) async fn foresee(
        &self,
        running: &[String],
        stop: &Stop,
    ) -> Result<Vec<Obstacle>, ServiceError> {
        let mut obstacles = Vec::new();
        for fact in self.facts(running, stop).await? {
            let name = &fact.name;
            match (fact.load.as_str(), fact.kind.as_str(), fact.active.as_str()) {
                (load @ ("masked" | "not-found" | "error" | "bad-setting"), _, _) => {
                    obstacles.push(Obstacle::Lasting(format!(
                        "unit {name} runs, and could not be started again, since its file is \
                         {load}: bring the file back (`systemctl unmask`, `systemctl daemon-reload`), \
                         or take it out of `site.services.units`"
                    )));
                }
                (_, "oneshot", "activating") => obstacles.push(Obstacle::Passing(format!(
                    "unit {name} is a job that is at work: it would be cut short and begun again"
                ))),
                _ => {}
            }
        }
        Ok(obstacles)
    }

    /// What systemd says of these; one that is not known is left out.
    async fn facts(&self, units: &[String], stop: &Stop) -> Result<Vec<Fact>, ServiceError> {
        if units.is_empty() {
            return Ok(Vec::new());
        }
        let what = "--property=Id,LoadState,ActiveState,Type,TimeoutStopUSec,Result";
        let mut args = vec![what.to_owned()];
        args.extend_from_slice(units);
        let mut facts: Vec<Fact> = Vec::new();
        let mut fact = Fact::default();
        self.run("show", &args, ANSWER_WITHIN, stop, |line| match line.split_once('=') {
            None => facts.push(std::mem::take(&mut fact)),
            Some((key, value)) => fact.set(key, value),
        })
        .await?;
        facts.push(fact);
        facts.retain(|fact| !fact.name.is_empty());
        Ok(facts)
    }

    /// How long these have to stop: as long as one of them says itself, if it does not say what all say.
    async fn patience(
        &self,
        units: &[String],
        (usual, most): (Duration, Duration),
        stop: &Stop,
    ) -> Result<Duration, ServiceError> {
        let mut of_all = String::new();
        let what = ["--property=DefaultTimeoutStopUSec".to_owned()];
        self.run("show", &what, ANSWER_WITHIN, stop, |line| {
            if let Some((_, value)) = line.split_once('=') {
                of_all = value.to_owned();
            }
        })
        .await?;
        let facts = self.facts(units, stop).await?;
        let own = facts.iter().map(|fact| fact.timeout.as_str()).filter(|own| *own != of_all);
        let own = own.filter_map(|own| match own {
            "infinity" => Some(most),
            own => span(own).map(|own| own.min(most)),
        });
        Ok(own.max().unwrap_or(usual).max(usual))
    }

    /// Stops them; who does not stop in time is killed. Returns a sentence about each that was.
    pub(super) async fn stop(
        &self,
        units: &[String],
        (usual, most): (Duration, Duration),
        stop: &Stop,
    ) -> Result<Vec<String>, ServiceError> {
        if units.is_empty() {
            return Ok(Vec::new());
        }
        let within = self.patience(units, (usual, most), stop).await?;
        let since = Instant::now();
        let mut killed = Vec::new();
        let ended = match self.run("stop", units, within, stop, |_| {}).await {
            Err(ServiceError::Process(ProcessError::NoProgress { .. })) => {
                let states = self.states(units, stop).await?;
                let left = units.iter().zip(&states);
                let left =
                    left.filter(|(_, state)| !matches!(state.as_str(), "inactive" | "failed"));
                killed = left.map(|(unit, _)| unit.clone()).collect();
                let mut kill = vec!["--signal=KILL".to_owned()];
                kill.extend(if killed.is_empty() { units.to_vec() } else { killed.clone() });
                self.run("kill", &kill, ANSWER_WITHIN, stop, |_| {}).await?;
                self.run("stop", units, ANSWER_WITHIN, stop, |_| {}).await?
            }
            ended => ended?,
        };
        if !ended.status.success() {
            return Err(refused("stop the site's units", &ended));
        }
        if since.elapsed() >= KILLED_BY_SYSTEMD_AFTER {
            let facts = self.facts(units, stop).await?;
            let timed_out = facts.into_iter().filter(|fact| fact.result == "timeout");
            killed.extend(timed_out.map(|fact| fact.name));
            killed.sort();
            killed.dedup();
        }
        let sentence = |unit| {
            format!(
                "unit {unit} did not stop in time and was killed: give it a longer `TimeoutStopSec`, \
                 or raise `site.services.own_stop_seconds`"
            )
        };
        Ok(killed.into_iter().map(sentence).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemds_times_are_understood() {
        assert_eq!(span("1min 30s"), Some(Duration::from_secs(90)));
        assert_eq!(span("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(span("infinity"), None);
    }
}
