//! `doctor`: whether all is well between this program and the server, told before it is needed.

use std::{fs, os::unix::fs::MetadataExt, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use super::nodes::{self, Node};
use crate::{
    client::Client,
    ending::Ending,
    failure::Failure,
    profiles::Profiles,
    session::Session,
    settings::{Globals, Settings, TokenSource, quoted},
    shown, units, when,
};

/// Clocks that differ by more make tokens count too early or too late: the server allows for so much.
const CLOCKS: Duration = Duration::from_secs(30);

/// Looks whether all is well.
#[derive(Debug, Args)]
pub struct Doctor {}

/// One thing that was looked at: what was found, or what to do.
struct Finding {
    what: String,
    found: Result<String, String>,
}

impl Doctor {
    /// Says what it found, each good or with what to do.
    ///
    /// # Errors
    /// If nobody reads it.
    pub fn run(self, globals: &Globals) -> Result<Ending, Failure> {
        let voice = globals.voice();
        let findings = look(globals);
        for Finding { what, found } in &findings {
            let (Ok(detail) | Err(detail)) = found;
            let good = found.is_ok();
            if voice.is_json() {
                voice.json(&json!({ "what": what, "good": good, "detail": detail }))?;
            } else {
                let mark = if good { "good" } else { "BAD " };
                voice.line(&format!("{mark}  {what}: {}", detail.replace('\n', " ")))?;
            }
        }
        let good = findings.iter().all(|finding| finding.found.is_ok());
        Ok(if good { Ending::Done } else { Ending::Failed })
    }
}

fn finding(what: &str, found: Result<String, String>) -> Finding {
    Finding { what: what.into(), found }
}

/// Each thing that can be looked at, as far as what is before it is there.
fn look(globals: &Globals) -> Vec<Finding> {
    let mut findings = vec![finding("the configuration", configuration())];
    let settings = match globals.settings() {
        Ok(settings) => settings,
        Err(failure) => {
            findings.push(finding("the address", Err(failure.to_string())));
            return findings;
        }
    };
    let profile = match &settings.profile {
        Some(name) => format!("{}, of the profile {name}", settings.url),
        None => settings.url.clone(),
    };
    findings.push(finding("the address", Ok(profile)));
    findings.push(finding("the token's place", place(&settings)));
    let nobody = Client::new(&settings, None);
    let ready = nobody.get_once("/readyz");
    let date = ready.as_ref().ok().and_then(|answer| answer.date.clone());
    let reached = ready.is_ok() || matches!(&ready, Err(Failure::Refused(_)));
    findings.push(finding(
        "the server",
        match ready {
            Ok(_) => Ok("it answers, and takes orders".into()),
            Err(failure) if reached => Err(failure.text("holdfast")),
            Err(failure) => Err(format!(
                "{failure} See that the address is right (the profile's `url`, HOLDFAST_URL or --url), and \
                 that holdfast-enqueue, and a web server before it, run there"
            )),
        },
    ));
    if !reached {
        return findings;
    }
    if let Some(theirs) = date {
        findings.push(finding("the clocks", clocks(&when::now(), &theirs)));
    }
    if let Ok(session) = Session::open(globals) {
        asked(&session, &mut findings);
    }
    findings
}

fn configuration() -> Result<String, String> {
    let profiles = Profiles::load().map_err(|failure| failure.to_string())?;
    let file = profiles.file().display();
    let Ok(found) = fs::metadata(profiles.file()) else {
        return Ok(format!("{file} is not there, and need not be"));
    };
    match found.mode() & 0o022 {
        0 => Ok(format!("{file}, writable by you alone")),
        _ => Err(format!(
            "{file} can be changed by others, who could have your token sent to them: chmod 600 {file}"
        )),
    }
}

fn place(settings: &Settings) -> Result<String, String> {
    match &settings.token {
        None => Err("there is none: holdfast token set".into()),
        Some(source) => {
            source.read().map_err(|failure| failure.to_string()).map(|_| match source {
                TokenSource::File(file) => format!("{}, readable by you alone", file.display()),
                TokenSource::Environment(_) => "HOLDFAST_TOKEN".into(),
            })
        }
    }
}

/// Compares two clocks by what they said in the same second.
fn clocks(ours: &str, theirs: &str) -> Result<String, String> {
    let apart = when::between(ours, theirs).or_else(|| when::between(theirs, ours));
    let Some(apart) = apart else { return Err(format!("{theirs} cannot be compared")) };
    let told = format!("{} apart", units::duration(apart));
    match apart > CLOCKS {
        false if apart.is_zero() => Ok("the same".into()),
        false => Ok(told),
        true => Err(format!(
            "{told}: the server's says {theirs}. Set the one that is wrong, or tokens count too late or \
             too long"
        )),
    }
}

/// What the server says to the token.
fn asked(session: &Session, findings: &mut Vec<Finding>) {
    let told = match session.client.get_once("/api/v1/token") {
        Ok(answer) => answer.body,
        Err(failure) => {
            let said = failure.text(&session.holdfast());
            findings.push(finding("the token", Err(said)));
            return;
        }
    };
    findings.push(finding("the token", rights(&told)));
    findings.push(finding("its time", time_left(&told)));
    if told["role"] == "operator" {
        match nodes::all(session) {
            Err(failure) => findings.push(finding("the nodes", Err(failure.text("holdfast")))),
            Ok(all) if all.is_empty() => {
                let missing = "none is registered: holdfast-enqueue node add";
                findings.push(finding("the nodes", Err(missing.into())));
            }
            Ok(all) => findings.extend(all.iter().map(|value| node(session, value))),
        }
    }
    // An operator need not mean one.
    if told["role"] != "operator" || session.names_customer() {
        findings.push(finding("the customer", customer(session)));
    }
}

/// Whether there is the one that is meant, for whoever has this token.
fn customer(session: &Session) -> Result<String, String> {
    let name = session.customer().map_err(|failure| failure.to_string())?;
    let path = session.site("/status").map_err(|failure| failure.to_string())?;
    match session.client.get_once(&path) {
        Ok(_) => Ok(format!("{name}, whom the token may see")),
        Err(Failure::Refused(problem)) if problem.kind == "not-found" => Err(format!(
            "there is no {name}, or the token may not see it: `{} token show` says whom it may see; name \
             another with --customer, HOLDFAST_CUSTOMER or the profile's `customer`",
            session.holdfast()
        )),
        Err(failure) => Err(failure.text(&session.holdfast())),
    }
}

fn rights(told: &Value) -> Result<String, String> {
    let scopes = told["scopes"].as_array().map_or(&[][..], Vec::as_slice);
    let has = |scope: &str| scopes.iter().any(|held| held == scope);
    let who = format!(
        "{}, {}",
        told["subject"].as_str().unwrap_or_default(),
        told["role"].as_str().unwrap_or_default()
    );
    match (has("backup:read"), has("backup:write")) {
        (true, true) => Ok(format!("{who}: may look and order")),
        (true, false) => Ok(format!("{who}: may look, and not order")),
        (false, _) => {
            Err(format!("{who}: lacks the scope backup:read, without which nothing is shown"))
        }
    }
}

fn time_left(told: &Value) -> Result<String, String> {
    let until = told["expires_at"].as_str().unwrap_or_default();
    let shown = when::shown(until);
    match when::between(&when::now(), until).filter(|left| !left.is_zero()) {
        None => Err(format!("it counted until {shown} UTC: get another, and holdfast token set")),
        Some(left) => Ok(format!("until {shown} UTC, {} more", units::duration(left))),
    }
}

fn node(session: &Session, value: &Value) -> Finding {
    let node: Node = match shown::read(value) {
        Ok(node) => node,
        Err(failure) => return finding("a node", Err(failure.to_string())),
    };
    let what = format!("node {}", node.name);
    let unsettled: Vec<_> = node.unsettled.iter().filter(|site| site.needs_a_person()).collect();
    let unsettled: Vec<_> = unsettled.into_iter().map(nodes::Unsettled::text).collect();
    finding(
        &what,
        match (node.alive, unsettled.is_empty()) {
            (true, true) if node.draining => Err(format!(
                "drained, it takes nothing new; to let it take jobs again: {} resume {}",
                session.holdfast(),
                quoted(&node.name)
            )),
            (true, true) => Ok(node.heard()),
            (true, false) => Err(format!("a person must look: {}", unsettled.join("; "))),
            (false, _) => Err(format!(
                "{}: see that holdfast-worker runs there, by `holdfast-worker doctor`",
                node.heard()
            )),
        },
    )
}
