//! `nodes`, `drain`, `resume`: for operators, the nodes and whether they take jobs.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    client::{escaped, pause},
    ending::Ending,
    failure::Failure,
    interrupt,
    session::Session,
    shown,
    table::Table,
    units,
};

/// So often is looked whether a drained node has done what it had.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Shows the nodes.
#[derive(Debug, Args)]
pub struct Nodes {
    /// This one alone
    node: Option<String>,
}

/// Lets a node take no more jobs.
#[derive(Debug, Args)]
pub struct Drain {
    /// The node's name
    node: String,
    /// Wait until nothing runs there any more
    #[arg(long)]
    wait: bool,
}

/// Lets a node take jobs again.
#[derive(Debug, Args)]
pub struct Resume {
    /// The node's name
    node: String,
}

/// A node, as the server shows it.
#[derive(Debug, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    pool: String,
    /// Whether it takes nothing new.
    pub draining: bool,
    /// Whether its worker has reported of late.
    pub alive: bool,
    silent_seconds: Option<u64>,
    version: Option<String>,
    pending: u64,
    running: u64,
    /// The customers whose sites are not settled.
    pub unsettled: Vec<Unsettled>,
}

/// A site that is not settled.
#[derive(Debug, Deserialize)]
pub struct Unsettled {
    customer: Value,
    standing: String,
    detail: Option<String>,
}

impl Node {
    /// Since when nothing was heard of it.
    pub fn heard(&self) -> String {
        match self.silent_seconds {
            None => "never heard of".into(),
            Some(seconds) => {
                let silent = units::duration(Duration::from_secs(seconds));
                if self.alive { "alive".into() } else { format!("silent for {silent}") }
            }
        }
    }
}

impl Unsettled {
    /// Whether it does not settle by itself: one that is busy is being worked on.
    pub fn needs_a_person(&self) -> bool {
        self.standing != "busy"
    }

    /// Who, how, and why.
    pub fn text(&self) -> String {
        let customer = match &self.customer {
            Value::String(name) => name.clone(),
            other => other.to_string(),
        };
        let detail = self.detail.as_deref().unwrap_or_default();
        format!("customer {customer}: {}: {detail}", self.standing)
    }
}

/// All nodes, page by page.
///
/// # Errors
/// If the server refuses, or does not answer.
pub fn all(session: &Session) -> Result<Vec<Value>, Failure> {
    let (mut nodes, mut path) = (Vec::new(), "/api/v1/nodes".to_owned());
    loop {
        let page = session.client.get(&path)?;
        nodes.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/v1/nodes?cursor={}", escaped(next)),
            None => return Ok(nodes),
        }
    }
}

impl Nodes {
    /// Shows them.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let nodes = match &self.node {
            Some(node) => vec![session.client.get(&format!("/api/v1/nodes/{}", escaped(node)))?],
            None => all(session)?,
        };
        tell(session, &nodes)?;
        Ok(Ending::Done)
    }
}

impl Drain {
    /// Drains it.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let path = format!("/api/v1/nodes/{}", escaped(&self.node));
        let mut value = session.client.post(&format!("{path}/drain"), &json!({}))?.body;
        let holdfast = session.holdfast();
        if self.wait {
            let advice =
                format!("No longer watched; {} stays drained.\nLook: {holdfast} nodes", self.node);
            interrupt::says(session.voice, &advice);
            let mut told = None;
            loop {
                let running = shown::read::<Node>(&value)?.running;
                if running == 0 {
                    break;
                }
                if told.replace(running) != Some(running) {
                    session.voice.note(&format!("{running} of its jobs are still running."));
                }
                pause(LOOK_AGAIN_AFTER);
                value = session.client.get(&path)?;
            }
        }
        tell(session, &[value])?;
        session.voice.note(&format!("To let it take jobs again: {holdfast} resume {}", self.node));
        Ok(Ending::Done)
    }
}

impl Resume {
    /// Resumes it.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn run(self, session: &Session) -> Result<Ending, Failure> {
        let path = format!("/api/v1/nodes/{}/resume", escaped(&self.node));
        tell(session, &[session.client.post(&path, &json!({}))?.body])?;
        Ok(Ending::Done)
    }
}

fn tell(session: &Session, nodes: &[Value]) -> Result<(), Failure> {
    if session.voice.is_json() {
        return nodes.iter().try_for_each(|node| session.voice.json(node));
    }
    let head = ["NODE", "POOL", "HEARD", "TAKES JOBS", "PENDING", "RUNNING", "VERSION"];
    let (mut table, mut unsettled) = (Table::new(head), Vec::new());
    for node in nodes {
        let node: Node = shown::read(node)?;
        table.row([
            node.name.clone(),
            node.pool.clone(),
            node.heard(),
            if node.draining { "no: drained" } else { "yes" }.into(),
            node.pending.to_string(),
            node.running.to_string(),
            node.version.clone().unwrap_or_default(),
        ]);
        unsettled
            .extend(node.unsettled.iter().map(|site| format!("{}: {}", node.name, site.text())));
    }
    if nodes.is_empty() {
        session.voice.note("No node is registered.");
        return Ok(());
    }
    session.voice.line(&table.text())?;
    if !unsettled.is_empty() {
        session.voice.line(&format!("\nNot settled:\n  {}", unsettled.join("\n  ")))?;
    }
    Ok(())
}
