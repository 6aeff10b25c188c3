//! Ports, links and the interface of awsvpc.

use acs::payload::{PortMapping, TransportProtocol};
use acs::{ElasticNetworkInterface, Ipv4AddressAssignment};
use model::arn;
use model::container::{ContainerDefinition, Link, Ports, Protocol};
use model::network::{DefaultVpc, private_dns_name};
use model::task::Task;
use model::task_definition::NetworkMode;

/// Docker's `NetworkMode`, where agents do not derive it.
pub(super) fn docker_mode(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::Host | NetworkMode::None => mode.as_str(),
        NetworkMode::Awsvpc | NetworkMode::Bridge => "",
    }
}

/// In awsvpc mode the ports are the task's own, and in none mode there are none: the agent maps nothing.
pub(super) fn port_mappings(mode: NetworkMode, definition: &ContainerDefinition) -> Vec<PortMapping> {
    match mode {
        NetworkMode::Awsvpc | NetworkMode::None => Vec::new(),
        NetworkMode::Host | NetworkMode::Bridge => {
            definition.port_mappings.iter().map(|m| port_mapping(mode, m)).collect()
        }
    }
}

fn port_mapping(mode: NetworkMode, mapping: &model::container::PortMapping) -> PortMapping {
    let protocol = match mapping.protocol {
        Protocol::Tcp => TransportProtocol::Tcp,
        Protocol::Udp => TransportProtocol::Udp,
    };
    match mapping.ports() {
        Ports::One(container_port) => PortMapping {
            container_port,
            container_port_range: String::new(),
            host_port: mapping.host_port.unwrap_or(if mode == NetworkMode::Host {
                container_port
            } else {
                0
            }),
            protocol,
        },
        Ports::Range(first, last) => PortMapping {
            container_port: 0,
            container_port_range: format!("{first}-{last}"),
            host_port: 0,
            protocol,
        },
    }
}

/// `NAME` or `NAME:ALIAS`.
pub(super) fn link(link: &Link) -> String {
    match &link.alias {
        Some(alias) => format!("{}:{alias}", link.container),
        None => link.container.clone(),
    }
}

pub(super) fn interface(task: &Task) -> Option<ElasticNetworkInterface> {
    let attachment = task.eni.as_ref()?;
    let interface = attachment.interface.as_ref()?;
    let vpc = DefaultVpc::of(&task.scope);
    let subnet = vpc.subnet(&interface.subnet)?;
    Some(ElasticNetworkInterface {
        ec2_id: interface.eni.to_string(),
        mac_address: interface.mac.clone(),
        attachment_arn: arn::attachment(&task.scope, &task.cluster, &attachment.id),
        ipv4_addresses: vec![Ipv4AddressAssignment {
            primary: true,
            private_address: interface.address.to_string(),
        }],
        subnet_gateway_ipv4_address: format!("{}/{}", subnet.gateway(), subnet.prefix_len),
        domain_name_servers: Vec::new(),
        domain_name: Vec::new(),
        private_dns_name: private_dns_name(interface.address, task.scope.region.as_str()),
        interface_association_protocol: "default".to_owned(),
        index: 0,
    })
}
