//! What a line handed to the executor is: a ticket, or a plain request that nobody signed.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use crate::{MAX_REQUEST_BYTES, Request, RequestError, Ticket, TicketError};

/// One line, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Signed by whoever holds the key it names, if the signature is good.
    Ticket(Ticket),
    /// Signed by nobody.
    Request(Request),
}

/// Why a line is neither.
#[derive(Debug, thiserror::Error)]
pub enum IncomingError {
    /// It would be a ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// It would be a plain request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl Incoming {
    /// Reads one line. An object that has the key `ticket` is a ticket or nothing, so a broken
    /// ticket never passes for a request.
    ///
    /// # Errors
    /// [`IncomingError`], from whichever of the two the line would be.
    pub fn parse(line: &[u8]) -> Result<Self, IncomingError> {
        if line.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLarge.into());
        }
        let fields: BTreeMap<String, IgnoredAny> = serde_json::from_slice(line).unwrap_or_default();
        Ok(match fields.contains_key("ticket") {
            true => Self::Ticket(Ticket::parse(line)?),
            false => Self::Request(Request::parse(line)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_names_a_ticket_is_never_a_request() {
        let request = r#""version":1,"job":"0193e5c0-0000-7000-8000-000000000001","customer":42,
            "issued_at":1,"not_after":2,"order":{"verb":"undo"}"#;
        let plain = format!("{{{request}}}");
        assert!(matches!(Incoming::parse(plain.as_bytes()), Ok(Incoming::Request(_))));
        for ticket in ["null", "1", "\"1\"", "1,\"ticket\":1", "{}"] {
            for line in [
                format!("{{\"ticket\":{ticket},{request}}}"),
                format!("{{{request},\"ticket\":{ticket}}}"),
            ] {
                let error = Incoming::parse(line.as_bytes()).unwrap_err();
                assert!(matches!(error, IncomingError::Ticket(_)), "{line}: {error:?}");
            }
        }
    }

    #[test]
    fn what_is_no_object_is_refused_as_a_request() {
        for line in ["", "[]", "42", "{", "{\"ticket\"", "\"ticket\""] {
            let error = Incoming::parse(line.as_bytes()).unwrap_err();
            assert!(matches!(error, IncomingError::Request(_)), "{line}: {error:?}");
        }
    }
}
