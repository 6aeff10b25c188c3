//! HTTP/1.1 on a bound listener. Connections, requests and bodies are bounded in number, size and time, since any
//! container may be at the other end.

use crate::places::{Place, Places};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde::Serialize;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Request line and headers.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The only bodies are those of task protection.
const BODY_BYTES_MAX: usize = 4 << 10;
/// How long a request may take to come, and a connection to stay idle: the agent's.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long open requests may take to end after the listener has closed.
const DRAIN: Duration = Duration::from_secs(1);

/// What answers requests.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Answers one.
    fn answer(
        &self,
        peer: SocketAddr,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send;
}

/// Serves until `shutdown`, then lets open requests end.
pub(crate) async fn serve<A: Answers>(
    listener: TcpListener,
    answers: Arc<A>,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Places::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok(Some((stream, peer, place))) => {
                serve_connection(stream, peer, place, Arc::clone(&answers), &graceful);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::debug!("metadata requests were still open at the end");
    }
}

/// The next connection, once there is a place for it. `None` is one from a peer that has too many.
async fn accept(
    listener: &TcpListener,
    places: &Places,
) -> std::io::Result<Option<(TcpStream, SocketAddr, Place)>> {
    let free = places.free().await;
    let (stream, peer) = listener.accept().await?;
    let place = free.and_then(|free| places.take(free, peer.ip()));
    if place.is_none() {
        tracing::debug!(%peer, "too many connections");
    }
    Ok(place.map(|place| (stream, peer, place)))
}

fn serve_connection<A: Answers>(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    answers: Arc<A>,
    graceful: &GracefulShutdown,
) {
    let service = service_fn(move |request| {
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answer(&*answers, peer, request).await.map(Full::new)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, %peer, "connection ended with an error");
        }
        drop(place);
    });
}

async fn answer<A: Answers>(answers: &A, peer: SocketAddr, request: Request<Incoming>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(READ_TIMEOUT, body).await {
        Ok(Ok(body)) => answers.answer(peer, Request::from_parts(parts, body.to_bytes())).await,
        Ok(Err(_)) => text(StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large or broken."),
        Err(_) => text(StatusCode::REQUEST_TIMEOUT, "The request's body did not come in time."),
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(value) {
        Ok(body) => response(status, "application/json", body.into()),
        Err(error) => {
            tracing::warn!(%error, "an answer could not be written");
            response(StatusCode::INTERNAL_SERVER_ERROR, "application/json", Bytes::from_static(b"{}"))
        }
    }
}

/// An answer in plain text.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Response<Bytes> {
    response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
