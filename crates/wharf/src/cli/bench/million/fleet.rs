//! The simulated agents: each registers through the API, opens a real websocket and acknowledges what it is told, as the
//! agents do, but runs nothing. They share one process, so they read of a payload only what they answer with.

use super::tally::Tally;
use super::task_number;
use acs::link::{AcsQuery, DOCKER_VERSION_NONE, PATH};
use acs::{AckRequest, AgentMessage, HeartbeatAckRequest, IamRoleCredentialsAckRequest, encode};
use anyhow::{Context, Result, anyhow};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wire::client::Client;
use wire::ecs::{Attribute, DiscoverPollEndpointRequest, RegisterContainerInstanceRequest, Resource};

/// Agents that register at one time.
const AT_ONCE: usize = 32;
/// Payloads of a few tasks fit; a longer one grows the buffer.
const BUFFER_BYTES: usize = 8 << 10;
const RECONNECT_DELAY: Duration = Duration::from_millis(250);
/// What tasks of the measured definitions need, in awsvpc mode too (Amazon ECS Developer Guide: container instance attributes).
const CAPABILITIES: [&str; 3] = [
    "com.amazonaws.ecs.capability.docker-remote-api.1.17",
    "com.amazonaws.ecs.capability.docker-remote-api.1.18",
    "ecs.capability.task-eni",
];

/// Which agents there are.
#[derive(Clone)]
pub(super) struct Fleet {
    /// How many.
    pub size: usize,
    /// The clusters that they are dealt to, one by one.
    pub clusters: Vec<String>,
    /// CPU units and MiB of each.
    pub cpu_units: i32,
    /// As above.
    pub memory_mib: i32,
}

/// One agent.
struct Member {
    number: usize,
    client: Client,
    cluster: String,
    arn: String,
    /// For ACS.
    endpoint: String,
    tally: Arc<Tally>,
}

type Socket = WebSocketStream<TcpStream>;

impl Fleet {
    /// Registers all of them and opens their links; answers the instances' ARNs, by number. They go on until the
    /// process ends.
    pub(super) async fn join(self, client: &Client, tally: &Arc<Tally>) -> Result<Vec<String>> {
        let fleet = &self;
        futures_util::stream::iter(0..self.size)
            .map(|number| fleet.member(number, client.clone(), tally.clone()))
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn member(&self, number: usize, client: Client, tally: Arc<Tally>) -> Result<String> {
        let cluster = self.clusters[number % self.clusters.len()].clone();
        let request = self.registration(number, &cluster);
        let answer = client.ecs().register_container_instance(&request).await?;
        let arn = answer.container_instance.and_then(|i| i.container_instance_arn).context("no ARN")?;
        let asked = DiscoverPollEndpointRequest {
            cluster: Some(cluster.clone()),
            container_instance: Some(arn.clone()),
        };
        let endpoint = client.ecs().discover_poll_endpoint(&asked).await?.endpoint.context("no endpoint")?;
        let member = Member { number, client, cluster, arn: arn.clone(), endpoint, tally };
        let mut socket = member.open().await?;
        // The manifest says that the session is there, and with it that the instance takes tasks.
        socket.next().await.context("the link ended at once")??;
        tokio::spawn(member.serve(socket));
        Ok(arn)
    }

    fn registration(&self, number: usize, cluster: &str) -> RegisterContainerInstanceRequest {
        let integer = |name: &str, value: i32| Resource {
            name: Some(name.to_owned()),
            r#type: Some("INTEGER".to_owned()),
            integer_value: Some(value),
            ..Resource::default()
        };
        let zone = ["a", "b", "c"][number % 3];
        let capability = |name: &str| Attribute { name: name.to_owned(), ..Attribute::default() };
        RegisterContainerInstanceRequest {
            cluster: Some(cluster.to_owned()),
            total_resources: Some(vec![integer("CPU", self.cpu_units), integer("MEMORY", self.memory_mib)]),
            attributes: Some(CAPABILITIES.into_iter().map(capability).collect()),
            instance_identity_document: Some(format!(
                r#"{{"instanceId":"i-{number:017x}","availabilityZone":"us-east-1{zone}"}}"#
            )),
            ..RegisterContainerInstanceRequest::default()
        }
    }
}

impl Member {
    async fn open(&self) -> Result<Socket> {
        let query = AcsQuery {
            cluster: self.cluster.clone(),
            container_instance_arn: self.arn.clone(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            docker_version: DOCKER_VERSION_NONE.to_owned(),
            protocol_version: 2,
            ..AcsQuery::default()
        };
        let rest = self.endpoint.trim_end_matches('/').strip_prefix("http://").context("no http URL")?;
        let url = format!("{rest}{PATH}?{}", query.encode());
        let mut headers = self.client.sign_get(&format!("http://{url}"), &wire::ecs::SERVICE)?;
        // The websocket library writes its own, the same.
        headers.remove(http::header::HOST);
        let mut request = format!("ws://{url}").into_client_request()?;
        request.headers_mut().extend(headers);
        let authority = rest.split('/').next().unwrap_or_default();
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let config =
            WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
        let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
        Ok(socket)
    }

    /// Goes on after a link has ended, as agents do.
    async fn serve(self, mut socket: Socket) {
        loop {
            if let Err(error) = self.serve_link(&mut socket).await {
                tracing::debug!(agent = self.number, %error, "a link ended");
            }
            self.tally.odd("links that ended");
            socket = loop {
                tokio::time::sleep(RECONNECT_DELAY).await;
                match self.open().await {
                    Ok(socket) => break socket,
                    Err(_) => self.tally.odd("links refused"),
                }
            };
        }
    }

    async fn serve_link(&self, socket: &mut Socket) -> Result<()> {
        loop {
            let message = socket.next().await.ok_or_else(|| anyhow!("the link has ended"))??;
            // The library answers pings by itself.
            let Message::Text(text) = message else { continue };
            let frame: Frame = serde_json::from_str(&text).context("a frame of the protocol")?;
            match frame.kind.as_str() {
                "PayloadMessage" => self.payload(socket, frame.message).await?,
                "HeartbeatMessage" => {
                    let message_id = frame.message.message_id;
                    send(socket, HeartbeatAckRequest { message_id }).await?;
                    socket.flush().await?;
                }
                "TaskManifestMessage" => {
                    self.acknowledge(socket, &frame.message).await?;
                    socket.flush().await?;
                }
                _ => self.tally.odd("messages of other types"),
            }
        }
    }

    /// As the agent does it: the credentials first, then the payload; all of it in one write.
    async fn payload(&self, socket: &mut Socket, payload: Body) -> Result<()> {
        let tasks: Result<Vec<u128>> = payload.tasks.iter().map(|task| task_number(&task.arn)).collect();
        let tasks = tasks?;
        for set in payload.tasks.iter().filter_map(|task| task.execution_role_credentials.as_ref()) {
            let (credentials_id, expiration) = (set.credentials_id.clone(), set.expiration.clone());
            let message_id = payload.message_id.clone();
            send(socket, IamRoleCredentialsAckRequest { message_id, credentials_id, expiration }).await?;
        }
        self.acknowledge(socket, &payload).await?;
        socket.flush().await?;
        self.tally.acknowledged(self.number, &tasks);
        Ok(())
    }

    async fn acknowledge(&self, socket: &mut Socket, message: &Body) -> Result<()> {
        let ack = AckRequest {
            cluster: message.cluster_arn.clone(),
            container_instance: message.container_instance_arn.clone(),
            message_id: message.message_id.clone(),
        };
        send(socket, ack).await
    }
}

/// Puts a frame into the socket's buffer.
async fn send(socket: &mut Socket, message: impl Into<AgentMessage>) -> Result<()> {
    Ok(socket.feed(Message::text(encode(&message.into()))).await?)
}

/// What an answer needs of a frame; the rest is skipped.
#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    message: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    message_id: String,
    #[serde(default)]
    cluster_arn: String,
    #[serde(default)]
    container_instance_arn: String,
    #[serde(default)]
    tasks: Vec<TaskBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskBody {
    #[serde(alias = "taskArn")]
    arn: String,
    execution_role_credentials: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    credentials_id: String,
    #[serde(default)]
    expiration: String,
}
