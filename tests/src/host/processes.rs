//! What runs on a host, looked at from outside, and which unit each process belongs to.

use std::{fs, path::Path, time::Duration};

use super::Host;
use crate::{eventually, signal, wait::within};

/// How long what a crash has left may take to go.
const SOON: Duration = Duration::from_secs(30);

/// A process of a host.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its number on this machine.
    pub pid: u32,
    /// Its number on the host.
    pub inside: u32,
    /// The unit whose control group it is in; empty if it is in none.
    pub unit: String,
    /// Its words.
    pub command: Vec<String>,
}

impl Process {
    /// Whether it is this program, whatever its folder.
    pub fn is(&self, name: &str) -> bool {
        let program = self.command.first().map(Path::new).and_then(Path::file_name);
        program.is_some_and(|program| program == name)
    }

    /// Whether it is the executor, or the one of the tests, at this verb.
    pub fn executes(&self, verb: &str) -> bool {
        let executor = self.is("holdfast-executor") || self.is("holdfast-rehearsal");
        executor && self.command.get(1).is_some_and(|word| word == verb)
    }
}

impl Host {
    /// Everything that runs on it.
    pub fn processes(&self) -> Vec<Process> {
        let leader = self.leader().get();
        let Some(own) = namespace(leader) else { return Vec::new() };
        let numbers = fs::read_dir("/proc").expect("/proc").flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter(|pid| namespace(*pid) == Some(own.clone())).filter_map(process).collect()
    }

    /// Kills the one process that is so, as soon as there is one, and waits for its end.
    pub fn kill(&self, what: &str, is: impl Fn(&Process) -> bool) {
        let found = eventually(what, || self.processes().into_iter().find(&is));
        signal("KILL", &found.pid.to_string());
        eventually(&format!("the end of {what}"), || {
            let there = self.processes().into_iter().any(|process| process.pid == found.pid);
            (!there).then_some(())
        });
    }

    /// Kills the worker.
    pub fn kill_worker(&self) {
        self.kill("the worker", |process| process.is("holdfast-worker"));
    }

    /// Kills the executor of a restore.
    pub fn kill_executor(&self) {
        self.kill("the executor", |process| process.executes("restore"));
    }

    /// Kills restic as it brings a snapshot back.
    pub fn kill_restic(&self) {
        let restores = |process: &Process| process.command.iter().any(|word| word == "restore");
        self.kill("restic", |process| process.is("restic") && restores(process));
    }

    /// Kills the server of the site's database, which is the control plane's as well.
    pub fn kill_mariadbd(&self) {
        self.kill("mariadbd", |process| process.is("mariadbd"));
    }

    /// Waits, half a minute at most, until nothing runs outside a unit that is active, and in the units
    /// of Holdfast nothing but what systemd started there.
    ///
    /// # Panics
    /// If something does.
    pub fn until_tidy(&self) {
        let mut strays = Vec::new();
        let tidy = within(SOON, || {
            strays = self.strays();
            strays.is_empty().then_some(())
        });
        assert!(tidy.is_some(), "these run outside their units: {strays:#?}");
    }

    fn strays(&self) -> Vec<Process> {
        let active = self.run(
            "systemctl list-units --no-legend --plain --state=active --type=service,scope | \
             cut -d' ' -f1; systemctl show --property=MainPID --value 'holdfast-*.service'",
        );
        let known: Vec<&str> = active.lines().filter(|line| !line.is_empty()).collect();
        let belongs = |process: &Process| {
            let unit = process.unit.as_str();
            let own = !unit.starts_with("holdfast-")
                || known.contains(&process.inside.to_string().as_str());
            (unit == "init.scope" || known.contains(&unit)) && own
        };
        self.processes().into_iter().filter(|process| !belongs(process)).collect()
    }
}

fn namespace(pid: u32) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// None if it has just ended.
fn process(pid: u32) -> Option<Process> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let (status, groups) = (read("status")?, read("cgroup")?);
    let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    let inside = inside.split_whitespace().last()?.parse().ok()?;
    // Of version 1 the one that systemd keeps; else the only one.
    let group = groups.lines().find_map(|line| line.split_once(":name=systemd:"));
    let group = group.or_else(|| groups.lines().find_map(|line| line.split_once("0::")))?.1;
    let unit = |part: &&str| part.ends_with(".service") || part.ends_with(".scope");
    let unit = group.rsplit('/').find(unit).unwrap_or_default().to_owned();
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = words.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    let command = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let zombie = status.lines().any(|line| line.starts_with("State:\tZ"));
    (!zombie).then_some(Process { pid, inside, unit, command })
}
