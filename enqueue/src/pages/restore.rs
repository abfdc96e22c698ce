//! `POST /backups/{snapshot_id}/restore`: the order, if the word was typed.

use axum::{extract::Path, http::StatusCode, response::Response};
use holdfast_job::{Order, Restore, Scope, UndoCopy};
use maud::html;

use super::{
    backup::{self, Answers},
    create::give,
    form,
    layout::{error_summary, stale},
    refused,
    visit::Sent,
};
use crate::orders::{
    admission::NewOrder, confirm::RESTORE, possible::restorable, refusal::Refusal,
};

/// `POST /backups/{snapshot_id}/restore`.
pub async fn restore(Path(name): Path<String>, sent: Sent) -> Response {
    match order(&sent, &name).await {
        Ok(answer) => answer,
        Err(refusal) => refused::page(&sent.visit, &refusal).show(&sent.visit),
    }
}

async fn order(sent: &Sent, name: &str) -> Result<Response, Refusal> {
    let Sent { visit, fields, is_genuine, .. } = sent;
    let backup = backup::find(visit, name).await?;
    let (scope, note) = (fields.get("scope"), fields.get("note"));
    let word_is_wrong = !form::is_word(RESTORE, fields.get("word"));
    let noted = form::noted(fields.text("note"));
    let problem = match &noted {
        _ if !is_genuine => Some((StatusCode::FORBIDDEN, stale())),
        _ if word_is_wrong => {
            let what = html! { a href="#word" { "Type " (RESTORE) " to confirm" } };
            Some((StatusCode::UNPROCESSABLE_ENTITY, error_summary(&what)))
        }
        Err(why) => Some((StatusCode::UNPROCESSABLE_ENTITY, error_summary(&html! { (why) }))),
        Ok(_) => None,
    };
    let (Ok(noted), None) = (noted, &problem) else {
        // A form from elsewhere confirms nothing: the word is to be typed anew.
        let word = if *is_genuine { fields.get("word") } else { "" };
        let word_is_wrong = word_is_wrong && *is_genuine;
        let answers = Answers { scope, word, word_is_wrong, note };
        return Ok(backup::page(visit, &backup, Some(answers), problem).await?.show(visit));
    };
    let asked = match scope {
        "files" => Some(Scope::Files),
        "db" => Some(Scope::Db),
        _ => None,
    };
    let order = Order::Restore(Restore {
        repository: backup.repository.clone(),
        snapshot: backup.snapshot.clone(),
        scope: restorable(&backup, asked)?,
        undo: UndoCopy::Keep,
        maintenance: None,
        keep_unhealthy: false,
    });
    let actor = visit.session.caller.actor();
    let key = Some(sent.order_key(&[scope, note]));
    give(visit, NewOrder { order, actor, note: noted, retry_of: None, key }).await
}
