//! Health checks, and those that wait for them.

use super::{CHECK, exited, ready, reason, spec, tell};
use crate::run::{Command, Desired, Fact, Outcome, State, Timer};
use model::Timestamp;
use model::task::HealthStatus::{self, Healthy, Unhealthy, Unknown};

fn health(state: &State) -> Option<HealthStatus> {
    state.observed.containers[0].health.as_ref().map(|h| h.status)
}

/// Lets the check number `probe` come due and end.
fn probe(state: &mut State, probe: u64, at_ms: i64, passed: bool) {
    let due = tell(state, at_ms, Fact::TimerFired(Timer::Probe(0, probe)));
    assert_eq!(due.begin, [Command::Probe(0, probe)]);
    let outcome = Outcome { passed, began_at: Timestamp(at_ms) };
    let done = tell(state, at_ms + 1_000, Fact::Probed(0, probe, outcome));
    assert_eq!(done.end, [Command::Probe(0, probe)]);
    let next = Command::SetTimer(Timer::Probe(0, probe + 1), Timestamp(at_ms + 1_000 + CHECK.interval_ms));
    assert!(state.observed.containers[0].kill_deadline.is_some() || done.begin.contains(&next), "{done:?}");
}

#[test]
fn a_check_comes_an_interval_after_the_start_and_after_the_end_of_the_last_one() {
    let mut state = ready(spec(&["app!+"]));
    assert_eq!(health(&state), None);
    let begun = tell(&mut state, 500, Fact::Started(0)).begin;
    assert!(begun.contains(&Command::SetTimer(Timer::Probe(0, 0), Timestamp(10_500))), "{begun:?}");
    assert_eq!(health(&state), Some(Unknown));
    probe(&mut state, 0, 10_500, true);
    assert_eq!(health(&state), Some(Healthy));
    assert_eq!(state.observed.containers[0].health.as_ref().unwrap().since, Timestamp(11_500));
}

#[test]
fn failures_in_the_start_period_do_not_count_until_a_check_has_passed() {
    let mut state = ready(spec(&["app!+"]));
    tell(&mut state, 0, Fact::Started(0));
    for n in 0..3 {
        probe(&mut state, n, 10_000 + n as i64, false);
    }
    assert_eq!(health(&state), Some(Unknown));
    probe(&mut state, 3, 14_000, true);
    probe(&mut state, 4, 14_100, false);
    assert_eq!(health(&state), Some(Healthy), "one failure is not enough");
    probe(&mut state, 5, 14_200, false);
    assert_eq!(health(&state), Some(Unhealthy), "a check had passed");
    probe(&mut state, 6, 14_300, true);
    assert_eq!(health(&state), Some(Healthy));
}

#[test]
fn failures_in_a_row_make_it_unhealthy_and_do_not_stop_it() {
    let mut state = ready(spec(&["app!+"]));
    tell(&mut state, 0, Fact::Started(0));
    probe(&mut state, 0, 15_000, false);
    assert_eq!(health(&state), Some(Unknown));
    probe(&mut state, 1, 30_000, false);
    assert_eq!(health(&state), Some(Unhealthy));
    assert_eq!(state.desired, Desired::Running);
}

#[test]
fn a_late_or_repeated_outcome_changes_nothing() {
    let mut state = ready(spec(&["app!+"]));
    tell(&mut state, 0, Fact::Started(0));
    let passed = Outcome { passed: true, began_at: Timestamp(0) };
    tell(&mut state, 1, Fact::Probed(0, 0, passed));
    assert_eq!(health(&state), Some(Unknown), "nobody had asked");
    probe(&mut state, 0, 20_000, true);
    let failed = Outcome { passed: false, began_at: Timestamp(20_000) };
    let before = state.clone();
    for number in [0, 1, 7] {
        tell(&mut state, 22_000, Fact::Probed(0, number, failed));
        tell(&mut state, 22_000, Fact::TimerFired(Timer::Probe(0, number + 2)));
    }
    assert_eq!(state, before);
}

#[test]
fn health_ends_with_the_container_and_checks_end_with_the_stop() {
    let mut state = ready(spec(&["app!+"]));
    tell(&mut state, 0, Fact::Started(0));
    tell(&mut state, 1, Fact::TimerFired(Timer::Probe(0, 0)));
    let stopping = tell(&mut state, 2, Fact::StopAsked);
    assert!(stopping.end.contains(&Command::Probe(0, 0)), "{stopping:?}");
    tell(&mut state, 3, exited(0, 0, 0, 3));
    assert_eq!(health(&state), None);
}

#[test]
fn healthy_is_waited_for() {
    let mut state = ready(spec(&["db!+", "app!>db:HEALTHY"]));
    tell(&mut state, 0, Fact::Started(0));
    assert!(!state.outstanding().contains(&Command::Start(1)));
    probe(&mut state, 0, 10_000, true);
    assert!(state.outstanding().contains(&Command::Start(1)));
}

#[test]
fn what_waits_for_the_health_of_an_unhealthy_container_ends() {
    let mut state = ready(spec(&["db+", "app!>db:HEALTHY"]));
    tell(&mut state, 0, Fact::Started(0));
    probe(&mut state, 0, 20_000, false);
    let due = tell(&mut state, 40_000, Fact::TimerFired(Timer::Probe(0, 1)));
    assert_eq!(due.begin, [Command::Probe(0, 1)]);
    tell(&mut state, 41_000, Fact::Probed(0, 1, Outcome { passed: false, began_at: Timestamp(40_000) }));
    assert_eq!(state.desired, Desired::Stopped);
    assert_eq!(
        reason(&state, 1),
        Some(
            "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [db] \
             for target [app] as dependency is not healthy."
        )
    );
}
