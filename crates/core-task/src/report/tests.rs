//! Tests of the record: every status against every fact, the reasons for stopping, and random histories.

use super::*;

use expect_test::{Expect, expect};
use model::Timestamp;
use model::container::{HealthCheck, Protocol};
use model::fixture::{interface, task};
use model::task::{HealthStatus, NetworkBinding, StopCode, Task, TaskStatus};
use proptest::prelude::*;

fn container(name: &str, status: ReportedStatus) -> ContainerReport {
    ContainerReport {
        name: name.into(),
        status,
        exit_code: None,
        reason: None,
        runtime_id: None,
        image_digest: None,
        network_bindings: Vec::new(),
    }
}

fn exited(name: &str, code: i32) -> ContainerReport {
    ContainerReport { exit_code: Some(code), ..container(name, ReportedStatus::Stopped) }
}

fn failed(name: &str, reason: &str) -> ContainerReport {
    ContainerReport { reason: Some(reason.into()), ..container(name, ReportedStatus::Stopped) }
}

fn report(status: ReportedStatus, containers: Vec<ContainerReport>) -> Report {
    Report { status: Some(status), containers, ..Report::default() }
}

fn placed(containers: &[&str]) -> Task {
    let mut task = task(containers);
    apply_placed(&mut task, "i1".into(), Some(interface()));
    apply_accepted(&mut task, Timestamp(20));
    task
}

/// A task with `last_status` put to each value, an instance, and nothing else that fits.
fn at(status: TaskStatus) -> Task {
    let mut task = placed(&["app!"]);
    task.last_status = status;
    task
}

#[test]
fn every_status_meets_every_fact() {
    type Fact = (&'static str, fn(&mut Task) -> Outcome);
    let facts: [Fact; 8] = [
        ("placed", |t| apply_placed(t, "i2".into(), None)),
        ("pending", |t| apply_report(t, &report(ReportedStatus::Pending, vec![]), Timestamp(30))),
        ("running", |t| apply_report(t, &report(ReportedStatus::Running, vec![]), Timestamp(30))),
        ("stopped", |t| apply_report(t, &report(ReportedStatus::Stopped, vec![]), Timestamp(30))),
        ("stop", |t| apply_stop(t, StopCode::UserInitiated, None, Timestamp(30))),
        ("stop, sent", |t| {
            apply_stop(t, StopCode::UserInitiated, None, Timestamp(30));
            apply_stop_sent(t)
        }),
        ("host gone", |t| apply_host_gone(t, "gone", Timestamp(30))),
        ("released", |t| apply_released(t, Timestamp(30))),
    ];
    let mut table = String::new();
    for from in TaskStatus::ALL {
        for (name, apply) in facts {
            let mut task = at(from);
            apply(&mut task);
            if task.last_status != from {
                table += &format!("{:<14} {name:<10} {}\n", from.as_str(), task.last_status.as_str());
            }
        }
    }
    expect![[r#"
        PROVISIONING   placed     PENDING
        PROVISIONING   stop       DEPROVISIONING
        PROVISIONING   stop, sent DEPROVISIONING
        PROVISIONING   host gone  DEPROVISIONING
        PENDING        running    RUNNING
        PENDING        stopped    DEPROVISIONING
        PENDING        stop, sent STOPPING
        PENDING        host gone  DEPROVISIONING
        ACTIVATING     running    RUNNING
        ACTIVATING     stopped    DEPROVISIONING
        ACTIVATING     stop, sent STOPPING
        ACTIVATING     host gone  DEPROVISIONING
        RUNNING        stopped    DEPROVISIONING
        RUNNING        stop, sent STOPPING
        RUNNING        host gone  DEPROVISIONING
        DEACTIVATING   stopped    DEPROVISIONING
        DEACTIVATING   stop, sent STOPPING
        DEACTIVATING   host gone  DEPROVISIONING
        STOPPING       stopped    DEPROVISIONING
        STOPPING       host gone  DEPROVISIONING
        DEPROVISIONING released   STOPPED
    "#]]
    .assert_eq(&table);
}

/// What a task says of its end after these reports, which come while it is PENDING.
fn check_end(containers: &[&str], reports: Vec<Report>, expected: Expect) {
    let mut task = placed(containers);
    for (n, report) in reports.iter().enumerate() {
        apply_report(&mut task, report, Timestamp(30 + n as i64));
    }
    apply_released(&mut task, Timestamp(90));
    let code = task.stop_code.map_or("-", StopCode::as_str);
    let reason = task.stopped_reason.as_deref().unwrap_or("-");
    expected.assert_eq(&format!("{} {code}: {reason}", task.last_status.as_str()));
}

#[test]
fn what_ran_has_ended_because_an_essential_container_did() {
    use ReportedStatus::{Running, Stopped};
    let exited_with = |reports| {
        let expected = expect!["STOPPED EssentialContainerExited: Essential container in task exited"];
        check_end(&["app!"], reports, expected);
    };
    let running = report(Running, vec![container("app", Running)]);
    exited_with(vec![running, report(Stopped, vec![exited("app", 0)])]);
    // RUNNING was never heard of, but the container has run.
    exited_with(vec![report(Stopped, vec![exited("app", 1)])]);
    let oom = "OutOfMemoryError: Container killed due to memory usage";
    let oom = ContainerReport { exit_code: Some(137), ..failed("app", oom) };
    exited_with(vec![report(Stopped, vec![oom])]);
    // Another essential container was still waiting, and nothing was wrong with it.
    let waited = container("other", Stopped);
    check_end(
        &["app!", "other!"],
        vec![report(Stopped, vec![exited("app", 1), waited])],
        expect!["STOPPED EssentialContainerExited: Essential container in task exited"],
    );
}

#[test]
fn what_never_ran_says_in_ecs_words_why() {
    use ReportedStatus::Stopped;
    let pull = "CannotPullContainerError: not found";
    check_end(
        &["app!"],
        vec![report(Stopped, vec![failed("app", pull)])],
        expect!["STOPPED TaskFailedToStart: CannotPullContainerError: not found"],
    );
    check_end(
        &["side", "app!"],
        vec![report(Stopped, vec![failed("side", "x"), failed("app", pull)])],
        expect!["STOPPED TaskFailedToStart: CannotPullContainerError: not found"],
    );
    let unexecutable =
        ContainerReport { exit_code: Some(127), ..failed("app", "CannotStartContainerError: no sh") };
    check_end(
        &["app!"],
        vec![report(Stopped, vec![unexecutable])],
        expect!["STOPPED TaskFailedToStart: CannotStartContainerError: no sh"],
    );
    let init =
        Report { reason: Some("ResourceInitializationError: no group".into()), ..report(Stopped, vec![]) };
    check_end(
        &["app!"],
        vec![init],
        expect!["STOPPED TaskFailedToStart: ResourceInitializationError: no group"],
    );
    check_end(
        &["app!"],
        vec![report(Stopped, vec![])],
        expect!["STOPPED TaskFailedToStart: Task failed to start"],
    );
}

#[test]
fn a_task_with_an_essential_container_that_failed_to_start_has_failed_to_start() {
    use ReportedStatus::Stopped;
    let unmet = "CannotStartContainerError: dependency graph: no";
    let oom = "OutOfMemoryError: Container killed due to memory usage";
    // What ran meanwhile was killed, and may have its own reason.
    for killed in [exited("app", 137), ContainerReport { exit_code: Some(137), ..failed("app", oom) }] {
        check_end(
            &["app!", "late!"],
            vec![report(Stopped, vec![killed, failed("late", unmet)])],
            expect!["STOPPED TaskFailedToStart: CannotStartContainerError: dependency graph: no"],
        );
    }
    // The official agent's way to say so.
    check_end(
        &["app!", "late!"],
        vec![report(Stopped, vec![exited("app", 137), exited("late", 143)])],
        expect!["STOPPED TaskFailedToStart: Task failed to start"],
    );
    // It was RUNNING before: nothing had failed to start.
    check_end(
        &["app!", "late!"],
        vec![
            report(ReportedStatus::Running, vec![]),
            report(Stopped, vec![exited("app", 137), failed("late", unmet)]),
        ],
        expect!["STOPPED EssentialContainerExited: Essential container in task exited"],
    );
}

#[test]
fn an_exit_code_or_a_reason_alone_does_not_tell_what_ran() {
    use ReportedStatus::Stopped;
    let pull = "CannotPullContainerError: not found";
    // Its image could not be pulled, and an older copy ran.
    let stale = ContainerReport { exit_code: Some(0), runtime_id: Some("r1".into()), ..failed("app", pull) };
    check_end(
        &["app!"],
        vec![report(Stopped, vec![stale])],
        expect!["STOPPED EssentialContainerExited: Essential container in task exited"],
    );
    // What it waits for can never happen: the official agent's way to say so, and Wharf's.
    check_end(
        &["init", "app!"],
        vec![report(Stopped, vec![exited("init", 1), exited("app", 143)])],
        expect!["STOPPED TaskFailedToStart: Task failed to start"],
    );
    let unmet = "CannotStartContainerError: dependency graph: no";
    check_end(
        &["init", "app!"],
        vec![report(Stopped, vec![exited("init", 1), failed("app", unmet)])],
        expect!["STOPPED TaskFailedToStart: CannotStartContainerError: dependency graph: no"],
    );
    let malformed = "UnrecogniedTaskError: Error loading task - no";
    let unreadable = Report { reason: Some(malformed.into()), ..report(Stopped, vec![]) };
    check_end(
        &["app!"],
        vec![unreadable],
        expect!["STOPPED TaskFailedToStart: UnrecogniedTaskError: Error loading task - no"],
    );
}

#[test]
fn the_first_bindings_stay() {
    let mut task = placed(&["app!"]);
    let binding = |host_port| NetworkBinding {
        bind_ip: "0.0.0.0".into(),
        container_port: Some(80),
        host_port: Some(host_port),
        container_port_range: None,
        host_port_range: None,
        protocol: Protocol::Tcp,
    };
    let running = |network_bindings| {
        let of_container = ContainerReport { network_bindings, ..container("app", ReportedStatus::Running) };
        report(ReportedStatus::Running, vec![of_container])
    };
    apply_report(&mut task, &running(vec![]), Timestamp(30));
    assert!(apply_report(&mut task, &running(vec![binding(32768)]), Timestamp(31)).changed);
    for late in [vec![], vec![binding(40000)]] {
        assert!(!apply_report(&mut task, &running(late), Timestamp(32)).changed);
    }
    assert_eq!(task.containers[0].network_bindings, [binding(32768)]);
}

/// A running task whose containers have a health check, but for those whose name starts with `un`.
fn checked(containers: &[&str]) -> Task {
    let mut task = checked_definition(placed(containers));
    let of_containers =
        containers.iter().map(|n| container(n.trim_end_matches('!'), ReportedStatus::Running));
    apply_report(&mut task, &report(ReportedStatus::Running, of_containers.collect()), Timestamp(30));
    task
}

fn checked_definition(mut task: Task) -> Task {
    let mut definition = (*task.definition).clone();
    for container in definition.containers.iter_mut().filter(|c| !c.name.as_str().starts_with("un")) {
        container.health_check = Some(HealthCheck {
            command: vec!["CMD-SHELL".into(), "true".into()],
            interval_secs: HealthCheck::INTERVAL_SECS_DEFAULT,
            timeout_secs: HealthCheck::TIMEOUT_SECS_DEFAULT,
            retries: HealthCheck::RETRIES_DEFAULT,
            start_period_secs: None,
        });
    }
    task.definition = definition.into();
    task
}

#[test]
fn a_task_is_as_healthy_as_its_essential_containers_with_a_check() {
    use HealthStatus::{Healthy, Unhealthy, Unknown};
    type Reported<'a> = &'a [(&'a str, HealthStatus)];
    let rows: [(&[&str], Reported<'_>, HealthStatus); 8] = [
        (&["a!", "b!"], &[], Unknown),
        (&["a!", "b!"], &[("a", Healthy)], Unknown),
        (&["a!", "b!"], &[("a", Healthy), ("b", Healthy)], Healthy),
        (&["a!", "b!"], &[("a", Healthy), ("b", Unhealthy)], Unhealthy),
        (&["a!", "b!"], &[("a", Unknown), ("b", Unhealthy)], Unhealthy),
        (&["a!", "side"], &[("a", Healthy), ("side", Unhealthy)], Healthy),
        (&["a!", "unchecked!"], &[("a", Healthy), ("unchecked", Unhealthy)], Healthy),
        (&["unchecked!", "side"], &[("side", Healthy)], Unknown),
    ];
    for (containers, reported, expected) in rows {
        let mut task = checked(containers);
        let reported: Vec<_> = reported.iter().map(|(name, health)| ((*name).into(), *health)).collect();
        apply_health(&mut task, &reported);
        assert_eq!(task_health(&task), expected, "{containers:?} {reported:?}");
    }
}

#[test]
fn health_counts_once_and_while_the_container_lives() {
    let mut task = checked(&["app!", "unchecked"]);
    let say = |task: &mut Task, name: &str, health| apply_health(task, &[(name.into(), health)]);
    assert!(say(&mut task, "app", HealthStatus::Healthy).changed);
    assert!(!say(&mut task, "app", HealthStatus::Healthy).changed);
    assert!(!say(&mut task, "unchecked", HealthStatus::Healthy).changed);
    assert!(!say(&mut task, "nobody", HealthStatus::Healthy).changed);
    assert!(say(&mut task, "app", HealthStatus::Unhealthy).changed);
    apply_report(&mut task, &report(ReportedStatus::Running, vec![exited("app", 1)]), Timestamp(40));
    assert!(!say(&mut task, "app", HealthStatus::Healthy).changed);
    for status in [TaskStatus::Provisioning, TaskStatus::Deprovisioning, TaskStatus::Stopped] {
        let mut task = checked(&["app!"]);
        task.last_status = status;
        assert!(!say(&mut task, "app", HealthStatus::Healthy).changed, "{status:?}");
    }
}

#[test]
fn the_first_reason_to_stop_stays() {
    let mut task = placed(&["app!"]);
    apply_stop(&mut task, StopCode::UserInitiated, Some("enough"), Timestamp(40));
    let again = apply_stop(&mut task, StopCode::ServiceSchedulerInitiated, None, Timestamp(50));
    assert!(!again.changed);
    let over = report(ReportedStatus::Stopped, vec![exited("app", 143)]);
    apply_report(&mut task, &over, Timestamp(60));
    assert_eq!(task.stop_code, Some(StopCode::UserInitiated));
    assert_eq!(task.stopped_reason.as_deref(), Some("enough"));
    assert_eq!(task.times.stopping_at, Some(Timestamp(40)));
    assert_eq!(task.containers[0].exit_code, Some(143));
}

#[test]
fn a_clock_that_was_set_back_does_not_turn_the_times_of_a_task_around() {
    let mut task = task(&["app!"]);
    task.times.created_at = Timestamp(1000);
    apply_placed(&mut task, "i1".into(), Some(interface()));
    apply_accepted(&mut task, Timestamp(900));
    apply_report(&mut task, &report(ReportedStatus::Running, vec![]), Timestamp(2000));
    apply_stop(&mut task, StopCode::UserInitiated, None, Timestamp(500));
    apply_report(&mut task, &report(ReportedStatus::Stopped, vec![exited("app", 0)]), Timestamp(600));
    apply_released(&mut task, Timestamp(700));
    invariants::times_are_ordered(&task).unwrap();
    let times = &task.times;
    assert_eq!((times.connectivity_at, times.stopping_at), (Some(Timestamp(1000)), Some(Timestamp(2000))));
}

#[test]
fn a_stop_before_placement_ends_a_task_that_no_agent_knows() {
    let mut task = task(&["app!"]);
    let outcome = apply_stop(&mut task, StopCode::UserInitiated, None, Timestamp(40));
    assert_eq!(outcome.transition, Some((TaskStatus::Provisioning, TaskStatus::Deprovisioning)));
    assert!(apply_released(&mut task, Timestamp(50)).changed);
    assert_eq!(task.stopped_reason.as_deref(), Some("Task stopped by user"));
}

#[test]
fn a_report_about_a_task_that_no_agent_holds_changes_nothing() {
    let mut task = task(&["app!"]);
    let before = task.clone();
    let outcome = apply_report(&mut task, &report(ReportedStatus::Running, vec![]), Timestamp(30));
    assert_eq!((outcome.changed, outcome.transition), (false, None));
    assert_eq!(task, before);
}

/// One write to a record.
#[derive(Clone, Debug)]
enum Write {
    Placed,
    Accepted,
    Reported(Report),
    Health(HealthStatus),
    Stop,
    StopSent,
    HostGone,
    Released,
}

fn write() -> impl Strategy<Value = Write> {
    let status = || {
        prop::sample::select(vec![ReportedStatus::Pending, ReportedStatus::Running, ReportedStatus::Stopped])
    };
    let code = prop::option::of(0..3i32);
    let of_container = (prop::sample::select(vec!["app", "side", "nobody"]), status(), code)
        .prop_map(|(name, status, exit_code)| ContainerReport { exit_code, ..container(name, status) });
    let reported = (prop::option::of(status()), prop::collection::vec(of_container, 0..3))
        .prop_map(|(status, containers)| Write::Reported(Report { status, containers, ..Report::default() }));
    prop_oneof![
        2 => Just(Write::Placed),
        2 => Just(Write::Accepted),
        6 => reported,
        2 => prop::sample::select(vec![HealthStatus::Healthy, HealthStatus::Unhealthy]).prop_map(Write::Health),
        1 => Just(Write::Stop),
        1 => Just(Write::StopSent),
        1 => Just(Write::HostGone),
        2 => Just(Write::Released),
    ]
}

fn apply(task: &mut Task, write: &Write, now: Timestamp) -> Outcome {
    match write {
        Write::Placed => apply_placed(task, "i1".into(), Some(interface())),
        Write::Accepted => apply_accepted(task, now),
        Write::Reported(report) => apply_report(task, report, now),
        Write::Health(health) => apply_health(task, &[("app".into(), *health)]),
        Write::Stop => apply_stop(task, StopCode::UserInitiated, None, now),
        Write::StopSent => apply_stop_sent(task),
        Write::HostGone => apply_host_gone(task, "Host EC2 (instance i-1) terminated.", now),
        Write::Released => apply_released(task, now),
    }
}

proptest! {
    #[test]
    fn random_histories_keep_the_invariants(writes in prop::collection::vec(write(), 0..30)) {
        let mut task = checked_definition(task(&["app!", "side"]));
        for (n, write) in writes.iter().enumerate() {
            let before = task.clone();
            let now = Timestamp(100 + n as i64);
            let outcome = apply(&mut task, write, now);
            let check = || -> invariants::Check {
                invariants::check_task_change(&before, &task)?;
                invariants::times_are_ordered(&task)?;
                invariants::stopped_tasks_are_explained(&task)?;
                invariants::tasks_have_hosts([&task])
            };
            prop_assert_eq!(check(), Ok(()));
            prop_assert_eq!(outcome.changed, before != task);
            // Heard twice, it says nothing new.
            let once = task.clone();
            prop_assert!(!apply(&mut task, write, now.plus_millis(1)).changed, "{:?}", write);
            prop_assert_eq!(&once, &task);
        }
    }
}
