//! Whether this worker can work at all, told before it takes a job: who it is, what it may, what it
//! reaches. Each finding says what to change.

use std::{fmt, path::Path, time::Duration};

use anyhow::bail;
use holdfast_job::{Outcome, chain};
use holdfast_store::{Database, Ringer, Schema};
use serde::Serialize;
use tokio::time::sleep;
use tracing::warn;

use crate::{config::Config, executor::ask};

/// How long a worker waits before it asks a database again that was away when it began.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    what: &'static str,
    good: bool,
    /// Whether the worker may begin all the same: what is wrong may pass by itself.
    #[serde(skip)]
    passing: bool,
    detail: String,
}

impl Finding {
    /// Whether it is as it must be.
    pub fn is_good(&self) -> bool {
        self.good
    }

    /// As a JSON line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.good { "good" } else { "BAD " };
        write!(f, "{mark}  {}: {}", self.what, self.detail)
    }
}

fn finding(what: &'static str, looked: Result<String, String>) -> Finding {
    let good = looked.is_ok();
    Finding { what, good, passing: false, detail: looked.unwrap_or_else(|problem| problem) }
}

/// Looks at everything.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = at_home(config);
    if findings.iter().all(Finding::is_good) {
        findings.extend(doctor(config).await);
    }
    findings.extend(around(config).await);
    findings
}

/// What is this process's own.
fn at_home(config: &Config) -> Vec<Finding> {
    vec![
        finding("the user", user()),
        finding("new privileges", privileges()),
        finding("the executor", program(config)),
    ]
}

/// The servers that it needs.
async fn around(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let database = Database::new(&config.database);
    findings.push(schema(&database).await);
    if findings.last().is_some_and(Finding::is_good) {
        findings.push(finding("the node", node(config, &database).await));
    }
    let redis = match Ringer::new(&config.redis) {
        Ok(ringer) => ringer.ping().await.map(|()| "it answers".into()),
        Err(error) => Err(error),
    };
    findings.push(Finding {
        passing: true,
        ..finding(
            "Redis",
            redis.map_err(|error| {
                format!("{}; jobs are found later without it: mend `redis`", chain(&error))
            }),
        )
    });
    findings
}

/// Refuses to begin as a process that cannot start the executor.
///
/// # Errors
/// Everything that is wrong, and what to change.
pub fn refuse_process(config: &Config) -> anyhow::Result<()> {
    refuse(&at_home(config))
}

/// Waits for a database that is away, and refuses to begin with one that is not ready.
///
/// # Errors
/// Everything that is wrong, and what to change.
pub async fn refuse_servers(config: &Config, database: &Database) -> anyhow::Result<()> {
    while let Err(error) = database.in_time(database.schema()).await
        && error.is_away()
    {
        warn!("nothing is taken yet: {}", chain(&error));
        sleep(LOOK_AGAIN_AFTER).await;
    }
    refuse(&around(config).await)
}

fn refuse(findings: &[Finding]) -> anyhow::Result<()> {
    let wrong = findings.iter().filter(|finding| !finding.good && !finding.passing);
    let lines: Vec<_> =
        wrong.map(|finding| format!("{}: {}", finding.what, finding.detail)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    bail!("this worker cannot work:\n{}", lines.join("\n"))
}

fn user() -> Result<String, String> {
    let uid = nix::unistd::geteuid();
    match uid.is_root() {
        true => {
            Err("it must not run as root: give it a user of its own, and that user the lines of \
                     sudoers/holdfast"
                .into())
        }
        false => Ok(format!("uid {uid}")),
    }
}

/// `NoNewPrivileges` makes sudo refuse, and many directives of systemd imply it.
fn privileges() -> Result<String, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let set = status.lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"]));
    match set {
        true => {
            Err("NoNewPrivileges is set, so sudo cannot work: take it, and every directive that \
                     implies it (see systemd.exec), out of the unit"
                .into())
        }
        false => Ok("sudo may raise them".into()),
    }
}

fn program(config: &Config) -> Result<String, String> {
    let program = config.executor.first().map_or("", String::as_str);
    match Path::new(program).is_file() {
        true => Ok(config.executor.join(" ")),
        false => Err(format!("{program} is missing: mend `executor`")),
    }
}

/// What the executor's own doctor finds wrong, and whether it is the doctor of the same node.
async fn doctor(config: &Config) -> Vec<Finding> {
    let what = "the executor's doctor";
    let said = match ask(&config.executor, "doctor", &[Outcome::Completed, Outcome::Failed]).await {
        Ok(said) => said,
        Err(error) => return vec![finding(what, Err(cannot_start(config, &error)))],
    };
    let bad: Vec<_> = said.iter().filter_map(|line| line.strip_prefix("BAD ")).collect();
    let name = said.iter().find_map(|line| line.strip_prefix("good  node: "));
    let mut findings = Vec::new();
    match name {
        Some(name) if name != config.node.as_str() => findings.push(finding(
            what,
            Err(format!("it is of node {name}, and this worker's is {}: mend one", config.node)),
        )),
        _ if bad.is_empty() => findings.push(finding(what, Ok("all is good".into()))),
        _ => {}
    }
    findings.extend(bad.iter().map(|problem| finding(what, Err(problem.trim().to_owned()))));
    findings
}

/// What to do about an executor that cannot be started.
pub fn cannot_start(config: &Config, error: &std::io::Error) -> String {
    format!(
        "{error}: try `{} doctor` by hand as this user; the lines of sudoers/holdfast must name it \
         exactly",
        config.executor.join(" ")
    )
}

async fn schema(database: &Database) -> Finding {
    let looked = match database.schema().await {
        Ok(Schema::Ready) => Ok("its schema is this version's".into()),
        Ok(Schema::Behind) => {
            Err("its schema is behind: run `holdfast-enqueue migrate` and give the \
                                   rights of migrations/grants.sql"
                .into())
        }
        Err(error) => Err(format!("{}: mend `database`", chain(&error))),
    };
    finding("the control database", looked)
}

async fn node(config: &Config, database: &Database) -> Result<String, String> {
    let name = &config.node;
    match database.node(name).await {
        Ok(Some(node)) => {
            let draining =
                if node.draining { ", and is draining: it takes nothing new" } else { "" };
            Ok(format!("{name} serves the pool `{}`{draining}", node.pool))
        }
        Ok(None) => Err(format!(
            "{name} is not registered: `holdfast-enqueue node add {name} --pool <pool>`"
        )),
        Err(error) => Err(chain(&error)),
    }
}
