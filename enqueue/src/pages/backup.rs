//! `GET /backups/{snapshot_id}`: what a backup holds, why it is kept, what changed since, and the form
//! that restores it.

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::Response,
};
use holdfast_job::{SourceId, WhatHappened};
use holdfast_store::{Backup, BackupName, BackupState, SavedSource};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    form,
    layout::Page,
    list::reasons,
    refused,
    standing::Standing,
    visit::Visit,
    words::{count, counted, holds, size, who},
};
use crate::orders::{confirm::RESTORE, possible, refusal::Refusal};

/// What is to be shown beside the backup.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    /// The form that restores `all`, `files` or `db`.
    pub restore: Option<String>,
}

/// `GET /backups/{snapshot_id}`.
pub async fn show(
    visit: Visit,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let page = async {
        let backup = find(&visit, &name).await?;
        let answers =
            wanted.restore.as_deref().map(|scope| Answers { scope, ..Answers::default() });
        page(&visit, &backup, answers, None).await
    };
    page.await.unwrap_or_else(|refusal| refused::page(&visit, &refusal)).show(&visit)
}

/// A backup of this site, by its snapshot's full id or its UUID.
///
/// # Errors
/// [`Refusal::BackupGone`] if there is none, [`Refusal::Store`].
pub async fn find(visit: &Visit, name: &str) -> Result<Backup, Refusal> {
    let name: BackupName = name.parse().map_err(|_| Refusal::NoSuchThing)?;
    let found = visit.web.database.backup(visit.customer.id, &name).await?;
    found.ok_or(Refusal::NoSuchThing)
}

/// What somebody has answered in the form that restores.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers<'a> {
    /// `all`, `files` or `db`.
    pub scope: &'a str,
    /// The word.
    pub word: &'a str,
    /// True if the word was wrong.
    pub word_is_wrong: bool,
    /// The note.
    pub note: &'a str,
}

/// The page, with the form if there are answers, and with what is wrong about them.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn page(
    visit: &Visit,
    backup: &Backup,
    answers: Option<Answers<'_>>,
    problem: Option<(StatusCode, Markup)>,
) -> Result<Page, Refusal> {
    let standing = Standing::of(visit).await?;
    let full = visit.clock.text(backup.created_at);
    let restores = answers.filter(|_| backup.state == BackupState::Active && visit.may_order());
    let heading = match restores {
        Some(_) => html! {
            "Restore " bdi { (visit.customer.external_id) } " to " (visit.clock.full(backup.created_at)) "?"
        },
        None => html! { "Backup of " (visit.clock.full(backup.created_at)) },
    };
    let title = match (&problem, restores) {
        (Some(_), _) => format!("Error: Restore to {full}"),
        (None, Some(_)) => format!("Restore to {full}"),
        (None, None) => format!("Backup of {full}"),
    };
    let catalogue = visit.web.database.catalogue(visit.customer.id).await?;
    let kept = reasons(&catalogue, visit.web.config.keep_manual);
    let reason = kept.get(&backup.uuid).map(String::as_str);
    let status = problem.as_ref().map_or(StatusCode::OK, |(status, _)| *status);
    let body = html! {
        p { a href="/backups" { "Back to the backups" } }
        @if let Some((_, problem)) = &problem { (problem) }
        h1 { (heading) }
        (standing.show(visit))
        @match restores {
            Some(answers) => (restore_form(visit, &standing, backup, answers)),
            None => {
                (facts(visit, backup, reason))
                (contents(backup, standing.newest.as_ref(), visit))
                (deeds(visit, backup))
            }
        }
    };
    Ok(Page::new(title, body).status(status))
}

fn facts(visit: &Visit, backup: &Backup, kept: Option<&str>) -> Markup {
    html! {
        dl {
            div { dt { "Holds" } dd { (holds(backup)) ", " (size(backup.bytes)) } }
            @if let Some(verified) = backup.verified_at {
                div {
                    dt { "Checked" }
                    dd {
                        "Read back " (visit.clock.lately(verified)) ": "
                        @if backup.incomplete { "not complete" } @else { "complete" }
                    }
                }
            }
            div { dt { "Ordered by" } dd { bdi { (who(backup.requested_by.as_deref())) } } }
            @if let Some(note) = &backup.note { div { dt { "Note" } dd { bdi { (note) } } } }
            @match backup.state {
                BackupState::Active => {
                    @if let Some(kept) = kept { div { dt { "How long" } dd { (kept) } } }
                }
                BackupState::Deleting => div { dt { "How long" } dd { "It is being deleted." } },
                BackupState::Deleted => {
                    div { dt { "How long" } dd { "It was deleted and cannot be restored." } }
                }
            }
        }
        @if backup.incomplete {
            section.now.warn aria-label="What is missing" {
                span.sign aria-hidden="true" { "!" }
                div {
                    p.first {
                        (counted(backup.unreadable.len() as u64, "file"))
                        " could not be read when this backup was made, and will be missing after a restore:"
                    }
                    ul.files { @for file in &backup.unreadable { li { bdi { (file) } } } }
                }
            }
        }
    }
}

/// What a source is called, and what it holds in the backup and in the newest one.
fn contents(backup: &Backup, newest: Option<&Backup>, visit: &Visit) -> Markup {
    let newer = newest.filter(|newest| newest.uuid > backup.uuid);
    let saved: Vec<_> =
        backup.sources.iter().filter(|source| source.what == WhatHappened::Saved).collect();
    html! {
        section aria-labelledby="inside" {
            h2 #inside { "What is in it" }
            table {
                thead {
                    tr {
                        th scope="col" { "Part" }
                        th scope="col" { "In this backup" }
                        @if let Some(newer) = newer {
                            th scope="col" {
                                "In your newest, " (visit.clock.lately(newer.created_at))
                            }
                            th scope="col" { "Since" }
                        }
                    }
                }
                tbody {
                    @for source in &saved {
                        tr {
                            th scope="row" { bdi { (source.name) } }
                            td data-label="In this backup" { (amount(source)) }
                            @if let Some(newer) = newer {
                                @let then = of(newer, &source.id);
                                td data-label="In your newest" {
                                    @match then { Some(then) => (amount(then)), None => "not in it" }
                                }
                                td data-label="Since" {
                                    @if let Some(then) = then { (change(source, then)) }
                                }
                            }
                        }
                    }
                }
            }
            p.hint { "Counted are files, folders and links of a website, and rows of a database." }
        }
    }
}

fn of<'b>(backup: &'b Backup, id: &SourceId) -> Option<&'b SavedSource> {
    backup.sources.iter().find(|one| one.id == *id && one.what == WhatHappened::Saved)
}

fn amount(source: &SavedSource) -> String {
    format!("{} · {}", count(source.entries), size(source.bytes))
}

fn change(before: &SavedSource, after: &SavedSource) -> String {
    match (before.entries, after.entries) {
        (before, after) if before == after => "as many".to_owned(),
        (before, after) if after > before => format!("{} more", count(after - before)),
        (before, after) => format!("{} fewer", count(before - after)),
    }
}

fn deeds(visit: &Visit, backup: &Backup) -> Markup {
    if backup.state != BackupState::Active || !visit.may_order() {
        return html! {};
    }
    let address = format!("/backups/{}", backup.snapshot);
    html! {
        div.deeds {
            a.button.first href={ (address) "?restore=all#restore" } { "Restore this backup …" }
            @if !backup.held { a href={ (address) "/delete" } { "Delete this backup …" } }
        }
    }
}

fn restore_form(
    visit: &Visit,
    standing: &Standing,
    backup: &Backup,
    answers: Answers<'_>,
) -> Markup {
    let address = format!("/backups/{}/restore", backup.snapshot);
    let (db, files) = (possible::holds(backup, "db"), possible::holds(backup, "files"));
    let whole = match backup.scope.as_str() {
        "db" => "Everything in this backup: the database",
        "files" => "Everything in this backup: the files",
        "both" => "Everything: database and files",
        _ => "Everything in this backup",
    };
    let both = db && files && backup.scope != "sources";
    let hours = visit.web.config.undo_hours;
    let choice = |word: &str, text: &str, hint: Option<&str>| {
        let chosen = answers.scope == word || (word == "all" && !both);
        html! {
            div.choice {
                input id={ "scope-" (word) } type="radio" name="scope" value=(word) checked[chosen];
                label for={ "scope-" (word) } { (text) }
                @if let Some(hint) = hint { p.hint { (hint) } }
            }
        }
    };
    html! {
        @if backup.incomplete {
            section.now.warn aria-label="What is missing" {
                span.sign aria-hidden="true" { "!" }
                div {
                    p.first {
                        (counted(backup.unreadable.len() as u64, "file"))
                        " could not be read when this backup was made. They will be missing after the \
                         restore."
                    }
                }
            }
        }
        (contents(backup, standing.newest.as_ref(), visit))
        section aria-labelledby="happens" {
            h2 #happens { "What will happen" }
            ol {
                li { "We fetch the backup and check it. Your site stays open." }
                li { "We switch. Your site is closed for a moment, under a second as a rule." }
                li {
                    "We look whether your site answers. If it was well and then is not, the site of now \
                     comes back by itself."
                }
                li { "You can undo this for " (hours) " hours." }
            }
            p {
                "What was added or changed since " (visit.clock.lately(backup.created_at))
                ", up to the switch, is set aside. Undo brings it back."
            }
            p.heed {
                span aria-hidden="true" { "! " }
                "Orders and messages that come in before the switch are set aside too."
            }
        }
        @if let Some(job) = standing.under_way() {
            p #restore {
                "Another order for your site is under way. "
                a href={ "/backups/jobs/" (job.job) } { "See it" }
                ". You can restore when it has ended."
            }
        } @else {
            form #restore method="post" action=(address) {
                (form::unseen(visit, standing, &address))
                fieldset {
                    legend { "What to restore" }
                    (choice("all", whole, None))
                    @if both {
                        (choice("files", "Files only: pages, pictures, plugins, themes", None))
                        (choice(
                            "db",
                            "Database only: posts, orders, customers, settings",
                            Some("The files stay as they are now; pictures that were deleted do not return."),
                        ))
                    }
                }
                (form::note(answers.note))
                (form::word(RESTORE, answers.word, answers.word_is_wrong))
                div.deeds {
                    button { "Restore " bdi { (visit.customer.external_id) } }
                    a href="/backups" { "Do nothing, go back" }
                }
            }
        }
    }
}
