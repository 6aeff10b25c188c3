//! Capacity provider strategies, and the capacity providers of clusters (ECS API Reference:
//! CapacityProviderStrategyItem, PutClusterCapacityProviders).

use super::CapacityRefusal;
use crate::{Refusal, names};
use core_place::capacity::{BASE_MAX, STRATEGY_ITEMS_MAX, StrategyError, WEIGHT_MAX, validate};
use model::Scope;
use model::capacity_provider::is_built_in;
use model::placement::CapacityProviderStrategyItem;
use store::State;
use wire::ecs;

/// The most capacity providers of a cluster.
const PROVIDERS_MAX: usize = STRATEGY_ITEMS_MAX;

/// Reads a strategy. Weights and bases are within their bounds, for the model has them.
pub(crate) fn parse(
    scope: &Scope,
    items: Option<Vec<ecs::CapacityProviderStrategyItem>>,
) -> Result<Vec<CapacityProviderStrategyItem>, Refusal> {
    let number = |given: Option<i32>| given.unwrap_or(0).unsigned_abs();
    let item = |item: ecs::CapacityProviderStrategyItem| {
        Ok(CapacityProviderStrategyItem {
            capacity_provider: names::capacity_provider(scope, &item.capacity_provider)?,
            weight: number(item.weight),
            base: number(item.base),
        })
    };
    let items = items.unwrap_or_default();
    let strategy = items.into_iter().map(item).collect::<Result<Vec<_>, Refusal>>()?;
    match validate(&strategy) {
        // Refused when tasks are run by it, not before.
        Ok(()) | Err(StrategyError::AllWeightsZero) => Ok(strategy),
        Err(error) => Err(invalid(error)),
    }
}

fn invalid(error: StrategyError) -> Refusal {
    match error {
        StrategyError::TooManyItems => {
            Refusal::TooMany { what: "capacityProviderStrategy", most: STRATEGY_ITEMS_MAX }
        }
        StrategyError::Duplicate(name) => CapacityRefusal::StrategyDuplicate(name).into(),
        StrategyError::Weight(_) => {
            Refusal::parameter(format!("weight should be between 0 and {WEIGHT_MAX}."))
        }
        StrategyError::Base(_) => Refusal::parameter(format!("base should be between 0 and {BASE_MAX}.")),
        StrategyError::SeveralBases => CapacityRefusal::StrategyBases.into(),
        StrategyError::AllWeightsZero => CapacityRefusal::StrategyWeights.into(),
    }
}

/// Whether a cluster with these capacity providers can have tasks by this strategy.
pub(crate) fn check_cluster(
    strategy: &[CapacityProviderStrategyItem],
    providers: &[String],
) -> Result<(), Refusal> {
    if strategy.iter().any(|item| !providers.contains(&item.capacity_provider)) {
        return Err(CapacityRefusal::StrategyNotAssociated.into());
    }
    let fargate = strategy.iter().filter(|item| is_built_in(&item.capacity_provider)).count();
    match fargate == 0 || fargate == strategy.len() {
        true => Ok(()),
        false => Err(CapacityRefusal::StrategyMixed.into()),
    }
}

/// The capacity providers that a cluster is to have, by their short names; each of them exists.
pub(crate) fn cluster_providers(
    state: &State,
    scope: &Scope,
    asked: &[String],
) -> Result<Vec<String>, Refusal> {
    let mut providers = Vec::new();
    for text in asked {
        let name = names::capacity_provider(scope, text)?;
        if !is_built_in(&name) && state.capacity_provider(scope, &name).is_none() {
            return Err(CapacityRefusal::ProviderUnknown(name).into());
        }
        if !providers.contains(&name) {
            providers.push(name);
        }
    }
    match providers.len() > PROVIDERS_MAX {
        true => Err(CapacityRefusal::TooManyProviders.into()),
        false => Ok(providers),
    }
}
