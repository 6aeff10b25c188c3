//! A websocket as a [`Link`].

use crate::upstream::{Link, LinkEnd, UpstreamError};
use acs::{FRAME_BYTES_MAX, Refusal};
use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Uri};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wire::client::{Connector, Stream};

/// The connection and the upgrade.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A frame that the other end does not take.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// One link.
pub(crate) struct Socket(WebSocketStream<Stream>);

impl Socket {
    /// Connects to an `http` or `https` URL and upgrades with these headers, which sign the request.
    pub(crate) async fn open(
        connector: &Connector,
        url: &str,
        headers: HeaderMap,
    ) -> Result<Self, UpstreamError> {
        timeout(OPEN_TIMEOUT, Self::open_now(connector, url, headers))
            .await
            .unwrap_or_else(|_| Err(UpstreamError::Transport(format!("{url}: nobody answers"))))
    }

    async fn open_now(connector: &Connector, url: &str, headers: HeaderMap) -> Result<Self, UpstreamError> {
        let failed = |error: &dyn std::fmt::Display| UpstreamError::Transport(format!("{url}: {error}"));
        let uri: Uri = url.parse().map_err(|e| failed(&e))?;
        let stream = connector.connect(uri).await.map_err(|e| failed(&e))?;
        let websocket = url.replacen("http", "ws", 1);
        let mut request = websocket.into_client_request().map_err(|e| failed(&e))?;
        request.headers_mut().extend(headers);
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let text = String::from_utf8_lossy(body);
                Err(match Refusal::from_body(&text) {
                    Some(refusal) => UpstreamError::Refused { kind: refusal.kind, message: refusal.message },
                    None => failed(&format_args!("HTTP {}: {text}", response.status())),
                })
            }
            Err(error) => Err(failed(&error)),
        }
    }
}

#[async_trait]
impl Link for Socket {
    async fn send(&mut self, text: String) -> Result<(), LinkEnd> {
        match timeout(SEND_TIMEOUT, self.0.send(Message::text(text))).await {
            Err(_) => Err(LinkEnd::Failed("the control plane does not take messages".to_owned())),
            Ok(Err(error)) => Err(end_of(error)),
            Ok(Ok(())) => Ok(()),
        }
    }

    async fn next(&mut self) -> Result<String, LinkEnd> {
        loop {
            match self.0.next().await {
                None => return Err(LinkEnd::Closed),
                Some(Err(error)) => return Err(end_of(error)),
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => match std::str::from_utf8(&bytes) {
                    Ok(text) => return Ok(text.to_owned()),
                    Err(_) => tracing::warn!(bytes = bytes.len(), "a binary frame was dropped"),
                },
                Some(Ok(Message::Close(frame))) => return Err(end_of_close(frame)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            }
        }
    }

    async fn close(&mut self, reason: &str) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: reason.to_owned().into() };
        // The link ends here whether or not the other end hears of it.
        let _ = timeout(Duration::from_secs(1), self.0.close(Some(frame))).await;
    }
}

fn end_of(error: Error) -> LinkEnd {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ResetWithoutClosingHandshake) => {
            LinkEnd::Closed
        }
        error => LinkEnd::Failed(error.to_string()),
    }
}

fn end_of_close(frame: Option<CloseFrame>) -> LinkEnd {
    match frame {
        Some(CloseFrame { code: CloseCode::Normal | CloseCode::Away | CloseCode::Error, .. }) | None => {
            LinkEnd::Closed
        }
        Some(frame) => LinkEnd::Failed(format!("closed with code {}: {}", frame.code, frame.reason)),
    }
}
