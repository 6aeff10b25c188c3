//! Capacity providers and the strategies that name them.

use super::{int, tags};
use model::capacity_provider::{CapacityProvider, FARGATE, Update};
use model::placement::CapacityProviderStrategyItem;
use model::{Scope, arn};
use wire::ecs::{
    self, AutoScalingGroupProvider, CapacityProviderStatus, CapacityProviderType,
    CapacityProviderUpdateStatus, ManagedDraining, ManagedScaling, ManagedScalingStatus,
    ManagedTerminationProtection,
};

/// One that somebody created.
pub(crate) fn capacity_provider(provider: &CapacityProvider, with_tags: bool) -> ecs::CapacityProvider {
    let scaling = provider.managed_scaling;
    let update_status = provider.last_update.as_ref().map(|update| match update {
        Update::Completed => CapacityProviderUpdateStatus::UpdateComplete,
        Update::DeleteFailed(_) => CapacityProviderUpdateStatus::DeleteFailed,
    });
    ecs::CapacityProvider {
        auto_scaling_group_provider: Some(AutoScalingGroupProvider {
            auto_scaling_group_arn: provider.auto_scaling_group_arn.clone(),
            managed_draining: Some(ManagedDraining::Disabled),
            managed_scaling: Some(ManagedScaling {
                instance_warmup_period: int(scaling.warmup_secs),
                maximum_scaling_step_size: int(scaling.step_max),
                minimum_scaling_step_size: int(scaling.step_min),
                status: Some(ManagedScalingStatus::Disabled),
                target_capacity: int(scaling.target_percent),
            }),
            managed_termination_protection: Some(ManagedTerminationProtection::Disabled),
        }),
        update_status,
        update_status_reason: match &provider.last_update {
            Some(Update::DeleteFailed(reason)) => Some(reason.clone()),
            Some(Update::Completed) | None => None,
        },
        tags: Some(if with_tags { tags(&provider.tags) } else { Vec::new() }),
        ..active(&provider.scope, &provider.name, CapacityProviderType::Ec2Autoscaling)
    }
}

/// FARGATE or FARGATE_SPOT, which nobody created.
pub(crate) fn built_in_capacity_provider(scope: &Scope, name: &str) -> ecs::CapacityProvider {
    let kind = match name {
        FARGATE => CapacityProviderType::Fargate,
        _ => CapacityProviderType::FargateSpot,
    };
    active(scope, name, kind)
}

fn active(scope: &Scope, name: &str, kind: CapacityProviderType) -> ecs::CapacityProvider {
    ecs::CapacityProvider {
        capacity_provider_arn: Some(arn::capacity_provider(scope, name)),
        name: Some(name.to_owned()),
        status: Some(CapacityProviderStatus::Active),
        r#type: Some(kind),
        tags: Some(Vec::new()),
        ..ecs::CapacityProvider::default()
    }
}

/// A strategy, with the defaults in it.
pub(crate) fn strategy(items: &[CapacityProviderStrategyItem]) -> Vec<ecs::CapacityProviderStrategyItem> {
    let item = |item: &CapacityProviderStrategyItem| ecs::CapacityProviderStrategyItem {
        capacity_provider: item.capacity_provider.clone(),
        weight: int(item.weight),
        base: int(item.base),
    };
    items.iter().map(item).collect()
}
