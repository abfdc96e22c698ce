//! One FastCGI request to an FPM pool by its socket: FastCGI 1.0, sections 3 and 5.
//!
//! What answers is a tenant's process: the answer is bounded in length and time, and believed in nothing.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

const VERSION: u8 = 1;
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const RESPONDER: u8 = 1;
/// The one request of a connection.
const ID: u8 = 1;
/// Of an answer so much is read.
const MOST_BYTES: usize = 64 << 10;

/// Has the pool run a script, and returns what that said, with its headers.
///
/// # Errors
/// What the system said; [`io::ErrorKind::TimedOut`] if there is no whole answer by the deadline.
pub(super) fn ask(
    socket: &Path,
    script: &Path,
    query: &str,
    deadline: Instant,
) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    stream.write_all(&request(&script.to_string_lossy(), query))?;
    let (mut said, mut read) = (Vec::new(), 0);
    loop {
        let mut head = [0; 8];
        read_whole(&mut stream, &mut head, deadline)?;
        let [_, kind, _, _, high, low, padding, _] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let mut body = vec![0; length + usize::from(padding)];
        read_whole(&mut stream, &mut body, deadline)?;
        read += head.len() + body.len();
        if kind == STDOUT {
            said.extend_from_slice(&body[..length]);
        }
        if kind == END_REQUEST || read > MOST_BYTES {
            return Ok(String::from_utf8_lossy(&said).into_owned());
        }
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")),
        false => Ok(left),
    }
}

fn read_whole(stream: &mut UnixStream, mut into: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !into.is_empty() {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(into) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => into = &mut into[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn request(script: &str, query: &str) -> Vec<u8> {
    let mut params = Vec::new();
    for (name, value) in [
        ("SCRIPT_FILENAME", script),
        ("SCRIPT_NAME", script),
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", query),
        ("REQUEST_URI", script),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REMOTE_ADDR", "127.0.0.1"),
    ] {
        for length in [name.len(), value.len()] {
            match u8::try_from(length) {
                Ok(short) if short < 128 => params.push(short),
                _ => params.extend((length as u32 | 1 << 31).to_be_bytes()),
            }
        }
        params.extend_from_slice(name.as_bytes());
        params.extend_from_slice(value.as_bytes());
    }
    // One role, no connection kept.
    let mut request = record(BEGIN_REQUEST, &[0, RESPONDER, 0, 0, 0, 0, 0, 0]);
    request.extend(record(PARAMS, &params));
    request.extend(record(PARAMS, &[]));
    request.extend(record(STDIN, &[]));
    request
}

/// A record; no content of ours is longer than a path and some words.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let content = &content[..content.len().min(usize::from(u16::MAX))];
    let [high, low] = (content.len() as u16).to_be_bytes();
    let mut record = vec![VERSION, kind, 0, ID, high, low, 0, 0];
    record.extend_from_slice(content);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_has_a_length_of_four_bytes() {
        let path = format!("/{}", "x".repeat(200));
        let request = request(&path, "look");
        // A head of 8 and a beginning of 8, the head of the parameters, then lengths and a name.
        assert_eq!(&request[24..29], [15, 128, 0, 0, 201]);
        assert_eq!(&request[29..44], b"SCRIPT_FILENAME");
    }
}
