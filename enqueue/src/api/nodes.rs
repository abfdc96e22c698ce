//! The nodes, for operators: how they are, and whether they take anything new.

use std::sync::Arc;

use axum::{Json, extract::State};
use holdfast_job::{NodeName, Standing};
use holdfast_store::{Drain, Node, Unsettled};
use serde::Serialize;

use super::{List, Names};
use crate::{
    auth::{Caller, Right},
    problem::Problem,
    web::Web,
};

/// A node, as it is shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    name: String,
    pool: String,
    draining: bool,
    /// Whether one of its workers has reported lately.
    alive: bool,
    /// For how long none has; null if none ever has.
    silent_seconds: Option<u64>,
    version: Option<String>,
    pending: u64,
    running: u64,
    unsettled: Vec<Unsettled>,
}

async fn show_one(web: &Web, mut node: Node) -> Result<Shown, Problem> {
    let load = web.database.load(&node.pool).await?;
    // An order that was under way at the node's last look may have ended since, and is nothing to mend.
    node.unsettled.retain(|open| open.standing != Standing::Busy);
    let silence = web.config.worker_silence;
    Ok(Shown {
        name: node.name.to_string(),
        draining: node.draining,
        alive: node.silent_for.is_some_and(|silent| silent <= silence),
        silent_seconds: node.silent_for.map(|silent| silent.as_secs()),
        version: node.version,
        pending: load.pending,
        running: load.running,
        unsettled: node.unsettled,
        pool: node.pool,
    })
}

/// `GET /api/v1/nodes`: all of them, by name.
pub async fn list(
    State(web): State<Arc<Web>>,
    caller: Caller,
) -> Result<Json<List<Shown>>, Problem> {
    caller.needs_operator(Right::Read)?;
    let mut shown = Vec::new();
    for node in web.database.nodes().await? {
        shown.push(show_one(&web, node).await?);
    }
    Ok(Json(List::whole(shown)))
}

/// `GET /api/v1/nodes/{node}`.
pub async fn show(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names(node): Names<String>,
) -> Result<Json<Shown>, Problem> {
    caller.needs_operator(Right::Read)?;
    find(&web, &name(&node)?).await
}

/// `POST /api/v1/nodes/{node}/drain`: nothing new is taken, and what runs ends.
pub async fn drain(
    web: State<Arc<Web>>,
    caller: Caller,
    node: Names<String>,
) -> Result<Json<Shown>, Problem> {
    turn(web, caller, node, Drain::Begin).await
}

/// `POST /api/v1/nodes/{node}/resume`: it takes again.
pub async fn resume(
    web: State<Arc<Web>>,
    caller: Caller,
    node: Names<String>,
) -> Result<Json<Shown>, Problem> {
    turn(web, caller, node, Drain::End).await
}

async fn turn(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names(node): Names<String>,
    drain: Drain,
) -> Result<Json<Shown>, Problem> {
    caller.needs_operator(Right::Write)?;
    let name = name(&node)?;
    match web.database.drain(&name, drain, &caller.actor()).await? {
        true => find(&web, &name).await,
        false => Err(Problem::not_found("node")),
    }
}

async fn find(web: &Web, name: &NodeName) -> Result<Json<Shown>, Problem> {
    let node = web.database.node(name).await?.ok_or_else(|| Problem::not_found("node"))?;
    show_one(web, node).await.map(Json)
}

/// What has no node's form is none's name.
fn name(given: &str) -> Result<NodeName, Problem> {
    given.parse().map_err(|_| Problem::not_found("node"))
}
