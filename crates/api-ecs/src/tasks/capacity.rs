//! What the tasks of an order run on: a launch type, or the capacity providers of a strategy, a part on each.

use super::order::Order;
use crate::capacity::{CapacityRefusal, check_cluster};
use crate::{Refusal, lookup};
use core_place::capacity::{StrategyError, distribute, validate};
use model::capacity_provider::is_built_in;
use model::placement::CapacityProviderStrategyItem;
use model::task_definition::LaunchType;
use std::collections::BTreeMap;
use store::State;

/// What all tasks of an order run on.
pub(super) struct Capacity {
    /// FARGATE or EC2: a strategy cannot mix them.
    pub launch_type: LaunchType,
    /// Together as many as the order asks for.
    pub shares: Vec<Share>,
}

/// The tasks that one capacity provider gets.
pub(super) struct Share {
    /// Its name; `None` when the order is by launch type.
    pub provider: Option<String>,
    /// The group that the instances have to be of.
    pub auto_scaling_group: Option<String>,
    /// How many tasks.
    pub count: u32,
}

impl Capacity {
    /// By the order's own launch type or strategy, else by the cluster's default strategy, else on the cluster's
    /// instances.
    pub fn choose(state: &State, order: &Order) -> Result<Capacity, Refusal> {
        let cluster = lookup::active_cluster(state, &order.scope, &order.cluster)?;
        let default = &cluster.default_capacity_provider_strategy;
        match order.launch_type {
            Some(launch_type) => Ok(Self::of(launch_type, order.count)),
            None if !order.strategy.is_empty() => {
                check_cluster(&order.strategy, &cluster.capacity_providers)?;
                Self::by(state, order, &order.strategy, CapacityRefusal::StrategyWeights)
            }
            None if !default.is_empty() => {
                Self::by(state, order, default, CapacityRefusal::DefaultStrategyWeights)
            }
            None => Ok(Self::of(LaunchType::Ec2, order.count)),
        }
    }

    fn of(launch_type: LaunchType, count: u32) -> Capacity {
        let share = Share { provider: None, auto_scaling_group: None, count };
        Capacity { launch_type, shares: vec![share] }
    }

    /// The bases count for each call: no service remembers what ran before.
    fn by(
        state: &State,
        order: &Order,
        strategy: &[CapacityProviderStrategyItem],
        without_weights: CapacityRefusal,
    ) -> Result<Capacity, Refusal> {
        if validate(strategy) == Err(StrategyError::AllWeightsZero) {
            return Err(without_weights.into());
        }
        let share = |(name, count): (&str, u32)| {
            let auto_scaling_group = match is_built_in(name) {
                true => None,
                false => {
                    let provider = lookup::capacity_provider(state, &order.scope, name)?;
                    Some(provider.auto_scaling_group().to_owned())
                }
            };
            Ok(Share { provider: Some(name.to_owned()), auto_scaling_group, count })
        };
        let fargate = strategy.iter().any(|item| is_built_in(&item.capacity_provider));
        let shares = distribute(strategy, &BTreeMap::new(), order.count).into_iter().map(share);
        Ok(Capacity {
            launch_type: if fargate { LaunchType::Fargate } else { LaunchType::Ec2 },
            shares: shares.collect::<Result<_, Refusal>>()?,
        })
    }
}
