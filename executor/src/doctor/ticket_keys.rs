//! Whose tickets this node believes: each key that is none, and a worker that nothing is believed.

use super::{Finding, finding};
use crate::{
    config::{ConfigError, Node},
    failure::chain,
};

const WHAT: &str = "ticket keys";

/// What is found of the folder and of each bad file in it.
pub(super) fn examine_ticket_keys(node: &Node) -> Vec<Finding> {
    let found = match node.ticket_keys.as_ref().map(|keys| keys.all()).transpose() {
        Ok(found) => found.unwrap_or_default(),
        Err(error) => return vec![finding(WHAT, Err(chain(&error)))],
    };
    let good: Vec<String> = found.iter().flatten().map(|id| id.to_string()).collect();
    let bad = found.iter().filter_map(|key| key.as_ref().err());
    let bad = bad.map(|error: &ConfigError| finding("ticket key", Err(chain(error))));
    std::iter::once(finding(WHAT, usable(node, &good))).chain(bad).collect()
}

/// Whether the worker, if there is one, can order anything.
fn usable(node: &Node, good: &[String]) -> Result<String, String> {
    if !good.is_empty() {
        return Ok(good.join(", "));
    }
    let worker = node.worker_user.as_deref().filter(|name| {
        // A list of users that cannot be read is no reason to call all well.
        !matches!(nix::unistd::User::from_name(name), Ok(None))
    });
    let Some(worker) = worker else {
        return Ok("none: there is no worker's user here, and root needs none".into());
    };
    let place = match &node.ticket_keys {
        Some(keys) => format!("{} holds none", keys.folder().display()),
        None => "`node.ticket_keys` names no folder".to_owned(),
    };
    Err(format!(
        "{place}, so nothing that the worker's user {worker} brings is accepted: put the web side's \
         public key there, as <key id>.pub"
    ))
}
