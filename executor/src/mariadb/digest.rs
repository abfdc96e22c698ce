//! The SHA-256 of a stream, on a thread of its own: it takes as long as reading a dump does.

use std::{
    io,
    sync::mpsc::{SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use sha2::{Digest, Sha256};

/// Pieces that may wait to be added: a slow processor holds the stream up, not the memory.
const MAX_WAITING: usize = 4;

/// A sum that is being made.
#[derive(Debug)]
pub(super) struct Summing {
    pieces: SyncSender<Vec<u8>>,
    thread: JoinHandle<String>,
}

impl Summing {
    /// Starts with nothing.
    pub(super) fn start() -> Self {
        let (pieces, inbox) = sync_channel::<Vec<u8>>(MAX_WAITING);
        let thread = thread::spawn(move || {
            let mut sum = Sha256::new();
            inbox.iter().for_each(|piece| sum.update(piece));
            sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
        });
        Self { pieces, thread }
    }

    /// Adds what comes next.
    ///
    /// # Errors
    /// If the thread is gone.
    pub(super) fn add(&self, piece: &[u8]) -> io::Result<()> {
        self.pieces.send(piece.to_vec()).map_err(|_| gone())
    }

    /// The sum, in hexadecimal.
    ///
    /// # Errors
    /// If the thread is gone.
    pub(super) fn end(self) -> io::Result<String> {
        drop(self.pieces);
        self.thread.join().map_err(|_| gone())
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that adds up the dump is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_all_pieces_in_order() {
        let sum = Summing::start();
        [&b"a"[..], b"", b"bc"].iter().for_each(|piece| sum.add(piece).unwrap());
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sum.end().unwrap(), abc);
    }
}
