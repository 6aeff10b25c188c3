//! What the agent's HTTP endpoints answer from.

use super::{World, arn, checked, task};
use core_task::report::ReportedStatus::{Running, Stopped};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_live_task_is_shown_as_it_is() {
    let world = World::new();
    let (_agent, metadata) = world.start_with_metadata();
    let mut shown = task("t1", "hello");
    shown.containers.push(checked("side"));
    (shown.family, shown.version) = ("web".to_owned(), "3".to_owned());
    world.control.run(shown);
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    let found = metadata.container("t1-1").await.unwrap();
    let (task, side) = (&found.task, &found.task.containers[found.index]);
    assert_eq!(
        (task.task_arn.as_str(), task.family.as_str(), task.revision.as_str()),
        (&*arn("t1"), "web", "3")
    );
    assert_eq!((task.desired_status.as_str(), task.known_status.as_str()), ("RUNNING", "RUNNING"));
    assert_eq!((task.limits.cpu_units, task.limits.memory_mib), (Some(256), Some(512)));
    assert_eq!((side.name.as_str(), side.docker_id.as_str()), ("side", "t1-1"));
    assert_eq!((side.image.as_str(), side.image_id.as_str()), ("hello", "sha256:hello"));
    assert_eq!(side.health.as_ref().unwrap().status, "UNKNOWN");
    assert_eq!(side.networks[0].network_mode, "awsvpc");
    assert_eq!(side.networks[0].interface.as_ref().unwrap().ipv4_subnet, "172.31.0.0/20");
    assert_eq!(task.containers[0].log_driver, "awslogs");
    assert!(side.started_unix_ms.is_some() && side.finished_unix_ms.is_none());

    assert_eq!(metadata.stats("t1-1").await, None, "it has just started");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stats = metadata.stats("t1-1").await.unwrap();
    assert_eq!(stats.now.memory_bytes, 64 << 20);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = metadata.stats("t1-1").await.unwrap();
    assert_eq!(again.before, Some(stats.now));

    for unknown in ["t1-2", "t1", "t2-0", "", "-"] {
        assert_eq!(metadata.container(unknown).await, None, "{unknown:?}");
    }
    world.control.stop(&arn("t1"));
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    world.until_host("nothing of it is left", |host| host.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(metadata.container("t1-0").await, None);
    assert!(metadata.tasks().await.is_empty());
}

/// The machine is started again without a word of its zone; the registration is answered with the one that it has. With
/// the control plane away, it is what it was.
#[tokio::test(start_paused = true)]
async fn the_zone_is_the_instances_own_after_a_restart_too() {
    let world = World::new();
    world.control.set_zone("rack-7");
    let zone = |metadata: &Arc<dyn agent_metadata::Source>| {
        let metadata = metadata.clone();
        async move { metadata.container("t1-0").await.map(|found| found.task.availability_zone) }
    };
    let (agent, metadata) = world.start_with_metadata();
    world.control.run(task("t1", "hello"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    assert_eq!(zone(&metadata).await.as_deref(), Some("rack-7"));
    agent.abort();
    assert!(agent.await.unwrap_err().is_cancelled());
    world.control.set_offline(true);
    let (_agent, metadata) = world.start_with_metadata();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(zone(&metadata).await.as_deref(), Some("rack-7"));
    world.control.set_zone("rack-8");
    world.control.set_offline(false);
    world.until("it connects", |w| w.control.is_connected()).await;
    assert_eq!(zone(&metadata).await.as_deref(), Some("rack-8"));
}

#[tokio::test(start_paused = true)]
async fn the_instance_and_what_the_control_plane_knows_are_asked_for() {
    let world = World::new();
    let (_agent, metadata) = world.start_with_metadata();
    world.until("it connects", |w| w.control.is_connected()).await;
    let instance = metadata.instance().await;
    assert_eq!(instance.cluster, "default");
    assert!(instance.container_instance_arn.unwrap().ends_with("container-instance/default/i1"));
    assert_eq!(metadata.tags("x").await.unwrap()["of"], "x");
    let protect = metadata.protect(&arn("t1"), true, Some(5)).await.unwrap();
    let agent_metadata::ProtectionAnswer::Protection(protection) = protect else { panic!("{protect:?}") };
    assert!(protection.enabled);
    world.control.set_offline(true);
    let error = metadata.tags("x").await.unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("", None));
}
