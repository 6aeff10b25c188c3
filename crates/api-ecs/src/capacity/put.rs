//! PutClusterCapacityProviders.

use super::CapacityRefusal;
use super::strategy::{check_cluster, cluster_providers, parse};
use crate::{Ecs, Refusal, clusters, convert, lookup, names};
use model::cluster::Cluster;
use store::State;
use wire::Cx;
use wire::ecs::{PutClusterCapacityProvidersRequest, PutClusterCapacityProvidersResponse};

impl Ecs {
    /// PutClusterCapacityProviders: both lists replace what the cluster has. One that a task runs with cannot go.
    pub(crate) async fn put_cluster_capacity_providers(
        &self,
        cx: &Cx,
        input: PutClusterCapacityProvidersRequest,
    ) -> Result<PutClusterCapacityProvidersResponse, Refusal> {
        let name = names::cluster(&cx.scope, Some(&input.cluster))?;
        let strategy = parse(&cx.scope, Some(input.default_capacity_provider_strategy))?;
        self.store
            .commit(|tx| {
                let cluster = lookup::active_cluster(tx, &cx.scope, &name)?.clone();
                let providers = cluster_providers(tx, &cx.scope, &input.capacity_providers)?;
                check_cluster(&strategy, &providers)?;
                check_unused(tx, &cluster, &providers)?;
                let cluster = Cluster {
                    capacity_providers: providers,
                    default_capacity_provider_strategy: strategy,
                    ..Cluster::clone(&cluster)
                };
                let shown = convert::cluster(tx, &cluster, clusters::SHOWN_ON_CHANGE);
                tx.put(cluster);
                Ok(PutClusterCapacityProvidersResponse { cluster: Some(shown) })
            })
            .await
    }
}

/// Whether no task that is not over was placed by a capacity provider that the cluster is to lose.
fn check_unused(state: &State, cluster: &Cluster, providers: &[String]) -> Result<(), Refusal> {
    let is_lost = |name: &String| cluster.capacity_providers.contains(name) && !providers.contains(name);
    let mut tasks = state.active_tasks(&cluster.scope, &cluster.name);
    match tasks.any(|task| task.capacity_provider.as_ref().is_some_and(is_lost)) {
        true => Err(CapacityRefusal::ProviderInUse.into()),
        false => Ok(()),
    }
}
