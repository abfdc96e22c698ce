//! A socket before a server's, at which statements are counted and at one of which something
//! happens: the kills of a sweep over databases.
//!
//! It knows as much of the protocol as that takes. A packet is three bytes of its length, its
//! number within a command and its content; of 16 MiB less one byte it goes on in the next. A
//! packet of the client with the number 0 begins a command, since the number 0 of a connection's
//! beginning is the server's; the content of a statement begins with 3. Compressed connections and
//! `LOAD DATA LOCAL` are beyond it.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use rustix::{
    net::sockopt::socket_peercred,
    process::{Pid, Signal, kill_process},
};

/// A proxy between clients and a server, in threads of its own; ended on drop, with all its
/// connections.
///
/// The server sees this process in place of the client, and root is root to it. A client that comes
/// while the server is not there is let in and cut off, where the server's own socket would refuse
/// it.
pub struct StatementProxy {
    socket: PathBuf,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// When it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The client has sent the statement, and the server has none of it.
    Before,
    /// The server has all of the statement.
    After,
}

/// What happens.
pub enum Action {
    /// SIGKILL to the process that made the connection. What it sent [`Moment::Before`] is lost.
    KillClient,
    /// SIGKILL to a process; the statement goes on to the server, if that is not it.
    Kill(u32),
    /// Anything else.
    Call(Box<dyn FnOnce() + Send>),
}

/// So much of each statement is kept to be shown.
const KEPT_BYTES: usize = 4096;
const LONGEST_PACKET: usize = 0xff_ffff;
const QUERY: u8 = 3;

impl StatementProxy {
    /// Listens to a new socket on behalf of a server's.
    ///
    /// # Panics
    /// If it cannot.
    pub fn start(listen_socket: &Path, server_socket: &Path) -> Self {
        let listener = UnixListener::bind(listen_socket);
        let listener = listener.unwrap_or_else(|e| panic!("{}: {e}", listen_socket.display()));
        let shared = Arc::new(Shared::default());
        let (here, server) = (Arc::clone(&shared), server_socket.to_owned());
        let listener = thread::spawn(move || here.listen(&listener, &server));
        Self { socket: listen_socket.to_owned(), shared, listener: Some(listener) }
    }

    /// Where clients connect to.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Forgets every statement, and what was to happen.
    pub fn reset(&self) {
        *self.shared.record() = Record::default();
    }

    /// Makes something happen once, at the `number`th statement since [`StatementProxy::reset`],
    /// counted from 1.
    pub fn arm(&self, number: usize, moment: Moment, action: Action) {
        let mut record = self.shared.record();
        (record.armed, record.happened) = (Some(Armed { number, moment, action }), false);
    }

    /// Whether that has happened.
    pub fn happened(&self) -> bool {
        self.shared.record().happened
    }

    /// How many statements there were, over all connections.
    pub fn count(&self) -> usize {
        self.shared.record().statements.len()
    }

    /// The statements, in order; of a long one the first 4 KiB.
    pub fn statements(&self) -> Vec<Vec<u8>> {
        self.shared.record().statements.clone()
    }
}

impl fmt::Debug for StatementProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, statement) in (1..).zip(self.statements()) {
            writeln!(f, "{number}: {}", String::from_utf8_lossy(&statement))?;
        }
        Ok(())
    }
}

impl Drop for StatementProxy {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        // It waits for a connection: here is one.
        let _ = UnixStream::connect(&self.socket);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        for connection in self.shared.connections().drain(..) {
            connection.ends.close();
            connection.threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        let _ = fs::remove_file(&self.socket);
    }
}

#[derive(Default)]
struct Shared {
    ending: AtomicBool,
    record: Mutex<Record>,
    connections: Mutex<Vec<Connection>>,
}

#[derive(Default)]
struct Record {
    statements: Vec<Vec<u8>>,
    armed: Option<Armed>,
    happened: bool,
}

struct Armed {
    number: usize,
    moment: Moment,
    action: Action,
}

struct Connection {
    ends: Ends,
    threads: [JoinHandle<()>; 2],
}

/// Both ends of a connection; what is done to one of its copies is done to all.
struct Ends {
    client: UnixStream,
    server: UnixStream,
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().expect("a whole record")
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections.lock().expect("whole connections")
    }

    fn listen(self: Arc<Self>, listener: &UnixListener, server: &Path) {
        while let Ok((client, _)) = listener.accept() {
            if self.ending.load(Ordering::SeqCst) {
                return;
            }
            let mut connections = self.connections();
            connections
                .retain(|connection| !connection.threads.iter().all(JoinHandle::is_finished));
            if let Ok(server) = UnixStream::connect(server) {
                connections.push(Arc::clone(&self).connection(Ends { client, server }));
            }
        }
    }

    fn connection(self: Arc<Self>, ends: Ends) -> Connection {
        let (up, down) = (ends.copy(), ends.copy());
        let up = thread::spawn(move || {
            let _ = self.pass_up(&up);
            up.close();
        });
        let down = thread::spawn(move || {
            let _ = io::copy(&mut &down.server, &mut &down.client);
            down.close();
        });
        Connection { ends, threads: [up, down] }
    }

    /// Passes packets to the server until one end is gone, or what happens ends it.
    fn pass_up(&self, ends: &Ends) -> io::Result<()> {
        let (mut client, mut server) = (&ends.client, &ends.server);
        let (mut packet, mut goes_on, mut due) = (Vec::new(), false, None);
        loop {
            packet.resize(4, 0);
            client.read_exact(&mut packet)?;
            let length = u32::from_le_bytes([packet[0], packet[1], packet[2], 0]) as usize;
            let first = packet[3] == 0 && !goes_on;
            packet.resize(4 + length, 0);
            client.read_exact(&mut packet[4..])?;
            if first && packet.get(4) == Some(&QUERY) {
                due = self.record().add(&packet[5..]);
            }
            if let Some(armed) = due.take_if(|armed| armed.moment == Moment::Before) {
                let lost = matches!(armed.action, Action::KillClient);
                self.happen(armed.action, ends);
                if lost {
                    return Ok(());
                }
            }
            server.write_all(&packet)?;
            goes_on = length == LONGEST_PACKET;
            if !goes_on && let Some(armed) = due.take() {
                self.happen(armed.action, ends);
            }
        }
    }

    /// A kill is on record before anyone can ask, having seen what it did.
    fn happen(&self, action: Action, ends: &Ends) {
        let pid = match action {
            Action::KillClient => {
                Some(socket_peercred(&ends.client).expect("the client's process").pid)
            }
            Action::Kill(pid) => i32::try_from(pid).ok().and_then(Pid::from_raw),
            Action::Call(call) => {
                call();
                None
            }
        };
        let mut record = self.record();
        if let Some(pid) = pid {
            // If it is gone already, then that is what was wanted.
            let _ = kill_process(pid, Signal::KILL);
        }
        record.happened = true;
    }
}

impl Record {
    /// Counts a statement; what is to happen at it is handed out, and so happens once.
    fn add(&mut self, text: &[u8]) -> Option<Armed> {
        self.statements.push(text[..text.len().min(KEPT_BYTES)].to_vec());
        let number = self.statements.len();
        self.armed.take_if(|armed| armed.number == number)
    }
}

impl Ends {
    fn copy(&self) -> Self {
        let copy = |stream: &UnixStream| stream.try_clone().expect("a copy of a socket");
        Self { client: copy(&self.client), server: copy(&self.server) }
    }

    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
