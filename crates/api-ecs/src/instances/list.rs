//! ListContainerInstances.

use crate::page::Page;
use crate::{Ecs, Refusal, lookup, names};
use model::arn;
use model::instance::InstanceStatus;
use wire::Cx;
use wire::ecs::{ContainerInstanceStatus, ListContainerInstancesRequest, ListContainerInstancesResponse};

impl Ecs {
    /// ListContainerInstances: by id; all but INACTIVE ones unless a status is asked for.
    pub(crate) async fn list_container_instances(
        &self,
        cx: &Cx,
        input: ListContainerInstancesRequest,
    ) -> Result<ListContainerInstancesResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let query = ("instances", &cx.scope, &cluster, input.status);
        let page = Page::open(query, input.next_token.as_deref(), input.max_results)?;
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let listed = state.instances(&cx.scope, &cluster).filter(|i| has_status(i.status, input.status));
        let rest = listed.filter(|i| page.after().is_none_or(|after| i.id.as_str() > after));
        let (instances, next_token) = page.take(rest, |i| i.id.to_string());
        let arns =
            instances.into_iter().map(|i| arn::container_instance(&i.scope, &i.cluster, &i.id)).collect();
        Ok(ListContainerInstancesResponse { container_instance_arns: Some(arns), next_token })
    }
}

/// Instances are registered and deregistered at once, so none is ever on its way there.
fn has_status(status: InstanceStatus, asked: Option<ContainerInstanceStatus>) -> bool {
    match asked {
        None => status != InstanceStatus::Inactive,
        Some(ContainerInstanceStatus::Active) => status == InstanceStatus::Active,
        Some(ContainerInstanceStatus::Draining) => status == InstanceStatus::Draining,
        Some(
            ContainerInstanceStatus::Registering
            | ContainerInstanceStatus::Deregistering
            | ContainerInstanceStatus::RegistrationFailed,
        ) => false,
    }
}
