//! Connections: let in, served over HTTP/1.1, ended.
//!
//! Served here and not by `axum::serve`, which gives the head of a request all the time in the world, and
//! looks whether a caller speaks HTTP/2 first, for which each connection has twice the buffer: what
//! thousands of open streams take of the memory is mostly that. nginx in front speaks HTTP/1.1 to us.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    select,
    time::sleep,
};
use tracing::{debug, warn};

/// So many callers may wait to be let in, if the system's `net.core.somaxconn` has room for them.
const WAITING_LINE: u32 = 4096;
/// So long nobody is let in after the system has refused to, for want of descriptors or memory.
const REFUSED: Duration = Duration::from_secs(1);

/// So long after an answer, or after it was opened, may a connection be without the head of a request.
/// nginx leaves one that it does not use after 60 s: were ours the shorter time, we would close some just
/// as nginx hands on an order.
const WITHOUT_A_REQUEST: Duration = Duration::from_secs(75);
/// A head of which so much has come and not the end is refused: most of one is the token.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// So long may somebody take nothing of what is written to them.
const TAKES_NOTHING: Duration = Duration::from_secs(60);
/// So much of it waits meanwhile in the system, beside what is on its way.
const KEPT_BYTES: u32 = 64 * 1024;

/// So long after the end was wished may what was asked before still be answered.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Listens. Callers who come faster than they are let in wait in a line, and are turned away where it
/// ends; the usual one has 128 places.
///
/// # Errors
/// What the system said.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // An address that was left a moment ago may be taken again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_LINE)
}

/// Serves these routes until the end is wished, and then what was asked before.
pub async fn serve(listener: TcpListener, routes: Router, ended: impl Future<Output = ()>) {
    serve_by(server(WITHOUT_A_REQUEST), listener, routes, ended).await;
}

fn server(without_a_request: Duration) -> http1::Builder {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(without_a_request);
    server.max_buf_size(MAX_HEAD_BYTES);
    server
}

async fn serve_by(
    server: http1::Builder,
    listener: TcpListener,
    routes: Router,
    ended: impl Future<Output = ()>,
) {
    let connections = GracefulShutdown::new();
    let mut ended = pin!(ended);
    loop {
        let (stream, peer) = select! {
            caller = next_caller(&listener) => caller,
            () = &mut ended => break,
        };
        tune(&stream);
        let service = service_of(routes.clone(), peer);
        let connection = server.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!("the connection of {peer} was lost: {error}");
            }
        });
    }
    drop(listener);
    // Somebody who never says the end of what they ask keeps nobody waiting.
    select! {
        () = connections.shutdown() => {}
        () = sleep(LAST_ANSWERS) => warn!("ended with connections that were still open"),
    }
}

async fn next_caller(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(caller) => return caller,
            // They have left the line.
            Err(error) if is_theirs(&error) => {}
            Err(error) => {
                warn!("nobody can be let in for a moment: {error}");
                sleep(REFUSED).await;
            }
        }
    }
}

fn is_theirs(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The routes, to which each request says from where it comes.
fn service_of(
    routes: Router,
    peer: SocketAddr,
) -> impl Service<
    Request<Incoming>,
    Response = axum::http::Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> {
    let routes = TowerToHyperService::new(routes);
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        routes.call(request)
    })
}

/// What is written goes out at once. Somebody who takes nothing of it for a minute is left, gone or not;
/// little is kept for them until then, where the system would keep megabytes.
fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // A connection that is lost already needs none of this.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_user_timeout(Some(TAKES_NOTHING));
    let _ = socket.set_tcp_notsent_lowat(KEPT_BYTES);
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;

    /// What a caller reads to the end of the connection, having said this.
    async fn read_of(said: &[u8]) -> String {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let routes = Router::new().route("/", get(async || "here"));
        let served = serve_by(server(Duration::from_millis(200)), listener, routes, pending());
        let asked = async {
            caller.write_all(said).await.unwrap();
            let mut read = String::new();
            caller.read_to_string(&mut read).await.unwrap();
            read
        };
        let asked = timeout(Duration::from_secs(30), asked);
        select! {
            () = served => unreachable!(),
            read = asked => read.expect("the end of the connection"),
        }
    }

    #[tokio::test]
    async fn a_head_that_never_ends_is_not_waited_for_for_ever() {
        assert_eq!(read_of(b"GET / HTTP/1.1\r\nHost: x\r\n").await, "");
    }

    #[tokio::test]
    async fn neither_is_a_caller_who_asks_no_more() {
        let read = read_of(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(read.starts_with("HTTP/1.1 200") && read.ends_with("here"), "{read}");
    }

    #[tokio::test]
    async fn a_head_has_an_end() {
        let mut long = b"GET / HTTP/1.1\r\nx: ".to_vec();
        // All that is read: what is left unread makes the system reset the connection.
        long.resize(MAX_HEAD_BYTES, b'x');
        let read = read_of(&long).await;
        assert!(read.starts_with("HTTP/1.1 431"), "{read}");
    }
}
