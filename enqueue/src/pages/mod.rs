//! The pages: what a customer sees, and the forms by which they order. They decide nothing: what can be
//! ordered `orders/` says, and how things stand the catalogue and the jobs.

mod act;
mod backup;
mod clock;
mod create;
mod delete;
mod files;
mod form;
mod history;
mod job;
mod layout;
mod list;
mod login;
mod refused;
mod restore;
mod sites;
mod standing;
mod steps;
mod stream;
mod strip;
mod undo;
mod visit;
mod words;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

use crate::{problem::Problem, web::Web};

/// Every route of the pages.
pub fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/", get(back))
        .route("/backups", get(list::show))
        .route("/backups/create", get(back).post(create::create))
        .route("/backups/events", get(stream::show))
        .route("/backups/history", get(history::show))
        .route("/backups/history.csv", get(history::file))
        .route("/backups/{snapshot_id}", get(backup::show))
        .route("/backups/{snapshot_id}/restore", get(back).post(restore::restore))
        .route("/backups/{snapshot_id}/delete", get(delete::show).post(delete::delete))
        .route("/backups/jobs/{job}", get(job::show))
        .route("/backups/jobs/{job}/undo", get(undo::show).post(undo::undo))
        .route("/backups/jobs/{job}/stop", get(back).post(act::stop))
        .route("/backups/jobs/{job}/retry", get(back).post(act::retry))
        .route("/sites", get(sites::show).post(sites::choose))
        .route("/login", get(login::outside).post(login::login))
        .route("/login/{code}", get(login::link))
        .route("/logout", get(back).post(login::logout))
        .route("/sso", get(back).post(login::sso))
        .route("/static/{name}", get(files::show))
}

/// Where a form of another page is sent: what somebody opens there leads to the page.
async fn back(uri: Uri) -> Redirect {
    match uri.path().rsplit_once('/') {
        Some((page, "restore" | "stop" | "retry")) => Redirect::to(page),
        _ => Redirect::to("/backups"),
    }
}

/// The answer to an address that there is not: a page for browsers, a problem for programs.
pub fn no_such_page(web: &Web, headers: &HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    match accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        true => refused::not_found().show_outside(&web.config.dashboard),
        false => Problem::not_found("page").into_response(),
    }
}
