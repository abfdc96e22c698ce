//! A port before the web side's, where answers are lost: what was asked has been done, and whoever
//! asked does not hear of it.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

/// A proxy between callers and the web side, in threads of its own; ended on drop.
#[derive(Debug)]
pub struct AnswerProxy {
    port: u16,
    lost: Arc<AtomicUsize>,
    ending: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl AnswerProxy {
    /// Starts one before the web side at this address, such as `http://127.0.0.1:8470`, that loses the
    /// answers on the first `losses` connections.
    ///
    /// # Panics
    /// If there is no port for it.
    pub fn start(url: &str, losses: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (lost, ending) = (Arc::default(), Arc::default());
        let server = url.trim_start_matches("http://").to_owned();
        let (losing, end) = (Arc::clone(&lost), Arc::clone(&ending));
        let listener = thread::spawn(move || {
            for (number, caller) in listener.incoming().enumerate() {
                let (Ok(caller), false) = (caller, end_is_near(&end)) else { return };
                let (server, lost) = (server.clone(), Arc::clone(&losing));
                let loses = number < losses;
                // It ends with its connection, which ends with either side.
                thread::spawn(move || pass(&caller, &server, loses.then_some(&*lost)));
            }
        });
        Self { port, lost, ending, listener: Some(listener) }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// So many answers were lost.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

fn end_is_near(ending: &AtomicBool) -> bool {
    ending.load(Ordering::SeqCst)
}

/// Passes on what both sides say; or what the caller says, until the server has begun to answer.
fn pass(mut caller: &TcpStream, server: &str, lost: Option<&AtomicUsize>) -> Option<()> {
    let mut server = TcpStream::connect(server).ok()?;
    let (mut from, mut to) = (caller.try_clone().ok()?, server.try_clone().ok()?);
    let asking = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    match lost {
        None => {
            let mut some = [0; 4096];
            // As it comes: a stream of events is never whole.
            while let Ok(read @ 1..) = server.read(&mut some) {
                if caller.write_all(&some[..read]).is_err() {
                    break;
                }
            }
        }
        Some(lost) => {
            if matches!(server.read(&mut [0; 1]), Ok(1)) {
                lost.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    let _ = caller.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = asking.join();
    Some(())
}

impl Drop for AnswerProxy {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // It waits for a connection: here is one.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}
