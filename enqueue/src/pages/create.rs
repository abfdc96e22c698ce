//! `POST /backups/create`: first what would be saved, then the order.

use std::collections::BTreeSet;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use holdfast_job::{Backup as BackupOrder, Label, Order, Scope};
use holdfast_store::{Backup, BackupKind, StoreError};
use maud::{Markup, html};

use super::{
    form,
    layout::{self, Page},
    refused,
    standing::Standing,
    visit::{Sent, Visit},
};
use crate::{
    orders::{
        admission::{Given, NewOrder},
        refusal::Refusal,
    },
    retention::{Fate, decide},
};

/// The address of the form.
const ADDRESS: &str = "/backups/create";

/// The words of a scope, and what they mean to a shop's owner.
const SCOPES: [(&str, &str, &str); 3] = [
    ("both", "Everything", "database and files"),
    ("files", "Files only", "pages, pictures, plugins, themes"),
    ("db", "Database only", "posts, orders, customers, settings"),
];

/// The form on the list. While something runs, what runs stands in its place.
///
/// # Errors
/// [`StoreError`] if the store cannot say what would be replaced.
pub async fn form(visit: &Visit, standing: &Standing) -> Result<Markup, StoreError> {
    if !visit.may_order() {
        return Ok(html! {});
    }
    let (manual, replaced) = replaced(visit).await?;
    Ok(html! {
        section aria-labelledby="save" {
            h2 #save { "Save a backup now" }
            @if standing.under_way().is_some() {
                p { "Another order for your site is under way. You can save a backup when it has ended." }
            } @else {
                form method="post" action=(ADDRESS) {
                    (form::unseen(visit, standing, ADDRESS))
                    (choice("both", "What to save"))
                    (form::note(""))
                    p.hint { (told(visit, manual, replaced.as_ref())) }
                    button { "Continue" }
                }
            }
        }
    })
}

fn choice(chosen: &str, legend: &str) -> Markup {
    html! {
        fieldset {
            legend { (legend) }
            @for (word, name, meaning) in SCOPES {
                div.choice {
                    input id={ "scope-" (word) } type="radio" name="scope" value=(word)
                        checked[word == chosen];
                    label for={ "scope-" (word) } { (name) ": " (meaning) }
                }
            }
        }
    }
}

/// How many manual backups there are, and the one that a new one replaces.
async fn replaced(visit: &Visit) -> Result<(usize, Option<Backup>), StoreError> {
    let catalogue = visit.web.database.catalogue(visit.customer.id).await?;
    let keep = visit.web.config.keep_manual;
    let goes = |keep: u32| -> Vec<bool> {
        let decided = decide(&catalogue, keep, &BTreeSet::new());
        decided.iter().map(|decision| decision.fate == Fate::Delete).collect()
    };
    // With one more, so many of those that are there stay.
    let (before, after) = (goes(keep), goes(keep.saturating_sub(1)));
    let index = before.iter().zip(&after).position(|(before, after)| !before && *after);
    let is_manual = |backup: &&Backup| backup.kind == BackupKind::Manual;
    let manual = catalogue.iter().filter(is_manual).count();
    Ok((manual, index.and_then(|index| catalogue.get(index).cloned())))
}

fn told(visit: &Visit, manual: usize, replaced: Option<&Backup>) -> Markup {
    html! {
        "You have " (manual) " manual backup" @if manual != 1 { "s" } ". "
        @match replaced {
            Some(backup) => {
                "A new one replaces the oldest, of " (visit.clock.lately(backup.created_at)) "."
            }
            None => { "The newest " (visit.web.config.keep_manual) " are kept." }
        }
    }
}

/// `POST /backups/create`.
pub async fn create(sent: Sent) -> Response {
    match order(&sent).await {
        Ok(answer) => answer,
        Err(refusal) => refused::page(&sent.visit, &refusal).show(&sent.visit),
    }
}

async fn order(sent: &Sent) -> Result<Response, Refusal> {
    let Sent { visit, fields, is_genuine, .. } = sent;
    let word = fields.get("scope");
    let scope = match word {
        "db" => Scope::Db,
        "files" => Scope::Files,
        _ => Scope::Both,
    };
    let noted = form::noted(fields.text("note"));
    let problem = match &noted {
        Err(why) => Some(layout::error_summary(&html! { (why) })),
        Ok(_) if !is_genuine => Some(layout::stale()),
        Ok(_) => None,
    };
    let (Ok(note), None, true) = (noted, &problem, fields.get("confirmed") == "yes") else {
        return check(sent, word, problem).await;
    };
    let order = Order::Backup(BackupOrder {
        repository: visit.web.config.repository.clone(),
        scope,
        label: Label::Manual,
    });
    let key = sent.order_key(&[word, fields.get("note")]);
    give(
        visit,
        NewOrder {
            order,
            actor: visit.session.caller.actor(),
            note,
            retry_of: None,
            key: Some(key),
        },
    )
    .await
}

/// Gives an order, and leads to its job.
///
/// # Errors
/// [`Refusal`].
pub async fn give(visit: &Visit, order: NewOrder) -> Result<Response, Refusal> {
    // A form that was sent before is answered as it was then.
    if let Some(key) = &order.key
        && let Some(job) = visit.web.database.admitted_before(visit.customer.id, key).await?
    {
        return Ok(Redirect::to(&format!("/backups/jobs/{job}")).into_response());
    }
    let (Given::Now(job) | Given::Before(job)) =
        visit.web.admission.admit(&visit.customer, order).await?;
    Ok(Redirect::to(&format!("/backups/jobs/{job}")).into_response())
}

/// The page "Check before you save".
async fn check(sent: &Sent, word: &str, problem: Option<Markup>) -> Result<Response, Refusal> {
    let Sent { visit, fields, is_genuine, .. } = sent;
    let standing = Standing::of(visit).await?;
    let (_, replaced) = replaced(visit).await?;
    let (chosen, name, meaning) =
        SCOPES.into_iter().find(|(known, ..)| *known == word).unwrap_or(SCOPES[0]);
    let status = match (&problem, is_genuine) {
        (None, _) => StatusCode::OK,
        (Some(_), false) => StatusCode::FORBIDDEN,
        (Some(_), true) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let title = if problem.is_some() { "Error: Save a backup" } else { "Save a backup" };
    let body = html! {
        p { a href="/backups" { "Back to the backups" } }
        @if let Some(problem) = &problem { (problem) }
        h1 { "Save a backup of " bdi { (visit.customer.external_id) } "?" }
        (standing.show(visit))
        dl {
            div { dt { "What" } dd { (name) ": " (meaning) } }
            div { dt { "Your site" } dd { "It stays open. Visitors notice nothing." } }
            div {
                dt { "How long it is kept" }
                dd { "While it is among your " (visit.web.config.keep_manual) " newest manual backups." }
            }
            @if let Some(replaced) = &replaced {
                div {
                    dt { "What it replaces" }
                    dd {
                        "The oldest: "
                        a href={ "/backups/" (replaced.snapshot) } {
                            (visit.clock.lately(replaced.created_at))
                        }
                    }
                }
            }
        }
        form method="post" action=(ADDRESS) {
            (form::unseen(visit, &standing, ADDRESS))
            input type="hidden" name="confirmed" value="yes";
            input type="hidden" name="scope" value=(chosen);
            (form::note(fields.get("note")))
            div.deeds {
                button { "Save the backup" }
                a href="/backups" { "Do nothing, go back" }
            }
        }
    };
    Ok(Page::new(title, body).status(status).show(visit))
}
