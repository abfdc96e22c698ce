//! Backups: made, listed, shown, restored, deleted.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    response::Response,
};
use holdfast_job::{
    Backup as BackupOrder, Delete, Label, Order, Restore, Scope, UndoCopy, WhatHappened,
};
use holdfast_store::{Backup, BackupFilter, BackupKind, BackupName, BackupState, Customer};
use serde::{Deserialize, Serialize};

use super::{List, Names, Object, accepted, confirm::SetsAside, limit, moment, note, parse, time};
use crate::{
    auth::{Caller, Right},
    problem::Problem,
    server::Web,
};

/// The word that confirms a restore.
const CONFIRMATION: &str = "RESTORE";

/// A backup, as it is shown.
#[derive(Debug, Serialize)]
pub struct Shown {
    uuid: String,
    snapshot_id: String,
    kind: BackupKind,
    scope: String,
    state: BackupState,
    created_at: String,
    bytes: u64,
    sources: Vec<ShownSource>,
    incomplete: bool,
    unreadable: Vec<String>,
    held: bool,
    verified_at: Option<String>,
    requested_by: Option<String>,
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownSource {
    id: String,
    name: String,
    bytes: u64,
    entries: u64,
}

fn show_one(backup: Backup) -> Shown {
    let saved = backup.sources.into_iter().filter(|source| source.what == WhatHappened::Saved);
    let sources = saved.map(|source| ShownSource {
        id: source.id.to_string(),
        name: source.name,
        bytes: source.bytes,
        entries: source.entries,
    });
    Shown {
        uuid: backup.uuid.to_string(),
        snapshot_id: backup.snapshot.to_string(),
        kind: backup.kind,
        scope: backup.scope,
        state: backup.state,
        created_at: time(backup.created_at),
        bytes: backup.bytes,
        sources: sources.collect(),
        incomplete: backup.incomplete,
        unreadable: backup.unreadable,
        held: backup.held,
        verified_at: backup.verified_at.map(time),
        requested_by: backup.requested_by,
        note: backup.note,
    }
}

/// Which backups are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    kind: Option<BackupKind>,
    scope: Option<ListedScope>,
    state: Option<BackupState>,
    since: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// What backups were made of, in one word.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListedScope {
    Db,
    Files,
    Both,
    Sources,
}

impl ListedScope {
    fn word(self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Files => "files",
            Self::Both => "both",
            Self::Sources => "sources",
        }
    }
}

/// `GET …/backups`: newest first.
pub async fn list(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names(customer): Names<String>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<List<Shown>>, Problem> {
    let Query(query) = query?;
    let customer = web.customer(&caller, Right::Read, &customer).await?;
    let filter = BackupFilter {
        kind: query.kind,
        scope: query.scope.map(ListedScope::word),
        state: query.state,
        since: moment("since", query.since.as_deref())?,
        until: moment("until", query.until.as_deref())?,
        behind: parse("cursor", query.cursor.as_deref())?,
    };
    let page = web.database.backups(customer.id, &filter, limit(query.limit)?).await?;
    Ok(Json(List::of(page, show_one)))
}

/// `GET …/backups/{backup}`, by UUID or snapshot id.
pub async fn show(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, backup)): Names<(String, String)>,
) -> Result<Json<Shown>, Problem> {
    let customer = web.customer(&caller, Right::Read, &customer).await?;
    Ok(Json(show_one(find(&web, &customer, &backup).await?)))
}

async fn find(web: &Web, customer: &Customer, name: &str) -> Result<Backup, Problem> {
    let none = || Problem::not_found("backup");
    let name: BackupName = name.parse().map_err(|_| none())?;
    web.database.backup(customer.id, &name).await?.ok_or_else(none)
}

/// What is to be saved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateBody {
    scope: Scope,
    note: Option<String>,
}

/// `POST …/backups`.
pub async fn create(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names(customer): Names<String>,
    body: Result<Json<Object<CreateBody>>, JsonRejection>,
) -> Result<Response, Problem> {
    let customer = web.customer(&caller, Right::Write, &customer).await?;
    let Json(Object(body)) = body?;
    let order = Order::Backup(BackupOrder {
        repository: web.config.repository.clone(),
        scope: body.scope,
        label: Label::Manual,
    });
    let job = web.admission.admit(&customer, order, caller.actor(), note(body.note)?).await?;
    Ok(accepted(&customer, job))
}

/// How a backup is to be brought back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreBody {
    /// All that is in the backup, if it is left out.
    scope: Option<Scope>,
    /// The word RESTORE.
    confirm: Option<String>,
    /// `none` for a site without room for both.
    #[serde(default)]
    undo: UndoCopy,
    /// Whether the restored site stays though it does not answer as it should.
    #[serde(default)]
    keep_unhealthy: bool,
    note: Option<String>,
}

/// `POST …/backups/{backup}/restore`.
pub async fn restore(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, backup)): Names<(String, String)>,
    body: Result<Json<Object<RestoreBody>>, JsonRejection>,
) -> Result<Response, Problem> {
    let customer = web.customer(&caller, Right::Write, &customer).await?;
    let Json(Object(body)) = body?;
    let backup = find(&web, &customer, &backup).await?;
    if backup.state != BackupState::Active {
        return Err(Problem::unprocessable(
            "backup-gone",
            "This backup is being deleted or is gone. Please choose another one.",
        ));
    }
    let scope = restorable(&backup, body.scope)?;
    let aside = SetsAside {
        since: backup.created_at,
        undo_hours: matches!(body.undo, UndoCopy::Keep).then_some(web.config.undo_hours),
    };
    aside.confirmed_by(CONFIRMATION, body.confirm.as_deref())?;
    let order = Order::Restore(Restore {
        repository: backup.repository,
        snapshot: backup.snapshot,
        scope,
        undo: body.undo,
        maintenance: None,
        keep_unhealthy: body.keep_unhealthy,
    });
    let job = web.admission.admit(&customer, order, caller.actor(), note(body.note)?).await?;
    Ok(accepted(&customer, job))
}

/// The scope of a restore: what was asked for, if the backup holds it, or all that the backup holds.
fn restorable(backup: &Backup, asked: Option<Scope>) -> Result<Scope, Problem> {
    let holds = |word: &str| match backup.scope.as_str() {
        "db" | "files" => backup.scope == word,
        _ => true,
    };
    let saved = |id: &holdfast_job::SourceId| {
        backup.sources.iter().any(|source| source.id == *id && source.what == WhatHappened::Saved)
    };
    let lacks = |what: &str| {
        let scope = &backup.scope;
        let detail = format!("This backup holds no {what}: it was made of `{scope}`.");
        Err(Problem::unprocessable("not-in-backup", detail))
    };
    match asked {
        None => Ok(match backup.scope.as_str() {
            "db" => Scope::Db,
            "files" => Scope::Files,
            _ => Scope::Both,
        }),
        Some(Scope::Db | Scope::Both) if !holds("db") => lacks("database"),
        Some(Scope::Files | Scope::Both) if !holds("files") => lacks("files"),
        Some(Scope::Sources(named)) => match named.iter().find(|id| !saved(id)) {
            Some(missing) => lacks(&format!("source `{missing}`")),
            None => Ok(Scope::Sources(named)),
        },
        Some(scope) => Ok(scope),
    }
}

/// `DELETE …/backups/{backup}`.
pub async fn remove(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, backup)): Names<(String, String)>,
) -> Result<Response, Problem> {
    let customer = web.customer(&caller, Right::Write, &customer).await?;
    let backup = find(&web, &customer, &backup).await?;
    let order =
        Order::Delete(Delete { repository: backup.repository, snapshots: vec![backup.snapshot] });
    let job = web.admission.admit(&customer, order, caller.actor(), None).await?;
    Ok(accepted(&customer, job))
}
