//! `GET` and `POST /backups/jobs/{job}/undo`: what an undo does, and one button.

use axum::{extract::Path, http::StatusCode, response::Response};
use holdfast_job::{Order, Undo, Verb};
use holdfast_store::Job;
use maud::{Markup, html};

use super::{
    create::give,
    form,
    job::find,
    layout::{Page, stale},
    refused,
    standing::Standing,
    visit::{Sent, Visit},
};
use crate::orders::{admission::NewOrder, confirm::UNDO, possible::undoable, refusal::Refusal};

/// `GET /backups/jobs/{job}/undo`.
pub async fn show(visit: Visit, Path(name): Path<String>) -> Response {
    let page = async {
        let job = find(&visit, &name).await?;
        page(&visit, &job, None).await
    };
    page.await.unwrap_or_else(|refusal| refused::page(&visit, &refusal)).show(&visit)
}

/// `POST /backups/jobs/{job}/undo`.
pub async fn undo(Path(name): Path<String>, sent: Sent) -> Response {
    match order(&sent, &name).await {
        Ok(answer) => answer,
        Err(refusal) => refused::page(&sent.visit, &refusal).show(&sent.visit),
    }
}

async fn order(sent: &Sent, name: &str) -> Result<Response, Refusal> {
    let Sent { visit, fields, is_genuine, .. } = sent;
    let job = find(visit, name).await?;
    if !is_genuine || fields.get("confirm") != UNDO {
        return Ok(page(visit, &job, Some(stale())).await?.show(visit));
    }
    let key = sent.order_key(&[]);
    // A form that was sent twice is answered as the first time, whatever has become of the copy since.
    if visit.web.database.admitted_before(visit.customer.id, &key).await?.is_none() {
        undoable(&visit.web.database, &job).await?;
    }
    let order = Order::Undo(Undo { of: Some(job.job) });
    let actor = visit.session.caller.actor();
    give(visit, NewOrder { order, actor, note: None, retry_of: None, key: Some(key) }).await
}

async fn page(visit: &Visit, job: &Job, problem: Option<Markup>) -> Result<Page, Refusal> {
    let until = undoable(&visit.web.database, job).await?;
    let standing = Standing::of(visit).await?;
    let at = job.completed_at.unwrap_or(job.updated_at);
    let what = if job.verb == Verb::Undo { "undo" } else { "restore" };
    let title = format!("Undo the {what} of {}", visit.clock.lately_text(at));
    let address = format!("/backups/jobs/{}/undo", job.job);
    let hours = visit.web.config.undo_hours;
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let body = html! {
        p { a href={ "/backups/jobs/" (job.job) } { "Back to the " (what) } }
        @if let Some(problem) = &problem { (problem) }
        h1 { (title) "?" }
        (standing.show(visit))
        ul {
            li { "Your site becomes as it was " (visit.clock.lately(at)) ", before the " (what) "." }
            li {
                "What visitors and you changed since then is set aside. It comes back if you undo the undo, \
                 for " (hours) " hours."
            }
            li { "Your site is closed for a moment. It takes a few seconds." }
            li { "This is possible until " (visit.clock.lately(until)) "." }
        }
        @if let Some(other) = standing.under_way() {
            p {
                "Another order for your site is under way. "
                a href={ "/backups/jobs/" (other.job) } { "See it" }
                ". You can undo when it has ended."
            }
        } @else if visit.may_order() {
            form method="post" action=(address) {
                (form::unseen(visit, &standing, &address))
                input type="hidden" name="confirm" value=(UNDO);
                div.deeds {
                    button { "Undo the " (what) }
                    a href={ "/backups/jobs/" (job.job) } { "Leave it as it is" }
                }
            }
        }
    };
    Ok(Page::new(title, body).status(status))
}
