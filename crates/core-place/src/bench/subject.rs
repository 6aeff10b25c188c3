//! Clusters and tasks to measure with.

use super::records;
use crate::query::Expression;
use crate::{Constraint, Hosts, Needs, Place};
use model::instance::ContainerInstance;
use model::placement::{BinpackField, PlacementStrategy};
use model::task::Task;
use std::sync::{Arc, LazyLock};

/// How an instance's 16 vCPU and 64 GiB are divided: so many tasks fill one.
const TASKS_MAX: u32 = 128;

/// What is measured.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Binpack,
    Spread,
    Random,
    Constrained,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Binpack, Self::Spread, Self::Random, Self::Constrained];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Binpack => "binpack(memory)",
            Self::Spread => "spread(zone), spread(instanceId)",
            Self::Random => "random",
            Self::Constrained => "memberOf, distinctInstance, spread(zone)",
        }
    }

    /// How many tasks such a cluster has room for.
    pub(super) fn tasks(self, instances: u32) -> u32 {
        match self {
            // One instance in eight is of another type.
            Self::Constrained => instances / 8 * 7,
            _ => instances * TASKS_MAX,
        }
    }

    pub(super) fn needs(self) -> Needs {
        let spread = |field: &str| PlacementStrategy::Spread(field.to_owned());
        let zone = || spread("ecs.availability-zone");
        let mut needs = Needs::of(&TASK);
        needs.group = "service:web".to_owned();
        match self {
            Self::Binpack => needs.strategy = vec![PlacementStrategy::Binpack(BinpackField::Memory)],
            Self::Spread => needs.strategy = vec![zone(), spread("instanceId")],
            Self::Random => needs.strategy = vec![PlacementStrategy::Random],
            Self::Constrained => {
                needs.strategy = vec![zone()];
                let text = "attribute:ecs.instance-type =~ m5.* and attribute:stack != prod";
                needs.constraints = vec![Constraint::DistinctInstance];
                let expression = Expression::parse(text).map(Arc::new);
                needs.constraints.extend(expression.map(Constraint::MemberOf));
            }
        }
        needs
    }
}

/// 128 CPU units and 512 MiB.
static TASK: LazyLock<Task> = LazyLock::new(|| records::task(16_384 / TASKS_MAX, 65_536 / TASKS_MAX));

/// The record of a task that was placed.
pub(super) fn task(needs: &Needs, place: Place) -> Task {
    Task { instance: Some(place.instance), group: needs.group.clone(), ..TASK.clone() }
}

/// An empty cluster in three zones, one instance in eight of a type of its own.
pub(super) fn hosts(instances: u32) -> Hosts {
    let mut hosts = Hosts::default();
    for n in 0..instances {
        model::view::View::observe_instance(&mut hosts, None, Some(&instance(n)));
    }
    hosts
}

fn instance(n: u32) -> ContainerInstance {
    // Ids as they are, 32 hexadecimal digits in no order.
    let id = u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let mut instance = records::instance(&format!("{id:032x}"), 16_384, 65_536);
    let zone = ["us-east-1a", "us-east-1b", "us-east-1c"][(n % 3) as usize];
    let kind = if n % 8 == 7 { "c5.4xlarge" } else { "m5.4xlarge" };
    let attributes = [
        ("ecs.availability-zone", zone),
        ("ecs.instance-type", kind),
        ("ecs.os-type", "linux"),
        ("stack", "test"),
    ];
    instance.attributes.extend(attributes.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))));
    instance
}
