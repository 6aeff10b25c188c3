//! What of the disk is promised to tasks, and what they are told of it.

use super::{World, arn, bridge, container};
use acs::payload::Task;
use agent_metadata::EphemeralStorageView;
use core_task::report::ReportedStatus::{Running, Stopped};
use std::time::Duration;

/// The fake host has 30 GiB.
fn asking(id: &str, gib: u32) -> Task {
    Task { ephemeral_storage_gib: Some(gib), ..fargate(id) }
}

fn fargate(id: &str) -> Task {
    Task { launch_type: "FARGATE".to_owned(), ..bridge(id, vec![container("app")]) }
}

impl World {
    async fn runs(&self, task: Task) {
        let arn = task.arn.clone();
        self.control.run(task);
        self.until("it runs", |w| w.control.status(&arn) == Some(Running)).await;
    }

    /// With how much room is left.
    async fn is_refused(&self, task: Task, room_mib: u64) {
        let (arn, gib) = (task.arn.clone(), task.ephemeral_storage_gib.unwrap());
        self.control.run(task);
        self.until("it stops", |w| w.control.status(&arn) == Some(Stopped)).await;
        let reason = format!(
            "ResourceInitializationError: unable to provide ephemeral storage: {gib} GiB requested, {room_mib} MiB free \
             on the host and not promised to other tasks"
        );
        let story = self.story(&arn);
        assert!(story.last().unwrap().contains(&reason), "{story:?}");
        let id = arn.rsplit('/').next().unwrap().to_owned();
        assert!(!self.host.made().contains_key(&format!("{id}-0")), "nothing of it was begun");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_gets_the_disk_that_it_asks_for_or_is_not_begun() {
    let world = World::new();
    let _agent = world.start();
    world.is_refused(asking("t1", 31), 30 << 10).await;
    world.runs(asking("t2", 30)).await;
    world.is_refused(asking("t3", 21), 0).await;
    world.control.stop(&arn("t2"));
    world.until_host("nothing of it is left", |host| host.is_empty()).await;
    world.until("upstream has heard", |w| w.control.status(&arn("t2")) == Some(Stopped)).await;
    world.runs(asking("t4", 30)).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_task_uses_of_its_promise_is_not_owed_twice() {
    let world = World::new();
    let _agent = world.start();
    world.runs(asking("t1", 20)).await;
    world.host.write("t1-0", 15 << 30);
    // 15 GiB are free, of which 5 are promised.
    world.is_refused(asking("t2", 11), 10 << 10).await;
    world.runs(asking("t3", 10)).await;
    // More than it was promised: the others' room shrinks, and is not owed below zero.
    world.host.write("t1-0", 25 << 30);
    world.is_refused(asking("t4", 1), 0).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_tasks_that_start_at_once_one_gets_the_room() {
    let world = World::new();
    let _agent = world.start();
    world.control.run(asking("t1", 20));
    world.control.run(asking("t2", 20));
    let statuses = |w: &World| {
        let mut found = [w.control.status(&arn("t1")), w.control.status(&arn("t2"))];
        found.sort_by_key(|status| *status == Some(Stopped));
        found
    };
    world.until("one runs", |w| statuses(w) == [Some(Running), Some(Stopped)]).await;
}

#[tokio::test(start_paused = true)]
async fn promises_outlive_the_agent() {
    let world = World::new();
    let agent = world.start();
    world.runs(asking("t1", 20)).await;
    agent.abort();
    let _agent = world.start();
    world.is_refused(asking("t2", 20), 10 << 10).await;
}

#[tokio::test(start_paused = true)]
async fn the_default_is_a_reason_to_refuse_nothing() {
    let world = World::new();
    let (_agent, metadata) = world.start_with_metadata();
    world.runs(asking("t1", 30)).await;
    world.runs(fargate("t2")).await;
    let shown = async |id: &str| metadata.ephemeral_storage(id).await;
    let mib = |utilized_mib, reserved_mib| Some(EphemeralStorageView { utilized_mib, reserved_mib });
    assert_eq!(shown("t1-0").await, mib(0, 30 << 10));
    assert_eq!(shown("t2-0").await, mib(0, 20 << 10));
    world.host.write("t1-0", 25 << 30);
    world.host.write("t2-0", 3 << 20);
    world.host.fill_volumes("t2", 4 << 20);
    assert_eq!(shown("t1-0").await, mib(0, 30 << 10), "it was counted a moment ago");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(shown("t1-0").await, mib(25 << 10, 30 << 10));
    assert_eq!(shown("t2-0").await, mib(7, 5 << 10), "what is free, and what it uses already");
    world.runs(bridge("t3", vec![container("app")])).await;
    assert_eq!(shown("t3-0").await, None, "a task on EC2 has no disk of its own");
    assert_eq!(shown("t9-0").await, None);
}
