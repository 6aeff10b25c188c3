//! Rows to write, shared by the tests.
#![allow(dead_code)] // each test binary uses its own part

use model::cluster::{Cluster, ClusterStatus};
use model::task::{DesiredStatus, Overrides, Task, TaskStatus, Times};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition, TaskDefinitionStatus};
use model::{ClusterName, Family, Scope, Tags, TaskId, Timestamp};
use std::sync::Arc;

pub fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

pub fn cluster(name: &str) -> Cluster {
    Cluster {
        scope: scope(),
        name: name.into(),
        status: ClusterStatus::Active,
        tags: Tags::new(),
        settings: Tags::new(),
        created_at: Timestamp(1),
    }
}

pub fn definition(family: &str, revision: u32) -> TaskDefinition {
    TaskDefinition {
        scope: scope(),
        family: family.into(),
        revision,
        status: TaskDefinitionStatus::Active,
        network_mode: NetworkMode::None,
        requires_compatibilities: vec![],
        compatibilities: vec![LaunchType::Ec2],
        cpu_units: Some(256),
        memory_mib: Some(512),
        containers: vec![],
        runtime_platform: None,
        tags: Tags::new(),
        registered_at: Timestamp(1),
        registered_by: "arn:aws:iam::000000000000:root".to_owned(),
        deregistered_at: None,
        delete_requested_at: None,
    }
}

pub fn task(id: &str, definition: TaskDefinition) -> Task {
    Task {
        scope: scope(),
        id: id.into(),
        cluster: "default".into(),
        group: format!("family:{}", definition.family),
        definition: Arc::new(definition),
        overrides: Overrides::default(),
        launch_type: LaunchType::Ec2,
        instance: None,
        desired_status: DesiredStatus::Running,
        last_status: TaskStatus::Provisioning,
        containers: vec![],
        eni: None,
        started_by: None,
        tags: Tags::new(),
        client_request: None,
        version: 1,
        stop_code: None,
        stopped_reason: None,
        times: Times { created_at: Timestamp(1), ..Times::default() },
    }
}

pub fn cluster_key(name: &str) -> (Scope, ClusterName) {
    (scope(), name.into())
}

pub fn task_key(id: &str) -> (Scope, TaskId) {
    (scope(), id.into())
}

pub fn family() -> Family {
    "web".into()
}
