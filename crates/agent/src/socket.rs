//! A websocket as a [`Link`]. A task of its own reads and writes it, so that pings are answered whatever the agent is busy
//! with: a control plane that gets no answer for some seconds takes the host for dead.

use crate::upstream::{Link, LinkEnd, UpstreamError};
use acs::{FRAME_BYTES_MAX, Refusal};
use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Uri};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wire::client::Connector;

/// The connection and the upgrade.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A frame that the other end does not take.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// Before each read the library fills a buffer of this size with zeros. A payload of a few tasks fits; a longer one grows
/// it.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// On a link on which pings have come, so long a silence means that the control plane is gone. AWS's sends none; there
/// the session's own rule holds.
const PINGS_MISSED: Duration = Duration::from_secs(10);
/// So many messages wait for the agent. Then nothing more is read, pings included: an agent that is stuck is no better
/// than one that is gone.
const WAITING_MAX: usize = 8;

/// One link. Dropping it ends it.
pub(crate) struct Socket {
    texts: mpsc::Receiver<Result<String, LinkEnd>>,
    sends: mpsc::Sender<Outgoing>,
}

/// A message to send, and what to tell once that is done.
struct Outgoing {
    message: Message,
    done: oneshot::Sender<Result<(), LinkEnd>>,
}

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
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((stream, _)) => Ok(Self::over(stream)),
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

    /// Over a stream on which the upgrade is done.
    pub(crate) fn over<S>(stream: WebSocketStream<S>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (pump_texts, texts) = mpsc::channel(WAITING_MAX);
        let (sends, pump_sends) = mpsc::channel(1);
        tokio::spawn(Pump { stream, texts: pump_texts, silent_at: None }.run(pump_sends));
        Self { texts, sends }
    }

    async fn say(&mut self, message: Message) -> Result<(), LinkEnd> {
        let (done, answer) = oneshot::channel();
        // Either fails when the link has ended, which `next` tells more of.
        self.sends.send(Outgoing { message, done }).await.map_err(|_| LinkEnd::Closed)?;
        answer.await.unwrap_or(Err(LinkEnd::Closed))
    }
}

#[async_trait]
impl Link for Socket {
    async fn send(&mut self, text: String) -> Result<(), LinkEnd> {
        self.say(Message::text(text)).await
    }

    async fn next(&mut self) -> Result<String, LinkEnd> {
        self.texts.recv().await.unwrap_or(Err(LinkEnd::Closed))
    }

    async fn close(&mut self, reason: &str) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: reason.to_owned().into() };
        // The link ends here whether or not the other end hears of it.
        let _ = timeout(Duration::from_secs(1), self.say(Message::Close(Some(frame)))).await;
    }
}

/// What reads and writes a link for as long as somebody has it.
struct Pump<S> {
    stream: WebSocketStream<S>,
    texts: mpsc::Sender<Result<String, LinkEnd>>,
    /// Absent before the first ping.
    silent_at: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pump<S> {
    async fn run(mut self, mut sends: mpsc::Receiver<Outgoing>) {
        loop {
            let (texts, silent_at) = (self.texts.clone(), self.silent_at);
            let end = tokio::select! {
                biased;
                send = sends.recv() => match send {
                    None => return,
                    Some(Outgoing { message, done }) => {
                        let result = self.send(message).await;
                        // Whoever sent it may not wait any more.
                        let _ = done.send(result.clone());
                        result.err()
                    }
                },
                read = async { (texts.reserve().await, self.stream.next().await) } => {
                    let (Ok(place), message) = read else { return };
                    let (text, is_ping) = read_message(message);
                    if is_ping || self.silent_at.is_some() {
                        self.silent_at = Some(Instant::now() + PINGS_MISSED);
                    }
                    match text {
                        Ok(None) => None,
                        Ok(Some(text)) => {
                            place.send(Ok(text));
                            None
                        }
                        Err(end) => Some(end),
                    }
                }
                () = sleep_until(silent_at.unwrap_or_else(Instant::now)), if silent_at.is_some() => {
                    Some(LinkEnd::Failed("nothing was heard from the control plane".to_owned()))
                }
            };
            if let Some(end) = end {
                // Nobody may be there to hear it.
                let _ = self.texts.send(Err(end)).await;
                return;
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), LinkEnd> {
        let patience = if self.silent_at.is_some() { PINGS_MISSED } else { SEND_TIMEOUT };
        match timeout(patience, self.stream.send(message)).await {
            Err(_) => Err(LinkEnd::Failed("the control plane does not take messages".to_owned())),
            Ok(sent) => sent.map_err(end_of),
        }
    }
}

/// The text in a message, if it has any, and whether it is a ping.
fn read_message(message: Option<Result<Message, Error>>) -> (Result<Option<String>, LinkEnd>, bool) {
    let text = match message {
        None => Err(LinkEnd::Closed),
        Some(Err(error)) => Err(end_of(error)),
        // The library answers it.
        Some(Ok(Message::Ping(_))) => return (Ok(None), true),
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Binary(bytes))) => {
            let text = std::str::from_utf8(&bytes).ok().map(str::to_owned);
            if text.is_none() {
                tracing::warn!(bytes = bytes.len(), "a binary frame was dropped");
            }
            Ok(text)
        }
        Some(Ok(Message::Close(frame))) => Err(end_of_close(frame)),
        Some(Ok(Message::Pong(_) | Message::Frame(_))) => Ok(None),
    };
    (text, false)
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
