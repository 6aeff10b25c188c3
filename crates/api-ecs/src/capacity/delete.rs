//! DeleteCapacityProvider.

use super::CapacityRefusal;
use crate::{Ecs, Refusal, convert, lookup, names};
use model::capacity_provider::{CapacityProvider, Update, is_built_in};
use model::cluster::ClusterStatus;
use model::{ClusterName, Scope};
use store::State;
use wire::Cx;
use wire::ecs::{
    CapacityProviderStatus, CapacityProviderUpdateStatus, DeleteCapacityProviderRequest,
    DeleteCapacityProviderResponse,
};

impl Ecs {
    /// DeleteCapacityProvider: gone at once. One that a cluster has stays, and its `updateStatus` says why.
    pub(crate) async fn delete_capacity_provider(
        &self,
        cx: &Cx,
        input: DeleteCapacityProviderRequest,
    ) -> Result<DeleteCapacityProviderResponse, Refusal> {
        let name = names::capacity_provider(&cx.scope, &input.capacity_provider)?;
        if is_built_in(&name) {
            return Err(CapacityRefusal::ProviderReserved.into());
        }
        self.store
            .commit(|tx| {
                let provider = lookup::capacity_provider(tx, &cx.scope, &name)?.clone();
                let shown = match user(tx, &cx.scope, &name) {
                    Some(cluster) => {
                        let reason = format!(
                            "The capacity provider cannot be deleted because it is associated with cluster: {cluster}. \
                             Remove the capacity provider from the cluster and try again."
                        );
                        let last_update = Some(Update::DeleteFailed(reason));
                        let kept = CapacityProvider { last_update, ..CapacityProvider::clone(&provider) };
                        let shown = convert::capacity_provider(&kept, true);
                        tx.put(kept);
                        shown
                    }
                    None => {
                        tx.remove::<CapacityProvider>(&(cx.scope.clone(), name));
                        wire::ecs::CapacityProvider {
                            status: Some(CapacityProviderStatus::Inactive),
                            update_status: Some(CapacityProviderUpdateStatus::DeleteComplete),
                            update_status_reason: None,
                            ..convert::capacity_provider(&provider, true)
                        }
                    }
                };
                Ok(DeleteCapacityProviderResponse { capacity_provider: Some(shown) })
            })
            .await
    }
}

/// A cluster that tasks may be run in by this capacity provider.
fn user(state: &State, scope: &Scope, provider: &String) -> Option<ClusterName> {
    let mut clusters = state.clusters(scope).filter(|c| c.status == ClusterStatus::Active);
    clusters.find(|c| c.capacity_providers.contains(provider)).map(|cluster| cluster.name.clone())
}
