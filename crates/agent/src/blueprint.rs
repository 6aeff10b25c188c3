//! A payload's task, read once: what is asked for in words that the drivers understand, or why it cannot be done.

use crate::log_options;
use acs::ElasticNetworkInterface;
use acs::payload::{self, DependencyCondition};
use agent_driver::{AwslogsSpec, NetworkSpec, RuntimeId, TaskLimits};
use core_task::run;
use model::arn::Arn;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

const CPU_UNITS_PER_VCPU: f64 = 1024.0;
const BYTES_PER_MIB: i64 = 1 << 20;
const TASK_ID_CHARS_MAX: usize = 64;

/// Everything about a task that does not change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blueprint {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) spec: run::Spec,
    pub(crate) limits: TaskLimits,
    pub(crate) networking: Networking,
    pub(crate) containers: Vec<Container>,
}

/// How the task's containers are networked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Networking {
    Awsvpc { spec: NetworkSpec, dns_name: String, dns_servers: Vec<Ipv4Addr> },
    Host,
    Isolated,
}

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Container {
    pub(crate) id: RuntimeId,
    pub(crate) image: String,
    pub(crate) entry_point: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) user: Option<String>,
    pub(crate) working_dir: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) readonly_rootfs: bool,
    pub(crate) cpu_shares: u32,
    pub(crate) memory_mib: Option<u32>,
    pub(crate) memory_mib_reserved: Option<u32>,
    pub(crate) log: Option<AwslogsSpec>,
}

/// Why a task cannot be run; the text after `Error loading task - `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unacceptable(pub(crate) String);

impl Blueprint {
    /// Reads a task. Spools go under `spool_dir`.
    pub(crate) fn read(task: &payload::Task, spool_dir: &Path) -> Result<Self, Unacceptable> {
        let (arn, id) = parse_arn(&task.arn)?;
        let networking = networking(task, &id)?;
        let named = |(n, c): (usize, &payload::Container)| {
            let runtime_id = RuntimeId(format!("{id}-{n}"));
            container(c, runtime_id, &arn, spool_dir)
        };
        let containers = task.containers.iter().enumerate().map(named).collect::<Result<Vec<_>, _>>()?;
        let spec = run::Spec {
            containers: spec_of(&task.containers, &containers)?,
            has_network: matches!(networking, Networking::Awsvpc { .. }),
        };
        spec.validate().map_err(|error| Unacceptable(error.to_string()))?;
        Ok(Self {
            arn: task.arn.clone(),
            region: arn.scope.region.0.clone(),
            limits: limits(task)?,
            id,
            spec,
            networking,
            containers,
        })
    }
}

/// The last part of a task's ARN, which becomes part of paths: nothing but letters, digits and hyphens.
pub(crate) fn parse_arn(text: &str) -> Result<(Arn, String), Unacceptable> {
    let refused = || Unacceptable(format!("{text:?} is no task's ARN"));
    let arn = Arn::parse(text).ok_or_else(refused)?;
    let id = arn.resource_after("task").and_then(|r| r.rsplit('/').next()).ok_or_else(refused)?.to_owned();
    let plain = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if id.is_empty() || id.len() > TASK_ID_CHARS_MAX || !plain {
        return Err(refused());
    }
    Ok((arn, id))
}

fn limits(task: &payload::Task) -> Result<TaskLimits, Unacceptable> {
    let cpu_units = task.cpu.filter(|&c| c > 0.0).map(|vcpu| (vcpu * CPU_UNITS_PER_VCPU).round() as u32);
    let memory = task.memory.filter(|&m| m != 0).map(u32::try_from).transpose();
    let memory_mib = memory.map_err(|_| Unacceptable(format!("memory {:?} is out of range", task.memory)))?;
    Ok(TaskLimits { cpu_units, memory_mib })
}

fn networking(task: &payload::Task, id: &str) -> Result<Networking, Unacceptable> {
    match task.network_mode.as_str() {
        "host" => Ok(Networking::Host),
        "none" => Ok(Networking::Isolated),
        "awsvpc" => {
            let interface = task.elastic_network_interfaces.first();
            awsvpc(interface.ok_or_else(|| Unacceptable("awsvpc without an interface".to_owned()))?, id)
        }
        "" => Err(Unacceptable("network mode bridge is not supported".to_owned())),
        other => Err(Unacceptable(format!("network mode {other} is not supported"))),
    }
}

fn awsvpc(interface: &ElasticNetworkInterface, id: &str) -> Result<Networking, Unacceptable> {
    let refused = |what: &str| Unacceptable(format!("the interface's {what} cannot be read"));
    let addresses = &interface.ipv4_addresses;
    let primary = addresses.iter().find(|a| a.primary).or(addresses.first());
    let address = primary.and_then(|a| a.private_address.parse().ok()).ok_or_else(|| refused("address"))?;
    let gateway = interface.subnet_gateway_ipv4_address.split_once('/');
    let (gateway, prefix_len) = gateway
        .and_then(|(gateway, prefix)| Some((gateway.parse().ok()?, prefix.parse().ok()?)))
        .filter(|&(_, prefix)| prefix <= 32)
        .ok_or_else(|| refused("gateway"))?;
    let mac = interface.mac_address.clone();
    let spec = NetworkSpec { task: id.to_owned(), address, prefix_len, gateway, mac };
    let servers = interface.domain_name_servers.iter().map(|s| s.parse::<Ipv4Addr>());
    let dns_servers = servers.collect::<Result<_, _>>().map_err(|_| refused("name server"))?;
    Ok(Networking::Awsvpc { spec, dns_name: interface.private_dns_name.clone(), dns_servers })
}

fn container(
    container: &payload::Container,
    id: RuntimeId,
    arn: &Arn,
    spool_dir: &Path,
) -> Result<Container, Unacceptable> {
    let name = &container.name;
    let unreadable = |what: &str, e| Unacceptable(format!("container {name}: {what} cannot be read: {e}"));
    if !matches!(container.overrides.trim(), "" | "{}" | "null") {
        return Err(Unacceptable(format!("container {name}: overrides are not supported")));
    }
    let config = container.docker_config.config().map_err(|e| unreadable("config", e))?;
    let host_config = container.docker_config.host_config().map_err(|e| unreadable("hostConfig", e))?;
    let reserved = host_config.memory_reservation.map(|bytes| u32::try_from(bytes / BYTES_PER_MIB));
    let log = host_config.log_config.as_ref();
    Ok(Container {
        log: log.map(|log| log_options::read(log, name, &id, arn, spool_dir)).transpose()?.flatten(),
        id,
        image: container.image.clone(),
        entry_point: container.entry_point.clone(),
        command: container.command.clone(),
        environment: container.environment.clone(),
        user: config.user,
        working_dir: config.working_dir,
        hostname: config.hostname,
        readonly_rootfs: host_config.readonly_rootfs,
        cpu_shares: container.cpu,
        memory_mib: Some(container.memory).filter(|&m| m != 0),
        memory_mib_reserved: reserved
            .transpose()
            .map_err(|_| Unacceptable(format!("container {name}: MemoryReservation is out of range")))?,
    })
}

fn spec_of(
    containers: &[payload::Container],
    read: &[Container],
) -> Result<Vec<run::ContainerSpec>, Unacceptable> {
    let dependency = |of: &payload::Container, d: &payload::ContainerDependency| {
        let on = containers.iter().position(|c| c.name == d.container_name).unwrap_or(usize::MAX);
        let condition = match d.condition {
            DependencyCondition::Start => run::Condition::Start,
            DependencyCondition::Complete => run::Condition::Complete,
            DependencyCondition::Success => run::Condition::Success,
            DependencyCondition::Healthy => {
                let text = format!("container {}: the condition HEALTHY is not supported", of.name);
                return Err(Unacceptable(text));
            }
        };
        Ok(run::Dependency { on, condition })
    };
    let secs_to_ms = |secs: u32| i64::from(secs) * 1000;
    let spec = |(c, read): (&payload::Container, &Container)| {
        Ok(run::ContainerSpec {
            name: c.name.clone(),
            essential: c.essential,
            depends_on: c.depends_on.iter().map(|d| dependency(c, d)).collect::<Result<_, _>>()?,
            has_log: read.log.is_some(),
            stop_timeout_ms: secs_to_ms(
                c.stop_timeout.unwrap_or(model::container::STOP_TIMEOUT_SECS_DEFAULT),
            ),
            start_timeout_ms: c.start_timeout.map(secs_to_ms),
        })
    };
    containers.iter().zip(read).map(spec).collect()
}
