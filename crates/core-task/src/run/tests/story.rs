//! Life stories: which command follows from which fact.

use super::spec;
use crate::report::Report;
use crate::run::{Command, Exit, Fact, Spec, SpecError, StartError, State, Timer, step};
use expect_test::{Expect, expect};
use model::Timestamp;
use model::reason::ContainerError;
use std::fmt::Write;

const NOW: Timestamp = Timestamp(1_000);

/// Tells the machine one fact after the other and writes down what it answers. An acknowledgement stands for the
/// report that is due.
fn check(spec: Spec, facts: Vec<Fact>, expected: Expect) -> State {
    let mut state = State::new(spec, NOW).unwrap();
    let mut story = format!("begin {:?}\n", state.outstanding());
    for fact in facts {
        let fact = match fact {
            Fact::Reported(_) => Fact::Reported(state.next_report().expect("a report is due")),
            fact => fact,
        };
        let name = match &fact {
            Fact::Reported(report) => summary(report),
            fact => format!("{fact:?}"),
        };
        let delta = step(&mut state, fact, NOW);
        let mark = if delta.persist { " (persist)" } else { "" };
        writeln!(story, "{name}:{mark} {:?}", delta.begin).unwrap();
        if !delta.end.is_empty() {
            writeln!(story, "    end {:?}", delta.end).unwrap();
        }
    }
    writeln!(story, "over {}", state.is_over()).unwrap();
    expected.assert_eq(&story);
    state
}

fn summary(report: &Report) -> String {
    let mut text = format!("Reported {}", report.status.map_or("-", |s| s.as_str()));
    if let Some(reason) = &report.reason {
        write!(text, " ({reason})").unwrap();
    }
    for c in &report.containers {
        write!(text, ", {} {}", c.name, c.status.as_str()).unwrap();
        if let Some(code) = c.exit_code {
            write!(text, " {code}").unwrap();
        }
        if let Some(reason) = &c.reason {
            write!(text, " ({reason})").unwrap();
        }
    }
    text
}

fn exit(code: i32) -> Exit {
    Exit { code, at: Timestamp(2_000), oom_killed: false }
}

fn ack() -> Fact {
    Fact::Reported(Report::default())
}

#[test]
fn a_task_of_one_container_runs_and_ends() {
    let facts = vec![
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::LogReady(0),
        Fact::NetworkAttached,
        Fact::Pulled(0, None),
        Fact::Started(0),
        ack(),
        Fact::Exited(0, 0, exit(0)),
        Fact::LogFinished(0),
        Fact::NetworkDetached,
        ack(),
        Fact::Removed(0),
        Fact::VolumesReleased,
        Fact::TaskRemoved,
    ];
    check(
        spec(&["app!"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PrepareLog(0)}
            TaskReady: []
                end [EnsureTask]
            VolumesReady: []
                end [EnsureVolumes]
            LogReady(0): []
                end [PrepareLog(0)]
            NetworkAttached: []
                end [AttachNetwork]
            Pulled(0, None): (persist) [Start(0)]
                end [PullImage(0)]
            Started(0): (persist) [Watch(0, 0), FollowLog(0), Report(0)]
                end [Start(0)]
            Reported RUNNING, app RUNNING: []
                end [Report(0)]
            Exited(0, 0, Exit { code: 0, at: Timestamp(2000), oom_killed: false }): (persist) [SetTimer(Logs, Timestamp(11000)), FinishLog(0), DetachNetwork]
                end [Watch(0, 0), FollowLog(0)]
            LogFinished(0): (persist) [Remove(0)]
                end [SetTimer(Logs, Timestamp(11000)), FinishLog(0)]
            NetworkDetached: [Report(1)]
                end [DetachNetwork]
            Reported STOPPED, app STOPPED 0: []
                end [Report(1)]
            Removed(0): (persist) [ReleaseVolumes, RemoveTask]
                end [Remove(0)]
            VolumesReleased: []
                end [ReleaseVolumes]
            TaskRemoved: []
                end [RemoveTask]
            over true
        "#]],
    );
}

#[test]
fn an_essential_exit_stops_the_rest_dependants_first() {
    let facts = vec![
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::NetworkAttached,
        Fact::LogReady(0),
        Fact::LogReady(1),
        Fact::LogReady(2),
        Fact::Pulled(0, None),
        Fact::Pulled(1, None),
        Fact::Pulled(2, None),
        Fact::Started(0),
        Fact::Started(1),
        Fact::Started(2),
        Fact::Exited(2, 0, exit(1)),
        Fact::TimerFired(Timer::Kill(1)),
        Fact::Exited(1, 0, exit(137)),
        Fact::Exited(0, 0, exit(143)),
    ];
    check(
        spec(&["db", "cache>db:START", "app!>cache:START"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PullImage(1), PullImage(2), PrepareLog(0), PrepareLog(1), PrepareLog(2)}
            TaskReady: []
                end [EnsureTask]
            VolumesReady: []
                end [EnsureVolumes]
            NetworkAttached: []
                end [AttachNetwork]
            LogReady(0): []
                end [PrepareLog(0)]
            LogReady(1): []
                end [PrepareLog(1)]
            LogReady(2): []
                end [PrepareLog(2)]
            Pulled(0, None): (persist) [Start(0)]
                end [PullImage(0)]
            Pulled(1, None): []
                end [PullImage(1)]
            Pulled(2, None): []
                end [PullImage(2)]
            Started(0): (persist) [Start(1), Watch(0, 0), FollowLog(0), Report(0)]
                end [Start(0)]
            Started(1): (persist) [Start(2), Watch(1, 0), FollowLog(1)]
                end [Start(1)]
            Started(2): (persist) [Watch(2, 0), FollowLog(2)]
                end [Start(2)]
            Exited(2, 0, Exit { code: 1, at: Timestamp(2000), oom_killed: false }): (persist) [Signal(1, Terminate), SetTimer(Kill(1), Timestamp(31000)), FinishLog(2)]
                end [Watch(2, 0), FollowLog(2)]
            TimerFired(Kill(1)): [Signal(1, Kill)]
                end [Signal(1, Terminate), SetTimer(Kill(1), Timestamp(31000))]
            Exited(1, 0, Exit { code: 137, at: Timestamp(2000), oom_killed: false }): (persist) [Signal(0, Terminate), SetTimer(Kill(0), Timestamp(31000)), FinishLog(1)]
                end [Watch(1, 0), FollowLog(1), Signal(1, Kill)]
            Exited(0, 0, Exit { code: 143, at: Timestamp(2000), oom_killed: false }): (persist) [SetTimer(Logs, Timestamp(11000)), FinishLog(0), DetachNetwork]
                end [Watch(0, 0), FollowLog(0), Signal(0, Terminate), SetTimer(Kill(0), Timestamp(31000))]
            over false
        "#]],
    );
}

#[test]
fn a_dependency_that_fails_keeps_its_dependants_from_starting() {
    let facts = vec![
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::NetworkAttached,
        Fact::LogReady(0),
        Fact::LogReady(1),
        Fact::Pulled(1, None),
        Fact::Pulled(0, None),
        Fact::Started(0),
        Fact::Exited(0, 0, exit(3)),
        Fact::NetworkDetached,
        Fact::TimerFired(Timer::Logs),
        ack(),
    ];
    check(
        spec(&["init", "app!>init:SUCCESS"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PullImage(1), PrepareLog(0), PrepareLog(1)}
            TaskReady: []
                end [EnsureTask]
            VolumesReady: []
                end [EnsureVolumes]
            NetworkAttached: []
                end [AttachNetwork]
            LogReady(0): []
                end [PrepareLog(0)]
            LogReady(1): []
                end [PrepareLog(1)]
            Pulled(1, None): []
                end [PullImage(1)]
            Pulled(0, None): (persist) [Start(0)]
                end [PullImage(0)]
            Started(0): (persist) [Watch(0, 0), FollowLog(0), Report(0)]
                end [Start(0)]
            Exited(0, 0, Exit { code: 3, at: Timestamp(2000), oom_killed: false }): (persist) [SetTimer(Logs, Timestamp(11000)), FinishLog(0), DetachNetwork]
                end [Watch(0, 0), FollowLog(0), Report(0)]
            NetworkDetached: []
                end [DetachNetwork]
            TimerFired(Logs): [Report(0)]
                end [SetTimer(Logs, Timestamp(11000))]
            Reported STOPPED, init STOPPED 3, app STOPPED (CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [init] for target [app] as dependency did not exit successfully.): []
                end [Report(0)]
            over false
        "#]],
    );
}

#[test]
fn a_failed_pull_ends_the_task_with_its_reason() {
    let facts = vec![
        Fact::PullFailed(0, "not found".into()),
        Fact::NetworkAttached,
        Fact::NetworkDetached,
        ack(),
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::VolumesReleased,
        Fact::TaskRemoved,
    ];
    check(
        spec(&["app!", "side"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PullImage(1), PrepareLog(0), PrepareLog(1)}
            PullFailed(0, "not found"): (persist) []
                end [PullImage(0), PullImage(1), PrepareLog(0), PrepareLog(1)]
            NetworkAttached: (persist) [DetachNetwork]
                end [AttachNetwork]
            NetworkDetached: [Report(0)]
                end [DetachNetwork]
            Reported STOPPED, app STOPPED (CannotPullContainerError: not found), side STOPPED: []
                end [Report(0)]
            TaskReady: (persist) [RemoveTask]
                end [EnsureTask]
            VolumesReady: (persist) [ReleaseVolumes]
                end [EnsureVolumes]
            VolumesReleased: []
                end [ReleaseVolumes]
            TaskRemoved: []
                end [RemoveTask]
            over true
        "#]],
    );
}

#[test]
fn a_failed_network_ends_the_task_before_anything_starts() {
    let facts = vec![
        Fact::Pulled(0, None),
        Fact::NetworkFailed(ContainerError::ResourceInitialization, "no address".into()),
        Fact::NetworkDetached,
        ack(),
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::VolumesReleased,
        Fact::TaskRemoved,
    ];
    check(
        spec(&["app!"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PrepareLog(0)}
            Pulled(0, None): []
                end [PullImage(0)]
            NetworkFailed(ResourceInitialization, "no address"): (persist) [DetachNetwork]
                end [AttachNetwork, PrepareLog(0)]
            NetworkDetached: [Report(0)]
                end [DetachNetwork]
            Reported STOPPED (ResourceInitializationError: no address), app STOPPED: []
                end [Report(0)]
            TaskReady: (persist) [RemoveTask]
                end [EnsureTask]
            VolumesReady: (persist) [ReleaseVolumes]
                end [EnsureVolumes]
            VolumesReleased: []
                end [ReleaseVolumes]
            TaskRemoved: []
                end [RemoveTask]
            over true
        "#]],
    );
}

#[test]
fn a_container_that_cannot_start_is_removed_before_the_end_is_told() {
    let facts = vec![
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::LogReady(0),
        Fact::NetworkAttached,
        Fact::Pulled(0, None),
        Fact::StartFailed(0, StartError::Start("no such file".into())),
        Fact::Removed(0),
        Fact::NetworkDetached,
        ack(),
    ];
    check(
        spec(&["app!"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PrepareLog(0)}
            TaskReady: []
                end [EnsureTask]
            VolumesReady: []
                end [EnsureVolumes]
            LogReady(0): []
                end [PrepareLog(0)]
            NetworkAttached: []
                end [AttachNetwork]
            Pulled(0, None): (persist) [Start(0)]
                end [PullImage(0)]
            StartFailed(0, Start("no such file")): (persist) [Remove(0)]
                end [Start(0)]
            Removed(0): (persist) [DetachNetwork, ReleaseVolumes]
                end [Remove(0)]
            NetworkDetached: (persist) [RemoveTask, Report(0)]
                end [DetachNetwork]
            Reported STOPPED, app STOPPED (CannotStartContainerError: no such file): []
                end [Report(0)]
            over false
        "#]],
    );
}

#[test]
fn a_stop_while_starting_waits_for_the_start() {
    let facts = vec![
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::LogReady(0),
        Fact::NetworkAttached,
        Fact::Pulled(0, None),
        Fact::StopAsked,
        Fact::StopAsked,
        Fact::Started(0),
        Fact::Exited(0, 0, exit(143)),
    ];
    check(
        spec(&["app!"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PrepareLog(0)}
            TaskReady: []
                end [EnsureTask]
            VolumesReady: []
                end [EnsureVolumes]
            LogReady(0): []
                end [PrepareLog(0)]
            NetworkAttached: []
                end [AttachNetwork]
            Pulled(0, None): (persist) [Start(0)]
                end [PullImage(0)]
            StopAsked: (persist) []
            StopAsked: []
            Started(0): (persist) [Watch(0, 0), FollowLog(0), Signal(0, Terminate), SetTimer(Kill(0), Timestamp(31000)), Report(0)]
                end [Start(0)]
            Exited(0, 0, Exit { code: 143, at: Timestamp(2000), oom_killed: false }): (persist) [SetTimer(Logs, Timestamp(11000)), FinishLog(0), DetachNetwork]
                end [Watch(0, 0), FollowLog(0), Signal(0, Terminate), SetTimer(Kill(0), Timestamp(31000))]
            over false
        "#]],
    );
}

#[test]
fn a_start_timeout_gives_up_on_those_that_wait() {
    let mut spec = spec(&["init", "app!>init:COMPLETE"]);
    spec.containers[0].start_timeout_ms = Some(5_000);
    let facts = vec![
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::NetworkAttached,
        Fact::LogReady(0),
        Fact::LogReady(1),
        Fact::Pulled(0, None),
        Fact::Pulled(1, None),
        Fact::Started(0),
        Fact::TimerFired(Timer::Start(0)),
    ];
    check(
        spec,
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PullImage(1), PrepareLog(0), PrepareLog(1)}
            TaskReady: []
                end [EnsureTask]
            VolumesReady: []
                end [EnsureVolumes]
            NetworkAttached: []
                end [AttachNetwork]
            LogReady(0): []
                end [PrepareLog(0)]
            LogReady(1): []
                end [PrepareLog(1)]
            Pulled(0, None): (persist) [Start(0)]
                end [PullImage(0)]
            Pulled(1, None): []
                end [PullImage(1)]
            Started(0): (persist) [Watch(0, 0), FollowLog(0), SetTimer(Start(0), Timestamp(6000)), Report(0)]
                end [Start(0)]
            TimerFired(Start(0)): (persist) [Signal(0, Terminate), SetTimer(Kill(0), Timestamp(31000))]
                end [SetTimer(Start(0), Timestamp(6000)), Report(0)]
            over false
        "#]],
    );
}

#[test]
fn a_container_out_of_memory_says_so() {
    let facts = vec![
        Fact::TaskReady,
        Fact::VolumesReady,
        Fact::LogReady(0),
        Fact::NetworkAttached,
        Fact::Pulled(0, None),
        Fact::Started(0),
    ];
    let mut state = check(
        spec(&["app!"]),
        facts,
        expect![[r#"
            begin {EnsureTask, AttachNetwork, EnsureVolumes, PullImage(0), PrepareLog(0)}
            TaskReady: []
                end [EnsureTask]
            VolumesReady: []
                end [EnsureVolumes]
            LogReady(0): []
                end [PrepareLog(0)]
            NetworkAttached: []
                end [AttachNetwork]
            Pulled(0, None): (persist) [Start(0)]
                end [PullImage(0)]
            Started(0): (persist) [Watch(0, 0), FollowLog(0), Report(0)]
                end [Start(0)]
            over false
        "#]],
    );
    let killed = Exit { oom_killed: true, ..exit(137) };
    for fact in [Fact::Exited(0, 0, killed), Fact::LogFinished(0), Fact::NetworkDetached] {
        step(&mut state, fact, NOW);
    }
    let report = state.next_report().unwrap();
    assert_eq!(report.status.unwrap().as_str(), "RUNNING", "RUNNING is never left out");
    step(&mut state, Fact::Reported(report), NOW);
    expect!["Reported STOPPED, app STOPPED 137 (OutOfMemoryError: Container killed due to memory usage)"]
        .assert_eq(&summary(&state.next_report().unwrap()));
}

#[test]
fn what_can_never_run_is_refused() {
    let error = |containers: &[&str]| State::new(spec(containers), NOW).unwrap_err();
    assert_eq!(error(&[]), SpecError::NoEssential);
    assert_eq!(error(&["a"]), SpecError::NoEssential);
    assert_eq!(error(&["a!>nobody:START"]), SpecError::UnknownDependency("a".into()));
    assert_eq!(error(&["a!", "b>a:HEALTHY"]), SpecError::NoHealthCheck("b".into()));
    assert_eq!(error(&["a!", "b>c:START", "c>b:SUCCESS"]), SpecError::Cycle("b".into()));
}

#[test]
fn a_state_survives_the_ledger() {
    let mut state = State::new(spec(&["init", "app!>init:SUCCESS"]), NOW).unwrap();
    for fact in [Fact::TaskReady, Fact::Pulled(0, Some("sha256:1".into())), Fact::LogReady(0)] {
        step(&mut state, fact, NOW);
    }
    let text = serde_json::to_string(&state).unwrap();
    let back: State = serde_json::from_str(&text).unwrap();
    assert_eq!(back, state);
    assert!(back.outstanding().contains(&Command::PullImage(1)));
}

#[test]
fn a_volume_that_cannot_be_made_ends_the_task_before_anything_starts() {
    let mut state = State::new(spec(&["app!"]), NOW).unwrap();
    let failed = step(&mut state, Fact::VolumesFailed("no such driver".into()), NOW);
    assert!(failed.begin.contains(&Command::ReleaseVolumes), "parts of them may be there: {failed:?}");
    assert_eq!(state.observed.failure.as_deref(), Some("CannotCreateVolumeError: no such driver"));
    step(&mut state, Fact::NetworkAttached, NOW);
    step(&mut state, Fact::NetworkDetached, NOW);
    expect!["Reported STOPPED (CannotCreateVolumeError: no such driver), app STOPPED"]
        .assert_eq(&summary(&state.next_report().unwrap()));
}
