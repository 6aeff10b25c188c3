//! A websocket to a control plane over any stream: one step of a conversation at a time.

use crate::{Agent, strict};
use acs::{AckRequest, AgentMessage, PayloadMessage, ServerMessage};
use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long a step waits. Tests run on stopped time, so only one that fails waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// The agent's end.
pub struct Link<S> {
    socket: WebSocketStream<S>,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A text frame.
    Text(String),
    /// The end, with the code of the close frame if there was one.
    End(Option<u16>),
}

/// An upgrade that was answered with something else than a websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// The answer's body.
    pub body: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Over a stream on which the upgrade is done.
    pub async fn upgraded(stream: S) -> Self {
        Self { socket: WebSocketStream::from_raw_socket(stream, Role::Client, None).await }
    }

    /// Asks for the upgrade. `url` has the scheme `ws`.
    ///
    /// # Errors
    /// When it is refused.
    ///
    /// # Panics
    /// When the stream breaks.
    pub async fn open(stream: S, url: &str, headers: HeaderMap) -> Result<Self, Refused> {
        let mut request = url.into_client_request().expect("a URL");
        request.headers_mut().extend(headers);
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let body = String::from_utf8(body).expect("a refusal in UTF-8");
                Err(Refused { status: response.status().as_u16(), body })
            }
            Err(error) => panic!("the stream broke: {error}"),
        }
    }

    /// The next text, or the end.
    ///
    /// # Panics
    /// When nothing comes within a minute.
    pub async fn arrival(&mut self) -> Arrival {
        loop {
            let next = timeout(PATIENCE, self.socket.next()).await.expect("something within a minute");
            match next {
                Some(Ok(Message::Text(text))) => return Arrival::Text(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => return Arrival::End(frame.map(|f| u16::from(f.code))),
                None | Some(Err(_)) => return Arrival::End(None),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next text.
    ///
    /// # Panics
    /// When the link ends.
    pub async fn text(&mut self) -> String {
        match self.arrival().await {
            Arrival::Text(text) => text,
            Arrival::End(code) => panic!("the link ended with {code:?}"),
        }
    }

    /// The agent hears the next frame and answers as it does.
    ///
    /// # Panics
    /// When the link ends, or the frame is one that the official agent drops.
    pub async fn step(&mut self, agent: &mut Agent) -> strict::ServerMessage {
        let text = self.text().await;
        let heard = agent.hear(&text);
        for answer in heard.answers {
            self.say_text(answer).await;
        }
        heard.message.unwrap_or_else(|why| panic!("dropped: {why}\n{text}"))
    }

    /// The next message, unanswered.
    ///
    /// # Panics
    /// When the link ends, or the frame is one that the official agent drops.
    pub async fn next(&mut self) -> ServerMessage {
        let text = self.text().await;
        strict::ServerMessage::read(&text).unwrap_or_else(|why| panic!("dropped: {why}\n{text}"));
        acs::decode_server(&text).expect("a frame of the protocol")
    }

    /// The next message, which is a payload.
    ///
    /// # Panics
    /// When it is not.
    pub async fn next_payload(&mut self) -> PayloadMessage {
        match self.next().await {
            ServerMessage::Payload(payload) => payload,
            other => panic!("expected a payload, not {other:?}"),
        }
    }

    /// Sends a message.
    pub async fn say(&mut self, message: impl Into<AgentMessage>) {
        self.say_text(acs::encode(&message.into())).await;
    }

    /// Acknowledges a payload.
    pub async fn acknowledge(&mut self, payload: &PayloadMessage) {
        self.say(AckRequest {
            cluster: payload.cluster_arn.clone(),
            container_instance: payload.container_instance_arn.clone(),
            message_id: payload.message_id.clone(),
        })
        .await;
    }

    /// Sends a text frame.
    ///
    /// # Panics
    /// When the link is broken.
    pub async fn say_text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.expect("an open link");
    }

    /// Sends a binary frame.
    ///
    /// # Panics
    /// When the link is broken.
    pub async fn say_bytes(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).await.expect("an open link");
    }

    /// Sends a text frame to a peer that may break the link over it.
    pub async fn shout(&mut self, text: String) {
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// Says goodbye, as the official agent does half an hour after it opened a link.
    ///
    /// # Panics
    /// When the link is broken.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        self.socket.close(Some(frame)).await.expect("an open link");
    }
}
