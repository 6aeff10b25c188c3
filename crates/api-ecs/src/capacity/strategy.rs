//! Capacity provider strategies, and the capacity providers of clusters (ECS API Reference:
//! CapacityProviderStrategyItem, PutClusterCapacityProviders).

use crate::{Refusal, names};
use model::Scope;
use model::capacity_provider::is_built_in;
use model::placement::CapacityProviderStrategyItem;
use std::collections::BTreeSet;
use store::State;
use wire::ecs;

/// The most capacity providers of a strategy, and of a cluster.
const PROVIDERS_MAX: usize = 20;

/// Reads a strategy. Weights and bases are within their bounds, for the model has them.
pub(crate) fn parse(
    scope: &Scope,
    items: Option<Vec<ecs::CapacityProviderStrategyItem>>,
) -> Result<Vec<CapacityProviderStrategyItem>, Refusal> {
    let items = items.unwrap_or_default();
    if items.len() > PROVIDERS_MAX {
        return Err(Refusal::TooMany { what: "capacityProviderStrategy", most: PROVIDERS_MAX });
    }
    let number = |given: Option<i32>| given.unwrap_or(0).unsigned_abs();
    let item = |item: ecs::CapacityProviderStrategyItem| {
        Ok(CapacityProviderStrategyItem {
            capacity_provider: names::capacity_provider(scope, &item.capacity_provider)?,
            weight: number(item.weight),
            base: number(item.base),
        })
    };
    let strategy = items.into_iter().map(item).collect::<Result<Vec<_>, Refusal>>()?;
    let mut names = BTreeSet::new();
    if let Some(twice) = strategy.iter().find(|item| !names.insert(&item.capacity_provider)) {
        return Err(Refusal::StrategyDuplicate(twice.capacity_provider.clone()));
    }
    if strategy.iter().filter(|item| item.base > 0).count() > 1 {
        return Err(Refusal::StrategyBases);
    }
    Ok(strategy)
}

/// Whether a cluster with these capacity providers can have tasks by this strategy.
pub(crate) fn check_cluster(
    strategy: &[CapacityProviderStrategyItem],
    providers: &[String],
) -> Result<(), Refusal> {
    if strategy.iter().any(|item| !providers.contains(&item.capacity_provider)) {
        return Err(Refusal::StrategyNotAssociated);
    }
    let fargate = strategy.iter().filter(|item| is_built_in(&item.capacity_provider)).count();
    match fargate == 0 || fargate == strategy.len() {
        true => Ok(()),
        false => Err(Refusal::StrategyMixed),
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
            return Err(Refusal::ProviderUnknown(name));
        }
        if !providers.contains(&name) {
            providers.push(name);
        }
    }
    match providers.len() > PROVIDERS_MAX {
        true => Err(Refusal::TooManyProviders),
        false => Ok(providers),
    }
}
