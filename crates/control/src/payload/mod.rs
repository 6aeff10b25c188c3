//! The payload compiler: a task's record into what its agent is told. Pure.
//!
//! What an agent derives by itself from its own members of a container goes there; everything else goes into the two
//! Docker documents, which every agent of the protocol takes as they are.

mod container;
mod docker_config;
mod log;
mod network;
mod volumes;

use acs::payload::{ASSOCIATION_GPU, Association, DesiredStatus as Desired, Task as PayloadTask};
use acs::{RoleCredentials, TaskIdentifier};
use model::arn;
use model::task::{DesiredStatus, Task};

const BYTES_PER_MIB: i64 = 1 << 20;
const CPU_UNITS_PER_VCPU: f64 = 1024.0;
/// Groups of services' tasks are `service:NAME`.
const SERVICE_GROUP: &str = "service:";

/// What is told of a task beyond its record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extras {
    /// For pulls and logs on the task's behalf.
    pub execution_credentials: Option<RoleCredentials>,
    /// The CloudWatch Logs API for a Docker daemon that ships the logs of awslogs itself; `None` when the agent does.
    pub logs_endpoint: Option<String>,
}

/// The entry that starts a task. Overrides are merged in; nothing of them is left for the agent.
pub fn compile(task: &Task, extras: Extras) -> PayloadTask {
    let definition = &task.definition;
    let containers = definition.containers.iter();
    PayloadTask {
        arn: arn::task(&task.scope, &task.cluster, &task.id),
        desired_status: Desired::Running,
        family: definition.family.to_string(),
        version: definition.revision.to_string(),
        task_cluster_arn: arn::cluster(&task.scope, &task.cluster),
        launch_type: task.launch_type.as_str().to_owned(),
        task_definition_account_id: definition.scope.account.to_string(),
        service_name: task.group.strip_prefix(SERVICE_GROUP).unwrap_or_default().to_owned(),
        group: task.group.clone(),
        network_mode: definition.network_mode.as_str().to_owned(),
        containers: containers
            .map(|c| container::compile(task, c, extras.logs_endpoint.as_deref()))
            .collect(),
        volumes: definition.volumes.iter().map(volumes::volume).collect(),
        pid_mode: definition.pid_mode.map_or("", |mode| mode.as_str()).to_owned(),
        ipc_mode: definition.ipc_mode.map_or("", |mode| mode.as_str()).to_owned(),
        associations: associations(task),
        cpu: task.cpu_units().map(|units| f64::from(units) / CPU_UNITS_PER_VCPU),
        memory: task.memory_mib().map(i64::from),
        ephemeral_storage_gib: task.ephemeral_storage_gib(),
        role_credentials: None,
        execution_role_credentials: extras.execution_credentials,
        elastic_network_interfaces: network::interface(task).into_iter().collect(),
    }
}

/// The task's line in a manifest.
pub fn manifest(task: &Task) -> TaskIdentifier {
    TaskIdentifier {
        task_arn: arn::task(&task.scope, &task.cluster, &task.id),
        task_cluster_arn: arn::cluster(&task.scope, &task.cluster),
        desired_status: match task.desired_status {
            DesiredStatus::Running => Desired::Running,
            DesiredStatus::Stopped => Desired::Stopped,
        },
    }
}

/// One for each GPU: which container it is for.
fn associations(task: &Task) -> Vec<Association> {
    let gpus = task.containers.iter().flat_map(|c| c.gpu_ids.iter().map(move |gpu| (c, gpu)));
    gpus.map(|(container, gpu)| Association {
        kind: ASSOCIATION_GPU.to_owned(),
        name: gpu.clone(),
        containers: vec![container.name.to_string()],
    })
    .collect()
}
