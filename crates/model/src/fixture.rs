//! Records for tests, behind the feature `fixture`: plain, valid, and changed by the test where it matters.

use crate::container::ContainerDefinition;
use crate::instance::{ContainerInstance, InstanceStatus, Resources};
use crate::network::Eni;
use crate::task::{
    AttachmentStatus, Container, ContainerStatus, DesiredStatus, EniAttachment, Interface, Overrides, Task,
    TaskStatus, Times,
};
use crate::task_definition::{LaunchType, NetworkMode, TaskDefinition, TaskDefinitionStatus};
use crate::{Scope, Timestamp};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The account and region of every record here.
pub fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

/// A task in PROVISIONING with an attachment and without an interface; a name that ends in `!` is essential.
pub fn task(containers: &[&str]) -> Task {
    let definition = definition(containers);
    let container = |d: &ContainerDefinition| Container {
        id: d.name.as_str().into(),
        name: d.name.clone(),
        last_status: ContainerStatus::Pending,
        exit_code: None,
        reason: None,
        runtime_id: None,
        image_digest: None,
        network_bindings: Vec::new(),
        health: None,
        gpu_ids: Vec::new(),
    };
    Task {
        scope: definition.scope.clone(),
        id: "t1".into(),
        cluster: "default".into(),
        containers: definition.containers.iter().map(container).collect(),
        definition: Arc::new(definition),
        overrides: Overrides::default(),
        launch_type: LaunchType::Fargate,
        capacity_provider: None,
        instance: None,
        desired_status: DesiredStatus::Running,
        last_status: TaskStatus::Provisioning,
        eni: Some(Box::new(EniAttachment {
            id: "a1".into(),
            subnets: vec!["subnet-1".into()],
            security_groups: vec![],
            interface: None,
            assign_public_ip: false,
            status: AttachmentStatus::Precreated,
        })),
        group: "family:web".into(),
        started_by: None,
        tags: Default::default(),
        client_request: None,
        protected_until: None,
        logs_block_by_default: false,
        version: 1,
        stop_code: None,
        stopped_reason: None,
        times: Times { created_at: Timestamp(10), ..Times::default() },
    }
}

/// An interface for a task.
pub fn interface() -> Interface {
    let address = Ipv4Addr::new(172, 31, 0, 4);
    Interface {
        eni: "eni-1".into(),
        subnet: "subnet-1".into(),
        address,
        mac: crate::network::mac_for(address),
    }
}

/// The interface's row.
pub fn eni(task: &Task, interface: &Interface) -> Eni {
    Eni {
        scope: task.scope.clone(),
        id: interface.eni.clone(),
        subnet: interface.subnet.clone(),
        address: interface.address,
        mac: interface.mac.clone(),
        security_groups: vec![],
        task: task.id.clone(),
    }
}

/// What an agent registers that can do everything.
pub const CAPABILITIES: [&str; 21] = [
    crate::instance::ATTRIBUTE_FARGATE,
    "com.amazonaws.ecs.capability.apparmor",
    "com.amazonaws.ecs.capability.docker-remote-api.1.17",
    "com.amazonaws.ecs.capability.docker-remote-api.1.18",
    "com.amazonaws.ecs.capability.docker-remote-api.1.19",
    "com.amazonaws.ecs.capability.docker-remote-api.1.21",
    "com.amazonaws.ecs.capability.docker-remote-api.1.22",
    "com.amazonaws.ecs.capability.docker-remote-api.1.24",
    "com.amazonaws.ecs.capability.docker-remote-api.1.25",
    "com.amazonaws.ecs.capability.docker-remote-api.1.28",
    "com.amazonaws.ecs.capability.docker-remote-api.1.29",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.selinux",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-restart-policy",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.network.container-port-range",
    "ecs.capability.pid-ipc-namespace-sharing",
    "ecs.capability.task-eni",
];

/// An ACTIVE instance of the cluster `default` with a connected agent and every capability, which serves FARGATE too.
pub fn instance(id: &str, cpu_units: u32, memory_mib: u32) -> ContainerInstance {
    ContainerInstance {
        scope: scope(),
        cluster: "default".into(),
        id: id.into(),
        status: InstanceStatus::Active,
        agent_connected: true,
        connection_changed_at: None,
        agent_version: "0.1.0".to_owned(),
        agent_hash: String::new(),
        docker_version: String::new(),
        ec2_instance_id: None,
        registered: Resources { cpu_units, memory_mib, ..Resources::default() },
        attributes: CAPABILITIES.map(|name| (name.to_owned(), None)).into(),
        tags: Default::default(),
        client_token: None,
        registered_at: Timestamp(1),
        deregistered_at: None,
        runtime_health: None,
        timeline: 0,
        version: 1,
    }
}

/// Revision 1 of the family `web`, 256 CPU units and 512 MiB, in awsvpc mode.
pub fn definition(containers: &[&str]) -> TaskDefinition {
    let container = |text: &&str| ContainerDefinition {
        name: text.trim_end_matches('!').into(),
        image: "wharf/hello".to_owned(),
        memory_mib: Some(64),
        essential: text.ends_with('!'),
        ..ContainerDefinition::default()
    };
    TaskDefinition {
        scope: scope(),
        family: "web".into(),
        revision: 1,
        status: TaskDefinitionStatus::Active,
        network_mode: NetworkMode::Awsvpc,
        requires_compatibilities: vec![],
        compatibilities: vec![LaunchType::Ec2, LaunchType::Fargate],
        cpu_units: Some(256),
        memory_mib: Some(512),
        containers: containers.iter().map(container).collect(),
        runtime_platform: None,
        volumes: vec![],
        pid_mode: None,
        ipc_mode: None,
        ephemeral_storage_gib: None,
        placement_constraints: vec![],
        tags: Default::default(),
        registered_at: Timestamp(1),
        registered_by: "arn:aws:iam::000000000000:root".to_owned(),
        deregistered_at: None,
        delete_requested_at: None,
    }
}
