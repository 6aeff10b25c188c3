//! A scripted agent: the other end of a session, one step at a time.

use crate::world::{World, scope};
use acs::link::AcsQuery;
use acs::{AckRequest, AgentMessage, PayloadMessage, ServerMessage, TaskManifestMessage};
use control::SessionEnd;
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

pub struct Agent {
    pub socket: WebSocketStream<DuplexStream>,
    session: JoinHandle<SessionEnd>,
}

impl Agent {
    /// Opens a link, without a look at what comes first.
    pub async fn open(world: &World, instance: &str, query: AcsQuery) -> Self {
        let (here, there) = tokio::io::duplex(1 << 16);
        let control = world.control.clone();
        let key = (scope(), instance.into());
        let session = tokio::spawn(async move { control.serve_acs(there, key, query).await });
        Self { socket: WebSocketStream::from_raw_socket(here, Role::Client, None).await, session }
    }

    /// Opens a link and takes its manifest.
    pub async fn connect(world: &World, instance: &str) -> (Self, TaskManifestMessage) {
        let mut agent = Self::open(world, instance, AcsQuery::default()).await;
        let manifest = match agent.next().await {
            ServerMessage::TaskManifest(manifest) => manifest,
            other => panic!("a manifest comes first, not {other:?}"),
        };
        (agent, manifest)
    }

    /// The next message, within a minute of the test's time.
    pub async fn next(&mut self) -> ServerMessage {
        let message = self.next_frame().await.expect("an open link");
        acs::decode_server(&message).expect("a frame of the protocol")
    }

    /// The next text; `None` when the link is closed.
    pub async fn next_frame(&mut self) -> Option<String> {
        loop {
            let next = timeout(Duration::from_secs(60), self.socket.next()).await;
            match next.expect("something within a minute")? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub async fn next_payload(&mut self) -> PayloadMessage {
        match self.next().await {
            ServerMessage::Payload(payload) => payload,
            other => panic!("expected a payload, not {other:?}"),
        }
    }

    pub async fn say(&mut self, message: impl Into<AgentMessage>) {
        self.say_text(acs::encode(&message.into())).await;
    }

    pub async fn say_text(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.expect("an open link");
    }

    pub async fn acknowledge(&mut self, payload: &PayloadMessage) {
        self.say(AckRequest {
            cluster: payload.cluster_arn.clone(),
            container_instance: payload.container_instance_arn.clone(),
            message_id: payload.message_id.clone(),
        })
        .await;
    }

    /// The link breaks.
    pub async fn hang_up(self) -> SessionEnd {
        drop(self.socket);
        self.session.await.expect("a session that does not panic")
    }

    /// The session ends by itself.
    pub async fn ended(self) -> SessionEnd {
        self.session.await.expect("a session that does not panic")
    }
}

/// `TASK STATUS` of each entry, with the ids at the ARNs' ends.
pub fn entries(payload: &PayloadMessage) -> Vec<String> {
    let entry =
        |t: &acs::payload::Task| format!("{} {:?}", t.arn.rsplit('/').next().unwrap_or(""), t.desired_status);
    payload.tasks.iter().map(entry).collect()
}
