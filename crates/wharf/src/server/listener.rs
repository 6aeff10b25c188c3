//! The one listener: AWS API requests go to the door, websocket upgrades to the agents' sessions.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use wire::Body;

/// What answers requests.
pub struct Routes {
    /// The AWS APIs.
    pub door: wire::Door,
    /// The agents' sessions.
    pub control: control::Control,
}

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
    pub async fn serve(self, routes: Arc<Routes>, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = &mut shutdown => break,
            };
            match accepted {
                Ok((stream, peer)) => serve_connection(stream, peer, Arc::clone(&routes), &graceful),
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(self.socket);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still open when the listener stopped");
        }
    }
}

fn serve_connection(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    routes: Arc<Routes>,
    graceful: &GracefulShutdown,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "nodelay refused");
    }
    let service = service_fn(move |request| {
        let routes = Arc::clone(&routes);
        async move { Ok::<_, Infallible>(routes.answer(request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, %peer, "connection ended with an error");
        }
    });
}

impl Routes {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if request.method() == Method::GET && control::is_agent_path(request.uri().path()) {
            return self.open_session(request).map(Body::from);
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
