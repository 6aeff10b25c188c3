//! Container definitions.

use super::{int, pair};
use model::container::{
    Capabilities, ContainerDefinition, Dependency, DependencyCondition, Device, DevicePermission,
    HealthCheck, Link, LinuxParameters, PortMapping, Ports, Protocol, RestartPolicy, Tmpfs, Ulimit,
};
use model::task_definition::NetworkMode;
use wire::ecs::{
    self, ContainerCondition, DeviceCgroupPermission, ResourceRequirement, ResourceType, TransportProtocol,
    VersionConsistency,
};

/// One of `containerDefinitions`. Five lists are there even when they are empty, as with AWS; other members are not
/// there when they say nothing.
pub(super) fn container_definition(
    mode: NetworkMode,
    container: &ContainerDefinition,
) -> ecs::ContainerDefinition {
    let c = container;
    let mount = |m: &model::container::MountPoint| ecs::MountPoint {
        source_volume: Some(m.volume.clone()),
        container_path: Some(m.container_path.clone()),
        read_only: m.read_only,
    };
    let from = |v: &model::container::VolumesFrom| ecs::VolumeFrom {
        source_container: Some(v.container.clone()),
        read_only: v.read_only,
    };
    let control = |s: &model::container::SystemControl| ecs::SystemControl {
        namespace: Some(s.namespace.clone()),
        value: Some(s.value.clone()),
    };
    ecs::ContainerDefinition {
        environment: Some(c.environment.iter().map(|(name, value)| pair(name, value)).collect()),
        port_mappings: Some(c.port_mappings.iter().map(|m| port_mapping(mode, m)).collect()),
        mount_points: Some(c.mount_points.iter().map(mount).collect()),
        volumes_from: Some(c.volumes_from.iter().map(from).collect()),
        system_controls: Some(c.system_controls.iter().map(control).collect()),
        health_check: c.health_check.as_ref().map(health_check),
        restart_policy: c.restart_policy.as_ref().map(restart_policy),
        linux_parameters: c.linux.as_ref().map(linux_parameters),
        ulimits: list(&c.ulimits, ulimit),
        depends_on: list(&c.depends_on, dependency),
        log_configuration: c.log.as_ref().and_then(log_configuration),
        resource_requirements: gpus(Some(c.gpus).filter(|&gpus| gpus > 0)),
        ..scalars(c)
    }
}

/// A number of GPUs as `resourceRequirements`.
pub(crate) fn gpus(count: Option<u32>) -> Option<Vec<ResourceRequirement>> {
    count.map(|count| vec![ResourceRequirement { r#type: ResourceType::Gpu, value: count.to_string() }])
}

/// The members without members of their own.
fn scalars(c: &ContainerDefinition) -> ecs::ContainerDefinition {
    let version_consistency = c.version_consistency.map(|enabled| match enabled {
        true => VersionConsistency::Enabled,
        false => VersionConsistency::Disabled,
    });
    ecs::ContainerDefinition {
        name: Some(c.name.to_string()),
        image: Some(c.image.clone()),
        cpu: int(c.cpu_units),
        memory: c.memory_mib.and_then(int),
        memory_reservation: c.memory_mib_reserved.and_then(int),
        essential: Some(c.essential),
        entry_point: c.entry_point.clone(),
        command: c.command.clone(),
        working_directory: c.working_directory.clone(),
        user: c.user.clone(),
        readonly_root_filesystem: c.readonly_root_filesystem,
        stop_timeout: c.stop_timeout_secs.and_then(int),
        start_timeout: c.start_timeout_secs.and_then(int),
        hostname: c.hostname.clone(),
        links: list(&c.links, link),
        dns_servers: list(&c.dns_servers, String::clone),
        dns_search_domains: list(&c.dns_search_domains, String::clone),
        extra_hosts: list(&c.extra_hosts, |host| ecs::HostEntry {
            hostname: host.hostname.clone(),
            ip_address: host.ip_address.clone(),
        }),
        disable_networking: c.disable_networking,
        docker_labels: Some(c.docker_labels.clone()).filter(|labels| !labels.is_empty()),
        docker_security_options: list(&c.docker_security_options, String::clone),
        privileged: c.privileged,
        pseudo_terminal: c.pseudo_terminal,
        interactive: c.interactive,
        version_consistency,
        ..ecs::ContainerDefinition::default()
    }
}

/// A list that is not there when it is empty.
fn list<T, U>(values: &[T], shape: impl Fn(&T) -> U) -> Option<Vec<U>> {
    (!values.is_empty()).then(|| values.iter().map(shape).collect())
}

/// AWS shows a host port even when none was given: the container's own in awsvpc and host mode, 0 for one that the
/// agent chooses. A range has none.
fn port_mapping(mode: NetworkMode, mapping: &PortMapping) -> ecs::PortMapping {
    let host_port = match mode {
        NetworkMode::Awsvpc | NetworkMode::Host => mapping.container_port,
        NetworkMode::Bridge | NetworkMode::None => 0,
    };
    let shape = ecs::PortMapping {
        protocol: Some(match mapping.protocol {
            Protocol::Tcp => TransportProtocol::Tcp,
            Protocol::Udp => TransportProtocol::Udp,
        }),
        name: mapping.name.clone(),
        app_protocol: mapping.app_protocol.as_ref().and_then(|protocol| protocol.parse().ok()),
        ..ecs::PortMapping::default()
    };
    match mapping.ports() {
        Ports::One(port) => ecs::PortMapping {
            container_port: int(port),
            host_port: int(mapping.host_port.unwrap_or(host_port)),
            ..shape
        },
        Ports::Range(first, last) => {
            ecs::PortMapping { container_port_range: Some(format!("{first}-{last}")), ..shape }
        }
    }
}

fn link(link: &Link) -> String {
    match &link.alias {
        Some(alias) => format!("{}:{alias}", link.container),
        None => link.container.clone(),
    }
}

fn dependency(dependency: &Dependency) -> ecs::ContainerDependency {
    let condition = match dependency.condition {
        DependencyCondition::Start => ContainerCondition::Start,
        DependencyCondition::Complete => ContainerCondition::Complete,
        DependencyCondition::Success => ContainerCondition::Success,
        DependencyCondition::Healthy => ContainerCondition::Healthy,
    };
    ecs::ContainerDependency { container_name: dependency.container.to_string(), condition }
}

fn log_configuration(log: &model::container::LogConfiguration) -> Option<ecs::LogConfiguration> {
    let options = Some(log.options.clone()).filter(|options| !options.is_empty());
    Some(ecs::LogConfiguration { log_driver: log.driver.parse().ok()?, options })
}

fn health_check(check: &HealthCheck) -> ecs::HealthCheck {
    ecs::HealthCheck {
        command: check.command.clone(),
        interval: int(check.interval_secs),
        timeout: int(check.timeout_secs),
        retries: int(check.retries),
        start_period: check.start_period_secs.and_then(int),
    }
}

fn restart_policy(policy: &RestartPolicy) -> ecs::ContainerRestartPolicy {
    ecs::ContainerRestartPolicy {
        enabled: policy.enabled,
        ignored_exit_codes: list(&policy.ignored_exit_codes, |code| *code),
        restart_attempt_period: int(policy.attempt_period_secs),
    }
}

fn ulimit(limit: &Ulimit) -> ecs::Ulimit {
    let height = |limit: i64| i32::try_from(limit).unwrap_or(i32::MAX);
    ecs::Ulimit {
        name: limit.name.parse().expect("a registration takes the names of the model only"),
        soft_limit: height(limit.soft),
        hard_limit: height(limit.hard),
    }
}

fn linux_parameters(linux: &LinuxParameters) -> ecs::LinuxParameters {
    let capabilities = |c: &Capabilities| ecs::KernelCapabilities {
        add: list(&c.add, String::clone),
        drop: list(&c.drop, String::clone),
    };
    ecs::LinuxParameters {
        init_process_enabled: linux.init_process,
        capabilities: linux.capabilities.as_ref().map(capabilities),
        devices: list(&linux.devices, device),
        tmpfs: list(&linux.tmpfs, tmpfs),
        shared_memory_size: linux.shared_memory_mib.and_then(int),
        max_swap: linux.max_swap_mib.and_then(int),
        swappiness: linux.swappiness.and_then(int),
    }
}

fn device(device: &Device) -> ecs::Device {
    let permission = |permission: &DevicePermission| match permission {
        DevicePermission::Read => DeviceCgroupPermission::Read,
        DevicePermission::Write => DeviceCgroupPermission::Write,
        DevicePermission::Mknod => DeviceCgroupPermission::Mknod,
    };
    ecs::Device {
        host_path: device.host_path.clone(),
        container_path: device.container_path.clone(),
        permissions: list(&device.permissions, permission),
    }
}

fn tmpfs(tmpfs: &Tmpfs) -> ecs::Tmpfs {
    ecs::Tmpfs {
        container_path: tmpfs.container_path.clone(),
        size: int(tmpfs.size_mib).unwrap_or(i32::MAX),
        mount_options: list(&tmpfs.mount_options, String::clone),
    }
}
