//! A payload's task, read once: what is asked for in words that the drivers understand, or why it cannot be done. What
//! depends on the image, the volumes and the network is filled in when a container starts ([`finish`]).
//!
//! Nothing is ignored: what is not honoured is refused by name.

mod container;
mod finish;
mod gpu;
mod health;
mod limits;
mod link;
mod log;
mod network;
mod security;
mod storage;
mod volumes;

pub(crate) use container::Container;
pub(crate) use finish::{Surroundings, container_spec};
pub(crate) use gpu::Gpus;
pub(crate) use network::Networking;
pub(crate) use volumes::Mount;

use acs::payload::{self, DependencyCondition};
use agent_driver::{RuntimeId, TaskSpec, VolumeSpec};
use core_task::run;
use model::arn::Arn;
use std::path::Path;

const CPU_UNITS_PER_VCPU: f64 = 1024.0;
const TASK_ID_CHARS_MAX: usize = 64;
/// `launchType` of tasks that get what Fargate gives them.
const LAUNCH_TYPE_FARGATE: &str = "FARGATE";

/// Everything about a task that does not change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blueprint {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) family: String,
    pub(crate) revision: String,
    pub(crate) cluster_arn: String,
    pub(crate) launch_type: String,
    pub(crate) service_name: String,
    pub(crate) spec: run::Spec,
    pub(crate) task: TaskSpec,
    pub(crate) networking: Networking,
    pub(crate) ephemeral_storage_gib: Option<u32>,
    pub(crate) volumes: Vec<VolumeSpec>,
    pub(crate) containers: Vec<Container>,
}

/// Why a task cannot be run; the text after `Error loading task - `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unacceptable(pub(crate) String);

/// What all parts of a task are read with.
struct Reading<'a> {
    task: &'a payload::Task,
    arn: &'a Arn,
    id: &'a str,
    /// Where spools and log files go.
    spool_dir: &'a Path,
}

impl Blueprint {
    /// Reads a task. Spools go under `spool_dir`.
    pub(crate) fn read(task: &payload::Task, spool_dir: &Path) -> Result<Self, Unacceptable> {
        let (arn, id) = parse_arn(&task.arn)?;
        let reading = Reading { task, arn: &arn, id: &id, spool_dir };
        let containers = container::read_all(&reading)?;
        let networking = network::read(&reading, &containers)?;
        let volumes = volumes::read(&reading)?;
        let spec = run::Spec {
            containers: spec_of(&task.containers, &containers),
            has_network: matches!(networking, Networking::Awsvpc(_) | Networking::Bridge(_)),
            has_volumes: !volumes.is_empty() || containers.iter().any(|c| c.needs_image_volumes),
        };
        spec.validate().map_err(|error| Unacceptable(error.to_string()))?;
        Ok(Self {
            arn: task.arn.clone(),
            region: arn.scope.region.to_string(),
            family: task.family.clone(),
            revision: task.version.clone(),
            cluster_arn: task.task_cluster_arn.clone(),
            launch_type: task.launch_type.clone(),
            service_name: task.service_name.clone(),
            task: task_spec(&reading, &networking)?,
            id,
            spec,
            networking,
            ephemeral_storage_gib: task.ephemeral_storage_gib,
            volumes,
            containers,
        })
    }

    /// Whether the launch type is FARGATE.
    pub(crate) fn is_fargate(&self) -> bool {
        self.launch_type == LAUNCH_TYPE_FARGATE
    }

    /// The container with this id.
    pub(crate) fn position(&self, id: &RuntimeId) -> Option<usize> {
        self.containers.iter().position(|c| c.draft.id == *id)
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

fn task_spec(reading: &Reading<'_>, networking: &Networking) -> Result<TaskSpec, Unacceptable> {
    let task = reading.task;
    let memory = task.memory.filter(|&m| m != 0).map(u32::try_from).transpose();
    Ok(TaskSpec {
        id: reading.id.to_owned(),
        cpu_units: task.cpu.filter(|&c| c > 0.0).map(|vcpu| (vcpu * CPU_UNITS_PER_VCPU).round() as u32),
        memory_mib: memory.map_err(|_| Unacceptable(format!("memory {:?} is out of range", task.memory)))?,
        shares_pid: task.pid_mode == "task",
        shares_ipc: task.ipc_mode == "task",
        has_network: matches!(networking, Networking::Awsvpc(_)),
        hostname: match networking {
            Networking::Awsvpc(interface) => interface.dns_name.clone(),
            _ => String::new(),
        },
    })
}

/// What the state machine has to know. Links and `volumesFrom` are dependencies too, as in the Amazon ECS agent; it
/// lets `volumesFrom` go on once the other container was created, which is here the same as started.
fn spec_of(containers: &[payload::Container], read: &[Container]) -> Vec<run::ContainerSpec> {
    let dependency = |d: &payload::ContainerDependency| {
        let on = containers.iter().position(|c| c.name == d.container_name).unwrap_or(usize::MAX);
        let condition = match d.condition {
            DependencyCondition::Start => run::Condition::Start,
            DependencyCondition::Complete => run::Condition::Complete,
            DependencyCondition::Success => run::Condition::Success,
            DependencyCondition::Healthy => run::Condition::Healthy,
        };
        run::Dependency { on, condition }
    };
    let secs_to_ms = |secs: u32| i64::from(secs) * 1000;
    let spec = |(c, read): (&payload::Container, &Container)| {
        let implied = read
            .links
            .iter()
            .map(|link| link.to)
            .chain(read.volume_sources.iter().map(|&(source, _)| source));
        let implied = implied.map(|on| run::Dependency { on, condition: run::Condition::Start });
        run::ContainerSpec {
            name: c.name.clone(),
            essential: c.essential,
            depends_on: c.depends_on.iter().map(dependency).chain(implied).collect(),
            has_log: read.log.is_some(),
            stop_timeout_ms: secs_to_ms(
                c.stop_timeout.unwrap_or(model::container::STOP_TIMEOUT_SECS_DEFAULT),
            ),
            start_timeout_ms: c.start_timeout.map(secs_to_ms),
            health_check: read.health.as_ref().map(|health| health.schedule),
            restart: c.restart_policy.as_ref().filter(|p| p.enabled).map(|p| run::RestartPolicy {
                ignored_exit_codes: p.ignored_exit_codes.clone(),
                attempt_period_ms: secs_to_ms(p.restart_attempt_period),
            }),
        }
    };
    containers.iter().zip(read).map(spec).collect()
}
