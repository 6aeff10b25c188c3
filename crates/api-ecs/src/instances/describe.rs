//! DescribeContainerInstances.

use crate::batch::each_once;
use crate::{Ecs, Refusal, convert, lookup, names};
use model::arn;
use wire::Cx;
use wire::ecs::{
    ContainerInstanceField, DescribeContainerInstancesRequest, DescribeContainerInstancesResponse,
};

/// The most instances of one call (ECS API Reference: DescribeContainerInstances).
const INSTANCES_MAX: usize = 100;

impl Ecs {
    /// DescribeContainerInstances. What is not there is in `failures[]` as MISSING.
    pub(crate) async fn describe_container_instances(
        &self,
        cx: &Cx,
        input: DescribeContainerInstancesRequest,
    ) -> Result<DescribeContainerInstancesResponse, Refusal> {
        if input.container_instances.is_empty() {
            return Err(Refusal::InstancesEmpty);
        }
        let include = input.include.unwrap_or_default();
        let with_health = include.contains(&ContainerInstanceField::ContainerInstanceHealth);
        let with_tags = include.contains(&ContainerInstanceField::Tags);
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let read = |text: &str| names::instance(&cx.scope, &cluster, text);
        let named = each_once("containerInstances", INSTANCES_MAX, &input.container_instances, read)?;
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let (mut instances, mut failures) = (Vec::new(), Vec::new());
        for (_, id) in named {
            match state.instance(&cx.scope, &id).filter(|i| i.cluster == cluster) {
                Some(instance) => instances.push(wire::ecs::ContainerInstance {
                    health_status: with_health.then(|| convert::instance_health(instance)),
                    ..convert::instance(&state, instance, with_tags)
                }),
                None => failures.push(convert::missing(arn::container_instance(&cx.scope, &cluster, &id))),
            }
        }
        Ok(DescribeContainerInstancesResponse {
            container_instances: Some(instances),
            failures: Some(failures),
        })
    }
}
