//! Restarts in place.

use super::{exited, ready, reason, spec, tell};
use crate::report::ReportedStatus;
use crate::run::{Command, Desired, Fact, Phase, RestartPolicy, Spec, StartError, State};
use model::Timestamp;

/// A task with one essential container that is restarted once it has run for a minute, unless it exits with 2.
fn patient() -> Spec {
    let mut spec = spec(&["app!*"]);
    spec.containers[0].restart =
        Some(RestartPolicy { ignored_exit_codes: vec![2], attempt_period_ms: 60_000 });
    spec
}

fn running() -> State {
    let mut state = ready(patient());
    tell(&mut state, 1_000, Fact::Started(0));
    let report = state.next_report().unwrap();
    assert_eq!(report.status, Some(ReportedStatus::Running));
    tell(&mut state, 1_000, Fact::Reported(report));
    state
}

#[test]
fn a_container_is_restarted_in_place_and_nobody_upstream_hears_of_it() {
    let mut state = running();
    let ended = tell(&mut state, 61_000, exited(0, 0, 1, 61_000));
    assert_eq!(ended.begin, [Command::Restart(0, 1)]);
    assert_eq!(ended.end, [Command::Watch(0, 0)]);
    assert!(ended.persist, "the exit code cannot be seen again");
    assert_eq!(state.next_report(), None);
    let again = tell(&mut state, 61_100, Fact::Started(0));
    assert_eq!(again.begin, [Command::Watch(0, 1)]);
    assert_eq!(state.desired, Desired::Running);
    assert_eq!((state.next_report(), state.observed.containers[0].restarts), (None, 1));

    // The next period counts from when the restart was asked for.
    let ended = tell(&mut state, 120_999, exited(0, 1, 1, 120_999));
    assert!(!ended.begin.contains(&Command::Restart(0, 2)), "{ended:?}");
    assert_eq!(state.desired, Desired::Stopped);
}

#[test]
fn an_end_that_does_not_qualify_is_one() {
    for (code, at_ms) in [(1, 59_999), (2, 100_000)] {
        let mut state = running();
        tell(&mut state, at_ms, exited(0, 0, code, at_ms));
        assert!(matches!(state.observed.containers[0].phase, Phase::Ended(_)), "{code} {at_ms}");
    }
    let mut state = running();
    tell(&mut state, 100_000, Fact::Lost(0));
    assert!(matches!(state.observed.containers[0].phase, Phase::Ended(_)));
}

#[test]
fn nothing_is_restarted_once_a_stop_was_asked_for() {
    let mut state = running();
    tell(&mut state, 99_000, Fact::StopAsked);
    tell(&mut state, 100_000, exited(0, 0, 143, 100_000));
    assert!(matches!(state.observed.containers[0].phase, Phase::Ended(_)));
    assert_eq!(state.observed.containers[0].restarts, 0);
}

#[test]
fn a_stop_during_a_restart_waits_for_it_and_ends_what_it_made() {
    let mut state = running();
    tell(&mut state, 61_000, exited(0, 0, 1, 61_000));
    tell(&mut state, 61_001, Fact::StopAsked);
    let begun = tell(&mut state, 61_100, Fact::Started(0)).begin;
    assert!(begun.contains(&Command::Signal(0, crate::run::Signal::Terminate)), "{begun:?}");
}

#[test]
fn an_old_end_does_not_end_the_next_run() {
    let mut state = running();
    let old = exited(0, 0, 1, 61_000);
    tell(&mut state, 61_000, old.clone());
    tell(&mut state, 61_050, old.clone());
    tell(&mut state, 61_100, Fact::Started(0));
    let before = state.clone();
    tell(&mut state, 61_200, old);
    assert_eq!(state, before);
}

#[test]
fn a_restarted_agent_carries_an_interrupted_restart_out() {
    let mut state = running();
    tell(&mut state, 61_000, exited(0, 0, 1, 61_000));
    let mut back: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    // The host has not been asked yet, or has done it and seen another end: either way it is asked.
    tell(&mut back, 70_000, exited(0, 1, 1, 61_000));
    assert!(back.outstanding().contains(&Command::Restart(0, 1)));
    // It has done it.
    tell(&mut state, 70_000, Fact::Started(0));
    assert!(state.outstanding().contains(&Command::Watch(0, 1)));
}

#[test]
fn a_restart_that_fails_is_the_end() {
    let mut state = running();
    tell(&mut state, 61_000, exited(0, 0, 1, 61_000));
    tell(&mut state, 61_001, Fact::StartFailed(0, StartError::Start("no such file".into())));
    assert_eq!(reason(&state, 0), Some("CannotStartContainerError: no such file"));
    assert_eq!(state.desired, Desired::Stopped);
}

#[test]
fn health_begins_anew_with_a_restart() {
    let mut state = ready(spec(&["app!+*"]));
    tell(&mut state, 0, Fact::Started(0));
    tell(&mut state, 10, exited(0, 0, 1, 10));
    tell(&mut state, 20, Fact::Started(0));
    let health = state.observed.containers[0].health.as_ref().unwrap();
    assert_eq!((health.since, health.status.as_str()), (Timestamp(20), "UNKNOWN"));
}

#[test]
fn an_agent_that_died_during_the_start_restarts_what_ran_long_enough() {
    for (at_ms, restarts) in [(59_000, 0), (60_000, 1)] {
        let mut state = ready(patient());
        tell(&mut state, at_ms, exited(0, 0, 1, at_ms));
        assert_eq!(state.observed.containers[0].restarts, restarts, "{at_ms}");
    }
}
