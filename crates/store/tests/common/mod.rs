//! Rows to write, shared by the tests.
#![allow(dead_code)] // each test binary uses its own part

use model::cluster::{Cluster, ClusterStatus};
use model::fixture;
use model::task::Task;
use model::task_definition::{LaunchType, TaskDefinition};
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
        capacity_providers: vec![],
        default_capacity_provider_strategy: vec![],
        created_at: Timestamp(1),
    }
}

pub fn definition(family: &str, revision: u32) -> TaskDefinition {
    TaskDefinition { family: family.into(), revision, ..fixture::definition(&[]) }
}

pub fn task(id: &str, definition: TaskDefinition) -> Task {
    Task {
        id: id.into(),
        group: format!("family:{}", definition.family),
        definition: Arc::new(definition),
        launch_type: LaunchType::Ec2,
        containers: vec![],
        eni: None,
        ..fixture::task(&[])
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
