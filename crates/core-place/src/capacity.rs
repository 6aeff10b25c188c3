//! Capacity provider strategies: which part of the tasks goes to which capacity provider (CapacityProviderStrategyItem in
//! the API reference).
//!
//! INV-CAPACITY-1: of the tasks beyond the bases, each provider has what its weight says, to less than one task. So it is
//! for every number of tasks, and however they were asked for: one by one, or all at once. Where the tasks that run are not
//! divided so, new ones go where they are missing until they are.

use model::placement::CapacityProviderStrategyItem;
use std::collections::{BTreeMap, BTreeSet};

/// The most items of a strategy.
pub const STRATEGY_ITEMS_MAX: usize = 20;
/// The largest weight.
pub const WEIGHT_MAX: u32 = 1000;
/// The largest base.
pub const BASE_MAX: u32 = 100_000;

/// Why a strategy is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrategyError {
    /// More than [`STRATEGY_ITEMS_MAX`] items.
    TooManyItems,
    /// This capacity provider is in two items.
    Duplicate(String),
    /// The weight of this capacity provider is above [`WEIGHT_MAX`].
    Weight(String),
    /// The base of this capacity provider is above [`BASE_MAX`].
    Base(String),
    /// More than one item has a base.
    SeveralBases,
    /// No item has a weight, so nothing could be placed beyond the base.
    AllWeightsZero,
}

/// Checks what is documented of a strategy. An empty one is fine: it asks for nothing.
///
/// # Errors
/// The first rule that it breaks.
pub fn validate(strategy: &[CapacityProviderStrategyItem]) -> Result<(), StrategyError> {
    if strategy.len() > STRATEGY_ITEMS_MAX {
        return Err(StrategyError::TooManyItems);
    }
    let mut names = BTreeSet::new();
    for item in strategy {
        let name = || item.capacity_provider.clone();
        if !names.insert(&item.capacity_provider) {
            return Err(StrategyError::Duplicate(name()));
        }
        if item.weight > WEIGHT_MAX {
            return Err(StrategyError::Weight(name()));
        }
        if item.base > BASE_MAX {
            return Err(StrategyError::Base(name()));
        }
    }
    if strategy.iter().filter(|item| item.base > 0).count() > 1 {
        return Err(StrategyError::SeveralBases);
    }
    if !strategy.is_empty() && strategy.iter().all(|item| item.weight == 0) {
        return Err(StrategyError::AllWeightsZero);
    }
    Ok(())
}

/// Which capacity provider takes how many of `count` new tasks, when so many run on each already (none on those that are
/// not named): first the base, then by weight. In the strategy's order, without those that take none. A valid strategy
/// takes all of them; providers of weight 0 take their base alone.
pub fn distribute<'a>(
    strategy: &'a [CapacityProviderStrategyItem],
    running_by_provider: &BTreeMap<String, u32>,
    count: u32,
) -> Vec<(&'a str, u32)> {
    let mut left = count;
    let mut shares: Vec<Share> = strategy
        .iter()
        .map(|item| {
            let running = running_by_provider.get(&item.capacity_provider).copied().unwrap_or(0);
            let base = item.base.saturating_sub(running).min(left);
            left -= base;
            Share { weight: item.weight.into(), over: running.saturating_sub(item.base).into(), new: base }
        })
        .collect();
    by_weight(&mut shares, left);
    let named = strategy.iter().zip(shares).map(|(item, share)| (&*item.capacity_provider, share.new));
    named.filter(|(_, new)| *new > 0).collect()
}

/// What one item has.
struct Share {
    weight: u64,
    /// Tasks beyond the base, old and new.
    over: u64,
    /// New tasks, those of the base too.
    new: u32,
}

/// Hands out `count` tasks one by one, each to the share with the fewest for its weight, among those that it does not
/// bring above what its weight says of all: the quota method of Balinski and Young, whose every step keeps each share
/// within one task of the exact one. Takes time in proportion to `count` and the shares.
fn by_weight(shares: &mut [Share], count: u32) {
    let weights: u64 = shares.iter().map(|share| share.weight).sum();
    let old: u64 = shares.iter().filter(|share| share.weight > 0).map(|share| share.over).sum();
    for new in 1..=u64::from(count) {
        let total = old + new;
        let below = shares.iter_mut().filter(|share| share.over * weights < total * share.weight);
        // (over + 1) / weight, compared without division; the first of equals.
        let next = below.min_by(|a, b| ((a.over + 1) * b.weight).cmp(&((b.over + 1) * a.weight)));
        let Some(share) = next else { return };
        share.over += 1;
        share.new += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(name: &str, weight: u32, base: u32) -> CapacityProviderStrategyItem {
        CapacityProviderStrategyItem { capacity_provider: name.to_owned(), weight, base }
    }

    fn running(of: &[(&str, u32)]) -> BTreeMap<String, u32> {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn as_aws_documents_it() {
        // "If capacityProviderA has weight 1 and capacityProviderB has weight 4, then for every 1 task on A, 4 on B."
        let strategy = [item("a", 1, 0), item("b", 4, 0)];
        assert_eq!(distribute(&strategy, &running(&[]), 10), [("a", 2), ("b", 8)]);
        // "Two capacity providers both with weight 1 will split tasks evenly after base requirements are met."
        let strategy = [item("a", 1, 3), item("b", 1, 0)];
        assert_eq!(distribute(&strategy, &running(&[]), 2), [("a", 2)]);
        assert_eq!(distribute(&strategy, &running(&[]), 7), [("a", 5), ("b", 2)]);
        assert_eq!(distribute(&strategy, &running(&[("a", 2)]), 5), [("a", 3), ("b", 2)]);
    }

    #[test]
    fn weight_zero_takes_its_base_alone() {
        let strategy = [item("base", 0, 2), item("rest", 1, 0)];
        assert_eq!(distribute(&strategy, &running(&[]), 5), [("base", 2), ("rest", 3)]);
        assert_eq!(distribute(&strategy, &running(&[("base", 9)]), 5), [("rest", 5)]);
        assert_eq!(distribute(&[item("none", 0, 1)], &running(&[]), 5), [("none", 1)]);
        assert_eq!(distribute(&[], &running(&[]), 5), []);
    }

    #[test]
    fn what_is_missing_is_made_up_for() {
        let strategy = [item("a", 1, 0), item("b", 1, 0)];
        assert_eq!(distribute(&strategy, &running(&[("a", 8), ("elsewhere", 50)]), 6), [("b", 6)]);
        assert_eq!(distribute(&strategy, &running(&[("a", 8)]), 10), [("a", 1), ("b", 9)]);
    }

    #[test]
    fn the_rules_of_a_strategy() {
        let two = |a: CapacityProviderStrategyItem, b| validate(&[a, b]);
        assert_eq!(validate(&[]), Ok(()));
        assert_eq!(two(item("a", 0, 100_000), item("b", 1000, 0)), Ok(()));
        assert_eq!(two(item("a", 1, 1), item("b", 1, 1)), Err(StrategyError::SeveralBases));
        assert_eq!(two(item("a", 0, 1), item("b", 0, 0)), Err(StrategyError::AllWeightsZero));
        assert_eq!(two(item("a", 1, 0), item("a", 1, 0)), Err(StrategyError::Duplicate("a".to_owned())));
        assert_eq!(two(item("a", 1, 0), item("b", 1001, 0)), Err(StrategyError::Weight("b".to_owned())));
        assert_eq!(two(item("a", 1, 100_001), item("b", 1, 0)), Err(StrategyError::Base("a".to_owned())));
        let many = |n: usize| (0..n).map(|i| item(&i.to_string(), 1, 0)).collect::<Vec<_>>();
        assert_eq!(validate(&many(20)), Ok(()));
        assert_eq!(validate(&many(21)), Err(StrategyError::TooManyItems));
    }

    /// Valid strategies; the base is of any one item.
    fn strategies(weight_max: u32) -> impl Strategy<Value = Vec<CapacityProviderStrategyItem>> {
        let weights = prop::collection::vec(prop_oneof![0..5u32, 0..=weight_max], 1..=STRATEGY_ITEMS_MAX);
        (weights, any::<prop::sample::Index>(), 0..40u32).prop_map(|(weights, with_base, base)| {
            let with_base = with_base.index(weights.len());
            let base_of = |i| if i == with_base { base } else { 0 };
            let items = weights.iter().enumerate().map(|(i, w)| item(&format!("p{i}"), *w, base_of(i)));
            let mut items: Vec<_> = items.collect();
            items[0].weight += u32::from(weights.iter().all(|w| *w == 0));
            items
        })
    }

    fn add(running: &mut BTreeMap<String, u32>, new: &[(&str, u32)]) {
        for (name, count) in new {
            *running.entry((*name).to_owned()).or_default() += count;
        }
    }

    /// Whether every share of what is over the bases is within one task of its weight.
    fn is_even(strategy: &[CapacityProviderStrategyItem], running: &BTreeMap<String, u32>) -> bool {
        let over = |item: &CapacityProviderStrategyItem| {
            let running = running.get(&item.capacity_provider).copied().unwrap_or(0);
            i64::from(running.saturating_sub(item.base))
        };
        let weighted = || strategy.iter().filter(|item| item.weight > 0);
        let total: i64 = weighted().map(over).sum();
        let weights: i64 = weighted().map(|item| i64::from(item.weight)).sum();
        weighted().all(|item| (over(item) * weights - total * i64::from(item.weight)).abs() < weights)
    }

    proptest! {
        #[test]
        fn shares_are_within_one_task_of_the_weights(
            strategy in strategies(WEIGHT_MAX),
            batches in prop::collection::vec(0..60u32, 1..8),
        ) {
            prop_assert_eq!(validate(&strategy), Ok(()));
            let mut grown = BTreeMap::new();
            for count in &batches {
                let new = distribute(&strategy, &grown, *count);
                prop_assert_eq!(new.iter().map(|(_, n)| n).sum::<u32>(), *count);
                add(&mut grown, &new);
                prop_assert!(is_even(&strategy, &grown), "{:?}", grown);
                for item in &strategy {
                    let has = grown.get(&item.capacity_provider).copied().unwrap_or(0);
                    let total: u32 = grown.values().sum();
                    prop_assert!(has >= item.base.min(total), "the base comes first");
                    prop_assert!(item.weight > 0 || has <= item.base);
                }
            }
            let mut at_once = BTreeMap::new();
            add(&mut at_once, &distribute(&strategy, &BTreeMap::new(), batches.iter().sum()));
            prop_assert_eq!(at_once, grown, "it does not matter how the tasks were asked for");
        }

        #[test]
        fn any_beginning_becomes_even(
            strategy in strategies(5),
            beginning in prop::collection::vec(0..30u32, STRATEGY_ITEMS_MAX),
        ) {
            let names = strategy.iter().map(|item| item.capacity_provider.clone());
            let mut grown: BTreeMap<_, _> = names.zip(beginning).collect();
            // Enough for the smallest weight to be due as much as the largest surplus.
            let new = distribute(&strategy, &grown, 40 + 30 * 20 * 5);
            add(&mut grown, &new);
            prop_assert!(is_even(&strategy, &grown), "{:?}", grown);
        }
    }
}
