//! The control plane over sockets: the ECS API, and both links.

use crate::requests;
use crate::socket::Socket;
use crate::upstream::{
    Endpoints, Link, LinkEnd, ProtectionChange, Registered, Registration, Upstream, UpstreamError,
};
use acs::link::{AcsQuery, PATH, TcsQuery};
use acs::tcs::SignedFrame;
use agent_metadata::{Protection, ProtectionAnswer};
use async_trait::async_trait;
use core_task::report::Report;
use http::{HeaderMap, HeaderName, Uri};
use model::time::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wire::client::{Client, ClientError, Connector, Credentials};
use wire::ecs::{
    DiscoverPollEndpointRequest, GetTaskProtectionRequest, ListTagsForResourceRequest,
    UpdateTaskProtectionRequest,
};
use wire::sigv4::{Request, sha256_hex, sign};

/// How long a call may take. The Amazon ECS agent's: 30 s to connect, 10 s for TLS, 2 s more.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(42);

/// The agent protocol over HTTP and websockets.
pub struct AwsUpstream {
    client: Client,
    connector: Connector,
    signer: Signer,
}

/// Signs what the typed client does not send: telemetry frames.
#[derive(Clone)]
struct Signer {
    credentials: Credentials,
    region: String,
    clock: Arc<dyn Clock>,
}

impl AwsUpstream {
    /// # Errors
    /// The endpoint is no URL that the connector takes.
    pub fn new(
        endpoint: &str,
        connector: Connector,
        credentials: Credentials,
        region: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let client = Client::new(endpoint, &connector, credentials.clone(), region, clock.clone())?;
        let client = client.with_timeout(CALL_TIMEOUT);
        Ok(Self { client, connector, signer: Signer { credentials, region: region.to_owned(), clock } })
    }

    async fn open(&self, endpoint: &str, query: &str) -> Result<(Socket, String), UpstreamError> {
        let url = format!("{}{PATH}?{query}", http_url(endpoint)?);
        let mut headers = self.client.sign_get(&url, &wire::ecs::SERVICE)?;
        // The websocket library writes its own, the same.
        headers.remove(http::header::HOST);
        Ok((Socket::open(&self.connector, &url, headers).await?, url))
    }
}

/// The endpoint's URL with the scheme of the request that opens a link: an upgrade is HTTP.
fn http_url(endpoint: &str) -> Result<String, UpstreamError> {
    match endpoint.trim_end_matches('/').split_once("://") {
        Some(("http" | "ws", rest)) => Ok(format!("http://{rest}")),
        Some(("https" | "wss", rest)) => Ok(format!("https://{rest}")),
        _ => Err(UpstreamError::Transport(format!("{endpoint}: neither http nor ws"))),
    }
}

#[async_trait]
impl Upstream for AwsUpstream {
    async fn register(&self, registration: &Registration) -> Result<Registered, UpstreamError> {
        let request = requests::registration(registration);
        requests::registered(self.client.ecs().register_container_instance(&request).await?)
    }

    async fn discover(&self, cluster: &str, instance_arn: &str) -> Result<Endpoints, UpstreamError> {
        let request = DiscoverPollEndpointRequest {
            cluster: Some(cluster.to_owned()),
            container_instance: Some(instance_arn.to_owned()),
        };
        let answer = self.client.ecs().discover_poll_endpoint(&request).await?;
        let missing = || UpstreamError::Transport("no poll endpoint in the answer".to_owned());
        let acs = answer.endpoint.ok_or_else(missing)?;
        Ok(Endpoints { acs, tcs: answer.telemetry_endpoint.ok_or_else(missing)? })
    }

    async fn submit(&self, cluster: &str, task_arn: &str, report: &Report) -> Result<(), UpstreamError> {
        let request = requests::state_change(cluster, task_arn, report);
        self.client.ecs().submit_task_state_change(&request).await?;
        Ok(())
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, UpstreamError> {
        let request = ListTagsForResourceRequest { resource_arn: arn.to_owned() };
        let answer = self.client.ecs().list_tags_for_resource(&request).await?;
        let tag = |tag: wire::ecs::Tag| Some((tag.key?, tag.value.unwrap_or_default()));
        Ok(answer.tags.into_iter().flatten().filter_map(tag).collect())
    }

    async fn protection(
        &self,
        cluster: &str,
        task_arn: &str,
        change: Option<ProtectionChange>,
    ) -> Result<ProtectionAnswer, UpstreamError> {
        let (cluster, tasks) = (cluster.to_owned(), vec![task_arn.to_owned()]);
        let ecs = self.client.ecs();
        let (protected, failures) = match change {
            None => {
                let request = GetTaskProtectionRequest { cluster, tasks: Some(tasks) };
                let answer = ecs.get_task_protection(&request).await?;
                (answer.protected_tasks, answer.failures)
            }
            Some(ProtectionChange { enabled, expires_in_minutes }) => {
                let request = UpdateTaskProtectionRequest {
                    cluster,
                    expires_in_minutes,
                    protection_enabled: enabled,
                    tasks,
                };
                let answer = ecs.update_task_protection(&request).await?;
                (answer.protected_tasks, answer.failures)
            }
        };
        let failure = failures.into_iter().flatten().next();
        match (protected.into_iter().flatten().next(), failure) {
            (Some(task), _) => Ok(ProtectionAnswer::Protection(Protection {
                task_arn: task.task_arn.unwrap_or_else(|| task_arn.to_owned()),
                enabled: task.protection_enabled.unwrap_or(false),
                expires_unix_ms: task.expiration_date.map(|at| at.0),
            })),
            (None, Some(f)) => {
                Ok(ProtectionAnswer::Failure { arn: f.arn, reason: f.reason, detail: f.detail })
            }
            (None, None) => Err(UpstreamError::Transport(
                "neither a protected task nor a failure was answered".to_owned(),
            )),
        }
    }

    async fn open_acs(&self, endpoint: &str, query: &AcsQuery) -> Result<Box<dyn Link>, UpstreamError> {
        let (socket, _) = self.open(endpoint, &query.encode()).await?;
        Ok(Box::new(socket))
    }

    async fn open_tcs(&self, endpoint: &str, query: &TcsQuery) -> Result<Box<dyn Link>, UpstreamError> {
        let (socket, url) = self.open(endpoint, &query.encode()).await?;
        Ok(Box::new(TelemetrySocket { socket, url, signer: self.signer.clone() }))
    }
}

/// A TCS link: each frame starts with the headers that sign it.
struct TelemetrySocket {
    socket: Socket,
    url: String,
    signer: Signer,
}

#[async_trait]
impl Link for TelemetrySocket {
    async fn send(&mut self, body: String) -> Result<(), LinkEnd> {
        let headers = self.signer.sign(&self.url, &body);
        let named = |(name, value): (&HeaderName, &http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers: Vec<(String, String)> = headers.iter().filter_map(named).collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.socket.send(SignedFrame { headers, body: &body }.to_text()).await
    }

    async fn next(&mut self) -> Result<String, LinkEnd> {
        self.socket.next().await
    }

    async fn close(&mut self, reason: &str) {
        self.socket.close(reason).await;
    }
}

impl Signer {
    fn sign(&self, url: &str, body: &str) -> HeaderMap {
        let uri: Uri = url.parse().unwrap_or_default();
        let mut headers = HeaderMap::new();
        let authority = uri.authority().map(|a| a.as_str()).unwrap_or_default();
        if let Ok(host) = http::HeaderValue::from_str(authority) {
            headers.insert(http::header::HOST, host);
        }
        let request = Request {
            method: "GET",
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &headers,
            authority: Some(authority),
            body_sha256: &sha256_hex(body.as_bytes()),
        };
        let service = wire::ecs::SERVICE.signing_name;
        let added = sign(&request, &self.credentials, &self.region, service, self.clock.now());
        headers.extend(added);
        headers
    }
}

impl From<ClientError> for UpstreamError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Service { code, message, status } => Self::Service { code, message, status },
            error => Self::Transport(error.to_string()),
        }
    }
}
