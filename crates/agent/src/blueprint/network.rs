//! The task's network, and the ports that lead into it.

use super::{Container, Reading, Unacceptable};
use acs::ElasticNetworkInterface;
use acs::payload::{self, TransportProtocol};
use agent_driver::{AwsvpcSpec, BridgeContainer, BridgeSpec, NetworkSpec, PortRequest, Protocol};
use std::net::IpAddr;
use std::path::PathBuf;

/// How the task's containers are networked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Networking {
    Awsvpc(Box<Interface>),
    Bridge(BridgeSpec),
    Host,
    Isolated,
}

/// An interface of the VPC, with the names that go with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interface {
    pub(crate) spec: AwsvpcSpec,
    pub(crate) dns_name: String,
    pub(crate) dns_servers: Vec<IpAddr>,
    pub(crate) dns_search: Vec<String>,
}

impl Networking {
    /// As the API names the mode.
    pub(crate) fn mode(&self) -> &'static str {
        match self {
            Self::Awsvpc(_) => "awsvpc",
            Self::Bridge(_) => "bridge",
            Self::Host => "host",
            Self::Isolated => "none",
        }
    }

    /// What the network driver is asked for; `None` when there is nothing to make. `sandbox` is the runtime's own
    /// namespace for the task, if it made one.
    pub(crate) fn to_attach(&self, sandbox: Option<PathBuf>) -> Option<NetworkSpec> {
        match self {
            Self::Awsvpc(interface) => {
                Some(NetworkSpec::Awsvpc(AwsvpcSpec { sandbox, ..interface.spec.clone() }))
            }
            Self::Bridge(spec) => Some(NetworkSpec::Bridge(spec.clone())),
            Self::Host | Self::Isolated => None,
        }
    }
}

pub(super) fn read(reading: &Reading<'_>, containers: &[Container]) -> Result<Networking, Unacceptable> {
    match mode(reading) {
        "host" => Ok(Networking::Host),
        "none" => Ok(Networking::Isolated),
        "bridge" => {
            let networked = containers.iter().filter(|c| !c.disable_networking);
            let containers =
                networked.map(|c| BridgeContainer { id: c.draft.id.clone(), ports: c.ports.clone() });
            let spec = BridgeSpec { task: reading.id.to_owned(), containers: containers.collect() };
            Ok(Networking::Bridge(spec))
        }
        "awsvpc" => {
            let interface = reading.task.elastic_network_interfaces.first();
            let missing = || Unacceptable("awsvpc without an interface".to_owned());
            Ok(Networking::Awsvpc(Box::new(awsvpc(interface.ok_or_else(missing)?, reading.id)?)))
        }
        other => Err(Unacceptable(format!("network mode {other} is not supported"))),
    }
}

/// The task's network mode; an empty one is Docker's default.
pub(super) fn mode<'a>(reading: &Reading<'a>) -> &'a str {
    match reading.task.network_mode.as_str() {
        "" => "bridge",
        mode => mode,
    }
}

fn awsvpc(interface: &ElasticNetworkInterface, id: &str) -> Result<Interface, Unacceptable> {
    let refused = |what: &str| Unacceptable(format!("the interface's {what} cannot be read"));
    let addresses = &interface.ipv4_addresses;
    let primary = addresses.iter().find(|a| a.primary).or(addresses.first());
    let address = primary.and_then(|a| a.private_address.parse().ok()).ok_or_else(|| refused("address"))?;
    let gateway = interface.subnet_gateway_ipv4_address.split_once('/');
    let (gateway, prefix_len) = gateway
        .and_then(|(gateway, prefix)| Some((gateway.parse().ok()?, prefix.parse().ok()?)))
        .filter(|&(_, prefix)| prefix <= 32)
        .ok_or_else(|| refused("gateway"))?;
    let mac = interface.mac_address.clone();
    let servers = interface.domain_name_servers.iter().map(|s| s.parse());
    Ok(Interface {
        spec: AwsvpcSpec { task: id.to_owned(), address, prefix_len, gateway, mac, sandbox: None },
        dns_name: interface.private_dns_name.clone(),
        dns_servers: servers.collect::<Result<_, _>>().map_err(|_| refused("name server"))?,
        dns_search: interface.domain_name.clone(),
    })
}

/// A container's port mappings.
pub(super) fn ports(container: &payload::Container) -> Result<Vec<PortRequest>, Unacceptable> {
    container.port_mappings.iter().map(port).collect()
}

fn port(mapping: &payload::PortMapping) -> Result<PortRequest, Unacceptable> {
    let range = mapping.container_port_range.as_str();
    let (container_first, container_last) = match range {
        "" => (mapping.container_port, mapping.container_port),
        range => range
            .split_once('-')
            .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))
            .ok_or_else(|| Unacceptable(format!("{range:?} is no range of ports")))?,
    };
    if container_first == 0 || container_last < container_first {
        return Err(Unacceptable(format!("{container_first}-{container_last} is no range of ports")));
    }
    if !range.is_empty() && mapping.host_port != 0 {
        return Err(Unacceptable("a range of ports has no hostPort".to_owned()));
    }
    Ok(PortRequest {
        container_first,
        container_last,
        host_first: Some(mapping.host_port).filter(|&port| port != 0),
        protocol: match mapping.protocol {
            TransportProtocol::Tcp => Protocol::Tcp,
            TransportProtocol::Udp => Protocol::Udp,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_single_or_ranges() {
        let mapping = |port, range: &str, host_port| payload::PortMapping {
            container_port: port,
            container_port_range: range.to_owned(),
            host_port,
            protocol: TransportProtocol::Udp,
        };
        let request = |first, last, host| PortRequest {
            container_first: first,
            container_last: last,
            host_first: host,
            protocol: Protocol::Udp,
        };
        assert_eq!(port(&mapping(80, "", 8080)).unwrap(), request(80, 80, Some(8080)));
        assert_eq!(port(&mapping(80, "", 0)).unwrap(), request(80, 80, None));
        assert_eq!(port(&mapping(0, "80-90", 0)).unwrap(), request(80, 90, None));
        for bad in [mapping(0, "", 0), mapping(0, "90-80", 0), mapping(0, "80", 0), mapping(0, "1-2", 7)] {
            assert!(port(&bad).is_err(), "{bad:?}");
        }
    }
}
