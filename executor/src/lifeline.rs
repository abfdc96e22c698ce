//! stdin: one line with the request, then a pipe that is kept open for as long as the order is
//! wanted. Its end is the wish to stop.

use std::io::{self, BufRead, BufReader, Read};

use holdfast_job::MAX_REQUEST_BYTES;
use tokio::sync::oneshot;

use crate::stop::Stop;

/// Reads one line from stdin, of at most [`MAX_REQUEST_BYTES`] and one byte more; after it, the
/// end of stdin requests the stop.
///
/// # Errors
/// What reading stdin said. An empty line means that stdin was closed at once.
pub async fn read_request(stop: Stop) -> io::Result<Vec<u8>> {
    let (send, receive) = oneshot::channel();
    // A thread, since stdin may be of a kind that cannot be polled; it ends with the process.
    std::thread::spawn(move || {
        let mut stdin = BufReader::new(io::stdin());
        let mut line = Vec::new();
        let limit = MAX_REQUEST_BYTES as u64 + 1;
        let read = stdin.by_ref().take(limit).read_until(b'\n', &mut line);
        // Nobody waits any more only if the process is ending.
        let _ = send.send(read.map(|_| line));
        let _ = io::copy(&mut stdin, &mut io::sink());
        stop.request();
    });
    receive.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::BrokenPipe)))
}
