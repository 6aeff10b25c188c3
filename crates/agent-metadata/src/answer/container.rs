//! A container, as versions 3 and 4 show it.

use super::rfc3339_if;
use crate::{ContainerView, NetworkView, PortView, VolumeView};
use serde::Serialize;
use std::collections::BTreeMap;

/// The fewest CPU units that a container gets; the agent passes 0 and 1 on as this.
const CPU_UNITS_MIN: u32 = 2;

/// What version 3 shows of a container.
#[derive(Serialize)]
pub(crate) struct ContainerV3<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(rename = "Networks", skip_serializing_if = "Vec::is_empty")]
    networks: Vec<Network<'a>>,
    #[serde(flatten)]
    tail: Tail<'a>,
}

/// What version 4 shows of a container.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContainerV4<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    tail: Tail<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    log_driver: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    log_options: &'a BTreeMap<String, String>,
    #[serde(rename = "ContainerARN", skip_serializing_if = "str::is_empty")]
    container_arn: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<NetworkV4<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    snapshotter: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart_count: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Head<'a> {
    docker_id: &'a str,
    name: &'a str,
    docker_name: &'a str,
    image: &'a str,
    #[serde(rename = "ImageID")]
    image_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    desired_status: &'a str,
    known_status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<Volume<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Port<'a> {
    container_port: u16,
    protocol: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    host_port: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    host_ip: &'a str,
}

#[derive(Serialize)]
struct Limits {
    #[serde(rename = "CPU")]
    cpu: u32,
    #[serde(rename = "Memory")]
    memory: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_since: Option<String>,
    #[serde(skip_serializing_if = "is_success")]
    exit_code: i32,
    #[serde(skip_serializing_if = "str::is_empty")]
    output: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volume<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    docker_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    source: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    destination: &'a str,
}

#[derive(Serialize)]
pub(super) struct Network<'a> {
    #[serde(rename = "NetworkMode", skip_serializing_if = "str::is_empty")]
    mode: &'a str,
    #[serde(rename = "IPv4Addresses", skip_serializing_if = "<[_]>::is_empty")]
    ipv4: &'a [String],
    #[serde(rename = "IPv6Addresses", skip_serializing_if = "<[_]>::is_empty")]
    ipv6: &'a [String],
}

#[derive(Serialize)]
struct NetworkV4<'a> {
    #[serde(flatten)]
    network: Network<'a>,
    #[serde(flatten)]
    interface: Option<Interface<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Interface<'a> {
    attachment_index: u32,
    #[serde(rename = "MACAddress", skip_serializing_if = "str::is_empty")]
    mac_address: &'a str,
    #[serde(rename = "IPv4SubnetCIDRBlock", skip_serializing_if = "str::is_empty")]
    ipv4_subnet: &'a str,
    #[serde(rename = "DomainNameServers", skip_serializing_if = "<[_]>::is_empty")]
    dns_servers: &'a [String],
    #[serde(rename = "DomainNameSearchList", skip_serializing_if = "<[_]>::is_empty")]
    dns_search: &'a [String],
    #[serde(rename = "PrivateDNSName", skip_serializing_if = "str::is_empty")]
    private_dns_name: &'a str,
    #[serde(rename = "SubnetGatewayIpv4Address", skip_serializing_if = "str::is_empty")]
    gateway: &'a str,
}

pub(crate) fn container_v3(view: &ContainerView) -> ContainerV3<'_> {
    ContainerV3 { head: head(view, ports(&view.ports)), networks: networks(&view.networks), tail: tail(view) }
}

pub(crate) fn container_v4(view: &ContainerView) -> ContainerV4<'_> {
    let ports = view.ports.iter().map(|port| Port { host_ip: &port.host_ip, ..Port::from(port) }).collect();
    ContainerV4 {
        head: head(view, ports),
        tail: tail(view),
        log_driver: &view.log_driver,
        log_options: &view.log_options,
        container_arn: &view.container_arn,
        networks: view.networks.iter().map(network_v4).collect(),
        snapshotter: &view.snapshotter,
        restart_count: view.restart_count,
    }
}

fn head<'a>(view: &'a ContainerView, ports: Vec<Port<'a>>) -> Head<'a> {
    Head {
        docker_id: &view.docker_id,
        name: &view.name,
        docker_name: &view.docker_name,
        image: &view.image,
        image_id: &view.image_id,
        ports,
        labels: &view.labels,
        desired_status: &view.desired_status,
        known_status: &view.known_status,
        exit_code: view.exit_code,
        limits: Limits { cpu: view.limits.cpu_units.max(CPU_UNITS_MIN), memory: view.limits.memory_mib },
        created_at: rfc3339_if(view.created_unix_ms),
        started_at: rfc3339_if(view.started_unix_ms),
        finished_at: rfc3339_if(view.finished_unix_ms),
        r#type: "NORMAL",
    }
}

fn tail(view: &ContainerView) -> Tail<'_> {
    let health = view.health.as_ref().map(|health| Health {
        status: &health.status,
        status_since: rfc3339_if(health.since_unix_ms),
        exit_code: health.exit_code,
        output: &health.output,
    });
    Tail { health, volumes: volumes(&view.volumes) }
}

impl<'a> From<&'a PortView> for Port<'a> {
    /// Only version 4 says the host's address.
    fn from(port: &'a PortView) -> Self {
        Port {
            container_port: port.container_port,
            protocol: &port.protocol,
            host_port: port.host_port,
            host_ip: "",
        }
    }
}

pub(super) fn ports(ports: &[PortView]) -> Vec<Port<'_>> {
    ports.iter().map(Port::from).collect()
}

pub(super) fn volumes(volumes: &[VolumeView]) -> Vec<Volume<'_>> {
    let written = |view| {
        let VolumeView { docker_name, source, destination }: &VolumeView = view;
        Volume { docker_name, source, destination }
    };
    volumes.iter().map(written).collect()
}

pub(super) fn networks(networks: &[NetworkView]) -> Vec<Network<'_>> {
    networks.iter().map(network).collect()
}

fn network(view: &NetworkView) -> Network<'_> {
    Network { mode: &view.network_mode, ipv4: &view.ipv4_addresses, ipv6: &view.ipv6_addresses }
}

fn network_v4(view: &NetworkView) -> NetworkV4<'_> {
    let interface = view.interface.as_ref().map(|interface| Interface {
        attachment_index: interface.attachment_index,
        mac_address: &interface.mac_address,
        ipv4_subnet: &interface.ipv4_subnet,
        dns_servers: &interface.dns_servers,
        dns_search: &interface.dns_search,
        private_dns_name: &interface.private_dns_name,
        gateway: &interface.gateway,
    });
    NetworkV4 { network: network(view), interface }
}

fn is_zero(port: &u16) -> bool {
    *port == 0
}

fn is_success(exit_code: &i32) -> bool {
    *exit_code == 0
}
