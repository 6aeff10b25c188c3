//! Tasks and the capacity providers that they were placed by.

use crate::violation::{Check, ensure};
use model::instance::ContainerInstance;
use model::placement::CapacityProviderStrategyItem;
use model::task::Task;
use std::collections::BTreeMap;

/// INV-CAPACITY-1: beyond the bases, each capacity provider gets what its weight says of the tasks that one request asked
/// for, to less than one task; less when not all of them were placed. `made` counts them by capacity provider.
pub fn providers_have_their_shares(
    strategy: &[CapacityProviderStrategyItem],
    asked: u32,
    made: &BTreeMap<&str, u32>,
) -> Check {
    let total: u32 = made.values().sum();
    let bases: u32 = strategy.iter().fold(0, |sum: u32, item| sum.saturating_add(item.base)).min(asked);
    let weights: i64 = strategy.iter().map(|item| i64::from(item.weight)).sum();
    let holds = |item: &CapacityProviderStrategyItem| {
        let has = made.get(&*item.capacity_provider).copied().unwrap_or(0);
        let beyond = i64::from(has) - i64::from(item.base.min(asked));
        let over = beyond * weights - i64::from(asked - bases) * i64::from(item.weight);
        over < weights.max(1) && (total < asked || -over < weights.max(1))
    };
    let named = |name: &&str| strategy.iter().any(|item| item.capacity_provider == **name);
    ensure("INV-CAPACITY-1", strategy.iter().all(holds) && made.keys().all(named), || {
        format!("of {asked} tasks by {strategy:?}, {made:?} were placed")
    })
}

/// INV-CAPACITY-2: a task of a capacity provider is on an instance of the provider's Auto Scaling group. A built-in
/// provider has none: its tasks are on instances that serve FARGATE (INV-PLACE-5).
pub fn instance_is_of_the_group(
    task: &Task,
    auto_scaling_group: Option<&str>,
    instance: &ContainerInstance,
) -> Check {
    let is = instance.auto_scaling_group();
    ensure("INV-CAPACITY-2", auto_scaling_group.is_none_or(|group| is == Some(group)), || {
        let (id, of) = (&task.id, &task.capacity_provider);
        format!(
            "task {id} of {of:?} is on {}, which is of {is:?}, not of {auto_scaling_group:?}",
            instance.id
        )
    })
}
