//! The frame of every page: head, navigation, foot, and the headers of the answer.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{files, visit::Visit};
use crate::dashboard::Dashboard;

/// A page, before its frame is put around it.
#[derive(Debug)]
pub struct Page {
    status: StatusCode,
    title: String,
    body: Markup,
    watch: Option<String>,
}

impl Page {
    /// A page with this title.
    pub fn new(title: impl Into<String>, body: Markup) -> Self {
        Self { status: StatusCode::OK, title: title.into(), body, watch: None }
    }

    /// Answered with this status.
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// A page that changes by itself while something runs; `say` is what a screen reader is told now.
    pub fn watch(self, say: Option<String>) -> Self {
        Self { watch: say, ..self }
    }

    /// The answer, in the frame of a customer's pages.
    pub fn show(self, visit: &Visit) -> Response {
        let several = visit.session.caller.only_customer().is_none();
        let name = &visit.customer.external_id;
        let banner = html! {
            nav aria-label="Pages" {
                a href="/backups" { "Backups" }
                a href="/backups/history" { "History" }
                @if several { a href="/sites" { "Other sites" } }
            }
            form method="post" action="/logout" {
                input type="hidden" name="proof" value=(visit.session.proof("/logout"));
                button.plain { "Log out" }
            }
        };
        let foot = html! {
            p { "All times are " (visit.clock.zone()) "." }
            @if let Some(url) = &visit.dashboard().support_url {
                p { "Need help? " a href=(url) rel="noopener" { "Ask " (visit.dashboard().name) } }
            }
        };
        self.frame(visit.dashboard(), Some(name), &banner, &foot)
    }

    /// The answer to somebody who is not logged in, or not at a site.
    pub fn show_outside(self, dashboard: &Dashboard) -> Response {
        let nothing = PreEscaped(String::new());
        self.frame(dashboard, None, &nothing, &nothing)
    }

    fn frame(
        self,
        dashboard: &Dashboard,
        site: Option<&str>,
        banner: &Markup,
        foot: &Markup,
    ) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title {
                        (self.title)
                        @if let Some(site) = site { " – " (site) }
                        @if self.title != dashboard.name { " – " (dashboard.name) }
                    }
                    link rel="stylesheet" href=(files::STYLE.address());
                    link rel="icon" type="image/svg+xml" href=(files::ICON.address());
                    script src=(files::SCRIPT.address()) defer {}
                    @if self.watch.is_some() {
                        noscript { meta http-equiv="refresh" content="5"; }
                    }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        div.wide {
                            p.brand {
                                span.name { (dashboard.name) }
                                @if let Some(site) = site { bdi.site { (site) } }
                            }
                            (banner)
                        }
                    }
                    p.unseen #said role="status" {}
                    main #main .wide tabindex="-1" data-watch=[self.watch.as_deref()] { (self.body) }
                    @if site.is_some() { footer { div.wide { (foot) } } }
                }
            }
        };
        let mut answer = (self.status, page.into_string()).into_response();
        let headers = answer.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // With `no-referrer`, browsers would not say where a form comes from.
            (header::REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (
                HeaderName::from_static("permissions-policy"),
                "camera=(), geolocation=(), microphone=(), payment=()",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let ancestors = match dashboard.frame_ancestors.as_slice() {
            [] => "'none'".to_owned(),
            some => format!("'self' {}", some.join(" ")),
        };
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
        );
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if dashboard.frame_ancestors.is_empty() {
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        answer
    }
}

/// What is wrong with a form, at the head of its page; it has the focus.
pub fn error_summary(what: &Markup) -> Markup {
    html! {
        div.summary role="alert" tabindex="-1" autofocus {
            h2 { "There is a problem" }
            p { (what) }
        }
    }
}

/// The notice on a form that was open for too long, or came from elsewhere.
pub fn stale() -> Markup {
    error_summary(&html! {
        "This page was open for too long, or you have logged in again since. Nothing was ordered. \
         Look at it once more, and send it again."
    })
}

/// The page for somebody who may look and not order.
pub fn read_only(visit: &Visit) -> Response {
    let body = html! {
        h1 { "You may look, and not order" }
        p { "Your login does not let you save, restore or delete anything. Nothing was ordered." }
        p { a href="/backups" { "Back to the backups" } }
    };
    Page::new("You may look, and not order", body).status(StatusCode::FORBIDDEN).show(visit)
}
