//! What one task asks of its host.

use crate::attributes::required_attributes;
use model::instance::Resources;
use model::task::{Overrides, Task};
use model::task_definition::{LaunchType, TaskDefinition};
use model::{ClusterName, Scope};

/// What a task takes from its host, and what the host has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The task's account and region.
    pub scope: Scope,
    /// The task's cluster.
    pub cluster: ClusterName,
    /// FARGATE tasks go to instances that serve it, others to the instances of the cluster.
    pub launch_type: LaunchType,
    /// The group that tasks are spread by.
    pub group: String,
    /// CPU, memory and fixed host ports.
    pub demand: Resources,
    /// How many GPUs; which ones is for the plan to say.
    pub gpus: u32,
    /// Attributes that the host must have: a name, and its value where one is asked for.
    pub attributes: Vec<(String, Option<String>)>,
}

impl Needs {
    /// What a task of `definition` needs.
    pub fn new(
        scope: Scope,
        cluster: ClusterName,
        definition: &TaskDefinition,
        overrides: &Overrides,
        launch_type: LaunchType,
        group: impl Into<String>,
    ) -> Self {
        let demand = model::demand::demand(definition, overrides);
        let gpus = model::demand::gpu_count(definition, overrides);
        let attributes = attributes(definition);
        Self { scope, cluster, launch_type, group: group.into(), demand, gpus, attributes }
    }

    /// What this task needs.
    pub fn of(task: &Task) -> Self {
        let (scope, cluster) = (task.scope.clone(), task.cluster.clone());
        Self::new(scope, cluster, &task.definition, &task.overrides, task.launch_type, task.group.clone())
    }
}

/// What its definition requires, and an architecture where it names one.
fn attributes(definition: &TaskDefinition) -> Vec<(String, Option<String>)> {
    let mut attributes: Vec<_> =
        required_attributes(definition).into_iter().map(|name| (name, None)).collect();
    let platform = definition.runtime_platform.as_ref();
    if let Some(architecture) = platform.and_then(|p| p.cpu_architecture.as_ref()) {
        attributes.push(("ecs.cpu-architecture".to_owned(), Some(architecture.to_lowercase())));
    }
    attributes
}
