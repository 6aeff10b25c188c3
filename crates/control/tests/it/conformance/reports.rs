//! What an official agent reports, and what becomes of the record (its table of reports, row by row).

use super::{accepted, connect, world};
use crate::world::World;
use core_task::report::{ContainerReport, Report, ReportedStatus, apply_report};
use model::Timestamp;
use model::task::AttachmentStatus;
use testkit::{Agent, StopReport};

/// SubmitTaskStateChange of a task that never ran.
pub(super) async fn submit(world: &World, report: &StopReport) {
    let id = report.task.rsplit('/').next().expect("an id").to_owned();
    let status = Some(ReportedStatus::Stopped);
    let report = Report { status, reason: Some(report.reason.clone()), ..Report::default() };
    apply(world, &id, &report).await;
}

async fn apply(world: &World, id: &str, report: &Report) {
    let now = model::time::Clock::now(&*world.clock);
    world.edit_task(id, |task| apply_report(task, report, now)).await;
}

fn of_app(status: ReportedStatus) -> ContainerReport {
    ContainerReport {
        name: "app".into(),
        status,
        exit_code: None,
        reason: None,
        runtime_id: Some("r1".into()),
        image_digest: None,
        network_bindings: Vec::new(),
    }
}

fn report(status: ReportedStatus, container: ContainerReport) -> Report {
    Report {
        status: Some(status),
        reason: Some(String::new()),
        containers: vec![container],
        ..Report::default()
    }
}

/// A task of which the agent has told nothing but that it has it.
async fn started() -> (World, crate::agent::Agent) {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
    world.run();
    (world, link)
}

#[tokio::test(start_paused = true)]
async fn a_digest_comes_while_the_task_is_pending() {
    let (world, _link) = started().await;
    let container = ContainerReport {
        runtime_id: None,
        image_digest: Some("sha256:1".into()),
        ..of_app(ReportedStatus::Pending)
    };
    apply(&world, "t1", &report(ReportedStatus::Pending, container)).await;
    let task = world.task("t1");
    assert_eq!(
        (world.status("t1"), task.containers[0].image_digest.as_deref()),
        ("PENDING", Some("sha256:1"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_tells_of_containers_while_the_task_is_pending() {
    let (world, _link) = started().await;
    apply(&world, "t1", &report(ReportedStatus::Pending, of_app(ReportedStatus::Running))).await;
    let task = world.task("t1");
    assert_eq!((world.status("t1"), task.containers[0].last_status.as_str()), ("PENDING", "RUNNING"));
}

#[tokio::test(start_paused = true)]
async fn running_comes_with_times() {
    let (world, _link) = started().await;
    let running = Report {
        pull_started_at: Some(Timestamp(1)),
        pull_stopped_at: Some(Timestamp(2)),
        ..report(ReportedStatus::Running, of_app(ReportedStatus::Running))
    };
    apply(&world, "t1", &running).await;
    let task = world.task("t1");
    assert_eq!(world.status("t1"), "RUNNING");
    assert_eq!(
        (task.times.pull_started_at, task.times.pull_stopped_at),
        (Some(Timestamp(1)), Some(Timestamp(2)))
    );
    assert_eq!(task.containers[0].runtime_id.as_deref(), Some("r1"));
}

/// The agent stops the others by itself and says nothing of why; the words are ours.
#[tokio::test(start_paused = true)]
async fn an_essential_container_exits() {
    let (world, _link) = started().await;
    apply(&world, "t1", &report(ReportedStatus::Running, of_app(ReportedStatus::Running))).await;
    let exited = ContainerReport { exit_code: Some(3), ..of_app(ReportedStatus::Stopped) };
    let stopped =
        Report { execution_stopped_at: Some(Timestamp(5)), ..report(ReportedStatus::Stopped, exited) };
    apply(&world, "t1", &stopped).await;
    world.eventually("stopped", |w| w.status("t1") == "STOPPED").await;
    let task = world.task("t1");
    assert_eq!(task.stopped_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(task.stop_code.map(|code| code.as_str()), Some("EssentialContainerExited"));
    assert_eq!(
        (task.containers[0].exit_code, task.times.execution_stopped_at),
        (Some(3), Some(Timestamp(5)))
    );
}

#[tokio::test(start_paused = true)]
async fn the_entry_of_a_short_lived_container_carries_its_exit_code_while_it_runs() {
    let (world, _link) = started().await;
    let short = ContainerReport { exit_code: Some(0), ..of_app(ReportedStatus::Running) };
    apply(&world, "t1", &report(ReportedStatus::Running, short)).await;
    assert_eq!(world.status("t1"), "RUNNING");
    apply(&world, "t1", &report(ReportedStatus::Stopped, of_app(ReportedStatus::Stopped))).await;
    world.eventually("stopped", |w| w.status("t1") == "STOPPED").await;
    assert_eq!(world.task("t1").containers[0].exit_code, Some(0));
}

/// A pull that failed, and an older copy of the image that runs.
#[tokio::test(start_paused = true)]
async fn a_reason_alone_is_no_failure() {
    let (world, _link) = started().await;
    let reason = Some("CannotPullContainerError: no route".into());
    let container = ContainerReport { reason, ..of_app(ReportedStatus::Running) };
    apply(&world, "t1", &report(ReportedStatus::Running, container)).await;
    let task = world.task("t1");
    assert_eq!((world.status("t1"), task.desired_status.as_str()), ("RUNNING", "RUNNING"));
}

#[tokio::test(start_paused = true)]
async fn reports_that_come_again_after_a_restart_change_nothing() {
    let (world, _link) = started().await;
    let running = report(ReportedStatus::Running, of_app(ReportedStatus::Running));
    apply(&world, "t1", &running).await;
    let before = world.task("t1");
    apply(&world, "t1", &running).await;
    apply(&world, "t1", &report(ReportedStatus::Pending, of_app(ReportedStatus::Pending))).await;
    assert_eq!(world.task("t1"), before);
}

/// An agent that was told of an interface confirms it with the attachment alone, without a status.
#[tokio::test(start_paused = true)]
async fn an_attachment_is_confirmed_without_a_status() {
    let world = world().await;
    world.run();
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    world.put_task(crate::world::task("t1", model::task_definition::NetworkMode::Awsvpc)).await;
    super::payload(&mut link, &mut agent).await;
    world.eventually("accepted", |w| w.task("t1").times.connectivity_at.is_some()).await;
    let eni = |world: &World| world.task("t1").eni.clone().expect("an attachment");
    assert_eq!(eni(&world).status, AttachmentStatus::Attaching);
    let confirmation =
        Report { attachments: vec![(eni(&world).id, AttachmentStatus::Attached)], ..Report::default() };
    apply(&world, "t1", &confirmation).await;
    assert_eq!((world.status("t1"), eni(&world).status), ("PENDING", AttachmentStatus::Attached));
}
