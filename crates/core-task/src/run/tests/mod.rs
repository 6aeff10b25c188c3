//! Tests of the machine: whole life stories, and random ones against a host of its own.

mod health;
mod restart;
mod story;
mod world;

use crate::run::{
    Condition, ContainerSpec, Delta, Dependency, Exit, Fact, HealthCheck, RestartPolicy, Spec, State, step,
};
use model::Timestamp;

/// `name[!][+][*][>on:CONDITION…]`, where `!` is essential, `+` has a health check and `*` is restarted:
/// `["init", "app!>init:SUCCESS"]`.
fn spec(containers: &[&str]) -> Spec {
    let names: Vec<&str> = containers.iter().map(|c| c.split(['!', '+', '*', '>']).next().unwrap()).collect();
    let dependency = |text: &str| {
        let (on, condition) = text.split_once(':').unwrap();
        let condition = match condition {
            "START" => Condition::Start,
            "COMPLETE" => Condition::Complete,
            "HEALTHY" => Condition::Healthy,
            _ => Condition::Success,
        };
        Dependency { on: names.iter().position(|n| *n == on).unwrap_or(usize::MAX), condition }
    };
    let container = |text: &&str| ContainerSpec {
        name: text.split(['!', '+', '*', '>']).next().unwrap().to_owned(),
        essential: text.contains('!'),
        depends_on: text.split('>').skip(1).map(dependency).collect(),
        has_log: true,
        stop_timeout_ms: 30_000,
        start_timeout_ms: None,
        health_check: text.contains('+').then_some(CHECK),
        restart: text
            .contains('*')
            .then(|| RestartPolicy { ignored_exit_codes: vec![2], attempt_period_ms: 0 }),
    };
    let containers = containers.iter().map(container).collect();
    Spec { containers, has_network: true, has_volumes: true }
}

const CHECK: HealthCheck = HealthCheck { interval_ms: 10_000, retries: 2, start_period_ms: 15_000 };

/// A task whose containers may start as soon as what they depend on is there.
fn ready(spec: Spec) -> State {
    let count = spec.containers.len();
    let mut state = State::new(spec, Timestamp(0)).unwrap();
    for fact in [Fact::TaskReady, Fact::NetworkAttached, Fact::VolumesReady] {
        step(&mut state, fact, Timestamp(0));
    }
    for n in 0..count {
        step(&mut state, Fact::Pulled(n, None), Timestamp(0));
        step(&mut state, Fact::LogReady(n), Timestamp(0));
    }
    state
}

fn tell(state: &mut State, at_ms: i64, fact: Fact) -> Delta {
    step(state, fact, Timestamp(at_ms))
}

fn exited(n: usize, restarts: u32, code: i32, at_ms: i64) -> Fact {
    Fact::Exited(n, restarts, Exit { code, at: Timestamp(at_ms), oom_killed: false })
}

/// Why a container ended.
fn reason(state: &State, n: usize) -> Option<&str> {
    match &state.observed.containers[n].phase {
        crate::run::Phase::Ended(end) => end.reason.as_deref(),
        _ => None,
    }
}
