//! Logging in and out: a link's code, the host's own token, and the pages of those who are not logged in.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use holdfast_store::Login;
use maud::{Markup, html};
use tracing::info;

use super::{
    layout::Page,
    refused,
    visit::{Fields, Personal},
};
use crate::{
    dashboard::Dashboard,
    sessions::{Session, is_for_this_machine, sum},
    web::Web,
};

/// For how long the name of a token that has logged somebody in is remembered: longer than it counts.
const NAMES_KEPT: Duration = Duration::from_secs(3600);

/// `GET /login/{code}`: a form that sends itself, with a button where there is no script. To look at the
/// link uses up nothing.
pub async fn link(State(web): State<Arc<Web>>, Path(code): Path<String>) -> Response {
    let body = html! {
        h1 { "Open your backups" }
        form method="post" action="/login" data-send {
            input type="hidden" name="code" value=(code);
            p { "This link works once, for a minute." }
            button { "Open my backups" }
        }
    };
    let mut answer = Page::new("Open your backups", body).show_outside(&web.config.dashboard);
    // The code stands in this page's address, and no log of ours has it as a referrer.
    let none = HeaderValue::from_static("no-referrer");
    answer.headers_mut().insert(header::REFERRER_POLICY, none);
    answer
}

/// `POST /login`: uses up the code.
pub async fn login(State(web): State<Arc<Web>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let fields = match Fields::of(request, &web).await {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    match web.database.use_login_code(&sum(fields.get("code"))).await {
        Ok(Some(login)) => begin(&web, &login, &headers).await,
        Ok(None) => not_used(&web.config.dashboard),
        Err(error) => refused::store(&web, error),
    }
}

/// `POST /sso`: the host's own login sends a form with a token of its making, which counts once.
pub async fn sso(State(web): State<Arc<Web>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let fields = match Fields::of(request, &web).await {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    let (caller, name) = match web.tokens.check_login(fields.get("token")) {
        Ok(checked) => checked,
        Err(problem) => return refused::problem(&web, problem),
    };
    let login = caller.login();
    let name = sum(&format!("jti {} {name}", web.config.tokens.issuer));
    match web.database.use_token_name(&name, &login.subject, NAMES_KEPT).await {
        Ok(true) => begin(&web, &login, &headers).await,
        Ok(false) => not_used(&web.config.dashboard),
        Err(error) => refused::store(&web, error),
    }
}

async fn begin(web: &Web, login: &Login, headers: &HeaderMap) -> Response {
    let dashboard = &web.config.dashboard;
    if dashboard.plain_http && !is_for_this_machine(headers) {
        let body = html! {
            h1 { "This address needs TLS" }
            p {
                "The pages are served without TLS here, which is for browsers on the same machine alone. \
                 Set " code { "dashboard.plain_http" } " to false, and put your web server with TLS before it."
            }
        };
        let page = Page::new("This address needs TLS", body).status(StatusCode::FORBIDDEN);
        return page.show_outside(dashboard);
    }
    match Session::begin(web, login, headers).await {
        Ok(cookie) => {
            info!(subject = login.subject, "somebody logs in to the pages");
            ([(header::SET_COOKIE, cookie)], Redirect::to("/backups")).into_response()
        }
        Err(error) => refused::store(web, error),
    }
}

/// `POST /logout`.
pub async fn logout(State(web): State<Arc<Web>>, sent: Personal) -> Response {
    if !sent.is_genuine {
        return Redirect::to("/backups").into_response();
    }
    match sent.session.end(&web).await {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response(),
        Err(error) => refused::store(&web, error),
    }
}

/// `GET /login`: how somebody gets in, and what is seen after logging out.
pub async fn outside(State(web): State<Arc<Web>>) -> Response {
    let dashboard = &web.config.dashboard;
    let body = html! {
        h1 { "You are logged out" }
        (way_in(dashboard))
    };
    Page::new("You are logged out", body).show_outside(dashboard)
}

/// The page of somebody without a session, 401.
pub fn logged_out(dashboard: &Dashboard) -> Response {
    let body = html! {
        h1 { "You are logged out" }
        p { "What you ordered goes on by itself." }
        (way_in(dashboard))
    };
    let page = Page::new("You are logged out", body).status(StatusCode::UNAUTHORIZED);
    page.show_outside(dashboard)
}

fn not_used(dashboard: &Dashboard) -> Response {
    let body = html! {
        h1 { "This link cannot be used any more" }
        p { "A link works once, and for a minute. Nothing was changed." }
        (way_in(dashboard))
    };
    let page = Page::new("This link cannot be used any more", body).status(StatusCode::GONE);
    page.show_outside(dashboard)
}

fn way_in(dashboard: &Dashboard) -> Markup {
    html! {
        @match &dashboard.login_url {
            Some(url) => p { a.button href=(url) rel="noopener" { "Log in" } },
            None => p { "Open your backups from where you manage your site, or ask for a new link." },
        }
    }
}
