//! The status as a stream of events: each is the whole of it, so whoever missed some has missed nothing.
//!
//! The stream is made here and not by axum's own, which writes each event anew for each who gets it:
//! the bytes of an event are there once. Whoever reads slowly holds one event, and gets the latest next.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio::{
    select,
    time::{Instant, sleep, sleep_until},
};

use super::Names;
use crate::{
    auth::{Caller, Right},
    problem::Problem,
    watching::{Standing, Subscription, Topic},
    web::Web,
};

/// When something is said though there is nothing to say: proxies end what is silent for a minute.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);
/// So long at most is a stream open, however long its token counts.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// After so many milliseconds a browser that lost the stream asks for it again.
const BEGIN: &[u8] = b"retry: 2000\n\n";
const ALIVE: &[u8] = b": the stream is alive\n\n";
const AWAY: &[u8] = b": the control database does not answer; the stream goes on when it does\n\n";
const BACK: &[u8] = b": the control database answers again\n\n";

/// `GET …/events`: the status now, and after each change, until the token is not accepted any more.
pub async fn of_customer(
    State(web): State<Arc<Web>>,
    caller: Caller,
    Names(customer): Names<String>,
) -> Result<Response, Problem> {
    let customer = web.customer(&caller, Right::Read, &customer).await?;
    let topic = Topic { customer: customer.id, audience: caller.audience() };
    let subscription = web.watching.subscribe(topic).await?;
    let until = Instant::now() + caller.time_left().min(LONGEST);
    let events = Events { subscription, until, next: Next::Beginning };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx keeps back what is small, unless it is told not to.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(stream::unfold(events, Events::next))).into_response())
}

/// What is still to be told.
struct Events {
    subscription: Subscription,
    until: Instant,
    next: Next,
}

/// What comes next.
enum Next {
    Beginning,
    First,
    Change,
}

impl Events {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let said = self.wait().await?;
        Some((Ok(said), self))
    }

    /// The next thing to be said; none at the end.
    async fn wait(&mut self) -> Option<Bytes> {
        let Subscription { first, changes, standing, .. } = &mut self.subscription;
        match std::mem::replace(&mut self.next, Next::Change) {
            Next::Beginning => {
                self.next = Next::First;
                return Some(Bytes::from_static(BEGIN));
            }
            Next::First => return Some(std::mem::take(first)),
            Next::Change => {}
        }
        if *standing.borrow() == Standing::Ending {
            return None;
        }
        select! {
            biased;
            () = sleep_until(self.until) => None,
            told = standing.changed() => {
                told.ok()?;
                match *standing.borrow_and_update() {
                    Standing::Here => Some(Bytes::from_static(BACK)),
                    Standing::Away => Some(Bytes::from_static(AWAY)),
                    Standing::Ending => None,
                }
            }
            told = changes.next() => told,
            () = sleep(SIGN_OF_LIFE) => Some(Bytes::from_static(ALIVE)),
        }
    }
}
