//! The ticket: a request together with a signature that says the web side gave the order.
//!
//! The worker passes it on untouched. What is signed is the text of the request as it stands in
//! the ticket, so nobody has to write JSON twice in the same way. Nothing here knows how a
//! signature is made or checked: the web side has the secret key, the executor the public ones.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::{
    KeyId, MAX_REQUEST_BYTES,
    key::{parse_hex, to_hex},
};

/// The version of the ticket that this build writes and understands.
pub const TICKET_VERSION: u32 = 1;

/// What every signed text begins with, so that a signature made for a ticket means nothing
/// elsewhere, and one made elsewhere, by the same key, is no ticket's.
const DOMAIN: &[u8] = b"holdfast ticket v1\n";

/// A signed request: one line of JSON.
///
/// `{"ticket":1,"key":"web-1","request":"{…}","signature":"…"}`, where `request` is the JSON of a
/// [`Request`](crate::Request) as a text. Holding a ticket proves nothing: whoever acts on it
/// checks the signature first and reads the request afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    #[serde(rename = "ticket")]
    version: u32,
    key: KeyId,
    request: String,
    signature: Signature,
}

/// Why a text is no ticket.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// Larger than [`MAX_REQUEST_BYTES`].
    #[error("the ticket is larger than {MAX_REQUEST_BYTES} bytes: order less at once")]
    TooLarge,
    /// Not JSON, or without a version.
    #[error("the ticket is no JSON object with a version in `ticket`: pass it on as it was signed")]
    Malformed(#[source] serde_json::Error),
    /// A version this build does not speak.
    #[error(
        "the ticket has version {0}, and this build understands version {TICKET_VERSION}: \
         update whichever is older"
    )]
    Version(u32),
    /// A field is missing, unknown or wrong.
    #[error("the ticket is not valid: pass it on as it was signed")]
    Invalid(#[source] serde_json::Error),
}

impl Ticket {
    /// The ticket of a request, given as its JSON, with the signature over
    /// [`signed_bytes`](Self::signed_bytes) by the secret key that `key` names.
    pub fn new(key: KeyId, request: String, signature: [u8; 64]) -> Self {
        Self { version: TICKET_VERSION, key, request, signature: Signature(signature) }
    }

    /// The bytes that are signed: `holdfast ticket v1`, the key's id and the request, a line feed
    /// between each two. An id has no line feed in it, so no two pairs have the same bytes.
    pub fn signed_bytes(key: &KeyId, request: &str) -> Vec<u8> {
        [DOMAIN, key.as_str().as_bytes(), b"\n", request.as_bytes()].concat()
    }

    /// Reads a ticket from one line.
    ///
    /// # Errors
    /// [`TicketError`] names what is wrong with it. The request inside is not looked at.
    pub fn parse(line: &[u8]) -> Result<Self, TicketError> {
        #[derive(Deserialize)]
        struct Versioned {
            ticket: u32,
        }
        if line.len() > MAX_REQUEST_BYTES {
            return Err(TicketError::TooLarge);
        }
        let Versioned { ticket } = serde_json::from_slice(line).map_err(TicketError::Malformed)?;
        if ticket != TICKET_VERSION {
            return Err(TicketError::Version(ticket));
        }
        serde_json::from_slice(line).map_err(TicketError::Invalid)
    }

    /// The ticket as one line, without a line end. With one it must not be longer than
    /// [`MAX_REQUEST_BYTES`], or nobody accepts it.
    pub fn to_line(&self) -> String {
        let (version, key, signature) = (self.version, &self.key, to_hex(&self.signature.0));
        let request = Value::from(self.request.as_str());
        format!(
            r#"{{"ticket":{version},"key":"{key}","request":{request},"signature":"{signature}"}}"#
        )
    }

    /// Which key it says to be signed by.
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// The request's JSON: nobody's word until the signature has been checked.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// The Ed25519 signature over [`signed_bytes`](Self::signed_bytes).
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature.0
    }
}

/// 64 bytes, which travel as 128 lower-case hexadecimal digits and in no other way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature([u8; 64]);

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = String::deserialize(deserializer)?;
        parse_hex(&given).map(Self).ok_or_else(|| {
            de::Error::custom("the signature is not 128 lower-case hexadecimal digits")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        let key = "web-1".parse().unwrap();
        Ticket::new(key, "{\"version\":1,\"é\":\"\\n\"}".into(), std::array::from_fn(|at| at as u8))
    }

    #[test]
    fn a_ticket_reads_back_as_it_was_written_on_one_line() {
        let line = ticket().to_line();
        let begins = r#"{"ticket":1,"key":"web-1","request":"{\"version\":1,"#;
        assert!(line.starts_with(begins) && !line.contains('\n'), "{line}");
        assert_eq!(Ticket::parse(line.as_bytes()).unwrap(), ticket());
        assert_eq!(Ticket::parse(format!("{line}\n").as_bytes()).unwrap(), ticket());
    }

    #[test]
    fn what_is_signed_names_its_purpose_and_its_key() {
        let key = "web-1".parse().unwrap();
        assert_eq!(Ticket::signed_bytes(&key, "{}"), b"holdfast ticket v1\nweb-1\n{}");
    }

    #[test]
    fn another_version_is_refused_by_number() {
        let newer = ticket().to_line().replace("\"ticket\":1", "\"ticket\":7,\"novel\":true");
        assert!(matches!(Ticket::parse(newer.as_bytes()), Err(TicketError::Version(7))));
    }

    #[test]
    fn an_unknown_or_a_second_field_is_refused() {
        for added in ["\"novel\":true", "\"request\":\"{}\"", "\"key\":\"web-2\""] {
            let line = ticket().to_line().replacen('{', &format!("{{{added},"), 1);
            let error = Ticket::parse(line.as_bytes()).unwrap_err();
            assert!(matches!(error, TicketError::Invalid(_)), "{added}: {error:?}");
        }
        let twice = ticket().to_line().replacen('{', "{\"ticket\":1,", 1);
        assert!(matches!(Ticket::parse(twice.as_bytes()), Err(TicketError::Malformed(_))));
    }

    #[test]
    fn a_signature_has_one_spelling() {
        let line = ticket().to_line();
        let (digits, key) = ("3c3d3e3f\"", "web-1");
        for (from, to) in [
            (digits, "3C3D3E3F\""),
            (digits, "3c3d3e3\""),
            (digits, "3c3d3e3f3f\""),
            (digits, "+c3d3e3f\""),
            (digits, "éd3e3f\""),
            (key, "Web-1"),
            (key, "../web-1"),
        ] {
            let error = Ticket::parse(line.replace(from, to).as_bytes()).unwrap_err();
            assert!(matches!(error, TicketError::Invalid(_)), "{to}: {error:?}");
        }
    }

    #[test]
    fn ten_megabytes_are_refused_unread() {
        assert!(matches!(Ticket::parse(&vec![b' '; 10 << 20]), Err(TicketError::TooLarge)));
    }
}
