//! One container: the members that need nothing but themselves, and what is left to fill in at its start.

use super::health::{self, Health};
use super::link::{self, Link};
use super::log::{self, Log};
use super::{Reading, Unacceptable, gpu, limits, security, storage, volumes};
use acs::payload::{self, Config, HostConfig};
use agent_driver::{ContainerSpec, LogSpec, Networking, PortRequest, RuntimeId, Sharing};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Hexadecimal digits at the end of a container's Docker name.
const NAME_DIGITS: usize = 18;
/// As many digits of the task's id as go into a container's short id; two of its number follow, so that it has the length of
/// Docker's.
const SHORT_ID_DIGITS: usize = 10;

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// `ecs-FAMILY-REVISION-NAME-HEX`; the plain name on Fargate.
    pub(crate) docker_name: String,
    pub(crate) arn: String,
    /// An image reference.
    pub(crate) image: String,
    pub(crate) entry_point: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) environment: BTreeMap<String, String>,
    /// A host name that was asked for.
    pub(crate) hostname: Option<String>,
    /// The host name otherwise, but in awsvpc mode: the container's short id, as in Docker.
    pub(crate) derived_hostname: String,
    /// No network but loopback.
    pub(crate) disable_networking: bool,
    pub(crate) ports: Vec<PortRequest>,
    pub(crate) links: Vec<Link>,
    pub(crate) mounts: Vec<volumes::Mount>,
    /// Containers whose mounts it repeats, by number, and whether it may not write through them.
    pub(crate) volume_sources: Vec<(usize, bool)>,
    /// What its image declares as volumes are volumes of the task: its root file system cannot be written to, or
    /// another container repeats its mounts. Otherwise they are directories of its own file system.
    pub(crate) needs_image_volumes: bool,
    pub(crate) gpus: Vec<String>,
    pub(crate) health: Option<Health>,
    /// What the log driver is told, when there is something to ship.
    pub(crate) log: Option<LogSpec>,
    pub(crate) log_driver: String,
    pub(crate) log_options: BTreeMap<String, String>,
    pub(crate) restarts: bool,
    /// Everything that depends on nothing else.
    pub(crate) draft: ContainerSpec,
}

/// All containers of a task.
pub(super) fn read_all(reading: &Reading<'_>) -> Result<Vec<Container>, Unacceptable> {
    let containers = &reading.task.containers;
    let named = |(n, c): (usize, &payload::Container)| {
        read(reading, n, c).map_err(|error| Unacceptable(format!("container {}: {}", c.name, error.0)))
    };
    let mut read: Vec<Container> = containers.iter().enumerate().map(named).collect::<Result<_, _>>()?;
    volumes::repeat(&mut read, containers)?;
    Ok(read)
}

fn read(reading: &Reading<'_>, n: usize, container: &payload::Container) -> Result<Container, Unacceptable> {
    if !matches!(container.overrides.trim(), "" | "{}" | "null") {
        return Err(Unacceptable("overrides are not supported".to_owned()));
    }
    let unreadable = |what: &str, e| Unacceptable(format!("{what} cannot be read: {e}"));
    let config = container.docker_config.config().map_err(|e| unreadable("config", e))?;
    let host = container.docker_config.host_config().map_err(|e| unreadable("hostConfig", e))?;
    let id = RuntimeId(format!("{}-{n}", reading.id));
    let labels = labels(reading, container, &config);
    let docker_name = docker_name(reading, n, &container.name);
    let short_id = format!("{:.SHORT_ID_DIGITS$}{n:02x}", reading.id);
    let Log { output, spec } = log::read(&log::Container {
        config: host.log_config.as_ref(),
        name: &container.name,
        docker_name: &docker_name,
        image: &container.image,
        id: &id,
        short_id: &short_id,
        labels: &labels,
        environment: &container.environment,
        reading,
    })?;
    let log_config = host.log_config.clone().unwrap_or_default();
    let draft = ContainerSpec { id, labels, log: output, ..draft(reading, container, &config, &host)? };
    Ok(Container {
        docker_name,
        arn: container.container_arn.clone(),
        image: container.image.clone(),
        entry_point: container.entry_point.clone(),
        command: container.command.clone(),
        environment: container.environment.clone(),
        hostname: config.hostname.clone().filter(|name| !name.is_empty()),
        derived_hostname: short_id,
        disable_networking: config.network_disabled,
        ports: super::network::ports(container)?,
        links: link::read(reading, container)?,
        mounts: volumes::mounts(reading, container)?,
        volume_sources: Vec::new(),
        needs_image_volumes: host.readonly_rootfs,
        gpus: gpu::of_container(reading, &container.name)?,
        health: health::read(container, config.healthcheck.as_ref())?,
        log: spec,
        log_driver: log_config.driver,
        log_options: log_config.config,
        restarts: container.restart_policy.as_ref().is_some_and(|policy| policy.enabled),
        name: container.name.clone(),
        draft,
    })
}

/// What of it depends on nothing else, but for its id, its labels and its log.
fn draft(
    reading: &Reading<'_>,
    container: &payload::Container,
    config: &Config,
    host: &HostConfig,
) -> Result<ContainerSpec, Unacceptable> {
    Ok(ContainerSpec {
        task: reading.id.to_owned(),
        user: config.user.clone().unwrap_or_default(),
        cwd: config.working_dir.clone().unwrap_or_default(),
        storage: storage::read(host)?,
        network: names(host)?,
        limits: limits::read(container, host)?,
        security: security::read(host)?,
        pid: sharing("pidMode", &reading.task.pid_mode, &["task", "host"])?,
        ipc: sharing("ipcMode", &reading.task.ipc_mode, &["task", "host", "none"])?,
        init: host.init.unwrap_or(false),
        terminal: config.tty,
        stdin_open: config.open_stdin,
        ..ContainerSpec::default()
    })
}

/// The container's own, and ECS's (Amazon ECS agent; they can be read from inside through the metadata endpoint).
fn labels(
    reading: &Reading<'_>,
    container: &payload::Container,
    config: &Config,
) -> BTreeMap<String, String> {
    let task = reading.task;
    let own = [
        ("cluster", &task.task_cluster_arn),
        ("container-name", &container.name),
        ("task-arn", &task.arn),
        ("task-definition-family", &task.family),
        ("task-definition-version", &task.version),
    ];
    let own = own.map(|(name, value)| (format!("com.amazonaws.ecs.{name}"), value.clone()));
    config.labels.clone().into_iter().chain(own).collect()
}

/// The Amazon ECS agent draws the digits; here they follow from the task, so that they stay the same.
fn docker_name(reading: &Reading<'_>, n: usize, name: &str) -> String {
    if reading.task.launch_type == super::LAUNCH_TYPE_FARGATE {
        return name.to_owned();
    }
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let (family, revision) = (&reading.task.family, &reading.task.version);
    format!("ecs-{family}-{revision}-{plain}-{:.NAME_DIGITS$}{n:02x}", reading.id)
}

/// Names and name servers; the namespace is the task's business.
fn names(host: &HostConfig) -> Result<Networking, Unacceptable> {
    if !matches!(host.network_mode.as_str(), "" | "host" | "none") {
        return Err(Unacceptable(format!("NetworkMode {} is not supported", host.network_mode)));
    }
    let server = |text: &String| {
        text.parse().map_err(|_| Unacceptable(format!("{text:?} is no address of a name server")))
    };
    let extra = |text: &String| {
        let entry = text.split_once(':').and_then(|(name, address)| {
            let address: IpAddr = address.parse().ok()?;
            (!name.is_empty()).then(|| (address, name.to_owned()))
        });
        entry.ok_or_else(|| Unacceptable(format!("{text:?} is no extra host")))
    };
    Ok(Networking {
        dns_servers: host.dns.iter().map(server).collect::<Result<_, _>>()?,
        dns_search: host.dns_search.clone(),
        hosts: host.extra_hosts.iter().map(extra).collect::<Result<_, _>>()?,
        ..Networking::default()
    })
}

fn sharing(member: &str, mode: &str, known: &[&str]) -> Result<Sharing, Unacceptable> {
    match mode {
        "" => Ok(Sharing::Private),
        mode if !known.contains(&mode) => Err(Unacceptable(format!("{member} {mode} is not supported"))),
        "host" => Ok(Sharing::Host),
        "task" => Ok(Sharing::Task),
        _ => Ok(Sharing::Private),
    }
}
