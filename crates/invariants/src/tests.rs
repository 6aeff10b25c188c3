//! Every predicate holds for plain records and finds the one that breaks it.

use crate::{
    Check, View, check_all, check_task_change, container_was_asked_for, executed_once,
    host_is_not_overcommitted, instance_is_of_the_group, instance_took_tasks, intent_is_kept,
    is_alone_of_group, nothing_is_left, nothing_is_shared, providers_have_their_shares, request_counts_once,
    revision_was_deleted, revisions_are_immutable, running_was_seen,
};
use model::Timestamp;
use model::fixture::{definition, eni, instance, interface, task};
use model::instance::{ATTRIBUTE_AUTO_SCALING_GROUP, ContainerInstance, InstanceStatus};
use model::placement::CapacityProviderStrategyItem;
use model::task::{DesiredStatus, StopCode, Task, TaskStatus};
use model::task_definition::{LaunchType, TaskDefinition, TaskDefinitionStatus};
use std::collections::BTreeMap;

/// The id of the invariant that is broken, if one is.
fn broken(check: Check) -> &'static str {
    check.map_or_else(|violation| violation.id, |()| "none")
}

fn of_tasks(tasks: &[Task]) -> &'static str {
    let view = View { tasks: tasks.iter().collect(), ..View::default() };
    broken(check_all(&view))
}

fn pending() -> Task {
    let mut task = task(&["app!"]);
    task.instance = Some("i1".into());
    task.last_status = TaskStatus::Pending;
    task
}

/// A valid change of a valid task, changed once more.
fn after_change(change: impl FnOnce(&mut Task)) -> &'static str {
    let mut before = pending();
    before.containers[0].exit_code = Some(0);
    let mut after = before.clone();
    after.version += 1;
    after.last_status = TaskStatus::Running;
    change(&mut after);
    broken(check_task_change(&before, &after))
}

#[test]
fn changes_of_a_task() {
    assert_eq!(after_change(|_| {}), "none");
    assert_eq!(after_change(|t| t.last_status = TaskStatus::Provisioning), "INV-TASK-1");
    assert_eq!(after_change(|t| t.containers[0].exit_code = Some(1)), "INV-TASK-3");
    assert_eq!(after_change(|t| t.containers.clear()), "INV-TASK-3");
    assert_eq!(after_change(|t| t.version -= 1), "INV-TASK-4");
    assert_eq!(after_change(|t| t.last_status = TaskStatus::Pending), "INV-TASK-4");
    let mut stopped = pending();
    stopped.desired_status = DesiredStatus::Stopped;
    stopped.stop_code = Some(StopCode::UserInitiated);
    let other_reason = Task { stop_code: Some(StopCode::TaskFailedToStart), version: 2, ..stopped.clone() };
    let running = Task { desired_status: DesiredStatus::Running, version: 2, ..stopped.clone() };
    assert_eq!(broken(check_task_change(&stopped, &other_reason)), "INV-STOP-1");
    assert_eq!(broken(check_task_change(&stopped, &running)), "INV-STOP-1");
}

#[test]
fn one_task() {
    assert_eq!(of_tasks(&[pending()]), "none");
    assert_eq!(of_tasks(&[Task { instance: None, ..pending() }]), "INV-TASK-2");
    let mut late = pending();
    late.times.started_at = Some(Timestamp(5));
    assert_eq!(of_tasks(&[late]), "INV-TIMES-1");
    let mut unexplained = pending();
    unexplained.last_status = TaskStatus::Deprovisioning;
    assert_eq!(of_tasks(&[unexplained]), "INV-STOP-2");
    assert_eq!(of_tasks(&[Task { desired_status: DesiredStatus::Stopped, ..pending() }]), "INV-TIMES-1");
}

#[test]
fn an_instance_is_overcommitted_by_the_task_too_many() {
    let two = [pending(), Task { id: "t2".into(), ..pending() }];
    let check = |cpu_units, memory_mib| {
        let host = instance("i1", cpu_units, memory_mib);
        broken(crate::instances_are_not_overcommitted([&host], &two))
    };
    assert_eq!(check(512, 1024), "none");
    assert_eq!(check(511, 1024), "INV-PLACE-1");
    assert_eq!(check(512, 1023), "INV-PLACE-1");
}

#[test]
fn interfaces_and_tasks() {
    let mut with_interface = pending();
    let interface = interface();
    if let Some(attachment) = &mut with_interface.eni {
        attachment.interface = Some(interface.clone());
    }
    let row = eni(&with_interface, &interface);
    let other = eni(&Task { id: "t2".into(), ..pending() }, &interface);
    let check = |enis: &[&model::network::Eni]| {
        broken(check_all(&View { tasks: vec![&with_interface], enis: enis.to_vec(), ..View::default() }))
    };
    assert_eq!(check(&[&row]), "none");
    assert_eq!(check(&[]), "INV-NET-2");
    assert_eq!(check(&[&row, &other]), "INV-NET-1");
    assert_eq!(broken(crate::interfaces_follow_tasks([], [&row])), "INV-NET-2");
}

#[test]
fn revisions() {
    let revision = |revision| model::task_definition::TaskDefinition { revision, ..definition(&["app!"]) };
    let check = |revisions: &[u32]| {
        let definitions: Vec<_> = revisions.iter().map(|&r| revision(r)).collect();
        broken(check_all(&View { definitions: definitions.iter().collect(), ..View::default() }))
    };
    assert_eq!(check(&[2, 1, 3]), "none");
    assert_eq!(check(&[1, 3]), "INV-DEF-1");
    assert_eq!(check(&[1, 1]), "INV-DEF-1");
    assert_eq!(check(&[0, 1]), "INV-DEF-1");
    let mut inactive = revision(1);
    inactive.status = TaskDefinitionStatus::Inactive;
    inactive.deregistered_at = Some(Timestamp(9));
    assert_eq!(broken(revisions_are_immutable(&revision(1), &inactive)), "none");
    assert_eq!(broken(revisions_are_immutable(&inactive, &revision(1))), "INV-DEF-2");
    assert_eq!(broken(revision_was_deleted(&inactive)), "INV-DEF-3");
    let deleted = TaskDefinition { status: TaskDefinitionStatus::DeleteInProgress, ..inactive.clone() };
    assert_eq!(broken(revision_was_deleted(&deleted)), "none");
    inactive.cpu_units = Some(1);
    assert_eq!(broken(revisions_are_immutable(&revision(1), &inactive)), "INV-DEF-2");
}

#[test]
fn what_is_on_a_host() {
    let (mut task, mut host) = (pending(), instance("i1", 4096, 8192));
    let anywhere = |_: &Task| true;
    let asked = |task: Option<&Task>, host: &ContainerInstance, here| {
        broken(container_was_asked_for("c", task, Some(host), |_| here))
    };
    assert_eq!(asked(Some(&task), &host, true), "none");
    assert_eq!(asked(Some(&task), &host, false), "INV-RUN-4", "another host's");
    assert_eq!(asked(None, &host, true), "INV-RUN-4", "nobody's");
    assert_eq!(broken(running_was_seen(&task, |_| false)), "none", "it is not RUNNING yet");
    task.last_status = TaskStatus::Running;
    assert_eq!(broken(running_was_seen(&task, |_| true)), "none");
    assert_eq!(broken(running_was_seen(&task, |_| false)), "INV-RUN-5");
    let has = host.registered.clone();
    assert_eq!(broken(host_is_not_overcommitted("h", &has, [&task])), "none");
    let many = std::iter::repeat_n(&task, 1000);
    assert_eq!(broken(host_is_not_overcommitted("h", &has, many)), "INV-HOST-1");
    task.last_status = TaskStatus::Stopped;
    assert_eq!(asked(Some(&task), &host, true), "INV-RUN-4", "it is over");
    assert_eq!(broken(nothing_is_left(&task, Some(&host), [])), "none");
    assert_eq!(broken(nothing_is_left(&task, Some(&host), ["c"])), "INV-RUN-2");
    host.status = InstanceStatus::Inactive;
    assert_eq!(broken(nothing_is_left(&task, Some(&host), ["c"])), "none", "it was written off");
    assert_eq!(broken(container_was_asked_for("c", Some(&task), Some(&host), anywhere)), "none");
}

#[test]
fn executions_requests_and_intents_count_once() {
    assert_eq!(broken(executed_once("c", None, &("h", 0))), "none");
    assert_eq!(broken(executed_once("c", Some(&("h", 0)), &("h", 1))), "none");
    assert_eq!(broken(executed_once("c", Some(&("h", 0)), &("h", 0))), "INV-RUN-1");
    assert_eq!(broken(executed_once("c", Some(&("h", 0)), &("other", 1))), "INV-RUN-1");
    assert_eq!(broken(request_counts_once("r", 2, 2)), "none");
    assert_eq!(broken(request_counts_once("r", 2, 3)), "INV-API-2");
    let mut task = pending();
    assert_eq!(broken(intent_is_kept(&task.id, Some(&task), false)), "none");
    assert_eq!(broken(intent_is_kept(&task.id, Some(&task), true)), "INV-API-1", "its stop is forgotten");
    assert_eq!(broken(intent_is_kept(&task.id, None, false)), "INV-API-1");
    task.desired_status = DesiredStatus::Stopped;
    assert_eq!(broken(intent_is_kept(&task.id, Some(&task), true)), "none");
    assert_eq!(nothing_is_shared("t1", "t2", "port 80").id, "INV-HOST-2");
}

#[test]
fn a_new_task_is_where_tasks_are_taken() {
    let task = Task { launch_type: LaunchType::Ec2, ..pending() };
    let took = |change: fn(&mut ContainerInstance)| {
        let mut host = instance("i1", 4096, 8192);
        change(&mut host);
        let fargate = Task { launch_type: LaunchType::Fargate, ..task.clone() };
        (broken(instance_took_tasks(&task, Some(&host))), broken(instance_took_tasks(&fargate, Some(&host))))
    };
    assert_eq!(took(|_| {}), ("none", "none"));
    assert_eq!(took(|host| host.status = InstanceStatus::Draining), ("INV-PLACE-5", "INV-PLACE-5"));
    assert_eq!(took(|host| host.status = InstanceStatus::Inactive), ("INV-PLACE-5", "INV-PLACE-5"));
    assert_eq!(took(|host| host.agent_connected = false), ("INV-PLACE-5", "INV-PLACE-5"));
    assert_eq!(took(|host| host.cluster = "other".into()), ("INV-PLACE-5", "none"));
    assert_eq!(took(|host| host.attributes.clear()), ("none", "INV-PLACE-5"), "it does not serve FARGATE");
    assert_eq!(broken(instance_took_tasks(&task, None)), "INV-PLACE-5");
}

#[test]
fn a_distinct_instance_has_no_other_task_of_the_group() {
    let task = pending();
    let alone = |change: fn(&mut Task)| {
        let mut other = Task { id: "t2".into(), ..pending() };
        change(&mut other);
        broken(is_alone_of_group(&task, [&other]))
    };
    assert_eq!(broken(is_alone_of_group(&task, [])), "none");
    assert_eq!(alone(|_| {}), "INV-PLACE-6");
    assert_eq!(alone(|other| other.group = "other".to_owned()), "none");
    assert_eq!(alone(|other| other.cluster = "other".into()), "none");
    assert_eq!(alone(|other| other.launch_type = LaunchType::Ec2), "none");
    assert_eq!(alone(|other| other.desired_status = DesiredStatus::Stopped), "none", "it is on its way out");
}

#[test]
fn capacity_providers() {
    let item = |name: &str, base, weight| CapacityProviderStrategyItem {
        capacity_provider: name.to_owned(),
        weight,
        base,
    };
    let strategy = [item("a", 2, 1), item("b", 0, 3)];
    let shares = |made: &[(&'static str, u32)]| {
        let made: BTreeMap<_, _> = made.iter().copied().collect();
        broken(providers_have_their_shares(&strategy, 10, &made))
    };
    assert_eq!(shares(&[("a", 4), ("b", 6)]), "none");
    assert_eq!(shares(&[("a", 5), ("b", 5)]), "INV-CAPACITY-1");
    assert_eq!(shares(&[("a", 3), ("b", 7)]), "INV-CAPACITY-1");
    assert_eq!(shares(&[("a", 4)]), "none", "b had no room");
    assert_eq!(shares(&[("a", 5)]), "INV-CAPACITY-1", "what b had no room for went to a");
    assert_eq!(shares(&[("c", 1)]), "INV-CAPACITY-1", "nobody named it");
    let mut host = instance("i1", 4096, 8192);
    let of_group =
        |host: &ContainerInstance, group| broken(instance_is_of_the_group(&pending(), group, host));
    assert_eq!(of_group(&host, None), "none");
    assert_eq!(of_group(&host, Some("metal")), "INV-CAPACITY-2");
    host.attributes.insert(ATTRIBUTE_AUTO_SCALING_GROUP.to_owned(), Some("metal".to_owned()));
    assert_eq!(of_group(&host, Some("metal")), "none");
}
