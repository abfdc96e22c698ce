//! `GET` and `POST /sites`: whose pages are open, for a login that may see several.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    layout::{Page, error_summary, stale},
    refused,
    visit::{Personal, session},
};
use crate::{auth::Right, sessions::Session, web::Web};

/// `GET /sites`.
pub async fn show(State(web): State<Arc<Web>>, request: Request) -> Response {
    match session(&request.into_parts().0, &web).await {
        Ok(session) => page(&web, &session, None),
        Err(answer) => answer,
    }
}

/// `POST /sites`.
pub async fn choose(State(web): State<Arc<Web>>, sent: Personal) -> Response {
    let Personal { session, fields, is_genuine } = sent;
    if !is_genuine {
        return page(&web, &session, Some((StatusCode::FORBIDDEN, stale())));
    }
    let name = fields.get("site");
    match web.customer(&session.caller, Right::Read, name).await {
        Ok(customer) => {
            match web.database.choose_site(&session.sum(), &customer.external_id).await {
                Ok(()) => Redirect::to("/backups").into_response(),
                Err(error) => refused::store(&web, error),
            }
        }
        Err(problem) if problem.is_not_found() => {
            let what = html! { "There is no such site among yours." };
            page(&web, &session, Some((StatusCode::NOT_FOUND, error_summary(&what))))
        }
        Err(problem) => refused::problem(&web, problem),
    }
}

fn page(web: &Web, session: &Session, problem: Option<(StatusCode, Markup)>) -> Response {
    let status = problem.as_ref().map_or(StatusCode::OK, |(status, _)| *status);
    let proof = session.proof("/sites");
    let body = html! {
        @if let Some((_, problem)) = &problem { (problem) }
        h1 { "Choose a site" }
        @if session.caller.is_operator() {
            form method="post" action="/sites" {
                input type="hidden" name="proof" value=(proof);
                div.field {
                    label for="site" { "The customer’s name" }
                    input #site type="text" name="site" maxlength="64" autocomplete="off"
                        spellcheck="false";
                }
                button { "Open" }
            }
        }
        @if session.caller.customers().is_empty() && !session.caller.is_operator() {
            p { "Your login names no site." }
        }
        ul.sites {
            @for name in session.caller.customers() {
                li {
                    form method="post" action="/sites" {
                        input type="hidden" name="proof" value=(proof);
                        input type="hidden" name="site" value=(name);
                        button.plain { bdi { (name) } }
                    }
                }
            }
        }
        form method="post" action="/logout" {
            input type="hidden" name="proof" value=(session.proof("/logout"));
            button.plain.small { "Log out" }
        }
    };
    let title = if problem.is_some() { "Error: Choose a site" } else { "Choose a site" };
    Page::new(title, body).status(status).show_outside(&web.config.dashboard)
}
