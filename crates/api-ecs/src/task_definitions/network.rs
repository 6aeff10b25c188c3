//! Names and addresses of a container: `hostname`, `links`, `dnsServers`, `dnsSearchDomains`, `extraHosts` and
//! `disableNetworking` (Amazon ECS task definition parameters: network settings).

use super::Invalid;
use super::settings::Settings;
use crate::names;
use model::container::{ContainerDefinition, ExtraHost, Link};
use model::task_definition::NetworkMode;
use std::net::IpAddr;
use wire::ecs;

/// The longest name that the kernel gives to a host.
const HOSTNAME_LEN_MAX: usize = 64;
/// The longest domain name.
const DOMAIN_LEN_MAX: usize = 253;

/// Reads `NAME` or `NAME:ALIAS`.
pub(super) fn link(settings: Settings<'_>, text: &str) -> Result<Link, Invalid> {
    let (container, alias) = match text.split_once(':') {
        Some((container, alias)) => (container, Some(alias)),
        None => (text, None),
    };
    if !names::is_name(container) || alias.is_some_and(|alias| !names::is_name(alias)) {
        return Err(settings.invalid("links", format!("It must be NAME or NAME:ALIAS: '{text}'.")));
    }
    Ok(Link { container: container.to_owned(), alias: alias.map(str::to_owned) })
}

/// Reads one line of `/etc/hosts`.
pub(super) fn extra_host(settings: Settings<'_>, host: ecs::HostEntry) -> Result<ExtraHost, Invalid> {
    if !is_domain(&host.hostname) {
        return Err(settings.invalid("extraHosts", format!("Invalid host name: '{}'.", host.hostname)));
    }
    check_address(settings, "extraHosts", &host.ip_address)?;
    Ok(ExtraHost { hostname: host.hostname, ip_address: host.ip_address })
}

/// Checks what one container says by itself, and what the network mode allows of it.
pub(super) fn check(mode: NetworkMode, container: &ContainerDefinition) -> Result<(), Invalid> {
    let settings = Settings { container: container.name.as_str() };
    if let Some(name) = &container.hostname
        && (!is_domain(name) || name.len() > HOSTNAME_LEN_MAX)
    {
        return Err(settings.invalid("hostname", format!("Invalid host name: '{name}'.")));
    }
    container.dns_servers.iter().try_for_each(|address| check_address(settings, "dnsServers", address))?;
    if let Some(domain) = container.dns_search_domains.iter().find(|domain| !is_domain(domain)) {
        return Err(settings.invalid("dnsSearchDomains", format!("Invalid domain: '{domain}'.")));
    }
    if mode != NetworkMode::Bridge && !container.links.is_empty() {
        return Err(Invalid::Links(mode.as_str()));
    }
    if mode == NetworkMode::Awsvpc { check_awsvpc(container) } else { Ok(()) }
}

/// The containers of a task in awsvpc mode share one network, so none has a part of its own.
fn check_awsvpc(container: &ContainerDefinition) -> Result<(), Invalid> {
    let refused = [
        ("hostname is", container.hostname.is_some()),
        ("DNS servers are", !container.dns_servers.is_empty()),
        ("DNS search domains are", !container.dns_search_domains.is_empty()),
        ("Extra hosts are", !container.extra_hosts.is_empty()),
        ("Disable Networking is", container.disable_networking == Some(true)),
    ];
    match refused.into_iter().find(|(_, given)| *given) {
        Some((what, _)) => Err(Invalid::Awsvpc { what }),
        None => Ok(()),
    }
}

fn check_address(settings: Settings<'_>, setting: &'static str, address: &str) -> Result<(), Invalid> {
    match address.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(settings.invalid(setting, format!("Invalid IP address: '{address}'."))),
    }
}

/// Labels of letters, digits, hyphens and underscores between dots.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(valid) && !label.starts_with('-')
    };
    text.len() <= DOMAIN_LEN_MAX && text.split('.').all(is_label)
}
