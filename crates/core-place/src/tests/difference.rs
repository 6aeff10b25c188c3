//! INV-PLACE-4 can be broken, and who breaks it is found: a view that was told of something that is not so.

use super::cluster::Cluster;
use crate::Hosts;
use model::instance::InstanceStatus;
use model::task::{DesiredStatus, TaskStatus};
use model::view::View;
use std::sync::Arc;

const CLUSTER: &str = "
    i1 zone=a rack=1 running=web:2
    i2 zone=b fargate=web running=db
    i3 zone=c draining
    run 2 strategy=spread(zone) distinct
    run 1 fargate";

/// What is found of a view that was spoiled, after it has made plans.
fn found(spoil: impl FnOnce(&Cluster, &mut Hosts)) -> Option<String> {
    let cluster = Cluster::parse(CLUSTER);
    let mut hosts = Hosts::from_records(&cluster.instances, &cluster.tasks);
    for (count, _, needs) in &cluster.runs {
        hosts.plan(needs, *count);
    }
    spoil(&cluster, &mut hosts);
    hosts.difference(&Hosts::from_records(&cluster.instances, &cluster.tasks))
}

#[track_caller]
fn assert_found(what: &str, spoil: impl FnOnce(&Cluster, &mut Hosts)) {
    let found = found(spoil).unwrap_or_else(|| panic!("nothing was found"));
    assert!(found.starts_with(what), "{found}");
}

#[test]
fn a_view_that_was_told_of_every_change_is_as_a_fresh_one() {
    assert_eq!(found(|_, _| {}), None);
    let there_and_back = |cluster: &Cluster, hosts: &mut Hosts| {
        hosts.observe_task(Some(&cluster.tasks[0]), None);
        hosts.observe_instance(Some(&cluster.instances[0]), None);
        hosts.observe_instance(None, Some(&cluster.instances[0]));
        hosts.observe_task(None, Some(&cluster.tasks[0]));
    };
    assert_eq!(found(there_and_back), None);
}

#[test]
fn a_change_of_a_task_that_a_view_has_missed_is_found() {
    let task = |cluster: &Cluster| cluster.tasks[0].clone();
    assert_found("i1", |cluster, hosts| hosts.observe_task(Some(&task(cluster)), None));
    assert_found("i1", |cluster, hosts| hosts.observe_task(None, Some(&task(cluster))));
    assert_found("i1", |cluster, hosts| {
        let mut stopping = task(cluster);
        stopping.desired_status = DesiredStatus::Stopped;
        hosts.observe_task(Some(&task(cluster)), Some(&stopping));
    });
    assert_found("i1", |cluster, hosts| {
        let mut pending = task(cluster);
        pending.last_status = TaskStatus::Pending;
        hosts.observe_task(Some(&task(cluster)), Some(&pending));
    });
    assert_found("i1", |cluster, hosts| {
        let mut other = task(cluster);
        other.group = "other".to_owned();
        hosts.observe_task(Some(&task(cluster)), Some(&other));
    });
    assert_found("i1", |cluster, hosts| {
        let mut larger = task(cluster);
        Arc::make_mut(&mut larger.definition).cpu_units = Some(101);
        hosts.observe_task(Some(&task(cluster)), Some(&larger));
    });
    assert_found("what is taken of unknown instances", |cluster, hosts| {
        let mut stray = task(cluster);
        stray.instance = Some("nobody".into());
        hosts.observe_task(None, Some(&stray));
    });
}

#[test]
fn a_change_of_an_instance_that_a_view_has_missed_is_found() {
    let instance = |cluster: &Cluster| cluster.instances[2].clone();
    assert_found("instances", |cluster, hosts| hosts.observe_instance(Some(&instance(cluster)), None));
    assert_found("i3", |cluster, hosts| {
        let mut active = instance(cluster);
        active.status = InstanceStatus::Active;
        hosts.observe_instance(Some(&instance(cluster)), Some(&active));
    });
    assert_found("i3", |cluster, hosts| {
        let mut moved = instance(cluster);
        moved.attributes.insert("rack".to_owned(), Some("2".to_owned()));
        hosts.observe_instance(Some(&instance(cluster)), Some(&moved));
    });
}

#[test]
fn a_ranking_that_missed_a_change_is_found_by_its_plan() {
    // The host knows it, and nobody told the rankings of the host.
    let cluster = Cluster::parse(CLUSTER);
    let mut hosts = Hosts::from_records(&cluster.instances, &cluster.tasks);
    for (count, _, needs) in &cluster.runs {
        hosts.plan(needs, *count);
    }
    let mut away = cluster.instances.clone();
    away[1].agent_connected = false;
    let slot = hosts.slot(&"i2".into()).unwrap() as usize;
    hosts.hosts[slot].facts.agent_connected = false;
    let found = hosts.difference(&Hosts::from_records(&away, &cluster.tasks));
    assert!(found.as_ref().is_some_and(|text| text.starts_with("plan for")), "{found:?}");
}

#[test]
fn a_name_that_nobody_uses_any_more_is_found() {
    assert_found("names of groups", |cluster, hosts| {
        let mut other = cluster.tasks[0].clone();
        other.group = "other".to_owned();
        hosts.groups.acquire(crate::host::GroupKey::of(&other));
    });
}
