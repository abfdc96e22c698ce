//! `GET /backups/history`: every order with its outcome, newest first; and the same as a file.

use axum::{
    extract::Query,
    http::header,
    response::{IntoResponse, Response},
};
use holdfast_job::JobId;
use holdfast_store::{Job, JobFilter, PageLimit, StoreError};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    layout::Page,
    refused,
    standing::Standing,
    visit::Visit,
    words::{noun, outcome, part, sign, who},
};

/// So many orders are written into a file at most.
const MOST_IN_A_FILE: usize = 5000;

/// Which orders are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    behind: Option<String>,
}

/// `GET /backups/history`.
pub async fn show(visit: Visit, Query(wanted): Query<Wanted>) -> Response {
    match page(&visit, &wanted).await {
        Ok(page) => page.show(&visit),
        Err(error) => refused::page(&visit, &error.into()).show(&visit),
    }
}

async fn page(visit: &Visit, wanted: &Wanted) -> Result<Page, StoreError> {
    let standing = Standing::of(visit).await?;
    let behind: Option<JobId> = wanted.behind.as_deref().and_then(|name| name.parse().ok());
    let filter = JobFilter { behind, ..JobFilter::default() };
    let jobs = visit.web.database.jobs(visit.customer.id, &filter, PageLimit::USUAL).await?;
    let body = html! {
        h1 { "History of " bdi { (visit.customer.external_id) } }
        (standing.show(visit))
        @if jobs.items.is_empty() {
            p { "Nothing was ordered yet." }
        } @else {
            table.history {
                thead {
                    tr {
                        th scope="col" { "When" }
                        th scope="col" { "What" }
                        th scope="col" { "Outcome" }
                        th scope="col" { "Ordered by" }
                    }
                }
                tbody { @for job in &jobs.items { (row(visit, job)) } }
            }
            div.deeds {
                @if let Some(behind) = jobs.next {
                    a.button href={ "/backups/history?behind=" (behind) } { "Older orders" }
                }
                a href="/backups/history.csv" { "Download as CSV" }
            }
        }
    };
    Ok(Page::new("History", body))
}

fn row(visit: &Visit, job: &Job) -> Markup {
    let (sign, class) = sign(job.status);
    html! {
        tr {
            th scope="row" {
                a href={ "/backups/jobs/" (job.job) } {
                    (visit.clock.lately(job.created_at))
                    span.unseen { ", " (noun(job.verb)) }
                }
            }
            td data-label="What" { (what(job)) }
            td data-label="Outcome" {
                span.tag.(class) { span aria-hidden="true" { (sign) " " } (outcome(job)) }
            }
            td data-label="Ordered by" { bdi { (who(job.requested_by.as_deref())) } }
        }
    }
}

fn what(job: &Job) -> String {
    let noun = noun(job.verb);
    let mut said =
        noun.chars().next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    said.push_str(&noun[1..]);
    match job.verb {
        holdfast_job::Verb::Backup | holdfast_job::Verb::Restore => {
            format!("{said} of {}", part(&job.scope))
        }
        _ => said,
    }
}

/// `GET /backups/history.csv`.
pub async fn file(visit: Visit) -> Response {
    match csv(&visit).await {
        Ok(csv) => {
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"history.csv\""),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, csv).into_response()
        }
        Err(error) => refused::page(&visit, &error.into()).show(&visit),
    }
}

async fn csv(visit: &Visit) -> Result<String, StoreError> {
    let mut lines = "ordered,ended,what,outcome,ordered by,note,message,job\r\n".to_owned();
    let (mut behind, mut written) = (None, 0);
    while written < MOST_IN_A_FILE {
        let filter = JobFilter { behind, ..JobFilter::default() };
        let hundred = PageLimit::new(100).unwrap_or(PageLimit::USUAL);
        let page = visit.web.database.jobs(visit.customer.id, &filter, hundred).await?;
        written += page.items.len();
        for job in &page.items {
            let cells = [
                job.created_at.to_string(),
                job.completed_at.map(|at| at.to_string()).unwrap_or_default(),
                what(job),
                outcome(job).to_owned(),
                who(job.requested_by.as_deref()).to_owned(),
                job.note.clone().unwrap_or_default(),
                job.customer_message.clone().unwrap_or_default(),
                job.job.to_string(),
            ];
            let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
            lines.push_str(&cells.join(","));
            lines.push_str("\r\n");
        }
        behind = page.next;
        if behind.is_none() {
            break;
        }
    }
    Ok(lines)
}

/// A cell: quoted, on one line, and no formula where a spreadsheet would see one.
fn cell(text: &str) -> String {
    let text: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let text = text.replace('"', "\"\"");
    let formula = text.trim_start().starts_with(['=', '+', '-', '@']);
    format!("\"{}{text}\"", if formula { "'" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        for (text, written) in [
            ("plain", "\"plain\""),
            ("two\nlines, \"quoted\"", "\"two lines, \"\"quoted\"\"\""),
            ("=1+1", "\"'=1+1\""),
            (" @SUM(A1)", "\"' @SUM(A1)\""),
            ("-1", "\"'-1\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }
}
