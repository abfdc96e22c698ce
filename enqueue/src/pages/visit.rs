//! Who looks at whose site: what each page of a customer has in hand, and what a form brings back.

use std::sync::Arc;

use axum::{
    Form,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use holdfast_store::{Customer, OrderKey};

use super::{clock::Clock, layout, login, refused};
use crate::{auth::Right, dashboard::Dashboard, problem::Problem, sessions::Session, web::Web};

/// A look at a customer's pages, by somebody who is logged in and may.
#[derive(Debug)]
pub struct Visit {
    /// What every handler has in hand.
    pub web: Arc<Web>,
    /// Who looks.
    pub session: Session,
    /// Whose site.
    pub customer: Customer,
    /// The time of the page.
    pub clock: Clock,
}

impl Visit {
    /// How the pages are set up.
    pub fn dashboard(&self) -> &Dashboard {
        &self.web.config.dashboard
    }

    /// True if whoever looks may order.
    pub fn may_order(&self) -> bool {
        self.session.caller.needs(Right::Write).is_ok()
    }

    /// What a form for this address must bring back: it counts for this session and this site.
    pub fn proof(&self, address: &str) -> String {
        self.session.proof(&self.purpose(address))
    }

    fn purpose(&self, address: &str) -> String {
        format!("{} {address}", self.customer.uuid)
    }
}

impl FromRequestParts<Arc<Web>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Response> {
        let session = session(parts, web).await?;
        let clock = Clock::new(&web.config.dashboard.zone);
        let name = session.site.as_deref().or(session.caller.only_customer());
        let Some(name) = name else { return Err(Redirect::to("/sites").into_response()) };
        let found = web.customer(&session.caller, Right::Read, name).await;
        let customer = found.map_err(|problem| refused::problem(web, problem))?;
        Ok(Self { web: Arc::clone(web), session, customer, clock })
    }
}

/// The session of a request, or the page that says that there is none.
///
/// # Errors
/// That page, 401; 503 if the store is away.
pub async fn session(parts: &Parts, web: &Web) -> Result<Session, Response> {
    match Session::of(web, &parts.headers).await {
        Ok(Some(session)) => Ok(session),
        Ok(None) => Err(login::logged_out(&web.config.dashboard)),
        Err(error) => Err(refused::store(web, error)),
    }
}

/// The fields of a form.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// What was written into a field, without the spaces at its ends.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// The same; none if it is empty.
    pub fn text(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// What a browser sent.
    ///
    /// # Errors
    /// The page that says that it is no form.
    pub async fn of(request: Request, web: &Arc<Web>) -> Result<Self, Response> {
        let form = Form::<Vec<(String, String)>>::from_request(request, web).await;
        let not_a_form = |_| refused::problem(web, Problem::bad_request("This is no form."));
        form.map(|Form(fields)| Self(fields)).map_err(not_a_form)
    }
}

/// A form about the session alone, whose proof is for its own address.
#[derive(Debug)]
pub struct Personal {
    /// The session of the person who sent it.
    pub session: Session,
    /// The words of the form.
    pub fields: Fields,
    /// True if it is a form of this session's, sent from one of our own pages.
    pub is_genuine: bool,
}

impl FromRequest<Arc<Web>> for Personal {
    type Rejection = Response;

    async fn from_request(request: Request, web: &Arc<Web>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let session = session(&parts, web).await?;
        let address = parts.uri.path().to_owned();
        let from_here = is_from_here(&parts.headers);
        let fields = Fields::of(Request::from_parts(parts, body), web).await?;
        let proven = session.is_proof(&address, fields.get("proof"));
        Ok(Self { session, fields, is_genuine: from_here && proven })
    }
}

/// A form that somebody has sent.
#[derive(Debug)]
pub struct Sent {
    /// Who sent it, and for whose site.
    pub visit: Visit,
    /// What they wrote.
    pub fields: Fields,
    /// True if it is a form of this session's, sent from one of our own pages.
    pub is_genuine: bool,
    address: String,
}

impl FromRequest<Arc<Web>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, web: &Arc<Web>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, web).await?;
        let address = parts.uri.path().to_owned();
        let from_here = is_from_here(&parts.headers);
        let fields = Fields::of(Request::from_parts(parts, body), web).await?;
        let proven = visit.session.is_proof(&visit.purpose(&address), fields.get("proof"));
        if !visit.may_order() {
            return Err(layout::read_only(&visit));
        }
        Ok(Self { is_genuine: from_here && proven, visit, fields, address })
    }
}

impl Sent {
    /// The key of the order that this form gives.
    pub fn order_key(&self, asked: &[&str]) -> OrderKey {
        let purpose = format!("{} {}", self.visit.purpose(&self.address), self.fields.get("since"));
        self.visit.session.order_key(&purpose, asked)
    }
}

/// True unless the browser says that a page of another origin sent this. One that says nothing is
/// believed: the proof decides then.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = text(header::HOST.as_str());
            origin.split_once("://").map(|(_, host)| host) == host
        }
        (None, None) => true,
    }
}
