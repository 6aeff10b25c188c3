//! The network driver: awsvpc's and bridge's namespaces, addresses and ports.

use crate::{Namespace, RuntimeId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The network of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkSpec {
    /// One namespace with an interface of the VPC.
    Awsvpc(AwsvpcSpec),
    /// A namespace for each container, behind the host's address.
    Bridge(BridgeSpec),
}

impl NetworkSpec {
    /// The task's id.
    pub fn task(&self) -> &str {
        match self {
            Self::Awsvpc(spec) => &spec.task,
            Self::Bridge(spec) => &spec.task,
        }
    }
}

/// The interface that a task's namespace gets. The control plane chose every value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsvpcSpec {
    /// The task's id.
    pub task: String,
    /// Its private address.
    pub address: Ipv4Addr,
    /// Length of its subnet's prefix.
    pub prefix_len: u8,
    /// The subnet's router: the default route.
    pub gateway: Ipv4Addr,
    /// Its MAC address.
    pub mac: String,
    /// The namespace that gets it ([`Sandbox::netns`](crate::Sandbox::netns)); one of the driver's own when `None`.
    pub sandbox: Option<PathBuf>,
}

/// The containers of a task in bridge mode. The driver chooses addresses and dynamic ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSpec {
    /// The task's id.
    pub task: String,
    /// Those that have a network.
    pub containers: Vec<BridgeContainer>,
}

/// One container in bridge mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeContainer {
    /// The container.
    pub id: RuntimeId,
    /// Ports of the host that shall lead to it.
    pub ports: Vec<PortRequest>,
}

/// A port, or a range of ports, to be reached from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRequest {
    /// The first port in the container.
    pub container_first: u16,
    /// The last one; the same for a single port.
    pub container_last: u16,
    /// The first port on the host; `None` lets the driver choose as many in a row.
    pub host_first: Option<u16>,
    /// The protocol.
    pub protocol: Protocol,
}

/// What came of a [`PortRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortBinding {
    /// The host's address; `0.0.0.0` is all of them.
    pub bind_ip: IpAddr,
    /// The first port in the container.
    pub container_first: u16,
    /// The last one.
    pub container_last: u16,
    /// The first port on the host.
    pub host_first: u16,
    /// The last one.
    pub host_last: u16,
    /// The protocol.
    pub protocol: Protocol,
}

impl PortBinding {
    /// The host's ports, one by one.
    pub fn host_ports(&self) -> impl Iterator<Item = (Protocol, u16)> + use<> {
        let protocol = self.protocol;
        (self.host_first..=self.host_last).map(move |port| (protocol, port))
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A task's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attached {
    /// One namespace for all of its containers.
    Task(Namespace),
    /// One for each container.
    Containers(BTreeMap<RuntimeId, Endpoint>),
}

/// A container's place on a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its namespace. In a [`Namespace::RuntimeBridge`] the links are left for the agent to fill in.
    pub namespace: Namespace,
    /// Its address; `None` when the runtime chooses it at the start.
    pub address: Option<Ipv4Addr>,
    /// Ports of the host that lead to it.
    pub bindings: Vec<PortBinding>,
}

/// Why the network could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The text after `ResourceInitializationError: `, or `CannotStartContainerError: ` in bridge mode.
    #[error("{0}")]
    Host(String),
    /// Another process, or another task, has a port that was asked for.
    #[error("Bind for {address} failed: port is already allocated")]
    PortTaken {
        /// Address and port of the host.
        address: SocketAddr,
    },
}

/// Gives tasks their networks.
#[async_trait]
pub trait Network: Send + Sync {
    /// Makes the namespaces with their interfaces and ports. Idempotent: asked for again, also after a restart of the
    /// agent, it answers the same.
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError>;
    /// Takes it away; when this answers, addresses and ports are free on this host. Idempotent.
    async fn detach(&self, task: &str) -> Result<(), NetworkError>;
    /// Every task that has a network on this host.
    async fn list(&self) -> Result<Vec<String>, NetworkError>;
}
