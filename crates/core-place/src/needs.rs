//! What one task asks of its host.

use crate::attributes::required_attributes;
use crate::query::{Expression, QueryError};
use model::instance::Resources;
use model::placement::{PlacementConstraint, PlacementStrategy};
use model::task::{Overrides, Task};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition};
use model::{ClusterName, Scope};
use std::sync::Arc;

/// What a task takes from its host, what the host has to be, and which host is the best.
#[derive(Clone, Debug, PartialEq)]
pub struct Needs {
    /// The task's account and region.
    pub scope: Scope,
    /// The task's cluster.
    pub cluster: ClusterName,
    /// FARGATE tasks go to instances that serve it, others to the instances of the cluster.
    pub launch_type: LaunchType,
    /// The group that tasks are spread by, and that `distinctInstance` is about.
    pub group: String,
    /// CPU, memory and fixed host ports.
    pub demand: Resources,
    /// How many GPUs; which ones is for the plan to say.
    pub gpus: u32,
    /// Attributes that the host must have: a name, and its value where one is asked for.
    pub attributes: Vec<(String, Option<String>)>,
    /// Network interfaces of the host: 1 for a task in awsvpc mode.
    pub network_interfaces: u32,
    /// Availability Zones whose instances cannot take it: those of its VPC in which it has no subnet. Instances in other
    /// zones can, and so can those whose zone nobody named.
    pub zones_without_subnet: Vec<String>,
    /// All of them have to hold.
    pub constraints: Vec<Constraint>,
    /// At most five, in order of weight. None is the default: spread over Availability Zones.
    pub strategy: Vec<PlacementStrategy>,
    /// Only the instances of this Auto Scaling group are asked (capacity providers).
    pub auto_scaling_group: Option<String>,
    /// The caller's random number, which the strategy `random` draws from.
    pub seed: u64,
}

/// A placement constraint, read.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// No other task of the group on the host.
    DistinctInstance,
    /// The host matches.
    MemberOf(Arc<Expression>),
}

impl Constraint {
    /// Reads a constraint as its caller wrote it.
    ///
    /// # Errors
    /// When its expression is none of the cluster query language.
    pub fn parse(constraint: &PlacementConstraint) -> Result<Self, QueryError> {
        Ok(match constraint {
            PlacementConstraint::DistinctInstance => Self::DistinctInstance,
            PlacementConstraint::MemberOf(text) => Self::MemberOf(Arc::new(Expression::parse(text)?)),
        })
    }
}

impl Needs {
    /// What a task of `definition` needs in whatever zone, without constraints and with the default strategy.
    pub fn new(
        scope: Scope,
        cluster: ClusterName,
        definition: &TaskDefinition,
        overrides: &Overrides,
        launch_type: LaunchType,
        group: impl Into<String>,
    ) -> Self {
        Self {
            scope,
            cluster,
            launch_type,
            group: group.into(),
            demand: model::demand::demand(definition, overrides),
            gpus: model::demand::gpu_count(definition, overrides),
            attributes: attributes(definition),
            network_interfaces: network_interfaces(definition),
            zones_without_subnet: Vec::new(),
            constraints: Vec::new(),
            strategy: Vec::new(),
            auto_scaling_group: None,
            seed: 0,
        }
    }

    /// What this task needs.
    pub fn of(task: &Task) -> Self {
        let (scope, cluster) = (task.scope.clone(), task.cluster.clone());
        Self::new(scope, cluster, &task.definition, &task.overrides, task.launch_type, task.group.clone())
    }
}

impl Needs {
    /// Whether the same hosts are as good for both, if their groups are: all but these and the random number counts.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        let Self {
            scope,
            cluster,
            launch_type,
            group: _,
            demand,
            gpus,
            attributes,
            network_interfaces,
            zones_without_subnet,
            constraints,
            strategy,
            auto_scaling_group,
            seed: _,
        } = other;
        (self.cluster == *cluster && self.scope == *scope)
            && (self.launch_type == *launch_type && self.demand == *demand && self.gpus == *gpus)
            && (self.network_interfaces == *network_interfaces && self.strategy == *strategy)
            && (self.attributes == *attributes && self.constraints == *constraints)
            && self.auto_scaling_group == *auto_scaling_group
            && self.zones_without_subnet == *zones_without_subnet
    }
}

/// How many network interfaces a task takes from its host: one in awsvpc mode.
pub(crate) fn network_interfaces(definition: &TaskDefinition) -> u32 {
    u32::from(definition.network_mode == NetworkMode::Awsvpc)
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
