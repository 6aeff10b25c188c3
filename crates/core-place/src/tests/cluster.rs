//! A small language for clusters and what is run on them, so that a test shows a whole plan.
//!
//! ```text
//! i1 zone=a cpu=4096 mem=8192 running=web:2       an instance; each running task takes 100 CPU units and 100 MiB
//! i3 fargate=web                                  … and tasks of FARGATE on it
//! i4 stopping=web                                 … and tasks that are to stop, and run still
//! i2 draining | away | deregistered               …
//! run 5 cpu=256 mem=512 strategy=spread(zone),binpack(memory) where attribute:rack == r1
//! run 1 awsvpc nosubnet=b,c                         its subnets are in other zones
//! stop 3 group=web strategy=spread(zone)           of the tasks that the instances run
//! ```

use crate::query::Expression;
use crate::{Constraint, Hosts, Needs, plan_stops};
use model::TaskId;
use model::container::{PortMapping, Protocol};
use model::fixture;
use model::instance::{ContainerInstance, InstanceStatus};
use model::placement::{BinpackField, PlacementStrategy};
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::{LaunchType, NetworkMode};
use model::view::View;
use std::fmt::Write;
use std::sync::Arc;

/// The records that a text describes, and what it says to run.
#[derive(Default)]
pub(super) struct Cluster {
    pub(super) instances: Vec<ContainerInstance>,
    pub(super) tasks: Vec<Task>,
    pub(super) runs: Vec<(u32, Task, Needs)>,
    pub(super) stops: Vec<(u32, Needs)>,
}

/// What becomes of a text's `stop` lines: where the tasks were, in order.
pub(super) fn stops(text: &str) -> String {
    let Cluster { instances, tasks, stops, .. } = Cluster::parse(text);
    let mut hosts = Hosts::from_records(&instances, &tasks);
    let mut tasks: Vec<&Task> = tasks.iter().collect();
    let mut out = String::new();
    for (count, needs) in stops {
        let of_group: Vec<&Task> = tasks.iter().copied().filter(|task| task.group == needs.group).collect();
        let stopped = plan_stops(&hosts, &of_group, &needs.strategy, count, needs.seed);
        let find = |id: &TaskId| tasks.iter().copied().find(|task| task.id == *id).unwrap();
        let stopped: Vec<&Task> = stopped.iter().map(find).collect();
        stopped.iter().for_each(|&task| hosts.observe_task(Some(task), None));
        tasks.retain(|task| stopped.iter().all(|stopped| stopped.id != task.id));
        let word = |task: &&Task| format!("{}/{}", task.instance.as_ref().unwrap(), task.id);
        let _ = writeln!(out, "{}", stopped.iter().map(word).collect::<Vec<_>>().join(" "));
    }
    out
}

/// What becomes of a text: a line for each `run`.
pub(super) fn plan(text: &str) -> String {
    let Cluster { instances, tasks, runs, .. } = Cluster::parse(text);
    let mut hosts = Hosts::from_records(&instances, &tasks);
    let mut out = String::new();
    for (count, _, needs) in runs {
        let placement = hosts.place(&needs, count);
        let mut words: Vec<String> = Vec::new();
        for place in placement.tasks.iter().flatten() {
            let gpus =
                if place.gpus.is_empty() { String::new() } else { format!("({})", place.gpus.join("+")) };
            words.push(format!("{}{gpus}", place.instance));
        }
        let refused: Vec<_> = placement.tasks.iter().filter_map(|placed| placed.as_ref().err()).collect();
        if let Some(refusal) = refused.first() {
            let text = refusal.to_string();
            let text = text.trim_start_matches("no container instance met all of the requirements: ");
            words.push(format!("| {} refused: {text}", refused.len()));
        }
        let _ = writeln!(out, "{}", words.join(" "));
    }
    out
}

impl Cluster {
    pub(super) fn parse(text: &str) -> Self {
        let mut cluster = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once(' ') {
                Some(("run", rest)) => cluster.runs.push(run(rest)),
                Some(("stop", rest)) => {
                    let (count, _, needs) = run(rest);
                    cluster.stops.push((count, needs));
                }
                _ => cluster.add(line),
            }
        }
        cluster
    }

    fn add(&mut self, line: &str) {
        let (id, words) = line.split_once(' ').unwrap_or((line, ""));
        let mut new = fixture::instance(id, 4096, 8192);
        for word in words.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "cpu" => new.registered.cpu_units = value.parse().unwrap(),
                "mem" => new.registered.memory_mib = value.parse().unwrap(),
                "gpus" => new.registered.gpus = value.split('+').map(str::to_owned).collect(),
                "reserved" => drop(new.registered.ports_tcp.insert(value.parse().unwrap())),
                "draining" => new.status = InstanceStatus::Draining,
                "deregistered" => new.status = InstanceStatus::Inactive,
                "away" => new.agent_connected = false,
                "version" => new.agent_version = value.to_owned(),
                "running" => value.split(',').for_each(|group| self.running(id, group, LaunchType::Ec2)),
                "fargate" => value.split(',').for_each(|group| self.running(id, group, LaunchType::Fargate)),
                "stopping" => {
                    let before = self.tasks.len();
                    value.split(',').for_each(|group| self.running(id, group, LaunchType::Ec2));
                    self.tasks[before..].iter_mut().for_each(|t| t.desired_status = DesiredStatus::Stopped);
                }
                _ => drop(new.attributes.insert(attribute(name).to_owned(), Some(value.to_owned()))),
            }
        }
        self.instances.push(new);
    }

    fn running(&mut self, id: &str, group: &str, launch_type: LaunchType) {
        let (group, count) = group.split_once(':').unwrap_or((group, "1"));
        for _ in 0..count.parse().unwrap() {
            let mut task = task(100, 100);
            task.id = format!("t{}", self.tasks.len()).into();
            (task.instance, task.group) = (Some(id.into()), group.to_owned());
            (task.last_status, task.launch_type) = (TaskStatus::Running, launch_type);
            self.tasks.push(task);
        }
    }
}

/// A short name's long one.
fn attribute(name: &str) -> &str {
    match name {
        "zone" => "ecs.availability-zone",
        "type" => "ecs.instance-type",
        "anyzone" => "wharf.any-zone",
        "trunk" => "ecs.awsvpc-trunk-id",
        "asg" => "wharf.auto-scaling-group",
        other => other,
    }
}

fn task(cpu: u32, mem: u32) -> Task {
    let mut task = fixture::task(&["app!"]);
    task.launch_type = LaunchType::Ec2;
    let definition = Arc::make_mut(&mut task.definition);
    (definition.cpu_units, definition.memory_mib) = (Some(cpu), Some(mem));
    definition.network_mode = NetworkMode::Host;
    task
}

fn run(line: &str) -> (u32, Task, Needs) {
    let (line, expression) =
        line.split_once(" where ").map_or((line, None), |(line, text)| (line, Some(text)));
    let mut words = line.split_whitespace();
    let count = words.next().unwrap().parse().unwrap();
    let mut task = task(256, 512);
    task.group = "web".to_owned();
    let (mut strategy, mut constraints, mut seed, mut group) = (Vec::new(), Vec::new(), 0, None);
    let mut zones_without_subnet = Vec::new();
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let definition = Arc::make_mut(&mut task.definition);
        match name {
            "cpu" => definition.cpu_units = Some(value.parse().unwrap()),
            "mem" => definition.memory_mib = Some(value.parse().unwrap()),
            "group" => task.group = value.to_owned(),
            "gpus" => definition.containers[0].gpus = value.parse().unwrap(),
            "nosubnet" => zones_without_subnet = value.split(',').map(str::to_owned).collect(),
            "awsvpc" => definition.network_mode = NetworkMode::Awsvpc,
            "fargate" => task.launch_type = LaunchType::Fargate,
            "tcp" => definition.containers[0].port_mappings.push(port(value, Protocol::Tcp)),
            "udp" => definition.containers[0].port_mappings.push(port(value, Protocol::Udp)),
            "distinct" => constraints.push(Constraint::DistinctInstance),
            "asg" => group = Some(value.to_owned()),
            "seed" => seed = value.parse().unwrap(),
            "strategy" => strategy = value.split(',').map(rule).collect(),
            other => panic!("{other} is no word of this language"),
        }
    }
    let expression = expression.map(|text| Expression::parse(text).unwrap());
    constraints.extend(expression.map(|expression| Constraint::MemberOf(Arc::new(expression))));
    let needs = Needs { strategy, constraints, seed, auto_scaling_group: group, ..Needs::of(&task) };
    let needs = Needs { zones_without_subnet, ..needs };
    (count, task, needs)
}

fn port(number: &str, protocol: Protocol) -> PortMapping {
    let (container_port, host_port) = (number.parse().unwrap(), None);
    PortMapping {
        container_port,
        container_port_last: None,
        host_port,
        protocol,
        name: None,
        app_protocol: None,
    }
}

pub(super) fn rule(text: &str) -> PlacementStrategy {
    let (name, field) = text.trim_end_matches(')').split_once('(').unwrap_or((text, ""));
    match (name, field) {
        ("random", _) => PlacementStrategy::Random,
        ("spread", field) => PlacementStrategy::Spread(attribute(field).to_owned()),
        ("binpack", "cpu") => PlacementStrategy::Binpack(BinpackField::Cpu),
        ("binpack", "memory") => PlacementStrategy::Binpack(BinpackField::Memory),
        _ => panic!("{text} is no rule"),
    }
}
