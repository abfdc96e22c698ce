//! What a child says, read in bounded memory: stdout line by line, stderr by its two ends.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::Moved;

/// A longer line of output is passed over, unless whoever hears it says otherwise.
pub(super) const MAX_LINE_BYTES: usize = 4 << 20;
/// What is kept of stderr at its beginning, and as much at its end.
pub(super) const MAX_STDERR_HALF: usize = 8 << 10;

/// The words of a system for a disk or a quota that is full, in lower case.
pub const FULL_DISK: [&str; 2] = ["no space left on device", "disk quota exceeded"];

/// stdout, line by line.
pub(super) struct Lines {
    longest_bytes: usize,
    buffer: Vec<u8>,
    passing_over: bool,
    searched: usize,
}

impl Lines {
    /// Lines of at most so many bytes.
    pub(super) fn up_to(longest_bytes: usize) -> Self {
        Self { longest_bytes, buffer: Vec::new(), passing_over: false, searched: 0 }
    }

    /// Gives each line that these bytes complete to `on_line`.
    pub(super) fn take(&mut self, bytes: &[u8], on_line: &mut impl FnMut(&[u8]) -> Moved) -> Moved {
        self.buffer.extend_from_slice(bytes);
        let mut moved = Moved::No;
        let mut begin = 0;
        while let Some(length) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n')
        {
            let end = self.searched + length;
            let line = &self.buffer[begin..end];
            if !std::mem::take(&mut self.passing_over) && on_line(line) == Moved::Yes {
                moved = Moved::Yes;
            }
            begin = end + 1;
            self.searched = begin;
        }
        self.buffer.drain(..begin);
        if self.passing_over || self.buffer.len() > self.longest_bytes {
            self.buffer.clear();
            self.passing_over = true;
        }
        self.searched = self.buffer.len();
        moved
    }

    /// Gives what is left at the end of the output to `on_line`.
    pub(super) fn end(&mut self, on_line: &mut impl FnMut(&[u8]) -> Moved) -> Moved {
        match self.buffer.is_empty() || self.passing_over {
            true => Moved::No,
            false => on_line(&std::mem::take(&mut self.buffer)),
        }
    }
}

/// The beginning and the end of stderr.
pub(super) struct Tail<R> {
    from: R,
    chunk: Vec<u8>,
    head: Vec<u8>,
    tail: Vec<u8>,
    left_out: u64,
}

impl<R: AsyncRead + Unpin> Tail<R> {
    pub(super) fn new(from: R) -> Self {
        let chunk = Vec::with_capacity(64 << 10);
        Self { from, chunk, head: Vec::new(), tail: Vec::new(), left_out: 0 }
    }

    pub(super) async fn read(&mut self) -> io::Result<bool> {
        self.chunk.clear();
        let count = self.from.read_buf(&mut self.chunk).await?;
        let room = MAX_STDERR_HALF.saturating_sub(self.head.len()).min(count);
        self.head.extend_from_slice(&self.chunk[..room]);
        self.tail.extend_from_slice(&self.chunk[room..count]);
        let excess = self.tail.len().saturating_sub(MAX_STDERR_HALF);
        self.tail.drain(..excess);
        self.left_out += excess as u64;
        Ok(count > 0)
    }

    /// Whether what was read last says that a disk is full.
    pub(super) fn tells_of_a_full_disk(&self) -> bool {
        let said = String::from_utf8_lossy(&self.chunk).to_lowercase();
        FULL_DISK.iter().any(|words| said.contains(words))
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.left_out > 0 {
            text.push_str(&format!("\n[… {} bytes left out …]\n", self.left_out));
        }
        text.push_str(&String::from_utf8_lossy(&self.tail));
        text
    }
}
