//! `GET /backups/jobs/{job}`: one address for an order, whatever has become of it.

use axum::{extract::Path, response::Response};
use holdfast_job::{JobId, JobStatus, Moment, Verb, WhatHappened};
use holdfast_store::{BackupName, Job};
use maud::{Markup, html};

use super::{
    form,
    layout::Page,
    refused,
    standing::{Mood, Standing, is_closed, line},
    steps,
    visit::Visit,
    words::{closed_for, count, counted, noun, part, reference, size, who},
};
use crate::orders::{possible::undoable, refusal::Refusal};

/// `GET /backups/jobs/{job}`.
pub async fn show(visit: Visit, Path(name): Path<String>) -> Response {
    let page = async {
        let job = find(&visit, &name).await?;
        page(&visit, &job).await
    };
    page.await.unwrap_or_else(|refusal| refused::page(&visit, &refusal)).show(&visit)
}

/// A job of this site.
///
/// # Errors
/// [`Refusal::NoSuchThing`], [`Refusal::Store`].
pub async fn find(visit: &Visit, name: &str) -> Result<Job, Refusal> {
    let name: JobId = name.parse().map_err(|_| Refusal::NoSuchThing)?;
    visit.web.database.job(visit.customer.id, name).await?.ok_or(Refusal::NoSuchThing)
}

async fn page(visit: &Visit, job: &Job) -> Result<Page, Refusal> {
    let standing = Standing::of(visit).await?;
    let to = restored_to(visit, job).await?;
    let (title, body) = match job.status {
        JobStatus::Pending | JobStatus::Running => under_way(visit, &standing, job, &to).await?,
        JobStatus::Completed => done(visit, job, &to).await?,
        JobStatus::Failed | JobStatus::Stopped | JobStatus::Skipped | JobStatus::Stuck => {
            not_done(visit, &standing, job)
        }
    };
    let body = html! {
        p { a href="/backups" { "Back to the backups" } }
        (body)
        (foot(visit, job))
    };
    let runs = matches!(job.status, JobStatus::Pending | JobStatus::Running);
    Ok(Page::new(title, body).watch(runs.then(|| steps::said(job))))
}

/// The day of the backup that is restored: ` to Saturday 28 November 2026, 02:11`.
async fn restored_to(visit: &Visit, job: &Job) -> Result<String, Refusal> {
    let (Verb::Restore, Some(snapshot)) = (job.verb, &job.snapshot) else {
        return Ok(String::new());
    };
    let name = BackupName::Snapshot(snapshot.clone());
    let backup = visit.web.database.backup(job.customer, &name).await?;
    Ok(backup.map(|backup| visit.clock.text(backup.created_at)).unwrap_or_default())
}

async fn under_way(
    visit: &Visit,
    standing: &Standing,
    job: &Job,
    to: &str,
) -> Result<(String, Markup), Refusal> {
    let waits = job.status == JobStatus::Pending;
    let heading = match (job.verb, waits) {
        (verb, true) => format!("Your {} is waiting", noun(verb)),
        (Verb::Backup, false) => "Your site is being saved".to_owned(),
        (Verb::Restore, false) if to.is_empty() => "Your site is being restored".to_owned(),
        (Verb::Restore, false) => format!("Your site is being restored to {to}"),
        (Verb::Undo, false) => "The restore is being undone".to_owned(),
        (Verb::Delete, false) => "A backup is being deleted".to_owned(),
    };
    let waiting = match (&standing.active, waits) {
        (Some((active, why)), true) if active.job == job.job => {
            why.as_ref().map(|why| why.because.clone())
        }
        (_, true) => {
            let silence = visit.web.config.worker_silence;
            let why = crate::view::status::waiting(&visit.web.database, silence, job).await?;
            Some(why.because)
        }
        _ => None,
    };
    let closed = is_closed(job);
    let silent = !waits && is_silent(visit, job).await?;
    let now = html! {
        p.first {
            @if closed { "Your site is closed for a moment. It opens again by itself." }
            @else { "Your site is open. Visitors notice nothing." }
        }
        @if job.stop_requested || job.reverting {
            p {
                @if job.stop_requested { "You stopped this. " }
                "Everything is being put back; it takes a few seconds."
            }
        }
        @if let Some(because) = &waiting { p { (because) } }
        @if silent {
            p {
                "We do not hear from the server at the moment. Your order is safe, and it goes on. \
                 This page looks again by itself."
            }
        }
    };
    let body = html! {
        h1 { (heading) }
        (line(if silent { Mood::Warn } else { Mood::Busy }, &now))
        (steps::show(job))
        p { "You can close this page: the order goes on, and this address shows how it ended." }
        (stop(visit, job))
    };
    Ok((heading, body))
}

/// True if no worker of the site's server has reported for longer than usual.
async fn is_silent(visit: &Visit, job: &Job) -> Result<bool, Refusal> {
    let node = visit.web.database.node_of_pool(&job.pool).await?;
    let silence = visit.web.config.worker_silence;
    Ok(node.is_some_and(|node| node.silent_for.is_none_or(|silent| silent > silence)))
}

fn stop(visit: &Visit, job: &Job) -> Markup {
    let address = format!("/backups/jobs/{}/stop", job.job);
    html! {
        @if !visit.may_order() || job.stop_requested {
        } @else if steps::can_be_stopped(job) {
            form method="post" action=(address) {
                input type="hidden" name="proof" value=(visit.proof(&address));
                div.deeds {
                    button.plain #stop {
                        @match (job.status, job.verb) {
                            (JobStatus::Pending, verb) => { "Cancel this " (noun(verb)) }
                            (_, Verb::Backup) => "Stop this backup",
                            _ => "Stop and put everything back",
                        }
                    }
                    @if job.verb != Verb::Delete {
                        span.hint { "Nothing on your site has changed yet." }
                    }
                }
            }
        } @else if job.verb == Verb::Delete {
            p.hint { "A deletion that has begun cannot be stopped." }
        } @else if job.verb != Verb::Backup {
            p.hint { "The switch cannot be stopped. You can undo it afterwards." }
        }
    }
}

async fn done(visit: &Visit, job: &Job, to: &str) -> Result<(String, Markup), Refusal> {
    let healthy = job.result.as_ref().and_then(|result| result.healthy) != Some(false);
    let undone = undone(visit, job).await?;
    let heading = match job.verb {
        Verb::Backup => "Your backup is made",
        Verb::Restore => "Your site is restored",
        Verb::Undo if undone == Verb::Undo => "The undo is undone",
        Verb::Undo => "The restore is undone",
        Verb::Delete => "The backup is deleted",
    };
    let mood = match (job.verb, healthy) {
        (Verb::Restore | Verb::Undo, false) => Mood::Warn,
        _ => Mood::Good,
    };
    let at = job.completed_at.unwrap_or(job.updated_at);
    let first = html! {
        p.first {
            @match job.verb {
                Verb::Backup => "It was read back, and holds what is listed here.",
                Verb::Restore if !to.is_empty() => { "It is as it was on " (to) "." }
                Verb::Restore => "It is as the backup has it.",
                Verb::Undo if undone == Verb::Undo => "Your site is restored again.",
                Verb::Undo => "Your site is as it was before the restore.",
                Verb::Delete => "It is gone. Your site is as it was.",
            }
        }
        @if matches!(job.verb, Verb::Restore | Verb::Undo) && !healthy {
            p { "Its page does not answer as it should. Look at your site, or undo this." }
        }
        @if let Some(note) = message_beside_success(job) { p { bdi { (note) } } }
    };
    let undo = match job.verb {
        Verb::Restore | Verb::Undo => match undoable(&visit.web.database, job).await {
            Err(error @ Refusal::Store(_)) => return Err(error),
            decided => Some(decided),
        },
        Verb::Backup | Verb::Delete => None,
    };
    let body = html! {
        h1 { (heading) }
        (line(mood, &first))
        (checked(visit, job, at))
        @if matches!(job.verb, Verb::Restore | Verb::Undo) { (what_now()) }
        @match undo {
            Some(Ok(until)) if visit.may_order() => (way_back(visit, job, until)),
            Some(Err(Refusal::UndoExpired(until))) => {
                p {
                    "The way back was kept until " (visit.clock.lately(until)) " and is gone. Your \
                     backups are not: " a href="/backups" { "choose one" } "."
                }
            }
            Some(Err(Refusal::UndoneAlready)) => p { "This was undone since." },
            _ => {}
        }
        @if let (Verb::Backup, Some(snapshot)) = (job.verb, &job.snapshot) {
            div.deeds { a.button href={ "/backups/" (snapshot) } { "Look at the backup" } }
        }
    };
    Ok((heading.to_owned(), body))
}

/// The kind of what an undo takes back.
async fn undone(visit: &Visit, job: &Job) -> Result<Verb, Refusal> {
    let Some(of) = job.undo_of else { return Ok(Verb::Restore) };
    let found = visit.web.database.job(job.customer, of).await?;
    Ok(found.map_or(Verb::Restore, |found| found.verb))
}

/// What is said beside a success: that it came too late to be stopped, or what is missing.
fn message_beside_success(job: &Job) -> Option<String> {
    let missing = job.result.as_ref().map_or(0, |result| result.unreadable.len());
    match (job.stop_requested, missing) {
        (true, _) => Some("It could not be stopped any more.".to_owned()),
        (false, 0) => None,
        (false, missing) => Some(format!(
            "{} could not be read and are not in it.",
            counted(missing as u64, "file")
        )),
    }
}

/// The evidence of a success.
fn checked(visit: &Visit, job: &Job, at: Moment) -> Markup {
    let Some(result) = &job.result else { return html! {} };
    let word = |what: WhatHappened| match what {
        WhatHappened::Saved => "saved",
        WhatHappened::Restored => "in place",
        WhatHappened::Undone => "back",
        WhatHappened::Untouched => "left as it is",
        WhatHappened::NotInBackup => "not in the backup, left as it is",
    };
    html! {
        dl {
            @for source in &result.sources {
                div {
                    dt { bdi { (source.name) } }
                    dd {
                        (word(source.what))
                        @if source.entries > 0 {
                            ": " (count(source.entries)) " counted"
                            @if source.bytes > 0 { ", " (size(source.bytes)) }
                        }
                    }
                }
            }
            @if let Some(closed) = result.closed_ms {
                div {
                    dt { "Closed" }
                    dd { "for " (closed_for(closed)) ", until " (visit.clock.to_the_second(at)) }
                }
            }
            @match result.healthy {
                Some(true) => div { dt { "Your site" } dd { "answers as it should" } },
                Some(false) => div { dt { "Your site" } dd { "does not answer as it should" } },
                None => {}
            }
            div { dt { "Ended" } dd { (visit.clock.lately(at)) } }
        }
    }
}

fn what_now() -> Markup {
    html! {
        section aria-labelledby="next" {
            h2 #next { "What to do now" }
            ol {
                li { "Look at your site." }
                li { "Sign in there again; a restored database may not know your last password." }
                li { "If an attack was the reason: change passwords, then update plugins." }
            }
        }
    }
}

fn way_back(visit: &Visit, job: &Job, until: Moment) -> Markup {
    let (title, brings) = match job.verb {
        Verb::Undo => ("Undo this undo …", "Brings back what was restored."),
        _ => ("Undo this restore …", "Brings back the site of before the restore."),
    };
    html! {
        section aria-labelledby="back" {
            h2 #back { "Not what you wanted?" }
            p { (brings) " It takes a few seconds, and is possible until " (visit.clock.lately(until)) "." }
            div.deeds {
                a.button href={ "/backups/jobs/" (job.job) "/undo" } { (title) }
                a href="/backups" { "Choose another backup" }
            }
        }
    }
}

fn not_done(visit: &Visit, standing: &Standing, job: &Job) -> (String, Markup) {
    let noun = noun(job.verb);
    let (heading, mood) = match job.status {
        JobStatus::Stopped => (format!("The {noun} was stopped"), Mood::Good),
        JobStatus::Skipped => (format!("The {noun} was skipped"), Mood::Good),
        JobStatus::Stuck => (format!("The {noun} needs our support"), Mood::Bad),
        _ => (format!("The {noun} was not done"), Mood::Warn),
    };
    let message = job
        .customer_message
        .clone()
        .or_else(|| job.result.as_ref().map(|result| result.customer_message.clone()));
    let now = html! {
        p.first {
            @match job.status {
                JobStatus::Stuck => "Your site may be closed. Whole copies of old and new are kept.",
                JobStatus::Failed if job.verb == Verb::Backup => "Your site is as it was, and open.",
                _ => "Your site is as it was.",
            }
        }
        @if let Some(message) = &message { p { bdi { (message) } } }
        @if job.status == JobStatus::Stuck {
            p { "You need not do anything. Give our support the reference below." }
        }
    };
    let body = html! {
        h1 { (heading) }
        (line(mood, &now))
        (again(visit, standing, job))
    };
    (heading, body)
}

/// The button that orders the same again.
fn again(visit: &Visit, standing: &Standing, job: &Job) -> Markup {
    let address = format!("/backups/jobs/{}/retry", job.job);
    if job.status == JobStatus::Stuck || !visit.may_order() {
        return html! {};
    }
    if let Some(other) = standing.under_way() {
        return html! {
            p {
                "Another order for your site is under way. "
                a href={ "/backups/jobs/" (other.job) } { "See it" }
                ". You can try this again when it has ended."
            }
        };
    }
    match (job.verb, &job.snapshot) {
        // A restore is confirmed anew.
        (Verb::Restore, Some(snapshot)) => {
            let scope = match job.scope.word() {
                word @ ("db" | "files") => word,
                _ => "all",
            };
            html! {
                div.deeds {
                    a.button href={ "/backups/" (snapshot) "?restore=" (scope) "#restore" } {
                        "Try again …"
                    }
                    a href="/backups" { "Choose another backup" }
                }
            }
        }
        (Verb::Undo, _) => match job.undo_of {
            Some(of) => html! {
                div.deeds { a.button href={ "/backups/jobs/" (of) "/undo" } { "Try again …" } }
            },
            None => html! {},
        },
        _ => html! {
            form method="post" action=(address) {
                (form::unseen(visit, standing, &address))
                div.deeds {
                    button { "Try again" }
                    a href="/backups" { "Back to the backups" }
                }
            }
        },
    }
}

/// Who ordered what, when, and what it is called.
fn foot(visit: &Visit, job: &Job) -> Markup {
    let reference = reference(job);
    html! {
        section.reference aria-label="This order" {
            p {
                "Ordered by " bdi { (who(job.requested_by.as_deref())) } ", "
                (visit.clock.lately(job.created_at)) ": "
                (noun(job.verb))
                @if matches!(job.verb, Verb::Backup | Verb::Restore) { " of " (part(&job.scope)) }
                "."
                @if let Some(note) = &job.note { " “" bdi { (note) } "”" }
            }
            p {
                "Reference " code #reference { (reference) } " "
                button.plain.small type="button" data-copy=(job.job) hidden { "Copy" }
            }
            @if visit.session.caller.is_operator() {
                @if let Some(message) = &job.operator_message {
                    details {
                        summary { "For operators" }
                        p { bdi { (message) } }
                        p { code { (job.job) } }
                    }
                }
            }
        }
    }
}
