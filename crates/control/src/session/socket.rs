//! A websocket whose frames have a bound.

use crate::session::{Frame, Frames, SessionEnd};
use futures_util::{SinkExt, StreamExt};
use std::borrow::Cow;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Before each read the library fills a buffer of this size with zeros, and every link keeps one: an agent's frames are
/// a few hundred bytes, and a longer one grows it.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// The server's end of a websocket.
pub struct Socket<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket<S> {
    /// Over a stream on which the upgrade is done.
    pub async fn server(stream: S) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(acs::FRAME_BYTES_MAX))
            .max_frame_size(Some(acs::FRAME_BYTES_MAX));
        Self(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    }

    async fn say(&mut self, message: Message) -> Result<(), SessionEnd> {
        self.0.send(message).await.map_err(|error| ended_by(&error))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Frames for Socket<S> {
    /// Binary frames are read as text too.
    async fn next(&mut self) -> Result<Frame, SessionEnd> {
        loop {
            let message = match self.0.next().await {
                None => return Err(SessionEnd::Closed),
                Some(Err(error)) => return Err(ended_by(&error)),
                Some(Ok(message)) => message,
            };
            match message {
                Message::Text(text) => return Ok(Frame::Text(text.as_str().to_owned())),
                Message::Binary(bytes) => {
                    if let Cow::Borrowed(text) = String::from_utf8_lossy(&bytes) {
                        return Ok(Frame::Text(text.to_owned()));
                    }
                    tracing::warn!(bytes = bytes.len(), "a binary frame was dropped");
                }
                Message::Close(_) => return Err(SessionEnd::Closed),
                Message::Ping(_) | Message::Pong(_) => return Ok(Frame::Pong),
                Message::Frame(_) => {}
            }
        }
    }

    async fn send(&mut self, text: String) -> Result<(), SessionEnd> {
        self.say(Message::text(text)).await
    }

    async fn ping(&mut self) -> Result<(), SessionEnd> {
        self.say(Message::Ping(Vec::new().into())).await
    }

    /// The codes let agents reconnect at once, but for one that nobody will let in, and for one whose place another agent
    /// has taken: it waits longer each time, or the two would throw each other out for ever.
    async fn close(mut self, end: &SessionEnd) {
        let code = match end {
            SessionEnd::Closed | SessionEnd::Link(_) => return,
            SessionEnd::Shutdown => CloseCode::Away,
            SessionEnd::Superseded | SessionEnd::Revoked => CloseCode::Policy,
            SessionEnd::Deregistered => CloseCode::Normal,
            SessionEnd::Silent | SessionEnd::Store(_) => CloseCode::Error,
        };
        let frame = CloseFrame { code, reason: end.to_string().into() };
        // The link ends here whether or not the agent hears of it.
        let _ = self.0.close(Some(frame)).await;
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
