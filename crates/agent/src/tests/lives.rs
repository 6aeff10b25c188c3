//! Tasks from payload to report, while the agent lives.

use super::{World, arn, task};
use crate::fake::{Behaviour, Pull};
use agent_driver::Namespace;
use core_task::report::ReportedStatus::{Running, Stopped};
use std::time::Duration;

fn short(exit_code: i32) -> Behaviour {
    Behaviour { run_for: Some(Duration::from_secs(5)), exit_code, ..Behaviour::default() }
}

#[tokio::test(start_paused = true)]
async fn a_task_runs_is_reported_and_leaves_nothing() {
    let world = World::new();
    world.host.behave("hello", short(3));
    let _agent = world.start();
    world.control.run(task("t1", "hello"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    assert!(world.control.is_acknowledged(&arn("t1")));
    let spec = world.host.spec("t1-0").unwrap();
    assert_eq!(spec.args, ["/program"]);
    assert_eq!(spec.network.hostname, "ip-172-31-0-4.ec2.internal");
    assert_eq!(spec.network.namespace, Namespace::Path("/run/netns/t1".into()));
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert_eq!(world.story(&arn("t1")), ["RUNNING app=RUNNING", "STOPPED app=STOPPED(3)"]);
    assert_eq!(world.host.streams(), ["g:p/app/t1"]);
    world.until_host("the host is empty", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_registration_says_what_the_host_can_do() {
    let world = World::new();
    let _agent = world.start();
    world.until("it connects", |w| w.control.is_connected()).await;
    let registration = &world.control.registrations()[0];
    assert_eq!(registration.attributes["ecs.os-type"].as_deref(), Some("linux"));
    let can = |name: &str| registration.attributes.contains_key(name);
    assert!(can("wharf.capability.fargate"));
    assert!(can("com.amazonaws.ecs.capability.apparmor"), "the runtime says so");
    assert!(!can("com.amazonaws.ecs.capability.selinux"), "the runtime does not say so");
    assert_eq!(registration.instance_arn, None);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_pull_that_would_never_end() {
    let world = World::new();
    world.host.behave("slow", Behaviour { pull: Pull::Hangs, ..Behaviour::default() });
    let _agent = world.start();
    world.control.run(task("t1", "slow"));
    world.until("it is accepted", |w| w.control.is_acknowledged(&arn("t1"))).await;
    world.control.stop(&arn("t1"));
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert_eq!(world.story(&arn("t1")), ["STOPPED app=STOPPED"]);
    assert!(world.host.made().is_empty());
    world.until_host("the host is empty", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let world = World::new();
    world.host.behave("stubborn", Behaviour { ignores_terminate: true, ..Behaviour::default() });
    let _agent = world.start();
    world.control.run(task("t1", "stubborn"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    let stopped_at = tokio::time::Instant::now();
    world.control.stop(&arn("t1"));
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert_eq!(stopped_at.elapsed().as_secs(), 30);
    assert_eq!(world.story(&arn("t1")), ["RUNNING app=RUNNING", "STOPPED app=STOPPED(137)"]);
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_said_in_ecs_words() {
    let world = World::new();
    world
        .host
        .behave("missing", Behaviour { pull: Pull::Fails("no such image".into()), ..Behaviour::default() });
    world
        .host
        .behave("broken", Behaviour { start_error: Some("no such file".into()), ..Behaviour::default() });
    let _agent = world.start();
    world.control.run(task("t1", "missing"));
    world.control.run(task("t2", "broken"));
    world.control.run(task("t3", "hello"));
    for id in ["t1", "t2"] {
        world.until("it stops", |w| w.control.status(&arn(id)) == Some(Stopped)).await;
    }
    world.until("it runs", |w| w.control.status(&arn("t3")) == Some(Running)).await;
    world.host.exit("t3-0", 137, true);
    world.until("it stops", |w| w.control.status(&arn("t3")) == Some(Stopped)).await;
    let last = |id: &str| world.story(&arn(id)).pop().unwrap();
    assert_eq!(last("t1"), "STOPPED app=STOPPED[CannotPullContainerError: no such image]");
    assert_eq!(last("t2"), "STOPPED app=STOPPED[CannotStartContainerError: no such file]");
    let oom = "OutOfMemoryError: Container killed due to memory usage";
    assert_eq!(last("t3"), format!("STOPPED app=STOPPED(137)[{oom}]"));
    world.until_host("the host is empty", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_run_is_refused_by_name() {
    let world = World::new();
    let _agent = world.start();
    let mut overlay = task("t1", "hello");
    overlay.network_mode = "overlay".to_owned();
    let mut traversal = task("t2", "hello");
    traversal.arn = arn("..");
    let mut syslog = task("t3", "hello");
    syslog.containers[0].docker_config.host_config =
        Some(r#"{"LogConfig":{"Type":"syslog","Config":{}}}"#.to_owned());
    for task in [overlay, traversal, syslog] {
        let arn = task.arn.clone();
        world.control.run(task);
        world.until("it is refused", |w| w.control.status(&arn) == Some(Stopped)).await;
        assert!(!world.control.is_acknowledged(&arn));
    }
    let reason = "UnrecogniedTaskError: Error loading task - network mode overlay is not supported";
    assert_eq!(world.story(&arn("t1")), [format!("STOPPED {reason}")]);
    let reason = "container app: the log driver syslog is not supported";
    assert_eq!(
        world.story(&arn("t3")),
        [format!("STOPPED UnrecogniedTaskError: Error loading task - {reason}")]
    );
    assert!(world.host.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_an_unknown_task_is_answered() {
    let world = World::new();
    let _agent = world.start();
    world.until("it connects", |w| w.control.is_connected()).await;
    world.control.stop(&arn("t9"));
    world.until("it is reported", |w| w.control.status(&arn("t9")) == Some(Stopped)).await;
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_that_was_away_hears_everything_in_order() {
    let world = World::new();
    world.host.behave("hello", short(0));
    let _agent = world.start();
    world.control.run(task("t1", "hello"));
    world.until("it is accepted", |w| w.control.is_acknowledged(&arn("t1"))).await;
    world.control.set_offline(true);
    world.until_host("it has ended", |host| host.networks().is_empty()).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    world.control.set_offline(false);
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    let story = world.story(&arn("t1"));
    assert_eq!(story.last().unwrap(), "STOPPED app=STOPPED(0)");
    assert!(story[0].starts_with("RUNNING"), "{story:?}");
    world.until("it connects again", |w| w.control.is_connected()).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_the_control_plane_does_not_know_is_stopped_after_a_manifest() {
    let world = World::new();
    let _agent = world.start();
    world.control.run(task("t1", "hello"));
    world.control.run(task("t2", "hello"));
    for id in ["t1", "t2"] {
        world.until("it runs", |w| w.control.status(&arn(id)) == Some(Running)).await;
    }
    world.control.forget(&arn("t1"));
    world.control.cut();
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert_eq!(world.control.status(&arn("t2")), Some(Running));
}

#[tokio::test(start_paused = true)]
async fn a_redelivered_task_is_not_run_again() {
    let world = World::new();
    world.host.behave("hello", short(0));
    let _agent = world.start();
    world.control.run(task("t1", "hello"));
    world.control.run(task("t1", "hello"));
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    world.until_host("the host is empty", |host| host.is_empty()).await;
    world.control.run(task("t1", "hello"));
    world.control.run(task("t2", "hello"));
    world.until("the other stops", |w| w.control.status(&arn("t2")) == Some(Stopped)).await;
    assert_eq!(world.host.made()["t1-0"], 1);
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_connected_once_the_control_plane_has_spoken() {
    let world = World::new();
    world.control.set_silent(true);
    let agent = world.agent();
    let mut connected = agent.connected();
    let _agent = tokio::spawn(async move { agent.run(std::future::pending()).await });
    world.until("it opens a link", |w| w.control.is_connected()).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!*connected.borrow(), "nobody said that the link is known");
    world.control.set_silent(false);
    assert!(*connected.wait_for(|connected| *connected).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_could_not_be_written_down_is_told_again() {
    let world = World::new();
    let _agent = world.start();
    world.until("it connects", |w| w.control.is_connected()).await;
    world.ledger.set_full(true);
    world.control.run(task("t1", "hello"));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(!world.control.is_acknowledged(&arn("t1")));
    world.ledger.set_full(false);
    let freed_at = tokio::time::Instant::now();
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    assert!(freed_at.elapsed() < Duration::from_secs(60), "no need to wait until the link expires");
    assert_eq!(world.host.made()["t1-0"], 1);
}
