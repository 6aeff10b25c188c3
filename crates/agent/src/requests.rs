//! What the agent says, as requests of the ECS API.

use crate::upstream::{Registered, Registration, UpstreamError};
use core_task::report::{ContainerReport, Report};
use model::container::Protocol;
use model::instance::{ATTRIBUTE_AVAILABILITY_ZONE, Resources};
use model::task::NetworkBinding;
use std::collections::BTreeSet;
use wire::ecs::{
    Attribute, ContainerStateChange, PlatformDevice, PlatformDeviceType, RegisterContainerInstanceRequest,
    RegisterContainerInstanceResponse, Resource, SubmitTaskStateChangeRequest, TransportProtocol,
    VersionInfo,
};

/// Longest `reason` (Amazon ECS agent protocol).
const REASON_CHARS_MAX: usize = 1024;
/// Longest runtime id and image digest.
const ID_CHARS_MAX: usize = 255;

/// RegisterContainerInstance.
pub fn registration(registration: &Registration) -> RegisterContainerInstanceRequest {
    let attributes = registration.attributes.iter().map(|(name, value)| Attribute {
        name: name.clone(),
        value: value.clone(),
        ..Attribute::default()
    });
    RegisterContainerInstanceRequest {
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
    }
}

/// The answer to it; an error when it names no instance.
pub fn registered(answer: RegisterContainerInstanceResponse) -> Result<Registered, UpstreamError> {
    let missing = || UpstreamError::Transport("the registration was answered without an ARN".to_owned());
    let instance = answer.container_instance.ok_or_else(missing)?;
    let mut attributes = instance.attributes.into_iter().flatten();
    let zone = attributes.find(|attribute| attribute.name == ATTRIBUTE_AVAILABILITY_ZONE);
    Ok(Registered {
        arn: instance.container_instance_arn.ok_or_else(missing)?,
        availability_zone: zone.and_then(|zone| zone.value),
    })
}

/// SubmitTaskStateChange. Texts that are too long are cut.
pub fn state_change(cluster: &str, task_arn: &str, report: &Report) -> SubmitTaskStateChangeRequest {
    SubmitTaskStateChangeRequest {
        cluster: Some(cluster.to_owned()),
        task: Some(task_arn.to_owned()),
        status: report.status.map(|s| s.as_str().to_owned()),
        reason: Some(trim(report.reason.as_deref().unwrap_or_default(), REASON_CHARS_MAX)),
        containers: Some(report.containers.iter().map(container).collect()),
        pull_started_at: report.pull_started_at,
        pull_stopped_at: report.pull_stopped_at,
        execution_stopped_at: report.execution_stopped_at,
        ..SubmitTaskStateChangeRequest::default()
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
