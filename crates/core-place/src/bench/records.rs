//! The plainest records that placement can be asked about.

use model::container::ContainerDefinition;
use model::instance::{ATTRIBUTE_FARGATE, ContainerInstance, InstanceStatus, Resources};
use model::task::{DesiredStatus, Overrides, Task, TaskStatus, Times};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition, TaskDefinitionStatus};
use model::{Scope, Tags, Timestamp};
use std::sync::Arc;

fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

/// An ACTIVE instance of the cluster `default`, which serves FARGATE too; its agent is connected.
pub(super) fn instance(id: &str, cpu_units: u32, memory_mib: u32) -> ContainerInstance {
    ContainerInstance {
        scope: scope(),
        cluster: "default".into(),
        id: id.into(),
        status: InstanceStatus::Active,
        agent_connected: true,
        connection_changed_at: None,
        agent_version: "1.0.0".to_owned(),
        agent_hash: String::new(),
        docker_version: String::new(),
        ec2_instance_id: None,
        registered: Resources { cpu_units, memory_mib, ..Resources::default() },
        attributes: [(ATTRIBUTE_FARGATE.to_owned(), None)].into(),
        tags: Tags::default(),
        client_token: None,
        registered_at: Timestamp(1),
        deregistered_at: None,
        runtime_health: None,
        timeline: 0,
        version: 1,
    }
}

/// A PENDING task of one container in bridge mode, for EC2 and without an instance.
pub(super) fn task(cpu_units: u32, memory_mib: u32) -> Task {
    Task {
        scope: scope(),
        id: "task".into(),
        cluster: "default".into(),
        containers: Vec::new(),
        definition: Arc::new(definition(cpu_units, memory_mib)),
        overrides: Overrides::default(),
        launch_type: LaunchType::Ec2,
        capacity_provider: None,
        instance: None,
        desired_status: DesiredStatus::Running,
        last_status: TaskStatus::Pending,
        eni: None,
        group: "family:web".to_owned(),
        started_by: None,
        tags: Tags::default(),
        client_request: None,
        protected_until: None,
        logs_block_by_default: false,
        version: 1,
        stop_code: None,
        stopped_reason: None,
        times: Times::default(),
    }
}

fn definition(cpu_units: u32, memory_mib: u32) -> TaskDefinition {
    let app = ContainerDefinition {
        name: "app".into(),
        image: "app".to_owned(),
        essential: true,
        ..ContainerDefinition::default()
    };
    TaskDefinition {
        scope: scope(),
        family: "web".into(),
        revision: 1,
        status: TaskDefinitionStatus::Active,
        network_mode: NetworkMode::Bridge,
        requires_compatibilities: Vec::new(),
        compatibilities: vec![LaunchType::Ec2],
        cpu_units: Some(cpu_units),
        memory_mib: Some(memory_mib),
        containers: vec![app],
        runtime_platform: None,
        volumes: Vec::new(),
        pid_mode: None,
        ipc_mode: None,
        ephemeral_storage_gib: None,
        placement_constraints: Vec::new(),
        tags: Tags::default(),
        registered_at: Timestamp(1),
        registered_by: String::new(),
        deregistered_at: None,
        delete_requested_at: None,
    }
}
