//! Health checks, restart policies and telemetry of tasks that run; also across restarts of the agent.

use super::{World, arn, bridge, checked, container};
use crate::fake::Behaviour;
use acs::payload::{ContainerDependency, DependencyCondition, RestartPolicy, Task};
use acs::tcs::TelemetryMessage;
use core_task::report::ReportedStatus::{Running, Stopped};
use std::time::Duration;

/// What was told of the only container's health, without repetitions.
fn health(world: &World) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for message in world.control.telemetry() {
        if let TelemetryMessage::PublishHealth(health) = message {
            told.push(health.tasks[0].containers[0].health_status.clone());
        }
    }
    told.dedup();
    told
}

#[tokio::test(start_paused = true)]
async fn a_change_of_health_is_told_at_once() {
    let world = World::new();
    let _agent = world.start();
    world.control.run(bridge("t1", vec![checked("app")]));
    world.until("it is healthy", |w| health(w).last().is_some_and(|h| h == "HEALTHY")).await;
    assert_eq!(health(&world), ["UNKNOWN", "HEALTHY"]);
    world.host.set_check("t1-0", 1);
    let failing_since = tokio::time::Instant::now();
    world.until("it is unhealthy", |w| health(w).last().is_some_and(|h| h == "UNHEALTHY")).await;
    // Two checks of every ten seconds, and no tick of telemetry in between.
    assert!(failing_since.elapsed() <= Duration::from_secs(20), "{:?}", failing_since.elapsed());
    assert_eq!(world.control.status(&arn("t1")), Some(Running));
}

#[tokio::test(start_paused = true)]
async fn health_is_known_to_the_next_agent() {
    let world = World::new();
    let agent = world.start();
    world.control.run(bridge("t1", vec![checked("app")]));
    world.until("it is healthy", |w| health(w).last().is_some_and(|h| h == "HEALTHY")).await;
    agent.abort();
    assert!(agent.await.is_err());
    world.host.set_check("t1-0", 1);
    let _agent = world.start();
    world.until("it is unhealthy", |w| health(w).last().is_some_and(|h| h == "UNHEALTHY")).await;
    assert_eq!(health(&world), ["UNKNOWN", "HEALTHY", "UNHEALTHY"]);
    assert_eq!(world.host.made()["t1-0"], 1);
}

fn waits_for_health() -> Task {
    let mut app = container("app");
    app.depends_on = vec![ContainerDependency {
        container_name: "db".to_owned(),
        condition: DependencyCondition::Healthy,
    }];
    bridge("t1", vec![checked("db"), app])
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_health_starts_with_it() {
    let world = World::new();
    let _agent = world.start();
    world.control.run(waits_for_health());
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    assert_eq!(health(&world), ["UNKNOWN", "HEALTHY"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_health_in_vain_ends() {
    let world = World::new();
    world.host.behave("hello", Behaviour { check_code: 1, ..Behaviour::default() });
    let _agent = world.start();
    world.control.run(waits_for_health());
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    let last = world.story(&arn("t1")).pop().unwrap();
    assert!(last.contains("app=STOPPED[CannotStartContainerError: dependency graph: "), "{last}");
    assert!(!world.host.made().contains_key("t1-1"));
    world.until_host("nothing of it is left", |host| host.is_empty()).await;
}

fn restarted(period: u32) -> Task {
    let mut app = container("app");
    app.restart_policy =
        Some(RestartPolicy { enabled: true, ignored_exit_codes: vec![7], restart_attempt_period: period });
    bridge("t1", vec![app])
}

#[tokio::test(start_paused = true)]
async fn an_exited_container_is_started_again_in_place() {
    let world = World::new();
    let (_agent, metadata) = world.start_with_metadata();
    world.control.run(restarted(60));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    for n in 2..4 {
        tokio::time::sleep(Duration::from_secs(61)).await;
        world.host.exit("t1-0", 1, false);
        world.until_host("it runs again", |host| host.made()["t1-0"] == n).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.story(&arn("t1")), ["RUNNING app=RUNNING"]);
    let found = metadata.container("t1-0").await.unwrap();
    assert_eq!(found.task.containers[0].restart_count, Some(2));
    world.host.exit("t1-0", 1, false);
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert_eq!(world.story(&arn("t1")).pop().unwrap(), "STOPPED app=STOPPED(1)");
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_the_policy_ignores_ends_the_task() {
    let world = World::new();
    let _agent = world.start();
    world.control.run(restarted(60));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    world.host.exit("t1-0", 7, false);
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert_eq!(world.host.made()["t1-0"], 1);
}

/// Agents live for some milliseconds each while a container ends and is restarted, over and over.
#[tokio::test(start_paused = true)]
async fn agents_killed_at_random_moments_restart_as_often_as_it_ended() {
    for seed in 0..100u64 {
        let world = World::new();
        let run_for = Some(Duration::from_millis(3 + seed % 7));
        world.host.behave("hello", Behaviour { run_for, exit_code: 1, ..Behaviour::default() });
        world.control.run(restarted(0));
        for n in 0..20 {
            let (agent, _) = world.start_with_metadata();
            tokio::time::sleep(Duration::from_millis((seed * 7 + n * 5) % 12)).await;
            agent.abort();
            assert!(agent.await.is_err());
        }
        let (_agent, metadata) = world.start_with_metadata();
        world.until("it connects", |w| w.control.is_connected()).await;
        world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
        let found = metadata.container("t1-0").await.unwrap();
        let restarts = found.task.containers[0].restart_count.unwrap();
        let made = world.host.made()["t1-0"];
        assert!(made == restarts || made == restarts + 1, "seed {seed}: made {made}, restarts {restarts}");
        world.control.stop(&arn("t1"));
        world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
        world.until_host("nothing of it is left", |host| host.is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_containers_use_is_told_ten_tasks_at_a_time() {
    let world = World::new();
    let _agent = world.start();
    world
        .until("nothing runs", |w| {
            let idle =
                |m: &TelemetryMessage| matches!(m, TelemetryMessage::PublishMetrics(m) if m.metadata.idle);
            w.control.telemetry().iter().any(idle)
        })
        .await;
    for n in 0..12 {
        world.control.run(bridge(&format!("t{n}"), vec![container("app")]));
    }
    let pages = |w: &World| -> Vec<(usize, bool, Option<f64>)> {
        let messages = w.control.telemetry().into_iter().filter_map(|m| match m {
            TelemetryMessage::PublishMetrics(m) if !m.metadata.idle => Some(m),
            _ => None,
        });
        let of_page = |m: acs::tcs::PublishMetricsRequest| {
            let cpu = m.task_metrics[0].container_metrics[0].cpu_stats_set.map(|set| set.max);
            (m.task_metrics.len(), m.metadata.fin, cpu)
        };
        messages.map(of_page).collect()
    };
    world.until("twice", |w| pages(w).len() >= 4).await;
    let pages = pages(&world);
    assert_eq!(pages[..2], [(10, false, None), (2, true, None)]);
    // Half of one of two cores.
    assert_eq!(pages[2..4], [(10, false, Some(25.0)), (2, true, Some(25.0))]);
}

#[tokio::test(start_paused = true)]
async fn volumes_of_unknown_tasks_are_removed() {
    let world = World::new();
    world.host.leave_volume("t9");
    let _agent = world.start();
    world.until_host("nothing is left", |host| host.is_empty()).await;
}
