//! Where the client wants its tasks to be.

use super::Client;
use super::definitions::{Definition, FARGATE_PROVIDERS};
use crate::ask::{Ask, Constraint, On};
use crate::expression::Expression;
use crate::site::{RACK, RACKS};
use crate::world::World;
use model::instance::ATTRIBUTE_AVAILABILITY_ZONE;
use model::placement::CapacityProviderStrategyItem;
use model::task_definition::LaunchType;
use wire::ecs::{self, PlacementConstraintType, PlacementStrategy, PlacementStrategyType};

impl Client {
    /// What is asked for with so many tasks, and a placement strategy.
    pub(super) fn wish(&self, definition: &Definition, count: u32) -> (Ask, Option<Vec<PlacementStrategy>>) {
        let on = self.on(definition);
        let name = definition.name();
        let group = match self.dice.one_in(4) {
            true => format!("group-{}", self.dice.pick(0..3)),
            false => format!("family:{}", name.0),
        };
        // Fargate has neither constraints nor strategies.
        let has_say = !definition.is_fargate && self.world.knobs.placement;
        let mut constraints = Vec::new();
        if has_say && self.dice.one_in(4) {
            constraints.push(Constraint::DistinctInstance);
        }
        if has_say && self.dice.one_in(3) {
            constraints.push(Constraint::MemberOf(self.expression(2)));
        }
        let strategy = (has_say && self.dice.one_in(2)).then(|| self.strategy());
        let ask = Ask {
            scope: self.world.scope(),
            cluster: self.cluster(),
            count,
            definition: name,
            group,
            subnets: self.subnets(definition),
            on,
            constraints,
        };
        (ask, strategy)
    }

    fn on(&self, definition: &Definition) -> On {
        let launch_type = if definition.is_fargate { LaunchType::Fargate } else { LaunchType::Ec2 };
        if !self.world.knobs.capacity_providers {
            return On::LaunchType(launch_type);
        }
        match self.dice.weighted(&[6, 3, 1]) {
            0 => On::LaunchType(launch_type),
            1 if definition.is_fargate => On::Providers(self.shares(&FARGATE_PROVIDERS)),
            1 => On::Providers(self.shares(&crate::site::GROUPS)),
            _ => On::Default,
        }
    }

    /// A strategy over some of these capacity providers.
    pub(super) fn shares(&self, providers: &[&str]) -> Vec<CapacityProviderStrategyItem> {
        let all = self.dice.one_in(2);
        let only = self.dice.pick(0..providers.len() as u64) as usize;
        let named = providers.iter().enumerate().filter(|(n, _)| all || *n == only);
        let item = |(n, name): (usize, &&str)| CapacityProviderStrategyItem {
            capacity_provider: (*name).to_owned(),
            weight: self.dice.pick(0..4) as u32 + u32::from(!all),
            // One of them may have a base.
            base: if n == only { self.dice.pick(0..4) as u32 } else { 0 },
        };
        named.map(item).collect()
    }

    /// An expression that is nested no deeper.
    fn expression(&self, depth: u32) -> Expression {
        let inner = || Box::new(self.expression(depth.saturating_sub(1)));
        let rack = || (*self.dice.choose(&RACKS).unwrap_or(&RACKS[0])).to_owned();
        let nested = if depth > 0 { 2 } else { 0 };
        match self.dice.weighted(&[3, 3, 1, 1, 2, 2, nested, nested, nested]) {
            0 => Expression::ZoneIn(self.zones()),
            1 => Expression::Has(RACK, rack()),
            2 => Expression::HasOther(RACK, rack()),
            3 => Expression::Exists(RACK),
            4 => Expression::Group(format!("group-{}", self.dice.pick(0..3))),
            5 => Expression::RunsFewerThan(self.dice.pick(1..8) as usize),
            6 => Expression::Not(inner()),
            7 => Expression::Both(inner(), inner()),
            _ => Expression::Either(inner(), inner()),
        }
    }

    fn zones(&self) -> Vec<String> {
        let zones = ["a", "b", "c"].iter().filter(|_| self.dice.one_in(2));
        let mut zones: Vec<_> = zones.map(|letter| format!("{}{letter}", World::REGION)).collect();
        if zones.is_empty() {
            zones.push("cellar".to_owned());
        }
        zones
    }

    /// One rule, or a chain of them.
    fn strategy(&self) -> Vec<PlacementStrategy> {
        (0..1 + self.dice.weighted(&[4, 2, 1])).map(|_| self.rule()).collect()
    }

    fn rule(&self) -> PlacementStrategy {
        let zone = format!("attribute:{ATTRIBUTE_AVAILABILITY_ZONE}");
        let rack = format!("attribute:{RACK}");
        let (kind, field) = match self.dice.pick(0..6) {
            0 => (PlacementStrategyType::Spread, Some(zone)),
            1 => (PlacementStrategyType::Spread, Some(rack)),
            2 => (PlacementStrategyType::Spread, Some("instanceId".to_owned())),
            3 => (PlacementStrategyType::Binpack, Some("cpu".to_owned())),
            4 => (PlacementStrategyType::Binpack, Some("memory".to_owned())),
            _ => (PlacementStrategyType::Random, None),
        };
        PlacementStrategy { r#type: Some(kind), field }
    }
}

/// As the API has it.
pub(super) fn on(on: &On) -> (Option<ecs::LaunchType>, Option<Vec<ecs::CapacityProviderStrategyItem>>) {
    match on {
        On::LaunchType(LaunchType::Fargate) => (Some(ecs::LaunchType::Fargate), None),
        On::LaunchType(_) => (Some(ecs::LaunchType::Ec2), None),
        On::Providers(strategy) => (None, Some(items(strategy))),
        On::Default | On::Instance(_) => (None, None),
    }
}

/// As the API has it.
pub(super) fn items(strategy: &[CapacityProviderStrategyItem]) -> Vec<ecs::CapacityProviderStrategyItem> {
    let item = |item: &CapacityProviderStrategyItem| ecs::CapacityProviderStrategyItem {
        capacity_provider: item.capacity_provider.clone(),
        weight: Some(item.weight as i32),
        base: Some(item.base as i32),
    };
    strategy.iter().map(item).collect()
}

/// As the API has it.
pub(super) fn constraints(constraints: &[Constraint]) -> Option<Vec<ecs::PlacementConstraint>> {
    let constraint = |constraint: &Constraint| match constraint {
        Constraint::DistinctInstance => ecs::PlacementConstraint {
            r#type: Some(PlacementConstraintType::DistinctInstance),
            expression: None,
        },
        Constraint::MemberOf(expression) => ecs::PlacementConstraint {
            r#type: Some(PlacementConstraintType::MemberOf),
            expression: Some(expression.to_string()),
        },
    };
    (!constraints.is_empty()).then(|| constraints.iter().map(constraint).collect())
}
