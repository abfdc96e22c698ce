//! A port of this machine that leads to a port of a host, which has a network of its own.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::Leader;

/// An open door; closed on drop.
#[derive(Debug)]
pub struct Door {
    port: u16,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens a door to this port of the host, also after it was started again.
    ///
    /// # Panics
    /// If no port is free.
    pub fn to(leader: &Leader, inside: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (leader, closed) = (leader.clone(), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&closed);
        let thread = thread::spawn(move || {
            for visitor in listener.incoming().map_while(Result::ok) {
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                let leader = leader.clone();
                thread::spawn(move || lead_in(visitor, &leader, inside));
            }
        });
        Self { port, closed, thread: Some(thread) }
    }

    /// The port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Both ways, until both have nothing more to say. A host that is off closes the door at once.
fn lead_in(visitor: TcpStream, leader: &Leader, port: u16) {
    let Ok(host) = leader.connect(port) else { return };
    thread::scope(|both| {
        both.spawn(|| pass_on(&visitor, &host));
        pass_on(&host, &visitor);
    });
}

fn pass_on(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // It waits for somebody to come.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
