//! One of `containerDefinitions` into its record.

use super::settings::Settings;
use super::{Invalid, gpus, health_check, limits, linux, mounts, network, ports, restart_policy};
use model::container::{ContainerDefinition, Dependency, DependencyCondition, LogConfiguration};
use wire::ecs::{self, ContainerCondition, VersionConsistency};

/// Reads it. Whether it fits the other containers and the task is for [`super::containers::check`].
pub(super) fn parse(c: ecs::ContainerDefinition) -> Result<ContainerDefinition, Invalid> {
    let name = c.name.unwrap_or_default();
    let of = Settings { container: &name };
    Ok(ContainerDefinition {
        image: c.image.unwrap_or_default(),
        cpu_units: of.amount("cpu", c.cpu)?.unwrap_or(0),
        memory_mib: of.amount("memory", c.memory)?,
        memory_mib_reserved: of.amount("memoryReservation", c.memory_reservation)?,
        essential: c.essential.unwrap_or(true),
        entry_point: c.entry_point.filter(|e| !e.is_empty()),
        command: c.command.filter(|e| !e.is_empty()),
        environment: each(c.environment, variable)?,
        working_directory: c.working_directory.filter(|d| !d.is_empty()),
        user: c.user.filter(|u| !u.is_empty()),
        readonly_root_filesystem: c.readonly_root_filesystem,
        port_mappings: each(c.port_mappings, |m| ports::parse(of, m))?,
        depends_on: c.depends_on.unwrap_or_default().into_iter().map(dependency).collect(),
        stop_timeout_secs: of.amount("stopTimeout", c.stop_timeout)?,
        start_timeout_secs: of.amount("startTimeout", c.start_timeout)?,
        log: c.log_configuration.map(|log| LogConfiguration {
            driver: log.log_driver.to_string(),
            options: log.options.unwrap_or_default(),
        }),
        hostname: c.hostname.filter(|h| !h.is_empty()),
        links: each(c.links, |text| network::link(of, &text))?,
        dns_servers: c.dns_servers.unwrap_or_default(),
        dns_search_domains: c.dns_search_domains.unwrap_or_default(),
        extra_hosts: each(c.extra_hosts, |host| network::extra_host(of, host))?,
        disable_networking: c.disable_networking,
        docker_labels: c.docker_labels.unwrap_or_default(),
        docker_security_options: c.docker_security_options.unwrap_or_default(),
        privileged: c.privileged,
        pseudo_terminal: c.pseudo_terminal,
        interactive: c.interactive,
        ulimits: each(c.ulimits, |limit| limits::ulimit(of, limit))?,
        system_controls: each(c.system_controls, |control| limits::system_control(of, control))?,
        linux: c.linux_parameters.map(|linux| linux::parse(of, linux)).transpose()?,
        mount_points: each(c.mount_points, |mount| mounts::parse(of, mount))?,
        volumes_from: each(c.volumes_from, mounts::parse_from)?,
        health_check: c.health_check.map(|check| health_check::parse(of, check)).transpose()?,
        restart_policy: c.restart_policy.map(|policy| restart_policy::parse(of, policy)).transpose()?,
        version_consistency: c.version_consistency.map(|v| v == VersionConsistency::Enabled),
        gpus: gpus::parse(&name, c.resource_requirements)?.unwrap_or(0),
        name: name.clone().into(),
    })
}

fn each<T, U>(values: Option<Vec<T>>, parse: impl FnMut(T) -> Result<U, Invalid>) -> Result<Vec<U>, Invalid> {
    values.unwrap_or_default().into_iter().map(parse).collect()
}

fn variable(pair: ecs::KeyValuePair) -> Result<(String, String), Invalid> {
    let name = pair.name.filter(|name| !name.is_empty()).ok_or(Invalid::Empty("environment.name"))?;
    Ok((name, pair.value.unwrap_or_default()))
}

fn dependency(dependency: ecs::ContainerDependency) -> Dependency {
    let condition = match dependency.condition {
        ContainerCondition::Start => DependencyCondition::Start,
        ContainerCondition::Complete => DependencyCondition::Complete,
        ContainerCondition::Success => DependencyCondition::Success,
        ContainerCondition::Healthy => DependencyCondition::Healthy,
    };
    Dependency { container: dependency.container_name.into(), condition }
}
