//! An event stream of the web side, as a page reads it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Instant,
};

use serde_json::Value;

use crate::{DOCUMENT, Web, wait::DEADLINE};

/// An open stream; closed on drop.
#[derive(Debug)]
pub struct EventStream {
    reader: BufReader<TcpStream>,
    said: String,
    head: String,
}

impl EventStream {
    /// Asks for the events of a customer, and reads the head of the answer.
    ///
    /// # Panics
    /// If it is not answered with 200.
    pub fn open(web: &Web, token: &str, customer: u32) -> Self {
        let mut socket = TcpStream::connect(web.address()).expect("a connection");
        socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        let request = format!(
            "GET /api/v1/customers/{customer}/events HTTP/1.1\r\nHost: x\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).expect("a request");
        // As small as it can be: most streams say little.
        let mut reader = BufReader::with_capacity(512, socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("an answer") > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Self { reader, said: String::new(), head: head.to_lowercase() }
    }

    /// The head of the answer, in small letters.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// What is said next, an event or a comment; none if the stream has come to its end.
    ///
    /// # Panics
    /// If nothing is said for a minute, or the connection is lost.
    pub fn read(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.said.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.said = rest;
                return Some(block);
            }
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("the size of a chunk within a minute");
            let size = usize::from_str_radix(line.trim_end(), 16).expect("the size of a chunk");
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).expect("a chunk within a minute");
            if size == 0 {
                assert_eq!(self.said, "", "the end of an event is missing");
                return None;
            }
            self.said.push_str(str::from_utf8(&chunk[..size]).expect("text"));
        }
    }

    /// The data of the next event; comments are passed over. None at the end.
    ///
    /// # Panics
    /// As [`EventStream::read`], and if there is no event for a minute.
    pub fn data(&mut self) -> Option<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let block = self.read()?;
            assert!(Instant::now() < deadline, "no event within {DEADLINE:?}: {block}");
            if let Some(data) = block.strip_prefix("event: status\ndata: ") {
                assert!(!data.contains('\n'), "{data}");
                return Some(data.to_owned());
            }
            assert!(block.starts_with(": ") || block == "retry: 2000", "{block}");
        }
    }

    /// Reads until an event says this.
    ///
    /// # Panics
    /// As [`EventStream::data`], and if the stream ends before.
    pub fn until(&mut self, what: &str, says: impl Fn(&Value) -> bool) -> Value {
        loop {
            let data = self.data().unwrap_or_else(|| panic!("the end before {what}"));
            let status = serde_json::from_str(&data).expect("JSON");
            DOCUMENT.hold_value("Status", &status);
            if says(&status) {
                return status;
            }
        }
    }
}
