//! What the engine says of one container, and what that means.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::Deserialize;

use super::ServiceError;

/// A container's id may be cut to this many digits, and no further.
const LEAST_ID: usize = 12;
/// The most of an engine's own words that a text holds.
const LONGEST_REASON: usize = 1500;

/// What `docker inspect` says; what else it says is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::services) struct Inspected {
    pub(in crate::services) id: String,
    name: String,
    pub(super) created: String,
    pub(in crate::services) state: State,
    #[serde(default)]
    pub(in crate::services) host_config: HostConfig,
    #[serde(default)]
    pub(super) config: Config,
    #[serde(default)]
    pub(in crate::services) mounts: Vec<Mount>,
    #[serde(default)]
    pub(in crate::services) network_settings: NetworkSettings,
}

/// How it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::services) struct State {
    pub(super) running: bool,
    #[serde(default)]
    pub(super) restarting: bool,
    #[serde(default)]
    pub(in crate::services) paused: bool,
    /// Of its first process; 0 if it does not run.
    #[serde(default)]
    pub(in crate::services) pid: u32,
    pub(super) started_at: String,
    pub(super) exit_code: i64,
    #[serde(default)]
    error: String,
    health: Option<Health>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
}

/// What it shares with this machine and with others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(in crate::services) struct HostConfig {
    pub(in crate::services) auto_remove: bool,
    network_mode: Option<String>,
    ipc_mode: Option<String>,
    pid_mode: Option<String>,
    links: Option<Vec<String>>,
    mounts: Option<Vec<AskedMount>>,
    devices: Option<Vec<Device>>,
}

/// A mount that was asked for by `--mount`: its source must be there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AskedMount {
    #[serde(default)]
    source: String,
    #[serde(rename = "Type")]
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Device {
    #[serde(default)]
    path_on_host: String,
}

/// What it was made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Config {
    labels: Option<BTreeMap<String, String>>,
    stop_signal: Option<String>,
    stop_timeout: Option<i64>,
    healthcheck: Option<HealthCheck>,
    shell: Option<Vec<String>>,
}

/// Its own check of its health; durations in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HealthCheck {
    test: Option<Vec<String>>,
    interval: i64,
    timeout: i64,
}

/// A mount that it has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::services) struct Mount {
    #[serde(rename = "Type", default)]
    pub(in crate::services) kind: String,
    #[serde(default)]
    pub(in crate::services) source: String,
    #[serde(default)]
    pub(in crate::services) destination: String,
}

/// Its addresses, and the ports of this machine that lead to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(in crate::services) struct NetworkSettings {
    ports: Option<BTreeMap<String, Option<Vec<HostPort>>>>,
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostPort {
    #[serde(default)]
    host_port: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    #[serde(rename = "IPAddress")]
    address: String,
    #[serde(rename = "GlobalIPv6Address")]
    address_6: String,
}

impl Inspected {
    pub(in crate::services) fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// Whether it is called so, by its name or by its id, which may be cut.
    pub(in crate::services) fn is(&self, called: &str) -> bool {
        let hex = called.len() >= LEAST_ID && called.bytes().all(|byte| byte.is_ascii_hexdigit());
        called == self.name() || (hex && self.id.starts_with(called))
    }

    pub(in crate::services) fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    pub(super) fn health(&self) -> Option<&str> {
        let health = self.state.health.as_ref().map(|health| health.status.as_str());
        health.filter(|status| !matches!(*status, "" | "none"))
    }

    pub(super) fn is_up(&self) -> bool {
        self.state.running || self.state.restarting
    }

    /// It did what it was for and ended, as some do.
    pub(super) fn has_finished(&self) -> bool {
        let State { exit_code, error, .. } = &self.state;
        !self.is_up() && *exit_code == 0 && error.is_empty() && self.health().is_none()
    }

    /// Docker killed it because it did not end when it was asked to.
    pub(super) fn was_killed(&self) -> bool {
        let asks_for_it = self
            .config
            .stop_signal
            .as_deref()
            .is_some_and(|signal| matches!(signal.trim_start_matches("SIG"), "KILL" | "9"));
        !self.is_up() && self.state.exit_code == 137 && !asks_for_it
    }

    /// Its own grace period, if it has one: [`None`] within if that has no end.
    pub(super) fn own_grace(&self) -> Option<Option<Duration>> {
        let seconds = self.config.stop_timeout?;
        Some(u64::try_from(seconds).ok().map(Duration::from_secs))
    }

    /// Why it does not run, in the engine's own words.
    pub(super) fn why_down(&self) -> String {
        let why = match self.state.error.trim() {
            "" => format!("exit code {}", self.state.exit_code),
            said => shortened(said),
        };
        format!("container {} does not run: {why}", self.name())
    }

    /// What keeps it from being well, if that may pass.
    pub(super) fn waits_for(&self) -> Option<String> {
        let name = self.name();
        match (self.state.restarting, self.health()) {
            (true, _) => Some(format!("container {name} restarts")),
            (_, Some("starting")) => Some(format!("container {name} does not get healthy")),
            (_, Some("unhealthy")) => Some(format!("container {name} is unhealthy")),
            _ => None,
        }
    }

    /// The command of its own health check, and how long that may take.
    pub(super) fn health_check(&self) -> Option<(Vec<String>, Duration)> {
        let check = self.config.healthcheck.as_ref()?;
        let (kind, words) = check.test.as_ref()?.split_first()?;
        let command = match kind.as_str() {
            "CMD" if !words.is_empty() => words.to_vec(),
            "CMD-SHELL" => {
                let shell = self.config.shell.clone().filter(|shell| !shell.is_empty());
                let mut command = shell.unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
                command.push(words.join(" "));
                command
            }
            _ => return None,
        };
        Some((command, nanoseconds(check.timeout)))
    }

    /// Between two of its health checks.
    pub(in crate::services) fn health_interval(&self) -> Option<Duration> {
        self.health()?;
        self.config.healthcheck.as_ref().map(|check| nanoseconds(check.interval))
    }

    /// The containers whose network, memory, processes or name it shares: the kind, and who, by id or
    /// name. It cannot be started without them.
    pub(in crate::services) fn shares_with(&self) -> Vec<(&'static str, &str)> {
        let HostConfig { network_mode, ipc_mode, pid_mode, links, .. } = &self.host_config;
        let mut shared: Vec<(&'static str, &str)> = Vec::new();
        for (kind, mode) in [("network", network_mode), ("IPC", ipc_mode), ("processes", pid_mode)]
        {
            let who = mode.as_deref().and_then(|mode| mode.strip_prefix("container:"));
            shared.extend(who.map(|who| (kind, who)));
        }
        // `/db:/web/db`.
        let linked = links.iter().flatten().filter_map(|link| link.split(':').next());
        shared.extend(linked.map(|who| ("link", who.trim_start_matches('/'))));
        shared
    }

    /// The files and folders of this machine that it is given, and whether docker makes a folder where
    /// one is missing.
    pub(in crate::services) fn sources(&self) -> impl Iterator<Item = (&Mount, bool)> {
        let must_be_there = |source: &str| {
            let asked = self.host_config.mounts.iter().flatten();
            asked.filter(|asked| asked.kind == "bind").any(|asked| asked.source == source)
        };
        let binds = self.mounts.iter().filter(|mount| mount.kind == "bind");
        binds.map(move |mount| (mount, !must_be_there(&mount.source)))
    }

    /// The devices of this machine that it is given.
    pub(in crate::services) fn devices(&self) -> impl Iterator<Item = &Path> {
        let devices = self.host_config.devices.iter().flatten();
        devices
            .map(|device| Path::new(device.path_on_host.as_str()))
            .filter(|path| path.is_absolute())
    }

    /// The ports of its own that this machine's `port` leads to.
    pub(in crate::services) fn published_at(&self, port: u16) -> Vec<u16> {
        let mut inside = Vec::new();
        for (own, outside) in self.network_settings.ports.iter().flatten() {
            let leads = |at: &HostPort| at.host_port.parse() == Ok(port);
            let own: Option<u16> = own.strip_suffix("/tcp").and_then(|own| own.parse().ok());
            if outside.iter().flatten().any(leads) {
                inside.extend(own);
            }
        }
        inside
    }

    /// Whether this is an address of its own.
    pub(in crate::services) fn has_address(&self, address: &str) -> bool {
        let mut networks = self.network_settings.networks.iter().flatten();
        networks.any(|(_, network)| network.address == address || network.address_6 == address)
    }
}

fn nanoseconds(given: i64) -> Duration {
    const DEFAULT: Duration = Duration::from_secs(30);
    match u64::try_from(given) {
        Ok(given) if given > 0 => Duration::from_nanos(given),
        _ => DEFAULT,
    }
}

/// The text on one line, its beginning and its end if it is very long: the reason stands last.
pub(in crate::services) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let letters: Vec<char> = line.chars().collect();
    if letters.len() <= LONGEST_REASON {
        return line;
    }
    let half = LONGEST_REASON / 2;
    let (begin, end) = (&letters[..half], &letters[letters.len() - half..]);
    format!("{} … {}", String::from_iter(begin), String::from_iter(end))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(more: &str) -> Inspected {
        let text = format!(
            "[{{\"Id\": \"{}\", \"Name\": \"/db\", \"Created\": \"\", \"State\": {{\"Running\": true, \
             \"StartedAt\": \"\", \"ExitCode\": 0}}, {more}}}]",
            "0123456789abcdef".repeat(4)
        );
        understood(&text).unwrap().remove(0)
    }

    #[test]
    fn published_ports_and_addresses_of_its_own_lead_to_a_container() {
        let one = inspected(
            r#""NetworkSettings": {"Ports": {"3306/tcp": [{"HostIp": "0.0.0.0", "HostPort":
            "33142"}], "8080/tcp": null}, "Networks": {"shop": {"IPAddress": "172.18.0.3"}}}"#,
        );
        assert_eq!(one.published_at(33142), [3306]);
        assert_eq!(one.published_at(3306), [] as [u16; 0]);
        assert!(one.has_address("172.18.0.3") && !one.has_address("172.18.0.4"));
    }

    #[test]
    fn a_health_check_is_a_command_of_words_or_a_line_for_a_shell() {
        let check = |test: &str| {
            let config = format!("\"Config\": {{\"Healthcheck\": {{\"Test\": {test}}}}}");
            inspected(&config).health_check().map(|(command, _)| command)
        };
        assert_eq!(check(r#"["CMD", "test", "-e"]"#).unwrap(), ["test", "-e"]);
        assert_eq!(check(r#"["CMD-SHELL", "a | b"]"#).unwrap(), ["/bin/sh", "-c", "a | b"]);
        assert_eq!(check(r#"["NONE"]"#), None);
    }

    #[test]
    fn a_reason_keeps_its_beginning_and_its_end() {
        let long = format!("error mounting \"/srv/{}\": not a directory", "x".repeat(3000));
        let short = shortened(&long);
        assert!(short.starts_with("error mounting") && short.ends_with("not a directory"));
        assert!(short.chars().count() < LONGEST_REASON + 10);
    }
}
