//! A websocket with bounds: on the size of frames and on the time that a send takes.

use crate::session::SessionEnd;
use futures_util::{SinkExt, StreamExt};
use std::borrow::Cow;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// One end of a link.
pub(crate) struct Socket<S> {
    stream: WebSocketStream<S>,
    send_timeout: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// The server's end, after the upgrade.
    pub(crate) async fn server(stream: S, send_timeout: Duration) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(acs::FRAME_BYTES_MAX))
            .max_frame_size(Some(acs::FRAME_BYTES_MAX));
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self { stream, send_timeout }
    }

    /// The next frame's text; binary frames are read as text too. Cancelling it loses nothing.
    pub(crate) async fn next(&mut self) -> Result<String, SessionEnd> {
        loop {
            let message = match self.stream.next().await {
                None => return Err(SessionEnd::Closed),
                Some(Err(error)) => return Err(ended_by(&error)),
                Some(Ok(message)) => message,
            };
            match message {
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Binary(bytes) => {
                    if let Cow::Borrowed(text) = String::from_utf8_lossy(&bytes) {
                        return Ok(text.to_owned());
                    }
                    tracing::warn!(bytes = bytes.len(), "a binary frame was dropped");
                }
                Message::Close(_) => return Err(SessionEnd::Closed),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Sends a text frame. An agent that does not take it in time is silent.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), SessionEnd> {
        match timeout(self.send_timeout, self.stream.send(Message::text(text))).await {
            Err(_) => Err(SessionEnd::Silent),
            Ok(Err(error)) => Err(ended_by(&error)),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Says why, as far as the other end still listens. The codes let agents reconnect at once, but for one whose place
    /// another agent has taken: it waits longer each time, or the two would throw each other out for ever.
    pub(crate) async fn close(mut self, end: &SessionEnd) {
        let code = match end {
            SessionEnd::Closed | SessionEnd::Link(_) => return,
            SessionEnd::Shutdown => CloseCode::Away,
            SessionEnd::Superseded => CloseCode::Policy,
            SessionEnd::Deregistered => CloseCode::Normal,
            SessionEnd::Silent | SessionEnd::Store(_) => CloseCode::Error,
        };
        let frame = CloseFrame { code, reason: end.to_string().into() };
        // The link ends here whether or not the agent hears of it.
        let _ = timeout(self.send_timeout, self.stream.close(Some(frame))).await;
    }
}

/// An agent that dies leaves without a goodbye: that is a closed link like any other.
fn ended_by(error: &Error) -> SessionEnd {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => SessionEnd::Closed,
        error => SessionEnd::Link(error.to_string()),
    }
}
