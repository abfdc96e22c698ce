//! `GET /backups`: how the site is, the last days, a new backup, and every backup, newest first.

use std::collections::{BTreeMap, BTreeSet};

use axum::{extract::Query, response::Response};
use holdfast_job::{JobId, Moment, WhatHappened};
use holdfast_store::{
    Backup, BackupFilter, BackupKind, BackupOutcome, BackupState, PageLimit, StoreError,
};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    clock::day_words,
    create,
    layout::Page,
    refused,
    standing::Standing,
    strip::Strip,
    visit::Visit,
    words::{counted, holds, size},
};
use crate::retention::decide;

/// Which backups are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    /// On this day or before.
    day: Option<String>,
    /// What they hold: `db`, `files`, `both`.
    holds: Option<String>,
    /// Behind this one.
    behind: Option<String>,
}

impl Wanted {
    fn day(&self) -> Option<Date> {
        self.day.as_deref()?.parse().ok()
    }

    fn holds(&self) -> Option<&'static str> {
        ["db", "files", "both"].into_iter().find(|word| self.holds.as_deref() == Some(word))
    }

    fn behind(&self) -> Option<JobId> {
        self.behind.as_deref()?.parse().ok()
    }

    fn is_everything(&self) -> bool {
        self.day().is_none() && self.holds().is_none() && self.behind().is_none()
    }
}

/// `GET /backups`.
pub async fn show(visit: Visit, Query(wanted): Query<Wanted>) -> Response {
    match page(&visit, &wanted).await {
        Ok(page) => page.show(&visit),
        Err(error) => refused::page(&visit, &error.into()).show(&visit),
    }
}

async fn page(visit: &Visit, wanted: &Wanted) -> Result<Page, StoreError> {
    let standing = Standing::of(visit).await?;
    let strip = Strip::of(visit).await?;
    let filter = BackupFilter {
        scope: wanted.holds(),
        until: wanted.day().and_then(|day| visit.clock.end_of(day)),
        behind: wanted.behind(),
        ..BackupFilter::default()
    };
    let database = &visit.web.database;
    let backups = database.backups(visit.customer.id, &filter, PageLimit::USUAL).await?;
    let kept = reasons(&database.catalogue(visit.customer.id).await?, visit.web.config.keep_manual);
    let failures = match wanted.is_everything() {
        true => strip.failures.as_slice(),
        false => &[],
    };
    let is_empty = wanted.is_everything() && backups.items.is_empty() && failures.is_empty();
    let body = html! {
        h1 { "Backups of " bdi { (visit.customer.external_id) } }
        (standing.show(visit))
        @if wanted.is_everything() && !backups.items.is_empty() && standing.under_way().is_none() {
            (advice(visit))
        }
        @if wanted.is_everything() { (create::form(visit, &standing).await?) }
        @if !is_empty { (strip.show(&visit.clock)) }
        section #list aria-labelledby="list-head" {
            h2 #list-head { "Your backups" }
            @if !is_empty { (finder(wanted)) }
            @if backups.items.is_empty() && failures.is_empty() {
                p {
                    @if wanted.is_everything() { "There is none yet." }
                    @else { "There is none like that. " a href="/backups" { "Show all" } }
                }
            }
            (days(visit, &backups.items, failures, &kept))
            @if let Some(behind) = backups.next {
                p {
                    a.button href={
                        "/backups?behind=" (behind)
                        @if let Some(day) = wanted.day() { "&day=" (day) }
                        @if let Some(holds) = wanted.holds() { "&holds=" (holds) }
                        "#list"
                    } { "Older backups" }
                }
            }
        }
    };
    Ok(Page::new("Backups", body).watch(standing.under_way().map(|_| String::new())))
}

fn advice(visit: &Visit) -> Markup {
    html! {
        section aria-labelledby="wrong" {
            h2 #wrong { "Is something wrong with your site?" }
            p {
                "Choose a backup from before the trouble began. You see what will change before anything \
                 happens, and you can undo it for " (visit.web.config.undo_hours) " hours."
            }
            p { a.button href="#list" { "Choose a backup" } }
        }
    }
}

/// The form that finds backups. Its address can be sent to somebody else.
fn finder(wanted: &Wanted) -> Markup {
    let chosen = wanted.holds().unwrap_or_default();
    html! {
        form.finder method="get" action="/backups#list" {
            div.field {
                label for="day" { "On or before" }
                input #day type="date" name="day" value=[wanted.day()];
            }
            div.field {
                label for="holds" { "Holds" }
                select #holds name="holds" {
                    @for (word, text) in [
                        ("", "Anything"),
                        ("both", "Database and files"),
                        ("db", "Database only"),
                        ("files", "Files only"),
                    ] {
                        option value=(word) selected[word == chosen] { (text) }
                    }
                }
            }
            button.plain { "Show" }
        }
    }
}

/// What is listed of a day, newest first.
enum Entry<'b> {
    Backup(&'b Backup),
    Failure(&'b BackupOutcome),
}

fn days(
    visit: &Visit,
    backups: &[Backup],
    failures: &[BackupOutcome],
    kept: &BTreeMap<JobId, String>,
) -> Markup {
    // Failures that are older than the page of backups belong to the next one.
    let oldest = backups.last().map(|backup| backup.created_at);
    let failures =
        failures.iter().filter(|failure| oldest.is_none_or(|last| failure.ordered_at > last));
    let mut entries: Vec<(Moment, Entry<'_>)> =
        failures.map(|failure| (failure.ordered_at, Entry::Failure(failure))).collect();
    entries.extend(backups.iter().map(|backup| (backup.created_at, Entry::Backup(backup))));
    // Backups of the same second stay in the catalogue's order.
    entries.sort_by(|(one, _), (other, _)| other.cmp(one));
    let mut by_day: Vec<(Date, Vec<Entry<'_>>)> = Vec::new();
    for (moment, entry) in entries {
        let day = visit.clock.day(moment);
        match by_day.last_mut() {
            Some((last, entries)) if *last == day => entries.push(entry),
            _ => by_day.push((day, vec![entry])),
        }
    }
    html! {
        @for (day, entries) in &by_day {
            h3 { (day_words(*day, visit.clock.today())) }
            ul.backups {
                @for entry in entries {
                    li {
                        @match entry {
                            Entry::Backup(backup) => (row(visit, backup, kept)),
                            Entry::Failure(failure) => (failed(visit, failure)),
                        }
                    }
                }
            }
        }
    }
}

fn row(visit: &Visit, backup: &Backup, kept: &BTreeMap<JobId, String>) -> Markup {
    let clock = &visit.clock;
    let address = format!("/backups/{}", backup.snapshot);
    let full = clock.text(backup.created_at);
    html! {
        div.what {
            p {
                a href=(address) {
                    (clock.of_day(backup.created_at))
                    span.unseen { ", backup of " (full) }
                }
                " " span.holds { (holds(backup)) }
                " " span.size { (size(backup.bytes)) }
                @if backup.kind == BackupKind::Daily { " " span.tag { "Daily" } }
                @if backup.held { " " span.tag { "On hold" } }
                @if backup.incomplete {
                    " " span.tag.warn {
                        "! Lacks " (counted(backup.unreadable.len() as u64, "file"))
                    }
                }
            }
            @if let Some(note) = &backup.note { p.note { "“" bdi { (note) } "”" } }
            @if backup.state == BackupState::Deleting {
                p.hint { "This backup is being deleted." }
            } @else if let Some(reason) = kept.get(&backup.uuid) {
                p.hint { (reason) }
            }
        }
        @if backup.state == BackupState::Active && visit.may_order() {
            a.button href={ (address) "?restore=all#restore" } {
                "Restore …" span.unseen { " the backup of " (full) }
            }
        }
    }
}

fn failed(visit: &Visit, failure: &BackupOutcome) -> Markup {
    html! {
        div.what {
            p {
                a href={ "/backups/jobs/" (failure.job) } {
                    (visit.clock.of_day(failure.ordered_at))
                    span.unseen { ", backup that failed" }
                }
                " " span.tag.bad { "✕ Not saved" }
            }
            @if let Some(why) = &failure.customer_message { p.hint { bdi { (why) } } }
        }
    }
}

/// Why each backup is kept, in a sentence.
pub fn reasons(catalogue: &[Backup], keep: u32) -> BTreeMap<JobId, String> {
    let decided = catalogue.iter().zip(decide(catalogue, keep, &BTreeSet::new()));
    let sentence = |backup: &Backup, reason: &str| match reason {
        "a daily backup" => "A daily backup.".to_owned(),
        "it is held" => "On hold: it is not deleted until our support releases it.".to_owned(),
        "among the most recent" if keep == 1 => "Kept: your newest manual backup.".to_owned(),
        "among the most recent" => format!("Kept: one of your {keep} newest manual backups."),
        "the newest complete backup of a source" => {
            let saved = backup.sources.iter().filter(|source| source.what == WhatHappened::Saved);
            let names: Vec<_> = saved.map(|source| source.name.as_str()).collect();
            format!(
                "Kept: the newest complete backup of a part of your site ({}).",
                names.join(", ")
            )
        }
        _ => "Older than those that are kept: it is deleted soon.".to_owned(),
    };
    decided.map(|(backup, decision)| (backup.uuid, sentence(backup, decision.reason))).collect()
}
