//! `GET` and `POST /backups/{snapshot_id}/delete`: a backup that goes for good.

use axum::{extract::Path, http::StatusCode, response::Response};
use holdfast_job::{Delete, Order};
use holdfast_store::Backup;
use maud::{Markup, html};

use super::{
    backup::find,
    create::give,
    form,
    layout::{Page, error_summary, stale},
    refused,
    standing::Standing,
    visit::{Sent, Visit},
    words::{holds, size},
};
use crate::orders::{admission::NewOrder, refusal::Refusal};

/// The word that confirms it.
const WORD: &str = "DELETE";

/// `GET /backups/{snapshot_id}/delete`.
pub async fn show(visit: Visit, Path(name): Path<String>) -> Response {
    let page = async {
        let backup = find(&visit, &name).await?;
        page(&visit, &backup, ("", false), None).await
    };
    page.await.unwrap_or_else(|refusal| refused::page(&visit, &refusal)).show(&visit)
}

/// `POST /backups/{snapshot_id}/delete`.
pub async fn delete(Path(name): Path<String>, sent: Sent) -> Response {
    match order(&sent, &name).await {
        Ok(answer) => answer,
        Err(refusal) => refused::page(&sent.visit, &refusal).show(&sent.visit),
    }
}

async fn order(sent: &Sent, name: &str) -> Result<Response, Refusal> {
    let Sent { visit, fields, is_genuine, .. } = sent;
    let backup = find(visit, name).await?;
    let word = fields.get("word");
    if !is_genuine {
        let problem = Some((StatusCode::FORBIDDEN, stale()));
        return Ok(page(visit, &backup, ("", false), problem).await?.show(visit));
    }
    if !form::is_word(WORD, word) {
        let what = html! { a href="#word" { "Type " (WORD) " to confirm" } };
        let problem = Some((StatusCode::UNPROCESSABLE_ENTITY, error_summary(&what)));
        return Ok(page(visit, &backup, (word, true), problem).await?.show(visit));
    }
    let order = Order::Delete(Delete {
        repository: backup.repository.clone(),
        snapshots: vec![backup.snapshot.clone()],
    });
    let actor = visit.session.caller.actor();
    let key = Some(sent.order_key(&[]));
    give(visit, NewOrder { order, actor, note: None, retry_of: None, key }).await
}

async fn page(
    visit: &Visit,
    backup: &Backup,
    (word, word_is_wrong): (&str, bool),
    problem: Option<(StatusCode, Markup)>,
) -> Result<Page, Refusal> {
    let standing = Standing::of(visit).await?;
    let address = format!("/backups/{}/delete", backup.snapshot);
    let status = problem.as_ref().map_or(StatusCode::OK, |(status, _)| *status);
    let error = if problem.is_some() { "Error: " } else { "" };
    let title = format!("{error}Delete the backup of {}", visit.clock.text(backup.created_at));
    let body = html! {
        p { a href={ "/backups/" (backup.snapshot) } { "Back to the backup" } }
        @if let Some((_, problem)) = &problem { (problem) }
        h1 { "Delete the backup of " (visit.clock.full(backup.created_at)) "?" }
        (standing.show(visit))
        p {
            (holds(backup)) ", " (size(backup.bytes))
            @if let Some(note) = &backup.note { ", “" bdi { (note) } "”" }
            ". Your site stays as it is."
        }
        p.heed {
            span aria-hidden="true" { "! " }
            "This cannot be undone. What is in this backup alone is gone then."
        }
        form method="post" action=(address) {
            (form::unseen(visit, &standing, &address))
            (form::word(WORD, word, word_is_wrong))
            div.deeds {
                button.grave { "Delete this backup" }
                a href={ "/backups/" (backup.snapshot) } { "Do nothing, go back" }
            }
        }
    };
    Ok(Page::new(title, body).status(status))
}
