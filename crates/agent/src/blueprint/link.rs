//! Links between containers on a bridge (Docker: legacy container links): names in `/etc/hosts`, and variables.

use super::{Container, Reading, Unacceptable, network};
use acs::payload;
use agent_driver::{PortRequest, Protocol};
use std::net::IpAddr;

/// One of `links`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The container linked to, by number.
    pub(crate) to: usize,
    /// The name that it is known by.
    pub(crate) alias: String,
}

pub(super) fn read(reading: &Reading<'_>, container: &payload::Container) -> Result<Vec<Link>, Unacceptable> {
    if !container.links.is_empty() && network::mode(reading) != "bridge" {
        return Err(Unacceptable("links need the network mode bridge".to_owned()));
    }
    let link = |text: &String| {
        let (name, alias) = text.split_once(':').unwrap_or((text, text));
        let to = reading.task.containers.iter().position(|c| c.name == name);
        let unknown = || Unacceptable(format!("the link {text:?} leads to no container"));
        Ok(Link { to: to.ok_or_else(unknown)?, alias: alias.to_owned() })
    };
    container.links.iter().map(link).collect()
}

impl Link {
    /// The names that the linked container has in `/etc/hosts`: the alias, its host name and its name in Docker.
    pub(super) fn names(&self, target: &Container) -> String {
        let hostname = target.hostname.as_ref().unwrap_or(&target.derived_hostname);
        let mut names = vec![self.alias.as_str()];
        for name in [hostname.as_str(), &target.docker_name] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" ")
    }

    /// Docker's variables: where the target's ports are, and the target's own environment but for what every container
    /// has. Of the target's environment it is what the task definition says; what its image says is not repeated.
    pub(super) fn environment(
        &self,
        of: &Container,
        target: &Container,
        address: IpAddr,
    ) -> Vec<(String, String)> {
        let alias = self.alias.to_uppercase().replace('-', "_");
        let mut variables = vec![(format!("{alias}_NAME"), format!("/{}/{}", of.docker_name, self.alias))];
        let mut ports: Vec<(Protocol, u16)> = target.ports.iter().flat_map(every_port).collect();
        ports.sort_unstable();
        ports.dedup();
        if let Some(&(protocol, port)) = ports.first() {
            let url = format!("{}://{address}:{port}", scheme(protocol));
            variables.push((format!("{alias}_PORT"), url));
        }
        for (protocol, port) in ports {
            let scheme = scheme(protocol);
            let name = format!("{alias}_PORT_{port}_{}", scheme.to_uppercase());
            variables.push((name.clone(), format!("{scheme}://{address}:{port}")));
            variables.push((format!("{name}_ADDR"), address.to_string()));
            variables.push((format!("{name}_PORT"), port.to_string()));
            variables.push((format!("{name}_PROTO"), scheme.to_owned()));
        }
        let own = target.environment.iter().filter(|(name, _)| !matches!(name.as_str(), "HOME" | "PATH"));
        variables.extend(own.map(|(name, value)| (format!("{alias}_ENV_{name}"), value.clone())));
        variables
    }
}

fn every_port(request: &PortRequest) -> impl Iterator<Item = (Protocol, u16)> + use<> {
    let protocol = request.protocol;
    (request.container_first..=request.container_last).map(move |port| (protocol, port))
}

fn scheme(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}
