//! UpdateContainerInstancesState: ACTIVE and DRAINING.

use crate::batch::each_once;
use crate::{Ecs, Refusal, convert, lookup, names};
use model::arn;
use model::instance::{ContainerInstance, InstanceStatus};
use model::reason::FailureReason;
use wire::Cx;
use wire::ecs::{
    ContainerInstanceStatus, Failure, UpdateContainerInstancesStateRequest,
    UpdateContainerInstancesStateResponse,
};

/// The most instances of one call (ECS API Reference: UpdateContainerInstancesState).
const INSTANCES_MAX: usize = 10;

impl Ecs {
    /// UpdateContainerInstancesState. A DRAINING instance gets no new tasks; those that no service runs go on, PENDING ones
    /// too, as the Amazon ECS Developer Guide has it (container instance draining).
    ///
    /// What is not there is in `failures[]` as MISSING, and what was deregistered as INACTIVE.
    pub(crate) async fn update_container_instances_state(
        &self,
        cx: &Cx,
        input: UpdateContainerInstancesStateRequest,
    ) -> Result<UpdateContainerInstancesStateResponse, Refusal> {
        let status = match input.status {
            ContainerInstanceStatus::Active => InstanceStatus::Active,
            ContainerInstanceStatus::Draining => InstanceStatus::Draining,
            ContainerInstanceStatus::Registering
            | ContainerInstanceStatus::Deregistering
            | ContainerInstanceStatus::RegistrationFailed => {
                return Err(Refusal::parameter(
                    "Container instance status should be one of [ACTIVE,DRAINING].",
                ));
            }
        };
        if input.container_instances.is_empty() {
            return Err(Refusal::InstancesEmpty);
        }
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let read = |text: &str| names::instance(&cx.scope, &cluster, text);
        let named = each_once("containerInstances", INSTANCES_MAX, &input.container_instances, read)?;
        self.store
            .commit(|tx| {
                lookup::active_cluster(tx, &cx.scope, &cluster)?;
                let (mut instances, mut failures) = (Vec::new(), Vec::new());
                for (_, id) in &named {
                    let arn = arn::container_instance(&cx.scope, &cluster, id);
                    let found = tx.instance(&cx.scope, id).filter(|i| i.cluster == cluster);
                    let Some(found) = found.cloned() else {
                        failures.push(convert::missing(arn));
                        continue;
                    };
                    if found.status == InstanceStatus::Inactive {
                        let reason = Some(FailureReason::Inactive.as_str().to_owned());
                        failures.push(Failure { arn: Some(arn), reason, detail: None });
                        continue;
                    }
                    let changes = u64::from(found.status != status);
                    let version = found.version + changes;
                    let instance = ContainerInstance { status, version, ..ContainerInstance::clone(&found) };
                    instances.push(convert::instance(tx, &instance, true));
                    if changes > 0 {
                        tx.put(instance);
                    }
                }
                let (container_instances, failures) = (Some(instances), Some(failures));
                Ok(UpdateContainerInstancesStateResponse { container_instances, failures })
            })
            .await
    }
}
