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

use super::{
    List, Names, Object,
    confirm::SetsAside,
    cursor,
    keyed::Keyed,
    limit, moment,
    order::{Incoming, Instead},
    time,
};
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
    limit: Option<String>,
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
        behind: cursor(query.cursor.as_deref())?,
    };
    let page = web.database.backups(customer.id, &filter, limit(query.limit.as_deref())?).await?;
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

/// A backup of this customer's, by UUID or snapshot id.
///
/// # Errors
/// 404 if there is none.
pub async fn find(web: &Web, customer: &Customer, name: &str) -> Result<Backup, Problem> {
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
    keyed: Keyed,
    body: Result<Json<Object<CreateBody>>, JsonRejection>,
) -> Result<Response, Instead> {
    let incoming = Incoming::of(&web, &caller, &customer, keyed).await?;
    let Json(Object(body)) = body?;
    let order = Order::Backup(BackupOrder {
        repository: web.config.repository.clone(),
        scope: body.scope,
        label: Label::Manual,
    });
    incoming.give(order, body.note).await
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
    keyed: Keyed,
    body: Result<Json<Object<RestoreBody>>, JsonRejection>,
) -> Result<Response, Instead> {
    let incoming = Incoming::of(&web, &caller, &customer, keyed).await?;
    let Json(Object(body)) = body?;
    let backup = find(&web, &incoming.customer, &backup).await?;
    let scope = restorable(&backup, body.scope)?;
    confirmed(&web, &backup, body.undo, body.confirm.as_deref())?;
    let order = Order::Restore(Restore {
        repository: backup.repository,
        snapshot: backup.snapshot,
        scope,
        undo: body.undo,
        maintenance: None,
        keep_unhealthy: body.keep_unhealthy,
    });
    incoming.give(order, body.note).await
}

/// Refuses unless the restore of this backup is confirmed.
///
/// # Errors
/// 422 `not-confirmed`, with what would be set aside.
pub fn confirmed(
    web: &Web,
    backup: &Backup,
    undo: UndoCopy,
    word: Option<&str>,
) -> Result<(), Problem> {
    let undo_hours = matches!(undo, UndoCopy::Keep).then_some(web.config.undo_hours);
    SetsAside { since: backup.created_at, undo_hours }.confirmed_by(CONFIRMATION, word)
}

/// The scope of a restore: what was asked for, if the backup holds it, or all that the backup holds.
///
/// # Errors
/// 422 `backup-gone` or `not-in-backup`.
pub fn restorable(backup: &Backup, asked: Option<Scope>) -> Result<Scope, Problem> {
    if backup.state != BackupState::Active {
        return Err(Problem::unprocessable(
            "backup-gone",
            "This backup is being deleted or is gone. Please choose another one.",
        ));
    }
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
    keyed: Keyed,
) -> Result<Response, Instead> {
    let incoming = Incoming::of(&web, &caller, &customer, keyed).await?;
    let backup = find(&web, &incoming.customer, &backup).await?;
    let order =
        Order::Delete(Delete { repository: backup.repository, snapshots: vec![backup.snapshot] });
    incoming.give(order, None).await
}
