//! Every planner: records in, the whole plan compared.

use crate::world::{Counter, World, definition, instance, scope, task};
use control::{Plan, plan_orphans, plan_provision, plan_reap, plan_release};
use core_task::report::{ReportedStatus, apply_placed};
use expect_test::{Expect, expect};
use model::Timestamp;
use model::instance::{ATTRIBUTE_ANY_ZONE, ATTRIBUTE_AVAILABILITY_ZONE, ContainerInstance, InstanceStatus};
use model::task_definition::{NetworkMode, TaskDefinition, TaskDefinitionStatus};
use std::time::Duration;
use store::State;

const NOW: Timestamp = Timestamp(2_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn check(world: &World, plan: impl FnOnce(&State) -> Plan, expected: Expect) {
    expected.assert_eq(&plan(&world.store.snapshot()).to_string());
}

fn provision(state: &State) -> Plan {
    plan_provision(state, &Counter::default(), NOW)
}

#[tokio::test]
async fn tasks_get_interfaces_in_the_order_of_their_age() {
    let world = World::new();
    let mut old = task("old", NetworkMode::Awsvpc);
    old.times.created_at = Timestamp(1);
    let mut unplaced = task("unplaced", NetworkMode::Awsvpc);
    unplaced.instance = None;
    for task in [task("new", NetworkMode::Awsvpc), old, unplaced, task("host", NetworkMode::Host)] {
        world.put_task(task).await;
    }
    check(
        &world,
        provision,
        expect![[r#"
        take 172.31.0.4 for task old (the task was placed)
        task old PENDING v2, interface CREATED 172.31.0.4 in subnet-0f442397ea329ab60 (it has an interface)
        task host PENDING v2 (it needs no interface)
        take 172.31.0.5 for task new (the task was placed)
        task new PENDING v2, interface CREATED 172.31.0.5 in subnet-0f442397ea329ab60 (it has an interface)
        set network.last-address.172.31.0.0 to 172.31.0.5 (addresses go round)
    "#]],
    );
    world.activate().await;
    check(&world, provision, expect![[""]]);
}

/// All tasks name the subnets of us-east-1a and us-east-1b, in this order.
#[tokio::test]
async fn an_interface_is_made_in_the_zone_of_the_instance() {
    let world = World::new();
    let own = |zone: &str| vec![(ATTRIBUTE_AVAILABILITY_ZONE, Some(zone.to_owned()))];
    let unnamed = [own("us-east-1b"), vec![(ATTRIBUTE_ANY_ZONE, None)]].concat();
    let zones = [own("us-east-1a"), own("us-east-1b"), own("rack-7"), unnamed];
    for (id, attributes) in ["a", "b", "own", "unnamed"].into_iter().zip(zones) {
        let mut instance = instance(id);
        instance.attributes.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        world.write(|tx| tx.put(instance.clone())).await;
        let mut task = task(&format!("on-{id}"), NetworkMode::Awsvpc);
        task.instance = Some(id.into());
        world.put_task(task).await;
    }
    check(
        &world,
        provision,
        expect![[r#"
        take 172.31.0.4 for task on-a (the task was placed)
        task on-a PENDING v2, interface CREATED 172.31.0.4 in subnet-0f442397ea329ab60 (it has an interface)
        take 172.31.16.4 for task on-b (the task was placed)
        task on-b PENDING v2, interface CREATED 172.31.16.4 in subnet-0aba4c79b17a08431 (it has an interface)
        take 172.31.0.5 for task on-own (the task was placed)
        task on-own PENDING v2, interface CREATED 172.31.0.5 in subnet-0f442397ea329ab60 (it has an interface)
        take 172.31.0.6 for task on-unnamed (the task was placed)
        task on-unnamed PENDING v2, interface CREATED 172.31.0.6 in subnet-0f442397ea329ab60 (it has an interface)
        set network.last-address.172.31.0.0 to 172.31.0.6 (addresses go round)
        set network.last-address.172.31.16.0 to 172.31.16.4 (addresses go round)
    "#]],
    );
}

#[tokio::test]
async fn a_task_without_an_address_ends_in_ecss_words() {
    let world = World::new();
    let mut lost = task("lost", NetworkMode::Awsvpc);
    lost.eni.as_mut().expect("awsvpc").subnets = vec!["subnet-unknown".into()];
    world.put_task(lost).await;
    check(
        &world,
        provision,
        expect![[r#"
        task lost DEPROVISIONING v2, interface DETACHING, stopped: Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in subnet 'subnet-unknown': InsufficientFreeAddressesInSubnet (no address is left)
    "#]],
    );
    world.activate().await;
    assert_eq!(world.status("lost"), "STOPPED");
}

#[tokio::test]
async fn a_stopped_task_gives_its_address_back() {
    let world = World::new();
    world.put_instance("i1").await;
    world.put_task(task("t1", NetworkMode::Awsvpc)).await;
    world.run_host_task("t2", "i1").await;
    world.activate().await;
    world.report("t1", ReportedStatus::Stopped).await;
    world.report("t2", ReportedStatus::Stopped).await;
    check(
        &world,
        |state| plan_release(state, NOW),
        expect![[r#"
        give back 172.31.0.4 (its task is over)
        task t1 STOPPED v4, interface DELETED 172.31.0.4 in subnet-0f442397ea329ab60, stopped: Essential container in task exited (its containers are over)
        task t2 STOPPED v4, stopped: Essential container in task exited (its containers are over)
    "#]],
    );
    world.activate().await;
    check(&world, |state| plan_release(state, NOW), expect![[""]]);
    assert_eq!(world.store.snapshot().enis().count(), 0);
}

#[tokio::test]
async fn a_task_stopped_before_it_was_handed_out_is_over_at_once() {
    let world = World::new();
    world.put_task(task("t1", NetworkMode::Awsvpc)).await;
    world.stop("t1").await;
    check(&world, provision, expect![[""]]);
    world.activate().await;
    assert_eq!(world.status("t1"), "STOPPED");
}

#[tokio::test]
async fn tasks_of_a_deregistered_host_are_written_off_whether_or_not_its_agent_is_there() {
    let world = World::new();
    for (id, connected) in [("i1", true), ("i2", false), ("i3", false)] {
        let mut host = instance(id);
        host.agent_connected = connected;
        host.status = if id == "i3" { InstanceStatus::Active } else { InstanceStatus::Inactive };
        world.write(|tx| tx.put(host)).await;
        world.run_host_task(&format!("task-on-{id}"), id).await;
    }
    check(
        &world,
        |state| plan_orphans(state, NOW),
        expect![[r#"
        task task-on-i1 DEPROVISIONING v3, stopped: Container instance deregistration forced by user (its host was deregistered)
        task task-on-i2 DEPROVISIONING v3, stopped: Container instance deregistration forced by user (its host was deregistered)
    "#]],
    );
}

/// Together with its tasks, and not while any of them is about to end.
#[tokio::test]
async fn deregistered_instances_are_forgotten_after_an_hour() {
    let world = World::new();
    let inactive = |id: &str, at: Option<i64>| ContainerInstance {
        status: InstanceStatus::Inactive,
        deregistered_at: at.map(Timestamp),
        ..instance(id)
    };
    for host in [inactive("old", Some(1000)), inactive("new", Some(1001)), inactive("busy", Some(5))] {
        world.write(|tx| tx.put(host)).await;
    }
    world.write(|tx| tx.put(inactive("before-the-upgrade", None))).await;
    world.put_instance("i1").await;
    world.run_host_task("t1", "busy").await;
    let reap = |state: &State| plan_reap(state, HOUR, Timestamp(3_601_000));
    check(
        &world,
        reap,
        expect![[r#"
        forget instance before-the-upgrade (it was deregistered long ago)
        forget instance old (it was deregistered long ago)
    "#]],
    );
    world.activate().await;
    check(
        &world,
        |state| plan_reap(state, HOUR, Timestamp(9_000_000)),
        expect![[r#"
        forget task t1 (it stopped long ago)
        forget instance busy (it was deregistered long ago)
        forget instance old (it was deregistered long ago)
        forget instance new (it was deregistered long ago)
    "#]],
    );
    let left: Vec<_> = world.store.snapshot().all_instances().map(|i| i.id.to_string()).collect();
    assert_eq!(left, ["busy", "i1", "new", "old"], "the oldest is gone already");
}

#[tokio::test]
async fn stopped_tasks_and_deleted_definitions_are_forgotten_after_an_hour() {
    let world = World::new();
    let mut host = task("host", NetworkMode::Host);
    apply_placed(&mut host, "i1".into(), None);
    let deleted =
        TaskDefinition { status: TaskDefinitionStatus::DeleteInProgress, ..definition(NetworkMode::Host) };
    let unused = TaskDefinition { revision: 2, ..deleted.clone() };
    world.put_task(host).await;
    world.run_host_task("runs", "i1").await;
    world
        .write(|tx| {
            tx.put(deleted);
            tx.put(unused);
        })
        .await;
    world.report("host", ReportedStatus::Stopped).await;
    world.activate().await;
    let stopped_at = world.task("host").times.stopped_at.expect("it is STOPPED");
    let at = |ms: i64| move |state: &State| plan_reap(state, HOUR, stopped_at.plus_millis(ms));
    check(&world, at(3_599_999), expect![[""]]);
    check(
        &world,
        at(3_600_000),
        expect![[r#"
        forget task host (it stopped long ago)
    "#]],
    );
    world.report("runs", ReportedStatus::Stopped).await;
    world.activate().await;
    check(
        &world,
        at(7_200_000),
        expect![[r#"
        forget task host (it stopped long ago)
        forget task runs (it stopped long ago)
        forget definition host:1 (its deletion was asked for and nothing uses it)
    "#]],
    );
    assert!(world.store.snapshot().task_definition(&scope(), &"host".into(), 1).is_some());
}
