//! Container instances: drained and made ACTIVE again, given attributes, deregistered.

use super::Client;
use crate::site::{RACK, RACKS};
use std::time::Duration;
use tokio::time::sleep;
use wire::ecs::{
    Api, Attribute, ContainerInstanceStatus, DeleteAttributesRequest, DeregisterContainerInstanceRequest,
    PutAttributesRequest, TargetType, UpdateContainerInstancesStateRequest,
};

impl Client {
    /// More often made ACTIVE than drained: else nothing would be left to place on.
    pub(super) async fn drain_or_activate(&self) {
        let is_drain = self.dice.one_in(3);
        let count = 1 + self.dice.pick(0..3);
        let cluster = self.cluster().to_string();
        let container_instances = (0..count).filter_map(|_| self.some_instance(&cluster)).collect::<Vec<_>>();
        if container_instances.is_empty() {
            return;
        }
        let status =
            if is_drain { ContainerInstanceStatus::Draining } else { ContainerInstanceStatus::Active };
        let request =
            UpdateContainerInstancesStateRequest { cluster: Some(cluster), container_instances, status };
        let call = self.call("UpdateContainerInstancesState", |ecs, cx| {
            let request = request.clone();
            async move { ecs.update_container_instances_state(&cx, request).await }
        });
        let _ = call.await;
    }

    /// Gives an instance another rack, or none.
    pub(super) async fn describe_instance(&self) {
        let cluster = self.cluster().to_string();
        let Some(instance) = self.some_instance(&cluster) else { return };
        let value = self.dice.choose(&RACKS).filter(|_| !self.dice.one_in(3)).map(|&rack| rack.to_owned());
        let attribute = Attribute {
            name: RACK.to_owned(),
            target_id: Some(instance),
            target_type: Some(TargetType::ContainerInstance),
            value: value.clone(),
        };
        let (attributes, cluster) = (vec![attribute], Some(cluster));
        if value.is_some() {
            let request = PutAttributesRequest { attributes, cluster };
            let call = self.call("PutAttributes", |ecs, cx| {
                let request = request.clone();
                async move { ecs.put_attributes(&cx, request).await }
            });
            let _ = call.await;
        } else {
            let request = DeleteAttributesRequest { attributes, cluster };
            let call = self.call("DeleteAttributes", |ecs, cx| {
                let request = request.clone();
                async move { ecs.delete_attributes(&cx, request).await }
            });
            let _ = call.await;
        }
    }

    /// Its operator starts the agent again, which registers as a new instance.
    pub(super) async fn deregister_instance(&self) {
        let cluster = self.cluster().to_string();
        let Some(instance) = self.some_instance(&cluster) else { return };
        let call = self.call("DeregisterContainerInstance", |ecs, cx| {
            let request = DeregisterContainerInstanceRequest {
                cluster: Some(cluster.clone()),
                container_instance: instance.clone(),
                force: Some(true),
            };
            async move { ecs.deregister_container_instance(&cx, request).await }
        });
        let _ = call.await;
        // A request whose answer was lost may take effect late.
        while !self.is_inactive(&instance) {
            if self.is_done() {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        sleep(self.dice.millis(100..60_000)).await;
        if let Some(host) = self.world.check.host_of(&instance) {
            self.world.nodes()[host].life().kill();
        }
    }

    fn is_inactive(&self, instance: &str) -> bool {
        let state = self.world.check.last();
        let found = state.as_ref().and_then(|state| state.instance(&self.world.scope(), &instance.into()));
        found.is_some_and(|instance| instance.status == model::instance::InstanceStatus::Inactive)
    }
}
