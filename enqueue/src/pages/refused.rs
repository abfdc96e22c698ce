//! The page that stands in the place of what was asked for: what happened, how the site is, what to do.

use axum::{http::StatusCode, response::Response};
use holdfast_store::StoreError;
use maud::{Markup, html};

use super::{layout::Page, visit::Visit};
use crate::{
    http::request_id,
    orders::refusal::{NotRetryable, Refusal},
    problem::Problem,
    spoken::to_come,
    web::Web,
};

/// The page of a refusal.
pub fn page(visit: &Visit, refusal: &Refusal) -> Page {
    let clock = &visit.clock;
    let nothing = "Nothing was ordered, and your site is as it was.";
    let (status, title, text): (StatusCode, &str, Markup) = match refusal {
        Refusal::NoSuchThing => return not_found(),
        Refusal::NoNode => (
            StatusCode::SERVICE_UNAVAILABLE,
            "No server takes this order",
            html! {
                p { "No server is registered yet for the place where your site is. " (nothing) }
                p { "Ask our support." }
            },
        ),
        Refusal::Daily { orders, wait } => (
            StatusCode::TOO_MANY_REQUESTS,
            "That was enough for today",
            html! {
                p {
                    (orders) " orders for your site were given in the last 24 hours, as many as are taken. "
                    (nothing)
                }
                p { "The next one is taken in " (to_come(*wait)) "." }
            },
        ),
        Refusal::Active(job) => (
            StatusCode::CONFLICT,
            "Another order is under way",
            html! {
                p { "Another order for your site runs. Yours was not taken." }
                p { "Order again when it has ended." }
                p { a.button href={ "/backups/jobs/" (job) } { "See the order under way" } }
            },
        ),
        Refusal::KeyReused(job) => (
            StatusCode::CONFLICT,
            "This was ordered already",
            html! {
                p { "Another order was given from this page before, and this one was not taken." }
                p { a.button href={ "/backups/jobs/" (job) } { "See that order" } }
            },
        ),
        Refusal::BackupGone => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This backup is gone",
            html! {
                p { "It is being deleted, or is gone. " (nothing) }
                p { "Choose another one." }
            },
        ),
        Refusal::BackupInUse | Refusal::BackupKept => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This backup is in use",
            html! {
                p { "It is being restored, or is on hold. " (nothing) }
                p { "It can be deleted afterwards." }
            },
        ),
        Refusal::NotInBackup { .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "The backup does not hold that",
            html! {
                p { "This backup was made of other parts of your site. " (nothing) }
                p { "Choose another backup, or another part." }
            },
        ),
        Refusal::NothingToUndo | Refusal::NotConfirmed { .. } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "There is nothing to undo",
            html! {
                p { "Only a restore that was done can be undone. " (nothing) }
            },
        ),
        Refusal::UndoExpired(until) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "The way back is gone",
            html! {
                p { "It was kept until " (clock.lately(*until)) ". " (nothing) }
                p { "Your backups are not gone: choose one." }
            },
        ),
        Refusal::UndoneAlready => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This was undone already",
            html! {
                p { "Nothing was ordered now. Undo that undo to have the restored site again." }
            },
        ),
        Refusal::NotRetryable(why) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "This cannot be tried again",
            html! {
                p {
                    @match why {
                        NotRetryable::Done => "It was done.",
                        NotRetryable::UnderWay => "It is still under way.",
                        NotRetryable::Stuck => "Our support has to look at it first.",
                        NotRetryable::BeforeHoldfast | NotRetryable::Unreadable => {
                            "The order cannot be read any more: order it anew."
                        }
                    }
                    " " (nothing)
                }
            },
        ),
        Refusal::Unknown(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "We do not know whether your order arrived",
            html! {
                p {
                    "Look at the history first, in a few seconds: if your order is there, it is safe. Else \
                     order again."
                }
                p { a.button href="/backups/history" { "Look at the history" } }
            },
        ),
        Refusal::Unsigned => return broken(),
        Refusal::Store(error) if error.is_away() => return away(),
        Refusal::Store(_) => return broken(),
    };
    framed(status, title, &text)
}

fn framed(status: StatusCode, title: &str, text: &Markup) -> Page {
    let body = html! {
        h1 { (title) }
        (text)
        p { a href="/backups" { "Back to the backups" } }
        (reference())
    };
    Page::new(title, body).status(status)
}

/// The name of the request, by which support finds it in the log.
fn reference() -> Markup {
    html! {
        @if let Some(id) = request_id::current() {
            p.hint { "Reference " code { (id) } }
        }
    }
}

/// The page of what is not there, or is another's.
pub fn not_found() -> Page {
    framed(
        StatusCode::NOT_FOUND,
        "There is no such page",
        &html! {
            p { "It may have been deleted, or the address is not whole." }
        },
    )
}

fn away() -> Page {
    framed(
        StatusCode::SERVICE_UNAVAILABLE,
        "Backups cannot be looked at just now",
        &html! {
            p { "Nothing was ordered. What was ordered before goes on. Try again in a few seconds." }
        },
    )
}

fn broken() -> Page {
    framed(
        StatusCode::INTERNAL_SERVER_ERROR,
        "There is a problem on our side",
        &html! {
            p { "Nothing was ordered. Try again in a few minutes, or give our support the reference." }
        },
    )
}

/// The page of a problem, for who is not at a site.
pub fn text(problem: &Problem) -> Page {
    framed(problem.status(), problem.title(), &html! { p { (problem.detail()) } })
}

/// The answer of a problem, for who is not at a site.
pub fn problem(web: &Web, problem: Problem) -> Response {
    let page = match problem.is_not_found() {
        true => not_found(),
        false => text(&problem),
    };
    page.show_outside(&web.config.dashboard)
}

/// The answer of an error of the store, for who is not at a site.
pub fn store(web: &Web, error: StoreError) -> Response {
    // Making a problem of it writes it into the log.
    let is_away = error.is_away();
    let _ = Problem::from(error);
    let page = if is_away { away() } else { broken() };
    page.show_outside(&web.config.dashboard)
}
