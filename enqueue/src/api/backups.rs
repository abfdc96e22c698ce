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
use holdfast_job::{Backup as BackupOrder, Delete, Label, Order, Restore, Scope, UndoCopy};
use holdfast_store::{Backup, BackupFilter, BackupKind, BackupName, BackupState, Customer};
use serde::Deserialize;

use super::{
    List, Names, Object, cursor, limit, moment,
    order::{Incoming, Instead},
};
use crate::{
    auth::{Caller, Right},
    http::keyed::Keyed,
    orders::{
        confirm::{RESTORE, SetsAside},
        possible::restorable,
    },
    problem::Problem,
    view::backup::Shown,
    web::Web,
};

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
    Ok(Json(List::of(page, Shown::from)))
}

/// `GET …/backups/{backup}`, by UUID or snapshot id.
pub async fn show(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names((customer, backup)): Names<(String, String)>,
) -> Result<Json<Shown>, Problem> {
    let customer = web.customer(&caller, Right::Read, &customer).await?;
    Ok(Json(find(&web, &customer, &backup).await?.into()))
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
    SetsAside::by_restore(&web.config, &backup, body.undo)
        .confirmed_by(RESTORE, body.confirm.as_deref())?;
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
