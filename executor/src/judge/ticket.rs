//! A ticket: whether the web side signed it, and what it must say beyond a plain request.
//!
//! The worker that brings it may be anybody's by now, so nothing in a ticket is believed before its
//! signature is, and what root may leave out at a shell a ticket must name.

use std::time::Duration;

use ed25519_dalek::Signature;
use holdfast_job::{Moment, Order, Request, Ticket, Undo};

use super::{Admitted, Refusal};
use crate::{config::Node, failure::chain, journal::Origin};

/// The clocks of the web side and of a node may differ by this much.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// The order in a ticket, if the web side signed it.
///
/// # Errors
/// [`Refusal`] if the key is not this node's or not usable, if the signature is not that key's, or
/// if what was signed is no request.
pub(super) fn admit(node: &Node, ticket: &Ticket) -> Result<Admitted, Refusal> {
    let refuse = |text: String| Err(Refusal::Wrong(text));
    let id = ticket.key();
    let Some(keys) = &node.ticket_keys else {
        return refuse(format!(
            "the ticket is signed by the key `{id}`, and this node has no folder of keys: name one \
             in `node.ticket_keys` and put the web side's {id}.pub there"
        ));
    };
    let Some(key) = keys.find(id).map_err(|error| Refusal::misconfigured(&error))? else {
        let (folder, path) = (keys.folder().display(), keys.path_of(id));
        return refuse(format!(
            "the ticket is signed by the key `{id}`, which is not in {folder}: put the web side's \
             public key there, as {}",
            path.display()
        ));
    };
    let signature = Signature::from_bytes(ticket.signature());
    if key.verify_strict(&Ticket::signed_bytes(id, ticket.request()), &signature).is_err() {
        return refuse(format!(
            "the signature is not that of the key `{id}` on this request: a ticket is passed on as \
             it was signed"
        ));
    }
    let request = Request::parse(ticket.request().as_bytes())
        .map_err(|error| Refusal::Wrong(chain(&error)))?;
    let origin = Origin::Web { key: id.clone() };
    Ok(Admitted { request, origin, _made_here: () })
}

/// What a ticket must say, so that it means one thing, here and now.
///
/// # Errors
/// A sentence that says what it lacks.
pub(super) fn check(request: &Request, now: Moment) -> Result<(), String> {
    if request.node.is_none() {
        return Err(
            "the ticket names no node, and would be good on every one: sign it anew, with \
                    the node's name"
                .into(),
        );
    }
    if let Order::Undo(Undo { of: None }) = request.order {
        return Err(
            "the ticket says to undo the latest job, whichever that will be: sign it anew, \
                    with the job in `of`"
                .into(),
        );
    }
    if request.issued_at > now.plus(SKEW) {
        let (issued_at, minutes) = (request.issued_at, SKEW.as_secs() / 60);
        return Err(format!(
            "the ticket was issued at {issued_at}, and here it is {now}: more than {minutes} \
             minutes apart; set the clocks right"
        ));
    }
    Ok(())
}

/// Whether a ticket's time is over, by every clock that is allowed.
pub(super) fn is_void(request: &Request, now: Moment) -> bool {
    request.not_after.plus(SKEW) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(order: &str) -> Request {
        let request = format!(
            r#"{{"version":1,"job":"0193e5c0-0000-7000-8000-000000000001","node":"web-1",
                "customer":42,"issued_at":10000,"not_after":20000,"order":{order}}}"#
        );
        Request::parse(request.as_bytes()).unwrap()
    }

    #[test]
    fn clocks_may_differ_by_five_minutes_and_no_more() {
        let request = request(r#"{"verb":"undo","of":"0193e5c0-0000-7000-8000-000000000002"}"#);
        let at = Moment::from_unix_seconds;
        assert!(check(&request, at(9699)).unwrap_err().contains("more than 5 minutes apart"));
        assert_eq!(check(&request, at(9700)), Ok(()));
        assert!(!is_void(&request, at(20300)));
        assert!(is_void(&request, at(20301)));
    }

    #[test]
    fn a_ticket_that_will_never_be_void_is_not_void_yet() {
        let mut request = request(r#"{"verb":"undo"}"#);
        request.not_after = Moment::from_unix_seconds(u64::MAX);
        assert!(!is_void(&request, Moment::from_unix_seconds(u64::MAX)));
    }
}
