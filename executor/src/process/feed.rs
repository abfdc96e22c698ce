//! What a child reads on stdin, given piece by piece as it takes it.

use std::io::{self, Read};

use tokio::{io::AsyncWriteExt, process::ChildStdin};

use super::{CHUNK_BYTES, Input};

/// stdin of a child, until all is given.
#[derive(Debug)]
pub(super) struct Feed {
    to: Option<ChildStdin>,
    input: Input,
    given_of_text: usize,
    given: u64,
}

impl Feed {
    pub(super) fn new(to: Option<ChildStdin>, input: Input) -> Self {
        Self { to, input, given_of_text: 0, given: 0 }
    }

    pub(super) fn is_open(&self) -> bool {
        self.to.is_some()
    }

    /// Gives what the child takes at once, and returns how much it has taken in all; closes its
    /// stdin when there is no more. Cancelled, it has given nothing.
    ///
    /// # Errors
    /// What reading the file said. A child that does not read its input says so by its exit code.
    pub(super) async fn give(&mut self) -> io::Result<Option<u64>> {
        if self.given_of_text == self.input.text.len() && !self.read_on()? {
            self.to = None;
            return Ok(None);
        }
        let Some(to) = &mut self.to else { return Ok(None) };
        match to.write(&self.input.text[self.given_of_text..]).await {
            Ok(0) | Err(_) => {
                self.to = None;
                Ok(None)
            }
            Ok(count) => {
                self.given_of_text += count;
                self.given += count as u64;
                Ok(Some(self.given))
            }
        }
    }

    /// Reads the next piece of the file; whether there is one.
    fn read_on(&mut self) -> io::Result<bool> {
        self.given_of_text = 0;
        self.input.text.clear();
        let Some(file) = &mut self.input.file else { return Ok(false) };
        let read = file.take(CHUNK_BYTES as u64).read_to_end(&mut self.input.text)?;
        Ok(read > 0)
    }
}
