//! `POST /backups/jobs/{job}/stop` and `…/retry`.

use axum::{
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use holdfast_job::{JobStatus, Order, Verb};
use holdfast_store::{Job, Stopping};
use maud::html;

use super::{
    create::give,
    job::find,
    layout::{Page, stale},
    refused,
    visit::{Sent, Visit},
};
use crate::orders::{admission::NewOrder, possible::order_again, refusal::Refusal};

/// `POST /backups/jobs/{job}/stop`. A second time changes nothing.
pub async fn stop(Path(name): Path<String>, sent: Sent) -> Response {
    let visit = &sent.visit;
    let stopped = async {
        let job = find(visit, &name).await?;
        if !sent.is_genuine {
            return Ok(not_sent(visit, &job));
        }
        let actor = visit.session.caller.actor();
        let stopping = visit.web.database.stop(visit.customer.id, job.job, &actor).await?;
        Ok(match stopping {
            Stopping::ToldNext(ring) => {
                visit.web.admission.bells.hand_in(&visit.customer.pool, ring);
                to(&job)
            }
            Stopping::TooLate => too_late(visit, &job),
            // The page of the job says how it stands, and when it has ended, how.
            Stopping::Stopped | Stopping::Told | Stopping::Stuck | Stopping::Ended(_) => to(&job),
            Stopping::Unknown => return Err(Refusal::NoSuchThing),
        })
    };
    stopped.await.unwrap_or_else(|refusal| refused::page(visit, &refusal).show(visit))
}

/// `POST /backups/jobs/{job}/retry`: for what needs no word.
pub async fn retry(Path(name): Path<String>, sent: Sent) -> Response {
    let visit = &sent.visit;
    let ordered = async {
        let job = find(visit, &name).await?;
        if !sent.is_genuine {
            return Ok(not_sent(visit, &job));
        }
        let order = order_again(&visit.web.database, &job).await?;
        if matches!(order, Order::Restore(_) | Order::Undo(_)) {
            // Those are confirmed on a page of their own.
            return Ok(to(&job));
        }
        let order = NewOrder {
            order,
            actor: visit.session.caller.actor(),
            note: job.note.clone(),
            retry_of: Some(job.job),
            key: Some(sent.order_key(&[])),
        };
        give(visit, order).await
    };
    ordered.await.unwrap_or_else(|refusal| refused::page(visit, &refusal).show(visit))
}

fn to(job: &Job) -> Response {
    Redirect::to(&format!("/backups/jobs/{}", job.job)).into_response()
}

fn too_late(visit: &Visit, job: &Job) -> Response {
    if job.status != JobStatus::Running && job.status != JobStatus::Pending {
        return to(job);
    }
    let text = match job.verb {
        Verb::Delete => "This backup is being deleted already. Your site is as it was.",
        _ => {
            "The switch has begun, which takes a moment. Your site opens again by itself. You can undo it \
             afterwards."
        }
    };
    let body = html! {
        h1 { "It cannot be stopped any more" }
        p { (text) }
        p { a.button href={ "/backups/jobs/" (job.job) } { "See how far it is" } }
    };
    let page = Page::new("It cannot be stopped any more", body);
    page.status(StatusCode::CONFLICT).show(visit)
}

fn not_sent(visit: &Visit, job: &Job) -> Response {
    let body = html! {
        (stale())
        h1 { "Nothing was changed" }
        p { a.button href={ "/backups/jobs/" (job.job) } { "Look at the order" } }
    };
    Page::new("Error: Nothing was changed", body).status(StatusCode::FORBIDDEN).show(visit)
}
