//! Tests of placement: small worlds with their whole plan, and random ones that are never overcommitted.

mod cluster;
mod difference;
mod naive;
mod plans;
mod properties;
mod stops;

use crate::{Hosts, Needs, Place, Reason, required_attributes};
use expect_test::{Expect, expect};
use model::container::{HealthCheck, LinuxParameters, LogConfiguration, PortMapping, Protocol, Ulimit};
use model::fixture::{instance, task};
use model::instance::{ContainerInstance, InstanceStatus};
use model::task::{NetworkBinding, Task, TaskStatus};
use model::task_definition::{LaunchType, NetworkMode, RuntimePlatform, TaskDefinition};
use model::view::View;
use proptest::prelude::*;
use std::sync::Arc;

/// A task of 256 CPU units and 512 MiB, changed.
fn wanted(change: impl FnOnce(&mut TaskDefinition)) -> Task {
    let mut task = task(&["app!"]);
    change(Arc::make_mut(&mut task.definition));
    task
}

/// A task that runs on an instance.
fn running(id: &str, on: &str, group: &str) -> Task {
    let mut task = task(&["app!"]);
    task.id = id.into();
    task.instance = Some(on.into());
    task.last_status = TaskStatus::Running;
    task.group = group.to_owned();
    task
}

fn port(container_port: u16, host_port: Option<u16>) -> PortMapping {
    let protocol = Protocol::Tcp;
    PortMapping {
        container_port,
        container_port_last: None,
        host_port,
        protocol,
        name: None,
        app_protocol: None,
    }
}

fn check(instances: &[ContainerInstance], tasks: &[Task], wanted: &Task, count: u32, expected: Expect) {
    let mut hosts = Hosts::from_records(instances, tasks);
    let placement = hosts.plan(&Needs::of(wanted), count);
    let line = |placed: &Result<Place, crate::Refusal>| match placed {
        Ok(Place { instance, gpus }) if gpus.is_empty() => format!("{instance}\n"),
        Ok(Place { instance, gpus }) => format!("{instance} {}\n", gpus.join(" ")),
        Err(refusal) => format!("{refusal}\n"),
    };
    expected.assert_eq(&placement.tasks.iter().map(line).collect::<String>());
}

#[test]
fn tasks_spread_over_instances() {
    let instances = [instance("a", 1024, 4096), instance("b", 1024, 4096), instance("c", 512, 4096)];
    check(
        &instances,
        &[],
        &wanted(|_| {}),
        11,
        expect![[r#"
        a
        b
        c
        a
        b
        c
        a
        b
        a
        b
        no container instance met all of the requirements: too little CPU left on 3 (RESOURCE:CPU)
    "#]],
    );
}

#[test]
fn tasks_of_the_same_group_weigh_more_than_others() {
    let instances = [instance("a", 4096, 8192), instance("b", 4096, 8192)];
    let tasks = [
        running("1", "a", "family:other"),
        running("2", "a", "family:other"),
        running("3", "b", "family:web"),
    ];
    check(
        &instances,
        &tasks,
        &wanted(|_| {}),
        3,
        expect![[r#"
        a
        b
        a
    "#]],
    );
}

#[test]
fn every_reason_is_told_with_its_count() {
    let mut draining = instance("a", 4096, 8192);
    draining.status = InstanceStatus::Draining;
    let mut away = instance("b", 4096, 8192);
    away.agent_connected = false;
    let mut plain = instance("c", 4096, 8192);
    plain.attributes.clear();
    plain.attributes.insert(model::instance::ATTRIBUTE_FARGATE.to_owned(), None);
    let small = [instance("d", 128, 8192), instance("e", 128, 8192), instance("f", 4096, 256)];
    let instances: Vec<_> = [draining, away, plain].into_iter().chain(small).collect();
    check(
        &instances,
        &[],
        &wanted(|_| {}),
        1,
        expect![[r#"
        no container instance met all of the requirements: not ACTIVE on 1 (INACTIVE), agent not connected on 1 (AGENT), a required attribute is missing on 1 (ATTRIBUTE), too little CPU left on 2 (RESOURCE:CPU), too little memory left on 1 (RESOURCE:MEMORY)
    "#]],
    );
    check(
        &[],
        &[],
        &wanted(|_| {}),
        1,
        expect![[r#"
        no container instance met all of the requirements: there is none
    "#]],
    );
}

#[test]
fn a_fixed_host_port_is_taken_once() {
    let web = |d: &mut TaskDefinition| {
        d.network_mode = NetworkMode::Host;
        let mapping = |port: u16, protocol| PortMapping { protocol, ..self::port(port, None) };
        d.containers[0].port_mappings = vec![mapping(80, Protocol::Tcp), mapping(53, Protocol::Udp)];
    };
    let mut reserved = instance("b", 4096, 8192);
    reserved.registered.ports_tcp.insert(80);
    check(
        &[instance("a", 4096, 8192), reserved],
        &[],
        &wanted(web),
        2,
        expect![[r#"
        a
        no container instance met all of the requirements: a required port is in use on 2 (RESOURCE:PORTS)
    "#]],
    );
}

#[test]
fn ec2_tasks_stay_in_their_cluster_and_fargate_tasks_go_to_those_that_serve_them() {
    let mut elsewhere = instance("a", 4096, 8192);
    elsewhere.cluster = "other".into();
    let mut own = instance("b", 4096, 8192);
    own.attributes.remove(model::instance::ATTRIBUTE_FARGATE);
    let instances = [elsewhere, own];
    let mut task = wanted(|_| {});
    check(
        &instances,
        &[],
        &task,
        1,
        expect![[r#"
        a
    "#]],
    );
    task.launch_type = LaunchType::Ec2;
    check(
        &instances,
        &[],
        &task,
        1,
        expect![[r#"
        b
    "#]],
    );
}

#[test]
fn an_agent_that_cannot_do_what_a_task_asks_for_is_not_given_it() {
    let mut own = instance("a", 4096, 8192);
    let privileged = wanted(|d| d.containers[0].privileged = Some(true));
    assert!(Hosts::from_records([&own], []).plan(&Needs::of(&privileged), 1).tasks[0].is_ok());
    own.attributes.remove("com.amazonaws.ecs.capability.privileged-container");
    let refused = Hosts::from_records([&own], []).plan(&Needs::of(&privileged), 1).tasks.remove(0);
    assert_eq!(refused.unwrap_err().nearest().map(|(reason, _)| reason), Some(Reason::Attribute));
}

/// What answers of RegisterTaskDefinition showed for definitions with these members.
#[test]
fn versions_of_dockers_api_are_those_that_ecs_asks_for() {
    let minors = |change: &dyn Fn(&mut TaskDefinition)| {
        let names = required_attributes(&wanted(change).definition);
        let minor = |name: &String| {
            name.strip_prefix("com.amazonaws.ecs.capability.docker-remote-api.1.")?.parse::<u32>().ok()
        };
        names.iter().filter_map(minor).collect::<Vec<_>>()
    };
    let awslogs = |d: &mut TaskDefinition, options: &[&str]| {
        let options = options.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        d.containers[0].log = Some(LogConfiguration { driver: "awslogs".to_owned(), options });
    };
    let check = |start_period_secs| {
        Some(HealthCheck {
            command: vec!["CMD".to_owned()],
            interval_secs: 30,
            timeout_secs: 5,
            retries: 3,
            start_period_secs,
        })
    };
    assert_eq!(minors(&|_| {}), [18]);
    assert_eq!(minors(&|d| d.network_mode = NetworkMode::Bridge), [0; 0]);
    let console = |d: &mut TaskDefinition| {
        awslogs(d, &["awslogs-group", "mode", "max-buffer-size", "awslogs-create-group"]);
        d.containers[0].memory_mib_reserved = Some(64);
    };
    assert_eq!(minors(&console), [18, 19, 21, 28, 29]);
    assert_eq!(minors(&|d| d.containers[0].health_check = check(None)), [18, 24]);
    let checked = |d: &mut TaskDefinition| {
        awslogs(d, &["awslogs-group"]);
        d.containers[0].health_check = check(Some(60));
        d.containers[0].linux = Some(LinuxParameters { init_process: Some(true), ..Default::default() });
    };
    assert_eq!(minors(&checked), [18, 19, 25, 29]);
    let trained = |d: &mut TaskDefinition| {
        d.network_mode = NetworkMode::Host;
        d.containers[0].privileged = Some(true);
        d.containers[0].ulimits = vec![Ulimit { name: "memlock".to_owned(), soft: -1, hard: -1 }];
        d.containers[0].linux = Some(LinuxParameters { shared_memory_mib: Some(16), ..Default::default() });
    };
    assert_eq!(minors(&trained), [17, 18, 22]);
    let named = |d: &mut TaskDefinition| {
        d.network_mode = NetworkMode::Bridge;
        d.containers[0].dns_servers = vec!["10.0.0.2".to_owned()];
    };
    assert_eq!(minors(&named), [17]);
}

#[test]
fn the_processor_has_to_be_the_one_asked_for() {
    let arm = |d: &mut TaskDefinition| {
        let cpu_architecture = Some("ARM64".to_owned());
        d.runtime_platform = Some(RuntimePlatform { cpu_architecture, operating_system_family: None });
    };
    let mut own = instance("a", 4096, 8192);
    own.attributes.insert("ecs.cpu-architecture".to_owned(), Some("x86_64".to_owned()));
    check(
        std::slice::from_ref(&own),
        &[],
        &wanted(arm),
        1,
        expect![[r#"
        no container instance met all of the requirements: a required attribute is missing on 1 (ATTRIBUTE)
    "#]],
    );
    own.attributes.insert("ecs.cpu-architecture".to_owned(), Some("arm64".to_owned()));
    check(
        &[own],
        &[],
        &wanted(arm),
        1,
        expect![[r#"
        a
    "#]],
    );
}

#[test]
fn without_a_task_size_the_containers_reservations_count() {
    let containers = |d: &mut TaskDefinition| {
        (d.cpu_units, d.memory_mib) = (None, None);
        d.containers[0].cpu_units = 100;
        d.containers[0].memory_mib = Some(1000);
        d.containers[0].memory_mib_reserved = Some(300);
    };
    check(
        &[instance("a", 200, 4096)],
        &[],
        &wanted(containers),
        3,
        expect![[r#"
        a
        a
        no container instance met all of the requirements: too little CPU left on 1 (RESOURCE:CPU)
    "#]],
    );
    check(
        &[instance("a", 4096, 599)],
        &[],
        &wanted(containers),
        2,
        expect![[r#"
        a
        no container instance met all of the requirements: too little memory left on 1 (RESOURCE:MEMORY)
    "#]],
    );
}

#[test]
fn a_kept_view_equals_a_fresh_one() {
    let instances = [instance("a", 4096, 8192), instance("b", 4096, 8192)];
    let mut kept = Hosts::default();
    let mut moved = running("1", "a", "family:web");
    kept.observe_task(None, Some(&moved));
    kept.observe_instance(None, Some(&instances[0]));
    kept.observe_instance(None, Some(&instances[1]));
    kept.observe_task(None, Some(&running("2", "b", "family:web")));
    kept.observe_instance(Some(&instances[0]), Some(&instances[0]));
    let before = moved.clone();
    moved.last_status = TaskStatus::Deprovisioning;
    kept.observe_task(Some(&before), Some(&moved));
    let mut fresh = Hosts::from_records(&instances, &[running("2", "b", "family:web")]);
    let needs = Needs::of(&wanted(|_| {}));
    assert_eq!(kept.plan(&needs, 40), fresh.plan(&needs, 40));
    kept.observe_instance(Some(&instances[1]), None);
    assert!(kept.plan(&needs, 40).tasks.iter().flatten().all(|place| place.instance.as_str() == "a"));
}

#[test]
fn an_instance_whose_state_changes_is_asked_anew() {
    let (mut a, b) = (instance("a", 4096, 8192), instance("b", 256, 8192));
    let mut hosts = Hosts::from_records([&a, &b], []);
    let needs = Needs::of(&wanted(|_| {}));
    let mut where_to = |hosts: &mut Hosts, change: &dyn Fn(&mut ContainerInstance)| {
        let before = a.clone();
        change(&mut a);
        hosts.observe_instance(Some(&before), Some(&a));
        let placed = hosts.plan(&needs, 2).tasks.into_iter().flatten();
        placed.map(|place| place.instance.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(where_to(&mut hosts, &|_| {}), ["a", "b"]);
    assert_eq!(where_to(&mut hosts, &|a| a.status = InstanceStatus::Draining), ["b"]);
    assert_eq!(where_to(&mut hosts, &|a| a.status = InstanceStatus::Active), ["a", "b"]);
    assert_eq!(where_to(&mut hosts, &|a| a.agent_connected = false), ["b"]);
    assert_eq!(where_to(&mut hosts, &|a| a.agent_connected = true), ["a", "b"]);
    assert_eq!(where_to(&mut hosts, &|a| a.registered.cpu_units = 100), ["b"]);
}

/// An instance with GPUs of these ids.
fn gpu_instance(id: &str, gpus: &[&str]) -> ContainerInstance {
    let mut instance = instance(id, 4096, 8192);
    instance.registered.gpus = gpus.iter().map(|&id| id.to_owned()).collect();
    instance
}

#[test]
fn a_gpu_goes_to_one_task_at_a_time() {
    let mut holder = running("1", "b", "family:other");
    holder.containers[0].gpu_ids = vec!["g1".to_owned()];
    check(
        &[gpu_instance("a", &[]), gpu_instance("b", &["g1", "g2", "g3", "g4"])],
        &[holder],
        &wanted(|d| d.containers[0].gpus = 2),
        2,
        expect![[r#"
            b g2 g3
            no container instance met all of the requirements: too few GPUs left on 2 (RESOURCE:GPU)
        "#]],
    );
}

#[test]
fn a_port_that_an_agent_chose_is_taken() {
    let mut other = running("1", "a", "family:other");
    let binding = NetworkBinding {
        bind_ip: "0.0.0.0".to_owned(),
        container_port: None,
        host_port: None,
        container_port_range: Some("1-3".to_owned()),
        host_port_range: Some("50000-50002".to_owned()),
        protocol: Protocol::Tcp,
    };
    other.containers[0].network_bindings = vec![binding];
    check(
        &[instance("a", 4096, 8192)],
        &[other],
        &wanted(|d| {
            d.network_mode = NetworkMode::Bridge;
            d.containers[0].port_mappings = vec![port(80, Some(50002))];
        }),
        1,
        expect![[r#"
            no container instance met all of the requirements: a required port is in use on 1 (RESOURCE:PORTS)
        "#]],
    );
}

#[test]
fn a_host_that_the_caller_chose_takes_the_task_or_says_why_not() {
    let mut hosts = Hosts::from_records(&[gpu_instance("a", &["g"]), instance("b", 128, 8192)], []);
    let needs = Needs::of(&wanted(|d| d.containers[0].gpus = 1));
    let place = Place { instance: "a".into(), gpus: vec!["g".to_owned()] };
    assert_eq!(hosts.plan_on(&needs, &"a".into()), Some(Ok(place)));
    assert_eq!(hosts.plan_on(&needs, &"b".into()), Some(Err(Reason::Cpu)));
    assert_eq!(hosts.plan_on(&needs, &"c".into()), None);
}

proptest! {
    #[test]
    fn nothing_is_ever_overcommitted(
        sizes in prop::collection::vec((0u32..2000, 0u32..4000), 1..6),
        requests in prop::collection::vec((1u32..600, 1u32..900, 1u32..12, any::<bool>()), 1..8),
    ) {
        let instances: Vec<_> =
            sizes.iter().enumerate().map(|(n, (cpu, memory))| instance(&format!("i{n}"), *cpu, *memory)).collect();
        let mut hosts = Hosts::from_records(&instances, []);
        let mut tasks: Vec<Task> = Vec::new();
        for (cpu, memory, count, host_mode) in requests {
            let wanted = wanted(|d| {
                (d.cpu_units, d.memory_mib) = (Some(cpu), Some(memory));
                if host_mode {
                    d.network_mode = NetworkMode::Host;
                    d.containers[0].port_mappings = vec![port(80, None)];
                }
            });
            let placement = hosts.plan(&Needs::of(&wanted), count);
            prop_assert_eq!(placement.tasks.len(), count as usize);
            for place in placement.tasks.into_iter().flatten() {
                let mut task = wanted.clone();
                task.id = format!("t{}", tasks.len()).into();
                task.instance = Some(place.instance);
                task.last_status = TaskStatus::Pending;
                hosts.observe_task(None, Some(&task));
                tasks.push(task);
            }
            prop_assert_eq!(invariants::instances_are_not_overcommitted(&instances, &tasks), Ok(()));
        }
    }
}
