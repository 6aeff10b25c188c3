//! Records by name in a state, or the refusal that ECS gives when they are not there.

use crate::Refusal;
use crate::capacity::CapacityRefusal;
use crate::names::DefinitionName;
use model::capacity_provider::CapacityProvider;
use model::cluster::{Cluster, ClusterStatus};
use model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use model::{ClusterName, Scope};
use std::sync::Arc;
use store::State;

/// A cluster that exists, INACTIVE or not: what reading asks for.
pub(crate) fn cluster<'a>(
    state: &'a State,
    scope: &Scope,
    name: &ClusterName,
) -> Result<&'a Arc<Cluster>, Refusal> {
    state.cluster(scope, name).ok_or(Refusal::ClusterNotFound)
}

/// A cluster that takes tasks and changes.
pub(crate) fn active_cluster<'a>(
    state: &'a State,
    scope: &Scope,
    name: &ClusterName,
) -> Result<&'a Arc<Cluster>, Refusal> {
    let cluster = cluster(state, scope, name)?;
    match cluster.status {
        ClusterStatus::Active => Ok(cluster),
        ClusterStatus::Inactive => Err(Refusal::ClusterInactive),
    }
}

/// A capacity provider that somebody created.
pub(crate) fn capacity_provider<'a>(
    state: &'a State,
    scope: &Scope,
    name: &str,
) -> Result<&'a Arc<CapacityProvider>, Refusal> {
    state.capacity_provider(scope, name).ok_or(CapacityRefusal::ProviderMissing.into())
}

/// The revision that is named, whatever its status; without a revision, the latest ACTIVE one.
pub(crate) fn definition<'a>(
    state: &'a State,
    scope: &Scope,
    name: &DefinitionName,
) -> Option<&'a Arc<TaskDefinition>> {
    if let Some(revision) = name.revision {
        return state.task_definition(scope, &name.family, revision);
    }
    let latest = state.latest_revision(scope, &name.family);
    let revisions = (1..=latest).rev().filter_map(|r| state.task_definition(scope, &name.family, r));
    revisions.into_iter().find(|d| d.status == TaskDefinitionStatus::Active)
}
