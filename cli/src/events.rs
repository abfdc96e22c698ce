//! The stream of events, `…/events`: the status at once and after each change. Who has it looks when
//! something has changed; who has it not looks again and again.

use std::{
    io::{self, BufRead, Read},
    sync::mpsc::{self, Receiver},
    thread,
};

use serde_json::Value;

use crate::{failure::Failure, session::Session};

/// The longest line that is read: a status is some kilobytes.
const MAX_LINE_BYTES: u64 = 4 * 1024 * 1024;

/// Opens the stream of a customer's statuses. The channel ends when the stream does.
///
/// # Errors
/// If the server has none, or does not answer.
pub fn statuses(session: &Session) -> Result<Receiver<Value>, Failure> {
    let mut stream = session.client.stream(&session.site("/events")?)?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(Some(data)) = next(&mut stream) {
            let Ok(status) = serde_json::from_str(&data) else { continue };
            if send.send(status).is_err() {
                break;
            }
        }
    });
    Ok(receive)
}

/// The data of the next event; none at the end. Comments and other fields are passed over.
fn next(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.by_ref().take(MAX_LINE_BYTES).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if !line.ends_with('\n') {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match line.trim_end_matches(['\r', '\n']) {
            "" if !data.is_empty() => return Ok(Some(data)),
            line => {
                if let Some(more) = line.strip_prefix("data:") {
                    data.push_str(more.strip_prefix(' ').unwrap_or(more));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_one_by_one_and_comments_passed_over() {
        let mut stream =
            &b": alive\n\nevent: status\ndata: {\"a\":1}\n\n:\r\ndata:{\"a\":2}\r\n\r\ndata: cut"[..];
        assert_eq!(next(&mut stream).unwrap().as_deref(), Some("{\"a\":1}"));
        assert_eq!(next(&mut stream).unwrap().as_deref(), Some("{\"a\":2}"));
        assert!(next(&mut stream).is_err(), "half a line is none");
        assert_eq!(next(&mut &b": alive\n\n"[..]).unwrap(), None);
    }
}
