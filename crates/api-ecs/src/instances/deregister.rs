//! DeregisterContainerInstance.

use crate::{Ecs, Refusal, convert, lookup, names};
use model::instance::{ContainerInstance, InstanceStatus};
use wire::Cx;
use wire::ecs::{DeregisterContainerInstanceRequest, DeregisterContainerInstanceResponse};

impl Ecs {
    /// DeregisterContainerInstance: INACTIVE from now on. With tasks on it only when forced; a controller writes those
    /// off, and their containers run on.
    pub(crate) async fn deregister_container_instance(
        &self,
        cx: &Cx,
        input: DeregisterContainerInstanceRequest,
    ) -> Result<DeregisterContainerInstanceResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let key = (cx.scope.clone(), names::instance(&cx.scope, &cluster, &input.container_instance)?);
        let force = input.force.unwrap_or(false);
        let now = self.clock.now();
        self.store
            .commit(|tx| {
                lookup::cluster(tx, &cx.scope, &cluster)?;
                let found = tx.get::<ContainerInstance>(&key).filter(|i| i.cluster == cluster);
                let status = found.ok_or(Refusal::InstanceNotFound)?.status;
                if status != InstanceStatus::Inactive {
                    if !force && tx.active_tasks_on(&key.1).next().is_some() {
                        return Err(Refusal::InstanceHasTasks);
                    }
                    tx.update(&key, |instance: &mut ContainerInstance| {
                        instance.status = InstanceStatus::Inactive;
                        instance.deregistered_at = Some(now);
                        instance.version += 1;
                    });
                }
                let instance = tx.get::<ContainerInstance>(&key).ok_or(Refusal::InstanceNotFound)?;
                let shown = convert::instance(tx, instance, true);
                Ok(DeregisterContainerInstanceResponse { container_instance: Some(shown) })
            })
            .await
    }
}
