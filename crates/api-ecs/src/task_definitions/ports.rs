//! `portMappings` (Amazon ECS API Reference: PortMapping).

use super::Invalid;
use super::settings::Settings;
use model::container::{ContainerDefinition, PortMapping, Protocol};
use model::task_definition::{NetworkMode, TaskDefinition};
use std::collections::BTreeSet;
use wire::ecs::{self, TransportProtocol};

/// The most port ranges of a container.
const RANGES_MAX: usize = 100;

/// Reads one mapping.
pub(super) fn parse(settings: Settings<'_>, mapping: ecs::PortMapping) -> Result<PortMapping, Invalid> {
    let container = || settings.container.to_owned();
    let port = |setting: &'static str, value: i32, least: u16| {
        let port = u16::try_from(value).ok().filter(|&p| p >= least);
        port.ok_or_else(|| Invalid::Port { container: container(), setting, least })
    };
    let range = mapping.container_port_range.filter(|range| !range.is_empty());
    if range.is_some() && (mapping.container_port.is_some() || mapping.host_port.is_some()) {
        return Err(Invalid::PortAndRange(container()));
    }
    let (container_port, container_port_last) = match range {
        Some(range) => {
            let rule = "It must be FIRST-LAST, two ports between 1 and 65535, the first less than the last.";
            let ports = ends(&range).ok_or_else(|| settings.invalid("containerPortRange", rule))?;
            (ports.0, Some(ports.1))
        }
        None => (port("containerPort", mapping.container_port.unwrap_or(0), 1)?, None),
    };
    Ok(PortMapping {
        container_port,
        container_port_last,
        host_port: mapping.host_port.map(|p| port("hostPort", p, 0)).transpose()?,
        protocol: match mapping.protocol {
            Some(TransportProtocol::Udp) => Protocol::Udp,
            Some(TransportProtocol::Tcp) | None => Protocol::Tcp,
        },
        name: mapping.name.filter(|name| !name.is_empty()),
        app_protocol: mapping.app_protocol.map(|protocol| protocol.to_string()),
    })
}

/// `FIRST-LAST`.
fn ends(range: &str) -> Option<(u16, u16)> {
    let (first, last) = range.split_once('-')?;
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten().filter(|&port| port > 0)
    };
    let (first, last) = (port(first)?, port(last)?);
    (first < last).then_some((first, last))
}

/// Checks the mappings of all containers together: some have to share an address.
pub(super) fn check(definition: &TaskDefinition) -> Result<(), Invalid> {
    let mut names = BTreeSet::new();
    for container in &definition.containers {
        check_names(container, &mut names)?;
        check_mode(definition.network_mode, container)?;
        check_overlaps(container.port_mappings.iter().map(|m| (container, m)), false)?;
    }
    let all = definition.containers.iter().flat_map(|c| c.port_mappings.iter().map(move |m| (c, m)));
    match definition.network_mode {
        NetworkMode::Awsvpc | NetworkMode::Host => check_overlaps(all, true),
        NetworkMode::Bridge => check_host_ports(all),
        NetworkMode::None => Ok(()),
    }
}

/// Names are for services to refer to, so each is there once.
fn check_names<'a>(container: &'a ContainerDefinition, seen: &mut BTreeSet<&'a str>) -> Result<(), Invalid> {
    for name in container.port_mappings.iter().filter_map(|m| m.name.as_deref()) {
        let container = || container.name.to_string();
        if !is_port_name(name) {
            return Err(Invalid::PortName(container()));
        }
        if !seen.insert(name) {
            return Err(Invalid::PortNameUsed { container: container(), name: name.to_owned() });
        }
    }
    Ok(())
}

/// ECS API Reference: `PortMapping.name`.
fn is_port_name(name: &str) -> bool {
    let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    name.len() <= 64 && name.bytes().all(valid) && !name.starts_with('-')
}

/// What the network mode allows.
fn check_mode(mode: NetworkMode, container: &ContainerDefinition) -> Result<(), Invalid> {
    let mappings = &container.port_mappings;
    let ranges = mappings.iter().filter(|m| m.container_port_last.is_some()).count();
    let invalid_range =
        |rule: String| Err(Invalid::setting(container.name.as_str(), "containerPortRange", rule));
    match mode {
        NetworkMode::None if !mappings.is_empty() => Err(Invalid::PortsWithoutNetwork),
        NetworkMode::Host if ranges > 0 => {
            invalid_range("It is supported when networkMode is bridge or awsvpc.".to_owned())
        }
        _ if ranges > RANGES_MAX => {
            invalid_range(format!("A container can have at most {RANGES_MAX} port ranges."))
        }
        NetworkMode::Awsvpc | NetworkMode::Host
            if mappings.iter().any(|m| m.host_port.is_some_and(|host| host != m.container_port)) =>
        {
            Err(Invalid::HostPort(mode.as_str()))
        }
        _ => Ok(()),
    }
}

/// A port that is in a range can be in no other mapping, and on one address no port can be in two. Otherwise, as in
/// bridge mode, several host ports may lead to one port of a container.
fn check_overlaps<'a>(
    mappings: impl Iterator<Item = (&'a ContainerDefinition, &'a PortMapping)>,
    one_address: bool,
) -> Result<(), Invalid> {
    let mut seen: Vec<&PortMapping> = Vec::new();
    for (container, mapping) in mappings {
        let (first, last) = ends_of(mapping);
        let overlaps = |other: &&PortMapping| {
            let (other_first, other_last) = ends_of(other);
            let ranges = mapping.container_port_last.or(other.container_port_last).is_some();
            let common = first <= other_last && other_first <= last && mapping.protocol == other.protocol;
            common && (one_address || ranges)
        };
        if seen.iter().any(overlaps) {
            return Err(Invalid::ContainerPortUsed { container: container.name.to_string(), port: first });
        }
        seen.push(mapping);
    }
    Ok(())
}

fn ends_of(mapping: &PortMapping) -> (u16, u16) {
    (mapping.container_port, mapping.container_port_last.unwrap_or(mapping.container_port))
}

/// A fixed port of the host can lead to one container only.
fn check_host_ports<'a>(
    mut mappings: impl Iterator<Item = (&'a ContainerDefinition, &'a PortMapping)>,
) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    mappings.try_for_each(|(container, mapping)| match mapping.host_port {
        Some(port) if port != 0 && !seen.insert((mapping.protocol, port)) => {
            Err(Invalid::HostPortUsed { container: container.name.to_string(), port })
        }
        _ => Ok(()),
    })
}
