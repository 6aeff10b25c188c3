//! A task and its containers as the metadata endpoint shows them.

use crate::blueprint::{Container, Networking};
use crate::host::Host;
use crate::meter::Reading;
use crate::tasks::LiveTask;
use agent_driver::{Attached, MountSource, PortBinding, Protocol};
use agent_metadata::{
    ContainerView, CpuSample, HealthView, InterfaceStats, InterfaceView, Limits, NetworkView, PortView,
    StatsSample, TaskLimits, TaskView, VolumeView,
};
use core_task::run::{self, Desired, Phase};
use model::Timestamp;
use std::net::Ipv4Addr;

const CPU_UNITS_PER_CORE: u32 = 1024;

/// The task as it is now.
pub(super) fn task(host: &Host, task: &LiveTask) -> TaskView {
    let (blueprint, seen) = (task.blueprint(), &task.state.observed);
    let is_fargate = blueprint.is_fargate();
    TaskView {
        cluster: if is_fargate { &blueprint.cluster_arn } else { &host.config.cluster }.clone(),
        task_arn: blueprint.arn.clone(),
        family: blueprint.family.clone(),
        revision: blueprint.revision.clone(),
        desired_status: desired(task).to_owned(),
        known_status: seen.containers.iter().map(known).min().unwrap_or(Known::None).as_str().to_owned(),
        limits: TaskLimits { cpu_units: blueprint.task.cpu_units, memory_mib: blueprint.task.memory_mib },
        pull_started_unix_ms: Some(seen.pull_started_at.0),
        pull_stopped_unix_ms: seen.pull_stopped_at.map(|at| at.0),
        execution_stopped_unix_ms: seen.execution_stopped_at.map(|at| at.0),
        availability_zone: host.zone.get().unwrap_or_default(),
        launch_type: blueprint.launch_type.clone(),
        containers: (0..blueprint.containers.len()).map(|n| container(task, n)).collect(),
        service_name: blueprint.service_name.clone(),
        ..TaskView::default()
    }
}

fn container(task: &LiveTask, n: usize) -> ContainerView {
    let blueprint = task.blueprint();
    let (container, seen) = (&blueprint.containers[n], &task.state.observed.containers[n]);
    let known = known(seen);
    let unix_ms = |at: Option<Timestamp>| at.map(|at| at.0);
    let limits = &container.draft.limits;
    ContainerView {
        docker_id: if known >= Known::Created { container.draft.id.0.clone() } else { String::new() },
        name: container.name.clone(),
        docker_name: container.docker_name.clone(),
        image: container.image.clone(),
        image_id: task.effects.known_image(n).unwrap_or_default(),
        ports: task.effects.bindings(container).iter().flat_map(ports).collect(),
        labels: container.draft.labels.clone(),
        desired_status: desired(task).to_owned(),
        known_status: known.as_str().to_owned(),
        exit_code: match &seen.phase {
            Phase::Ended(end) => end.exit_code,
            _ => None,
        },
        limits: Limits { cpu_units: limits.cpu_shares, memory_mib: limits.memory_mib.unwrap_or(0) },
        created_unix_ms: unix_ms(seen.started_at),
        started_unix_ms: unix_ms(seen.started_at).filter(|_| seen.was_started),
        finished_unix_ms: unix_ms(seen.ended_at).filter(|_| known == Known::Stopped),
        health: health(task, n),
        volumes: volumes(task, container),
        log_driver: container.log_driver.clone(),
        log_options: container.log_options.clone(),
        container_arn: container.arn.clone(),
        networks: vec![network(task, container)],
        snapshotter: if blueprint.is_fargate() { "overlayfs".to_owned() } else { String::new() },
        restart_count: container.restarts.then_some(seen.restarts),
    }
}

/// The Amazon ECS agent's states of a container; a task's is the lowest of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    None,
    Pulled,
    Created,
    Running,
    Stopped,
}

impl Known {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Pulled => "PULLED",
            Self::Created => "CREATED",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

fn known(seen: &run::Container) -> Known {
    match &seen.phase {
        Phase::Waiting if seen.image_ready => Known::Pulled,
        Phase::Waiting => Known::None,
        Phase::Starting => Known::Created,
        Phase::Running | Phase::Restarting => Known::Running,
        Phase::Ended(_) => Known::Stopped,
    }
}

fn desired(task: &LiveTask) -> &'static str {
    match task.state.desired {
        Desired::Running => "RUNNING",
        Desired::Stopped => "STOPPED",
    }
}

fn health(task: &LiveTask, n: usize) -> Option<HealthView> {
    task.blueprint().containers[n].health.as_ref()?;
    let known = task.state.observed.containers[n].health.as_ref();
    let last = task.effects.last_probe(n);
    Some(HealthView {
        status: known.map_or("UNKNOWN", |health| health.status.as_str()).to_owned(),
        since_unix_ms: known.map(|health| health.since.0),
        exit_code: last.as_ref().and_then(|end| end.code).unwrap_or(0),
        output: last.map(|end| end.output).unwrap_or_default(),
    })
}

fn volumes(task: &LiveTask, container: &Container) -> Vec<VolumeView> {
    let volume = |mount: &crate::blueprint::Mount| {
        let (docker_name, source) = match task.effects.known_volume(mount.volume)? {
            MountSource::Path(path) => (String::new(), path.display().to_string()),
            MountSource::Named(name) => (name.clone(), String::new()),
        };
        Some(VolumeView { docker_name, source, destination: mount.target.clone() })
    };
    container.mounts.iter().filter_map(volume).collect()
}

/// Port by port.
fn ports(binding: &PortBinding) -> Vec<PortView> {
    let protocol = match binding.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let pairs =
        (binding.container_first..=binding.container_last).zip(binding.host_first..=binding.host_last);
    let view = |(container_port, host_port)| PortView {
        container_port,
        host_port,
        protocol: protocol.to_owned(),
        host_ip: binding.bind_ip.to_string(),
    };
    pairs.map(view).collect()
}

fn network(task: &LiveTask, container: &Container) -> NetworkView {
    let networking = &task.blueprint().networking;
    let network_mode = if container.disable_networking { "none" } else { networking.mode() }.to_owned();
    let (ipv4_addresses, interface) = match networking {
        _ if container.disable_networking => (Vec::new(), None),
        Networking::Awsvpc(interface) => {
            let spec = &interface.spec;
            let mask = u32::MAX.checked_shl(32 - u32::from(spec.prefix_len)).unwrap_or(0);
            let subnet = Ipv4Addr::from_bits(spec.address.to_bits() & mask);
            let view = InterfaceView {
                attachment_index: 0,
                mac_address: spec.mac.clone(),
                ipv4_subnet: format!("{subnet}/{}", spec.prefix_len),
                dns_servers: interface.dns_servers.iter().map(ToString::to_string).collect(),
                dns_search: interface.dns_search.clone(),
                private_dns_name: interface.dns_name.clone(),
                gateway: format!("{}/{}", spec.gateway, spec.prefix_len),
            };
            (vec![spec.address.to_string()], Some(view))
        }
        Networking::Bridge(_) => {
            let address = match task.effects.known_network() {
                Some(Attached::Containers(endpoints)) => {
                    endpoints.get(&container.draft.id).and_then(|endpoint| endpoint.address)
                }
                _ => None,
            };
            (address.iter().map(ToString::to_string).collect(), None)
        }
        Networking::Host | Networking::Isolated => (Vec::new(), None),
    };
    NetworkView { network_mode, ipv4_addresses, interface, ..NetworkView::default() }
}

/// A reading; in the host's network its interfaces are not the container's.
pub(super) fn sample(host: &Host, task: &LiveTask, reading: Reading) -> StatsSample {
    let stats = reading.stats;
    let is_hosts = task.blueprint().networking == Networking::Host;
    let interface = |s: agent_driver::NetworkStats| InterfaceStats {
        rx_bytes: s.rx_bytes,
        rx_packets: s.rx_packets,
        rx_errors: s.rx_errors,
        rx_dropped: s.rx_dropped,
        tx_bytes: s.tx_bytes,
        tx_packets: s.tx_packets,
        tx_errors: s.tx_errors,
        tx_dropped: s.tx_dropped,
    };
    let networks = stats.networks.into_iter().filter(|_| !is_hosts);
    StatsSample {
        at_unix_ms: stats.at_unix_ms,
        cpu: CpuSample {
            total_ns: stats.cpu_total_ns,
            user_ns: stats.cpu_user_ns,
            kernel_ns: stats.cpu_system_ns,
            host_ns: reading.host_cpu_ns,
            online_cpus: (host.config.resources.cpu_units / CPU_UNITS_PER_CORE).max(1),
            throttling: None,
        },
        memory_bytes: stats.memory_bytes,
        memory_bytes_max: stats.memory_bytes_max,
        memory_cache_bytes: stats.memory_cache_bytes,
        memory_limit_bytes: stats.memory_limit_bytes,
        pids: stats.pids,
        storage_read_bytes: stats.storage_read_bytes,
        storage_write_bytes: stats.storage_write_bytes,
        networks: networks.map(|(name, s)| (name, interface(s))).collect(),
    }
}
