//! The control plane over sockets: the ECS API, and both links.

use crate::socket::Socket;
use crate::upstream::{Endpoints, Link, LinkEnd, ProtectionChange, Registration, Upstream, UpstreamError};
use acs::link::{AcsQuery, PATH, TcsQuery};
use acs::tcs::SignedFrame;
use agent_metadata::{Protection, ProtectionAnswer};
use async_trait::async_trait;
use core_task::report::{ContainerReport, Report};
use http::{HeaderMap, HeaderName, Uri};
use model::container::Protocol;
use model::instance::Resources;
use model::task::NetworkBinding;
use model::time::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wire::client::{Client, ClientError, Credentials};
use wire::ecs::{
    Attribute, ContainerStateChange, DiscoverPollEndpointRequest, GetTaskProtectionRequest,
    ListTagsForResourceRequest, PlatformDevice, PlatformDeviceType, RegisterContainerInstanceRequest,
    Resource, SubmitTaskStateChangeRequest, TransportProtocol, UpdateTaskProtectionRequest, VersionInfo,
};
use wire::sigv4::{Request, sha256_hex, sign};

/// Longest `reason` (Amazon ECS agent protocol).
const REASON_CHARS_MAX: usize = 1024;
/// Longest runtime id and image digest.
const ID_CHARS_MAX: usize = 255;

/// The agent protocol over HTTP and websockets.
pub struct AwsUpstream {
    client: Client,
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
    /// The endpoint is no `http` URL.
    pub fn new(
        endpoint: &str,
        credentials: Credentials,
        region: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let client = Client::new(endpoint, credentials.clone(), region, clock.clone())?;
        Ok(Self { client, signer: Signer { credentials, region: region.to_owned(), clock } })
    }

    async fn open(&self, endpoint: &str, query: &str) -> Result<(Socket, String), UpstreamError> {
        let base = endpoint.trim_end_matches('/');
        let rest = base.strip_prefix("http://").or_else(|| base.strip_prefix("ws://"));
        let rest =
            rest.ok_or_else(|| UpstreamError::Transport(format!("{endpoint}: neither http nor ws")))?;
        let url = format!("{rest}{PATH}?{query}");
        let mut headers = self.client.sign_get(&format!("http://{url}"), &wire::ecs::SERVICE)?;
        // The websocket library writes its own, the same.
        headers.remove(http::header::HOST);
        Ok((Socket::open(&format!("ws://{url}"), headers).await?, url))
    }
}

#[async_trait]
impl Upstream for AwsUpstream {
    async fn register(&self, registration: &Registration) -> Result<String, UpstreamError> {
        let attributes = registration.attributes.iter().map(|(name, value)| Attribute {
            name: name.clone(),
            value: value.clone(),
            ..Attribute::default()
        });
        let request = RegisterContainerInstanceRequest {
            cluster: Some(registration.cluster.clone()),
            client_token: Some(registration.client_token.clone()),
            container_instance_arn: registration.instance_arn.clone(),
            attributes: Some(attributes.collect()),
            platform_devices: platform_devices(&registration.resources),
            total_resources: Some(total_resources(&registration.resources)),
            version_info: Some(VersionInfo {
                agent_version: Some(crate::VERSION.to_owned()),
                ..VersionInfo::default()
            }),
            ..RegisterContainerInstanceRequest::default()
        };
        let answer = self.client.ecs().register_container_instance(&request).await?;
        let arn = answer.container_instance.and_then(|instance| instance.container_instance_arn);
        arn.ok_or_else(|| UpstreamError::Transport("the registration was answered without an ARN".to_owned()))
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
        let request = SubmitTaskStateChangeRequest {
            cluster: Some(cluster.to_owned()),
            task: Some(task_arn.to_owned()),
            status: report.status.map(|s| s.as_str().to_owned()),
            reason: Some(trim(report.reason.as_deref().unwrap_or_default(), REASON_CHARS_MAX)),
            containers: Some(report.containers.iter().map(container).collect()),
            pull_started_at: report.pull_started_at,
            pull_stopped_at: report.pull_stopped_at,
            execution_stopped_at: report.execution_stopped_at,
            ..SubmitTaskStateChangeRequest::default()
        };
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
    /// Without its scheme.
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
        let uri: Uri = format!("http://{url}").parse().unwrap_or_default();
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

fn container(report: &ContainerReport) -> ContainerStateChange {
    let id = |text: &Option<String>| text.as_deref().map(|t| trim(t, ID_CHARS_MAX));
    ContainerStateChange {
        container_name: Some(report.name.to_string()),
        status: Some(report.status.as_str().to_owned()),
        exit_code: report.exit_code,
        reason: report.reason.as_deref().map(|r| trim(r, REASON_CHARS_MAX)),
        runtime_id: id(&report.runtime_id),
        image_digest: id(&report.image_digest),
        network_bindings: Some(report.network_bindings.iter().map(network_binding).collect())
            .filter(|bindings: &Vec<_>| !bindings.is_empty()),
    }
}

fn network_binding(binding: &NetworkBinding) -> wire::ecs::NetworkBinding {
    wire::ecs::NetworkBinding {
        bind_ip: Some(binding.bind_ip.clone()),
        container_port: binding.container_port.map(i32::from),
        container_port_range: binding.container_port_range.clone(),
        host_port: binding.host_port.map(i32::from),
        host_port_range: binding.host_port_range.clone(),
        protocol: Some(match binding.protocol {
            Protocol::Tcp => TransportProtocol::Tcp,
            Protocol::Udp => TransportProtocol::Udp,
        }),
    }
}

fn total_resources(resources: &Resources) -> Vec<Resource> {
    let integer = |name: &str, value: u32| Resource {
        name: Some(name.to_owned()),
        r#type: Some("INTEGER".to_owned()),
        integer_value: Some(i32::try_from(value).unwrap_or(i32::MAX)),
        ..Resource::default()
    };
    let ports = |name: &str, ports: &BTreeSet<u16>| Resource {
        name: Some(name.to_owned()),
        r#type: Some("STRINGSET".to_owned()),
        string_set_value: Some(ports.iter().map(u16::to_string).collect()),
        ..Resource::default()
    };
    vec![
        integer("CPU", resources.cpu_units),
        integer("MEMORY", resources.memory_mib),
        ports("PORTS", &resources.ports_tcp),
        ports("PORTS_UDP", &resources.ports_udp),
    ]
}

/// The host's GPUs.
fn platform_devices(resources: &Resources) -> Option<Vec<PlatformDevice>> {
    let device = |id: &String| PlatformDevice { id: id.clone(), r#type: PlatformDeviceType::Gpu };
    Some(resources.gpus.iter().map(device).collect()).filter(|devices: &Vec<_>| !devices.is_empty())
}

fn trim(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

impl From<ClientError> for UpstreamError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Service { code, message, status } => Self::Service { code, message, status },
            error => Self::Transport(error.to_string()),
        }
    }
}
