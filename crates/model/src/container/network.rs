//! Ports, links and names.

use serde::{Deserialize, Serialize};

/// `portMappings[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// The port, or the first of the ports, that the container listens on.
    pub container_port: u16,
    /// The last of a `containerPortRange`; `None` for a single port.
    #[serde(default)]
    pub container_port_last: Option<u16>,
    /// The host's port; equal to the container's in awsvpc and host mode. In bridge mode `None` and 0 let the agent
    /// choose. Absent with a range, whose host ports the agent chooses.
    pub host_port: Option<u16>,
    /// TCP when absent.
    pub protocol: Protocol,
    /// `name`, for Service Connect.
    pub name: Option<String>,
    /// `appProtocol`, as written, for Service Connect.
    #[serde(default)]
    pub app_protocol: Option<String>,
}

/// The ports of a mapping as the API writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// `containerPort`.
    One(u16),
    /// `containerPortRange`, both ends included.
    Range(u16, u16),
}

impl PortMapping {
    /// Its ports in the container.
    pub fn ports(&self) -> Ports {
        match self.container_port_last {
            Some(last) => Ports::Range(self.container_port, last),
            None => Ports::One(self.container_port),
        }
    }
}

/// `protocol` of a port mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// One of `links`: `NAME` or `NAME:ALIAS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The container linked to.
    pub container: String,
    /// The name it is known by; its own when absent.
    pub alias: Option<String>,
}

/// `extraHosts[]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraHost {
    /// The name.
    pub hostname: String,
    /// Its address.
    pub ip_address: String,
}
