//! The two Docker documents of a container (Docker Engine API: ContainerCreate).

use super::{BYTES_PER_MIB, log, network};
use acs::payload::{Config, DeviceMapping, Healthcheck, HostConfig, Ulimit};
use model::container::{
    Capabilities, ContainerDefinition, Device, DevicePermission, HealthCheck, LinuxParameters, Tmpfs,
};
use model::task::{ContainerOverride, Task};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

pub(super) fn config(definition: &ContainerDefinition) -> Config {
    Config {
        user: definition.user.clone(),
        working_dir: definition.working_directory.clone(),
        hostname: definition.hostname.clone(),
        labels: definition.docker_labels.clone(),
        tty: definition.pseudo_terminal == Some(true),
        open_stdin: definition.interactive == Some(true),
        network_disabled: definition.disable_networking == Some(true),
        healthcheck: definition.health_check.as_ref().map(health_check),
    }
}

pub(super) fn host_config(
    task: &Task,
    definition: &ContainerDefinition,
    over: &ContainerOverride,
    logs_endpoint: Option<&str>,
) -> HostConfig {
    let none = LinuxParameters::default();
    let linux = definition.linux.as_ref().unwrap_or(&none);
    let Capabilities { add, drop } = linux.capabilities.clone().unwrap_or_default();
    let memory_mib = over.memory_mib.or(definition.memory_mib);
    let reserved_mib = over.memory_mib_reserved.or(definition.memory_mib_reserved);
    let sysctls = definition.system_controls.iter().map(|c| (c.namespace.clone(), c.value.clone()));
    HostConfig {
        network_mode: network::docker_mode(task.definition.network_mode).to_owned(),
        log_config: definition.log.as_ref().map(|log| log::config(task, definition, log, logs_endpoint)),
        readonly_rootfs: definition.readonly_root_filesystem == Some(true),
        memory_reservation: reserved_mib.map(bytes),
        memory_swap: memory_mib.zip(linux.max_swap_mib).map(|(memory, swap)| bytes(memory) + bytes(swap)),
        memory_swappiness: linux.max_swap_mib.and(linux.swappiness).map(i64::from),
        shm_size: linux.shared_memory_mib.map(bytes),
        privileged: definition.privileged == Some(true),
        init: linux.init_process,
        cap_add: add,
        cap_drop: drop,
        ulimits: definition.ulimits.iter().map(ulimit).collect(),
        sysctls: sysctls.collect(),
        tmpfs: linux.tmpfs.iter().map(tmpfs).collect(),
        devices: linux.devices.iter().map(device).collect(),
        dns: definition.dns_servers.clone(),
        dns_search: definition.dns_search_domains.clone(),
        extra_hosts: definition
            .extra_hosts
            .iter()
            .map(|h| format!("{}:{}", h.hostname, h.ip_address))
            .collect(),
        security_opt: definition.docker_security_options.clone(),
    }
}

fn bytes(mib: u32) -> i64 {
    i64::from(mib) * BYTES_PER_MIB
}

fn health_check(check: &HealthCheck) -> Healthcheck {
    let nanos = |seconds: u32| i64::from(seconds) * NANOS_PER_SECOND;
    Healthcheck {
        test: check.command.clone(),
        interval: nanos(check.interval_secs),
        timeout: nanos(check.timeout_secs),
        start_period: nanos(check.start_period_secs.unwrap_or(0)),
        retries: check.retries,
    }
}

fn ulimit(limit: &model::container::Ulimit) -> Ulimit {
    Ulimit { name: limit.name.clone(), soft: limit.soft, hard: limit.hard }
}

/// The caller's options come last: of two that contradict each other Docker takes the later.
fn tmpfs(mount: &Tmpfs) -> (String, String) {
    let mut options = format!("rw,size={}m", mount.size_mib);
    for option in &mount.mount_options {
        options.push(',');
        options.push_str(option);
    }
    (mount.container_path.clone(), options)
}

fn device(device: &Device) -> DeviceMapping {
    const ALL: [DevicePermission; 3] =
        [DevicePermission::Read, DevicePermission::Write, DevicePermission::Mknod];
    let given = |p: &DevicePermission| device.permissions.is_empty() || device.permissions.contains(p);
    DeviceMapping {
        path_on_host: device.host_path.clone(),
        path_in_container: device.container_path.clone().unwrap_or_else(|| device.host_path.clone()),
        cgroup_permissions: ALL.iter().filter(|p| given(p)).map(|p| p.letter()).collect(),
    }
}
