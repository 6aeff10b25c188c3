//! Capacity providers, and which of them clusters have.

use super::Client;
use super::definitions::FARGATE_PROVIDERS;
use super::wish::items;
use crate::site::GROUPS;
use wire::ecs::{
    Api, AutoScalingGroupProvider, CreateCapacityProviderRequest, PutClusterCapacityProvidersRequest,
};

impl Client {
    /// One for each Auto Scaling group, called as the group is, and all of them for each cluster.
    pub(super) async fn make_capacity_providers(&self) {
        if !self.world.knobs.capacity_providers {
            return;
        }
        for group in GROUPS {
            let auto_scaling_group_provider = Some(AutoScalingGroupProvider {
                auto_scaling_group_arn: group.to_owned(),
                ..AutoScalingGroupProvider::default()
            });
            let name = group.to_owned();
            let request = CreateCapacityProviderRequest { auto_scaling_group_provider, name, tags: None };
            self.insist("CreateCapacityProvider", |ecs, cx| {
                let request = request.clone();
                async move { ecs.create_capacity_provider(&cx, request).await }
            })
            .await;
        }
        for n in 0..self.world.knobs.clusters {
            let request = self.capacity_providers(format!("cluster-{n}"), true);
            self.insist("PutClusterCapacityProviders", |ecs, cx| {
                let request = request.clone();
                async move { ecs.put_cluster_capacity_providers(&cx, request).await }
            })
            .await;
        }
    }

    /// All of them again with another default, or fewer: those that a task runs with cannot go.
    pub(super) async fn put_capacity_providers(&self) {
        let request = self.capacity_providers(self.cluster().to_string(), !self.dice.one_in(4));
        let call = self.call("PutClusterCapacityProviders", |ecs, cx| {
            let request = request.clone();
            async move { ecs.put_cluster_capacity_providers(&cx, request).await }
        });
        let _ = call.await;
    }

    fn capacity_providers(&self, cluster: String, all: bool) -> PutClusterCapacityProvidersRequest {
        let default = match self.dice.pick(0..3) {
            0 => Vec::new(),
            1 => self.shares(&GROUPS),
            _ => self.shares(&FARGATE_PROVIDERS),
        };
        let is_named = |name: &&&str| default.iter().any(|item| item.capacity_provider == ***name);
        let providers = GROUPS.iter().chain(&FARGATE_PROVIDERS).filter(|name| all || is_named(name));
        PutClusterCapacityProvidersRequest {
            cluster,
            capacity_providers: providers.map(|name| (*name).to_owned()).collect(),
            default_capacity_provider_strategy: items(&default),
        }
    }
}
