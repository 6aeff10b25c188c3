//! The one listener: over TLS when that is what a connection begins with, else plain. AWS API requests go to the door,
//! websocket upgrades to the agents' sessions.

use super::joining::Joining;
use crate::join;
use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use wire::Body;

/// What answers requests.
pub struct Routes {
    /// The AWS APIs.
    pub door: wire::Door,
    /// The agents' sessions.
    pub control: control::Control,
    /// Agents of other machines that join.
    pub joining: Joining,
    /// Whether other machines may speak plain HTTP.
    pub allow_plain_http: bool,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Tls,
    /// From this machine.
    PlainLocal,
    /// Anybody on the way could read it.
    PlainRemote,
}

/// How long a connection may take until its first request is there: TLS and the headers. A later request's headers may take
/// as long.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);
/// What a TLS connection begins with, and no HTTP: the type of a handshake's record.
const TLS_HANDSHAKE: u8 = 0x16;
/// How long a request's body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long open requests may take to end once the listener has stopped.
const DRAIN: Duration = Duration::from_secs(5);

/// A bound socket, before it serves.
pub struct Listener {
    socket: TcpListener,
    /// The address that was bound; the port is the real one when 0 was asked for.
    pub address: SocketAddr,
}

impl Listener {
    /// Binds `address`.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let socket = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; is another Wharf or another program using it? Choose one with --listen")
        })?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Serves until `shutdown`, then lets open requests end.
    pub async fn serve(self, routes: Arc<Routes>, tls: TlsAcceptor, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let (stop, stopping) = watch::channel(());
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = Connection { routes: routes.clone(), stopping: stopping.clone(), peer };
                    tokio::spawn(connection.serve(stream, tls.clone(), graceful.watcher()));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop((self.socket, stop));
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still open when the listener stopped");
        }
    }
}

/// One client's, from the first byte on.
struct Connection {
    routes: Arc<Routes>,
    /// Ends when the listener does.
    stopping: watch::Receiver<()>,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, tls: TlsAcceptor, watcher: Watcher) {
        let (asked, first_request) = watch::channel(false);
        let peer = self.peer;
        let served = async {
            let way = tokio::select! {
                biased;
                _ = self.stopping.changed() => return Ok(()),
                way = way(&stream, peer) => way?,
            };
            match way {
                Way::Tls => {
                    let stream = tokio::select! {
                        biased;
                        _ = self.stopping.changed() => return Ok(()),
                        stream = tls.accept(stream) => stream?,
                    };
                    self.serve_http(stream, way, asked, watcher).await
                }
                _ => self.serve_http(stream, way, asked, watcher).await,
            }
        };
        let ended = tokio::select! {
            biased;
            ended = served => ended,
            () = silence(first_request) => Err("no request came in time".into()),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, %peer, "connection ended with an error");
        }
    }

    async fn serve_http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        way: Way,
        asked: watch::Sender<bool>,
        watcher: Watcher,
    ) -> Result<(), BoxError> {
        let routes = self.routes.clone();
        let service = service_fn(move |request| {
            asked.send_replace(true);
            let routes = Arc::clone(&routes);
            async move { Ok::<_, Infallible>(routes.answer(request, way).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        watcher.watch(connection.into_owned()).await
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Waits for the first byte and leaves it where it is.
async fn way(stream: &TcpStream, peer: SocketAddr) -> std::io::Result<Way> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    stream.peek(&mut first).await?;
    // A machine that calls itself by one of its own addresses sends nothing over a wire.
    let is_local = peer.ip().to_canonical().is_loopback() || stream.local_addr()?.ip() == peer.ip();
    Ok(match first {
        [TLS_HANDSHAKE] => Way::Tls,
        _ if is_local => Way::PlainLocal,
        _ => Way::PlainRemote,
    })
}

/// Resolves when no request has come in time.
async fn silence(mut first_request: watch::Receiver<bool>) {
    let first = async { first_request.wait_for(|asked| *asked).await.is_ok() };
    if tokio::time::timeout(HEADERS_TIMEOUT, first).await.is_ok() {
        std::future::pending().await
    }
}

impl Routes {
    async fn answer(&self, mut request: Request<Incoming>, way: Way) -> Response<Body> {
        match way {
            // What a proxy in front would say.
            Way::Tls => {
                request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
            }
            Way::PlainRemote if !self.allow_plain_http => return self.refuse_plain(&request),
            Way::PlainLocal | Way::PlainRemote => {}
        }
        if request.method() == Method::GET && control::is_agent_path(request.uri().path()) {
            return self.open_session(request).map(Body::from);
        }
        if way == Way::Tls && request.method() == Method::POST && request.uri().path() == join::PATH {
            return self.joining.answer(request.into_body()).await.map(Body::from);
        }
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, wire::BODY_LIMIT).collect();
        let refusal = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => return self.door.handle(parts, body.to_bytes()).await,
            Ok(Err(_)) => wire::error::request_too_large(),
            Err(_) => wire::ApiError::new("RequestTimeout", 408, "The request's body did not come in time."),
        };
        self.door.refuse(&wire::ecs::SERVICE, &refusal).map(Body::from)
    }

    /// Nothing secret goes over a wire for all to read, unless whoever runs the server says so.
    fn refuse_plain(&self, request: &Request<Incoming>) -> Response<Body> {
        let host =
            request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("HOST");
        let message = format!(
            "Plain HTTP is for the server's own machine. Use https://{host}, and trust the authority whose certificate is \
             ca.pem in the server's data directory (AWS_CA_BUNDLE); or start Wharf with --allow-plain-http."
        );
        let refusal = wire::ApiError::new("AccessDeniedException", 403, message);
        self.door.refuse(&wire::ecs::SERVICE, &refusal).map(Body::from)
    }

    /// An agent's websocket: signed like every request, with an empty body.
    fn open_session(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        match self.door.authenticate(&parts, &wire::sigv4::sha256_hex(b""), &wire::ecs::SERVICE) {
            Ok(caller) => {
                let mut request = Request::from_parts(parts, body);
                self.control.upgrade(&mut request, &caller).map(Bytes::from)
            }
            Err(error) => self.door.refuse(&wire::ecs::SERVICE, &error),
        }
    }
}

#[cfg(test)]
mod tests;
