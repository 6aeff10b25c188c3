//! Tests of the machine: whole life stories, and random ones against a host of its own.

mod story;
mod world;

use crate::run::{Condition, ContainerSpec, Dependency, Spec};

/// `name[!][>on:CONDITION…]`, where `!` is essential: `["init", "app!>init:SUCCESS"]`.
fn spec(containers: &[&str]) -> Spec {
    let names: Vec<&str> = containers.iter().map(|c| c.split(['!', '>']).next().unwrap()).collect();
    let dependency = |text: &str| {
        let (on, condition) = text.split_once(':').unwrap();
        let condition = match condition {
            "START" => Condition::Start,
            "COMPLETE" => Condition::Complete,
            _ => Condition::Success,
        };
        Dependency { on: names.iter().position(|n| *n == on).unwrap_or(usize::MAX), condition }
    };
    let container = |text: &&str| ContainerSpec {
        name: text.split(['!', '>']).next().unwrap().to_owned(),
        essential: text.contains('!'),
        depends_on: text.split('>').skip(1).map(dependency).collect(),
        has_log: true,
        stop_timeout_ms: 30_000,
        start_timeout_ms: None,
    };
    Spec { containers: containers.iter().map(container).collect(), has_network: true }
}
