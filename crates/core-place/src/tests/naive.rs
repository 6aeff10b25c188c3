//! The oracle: placement as its README says, by looking at everything for every task. No index, nothing kept.

use crate::query::Subject;
use crate::{Constraint, Needs, Place, Placement, Reason, Refusal};
use model::instance::{ATTRIBUTE_AUTO_SCALING_GROUP, ContainerInstance, InstanceStatus, Resources};
use model::placement::{BinpackField, PlacementStrategy};
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::{LaunchType, NetworkMode};
use model::{InstanceId, TaskId, Timestamp, demand};
use std::collections::BTreeSet;

/// The plan for `count` tasks like `wanted`.
pub(super) fn plan(
    instances: &[ContainerInstance],
    tasks: &[Task],
    wanted: &Task,
    needs: &Needs,
    count: u32,
) -> Placement {
    let mut tasks = tasks.to_vec();
    let mut seed = needs.seed;
    let one = |_| {
        let placed = place_one(instances, &tasks, needs, &mut seed);
        if let Ok(place) = &placed {
            let mut task = wanted.clone();
            task.instance = Some(place.instance.clone());
            task.containers[0].gpu_ids = place.gpus.clone();
            task.group = needs.group.clone();
            tasks.push(task);
        }
        placed
    };
    Placement { tasks: (0..count).map(one).collect() }
}

/// The tasks of the needs' group to stop, the newest of an instance first: none of the strategy's rules is `random`.
pub(super) fn stops(
    instances: &[ContainerInstance],
    tasks: &[Task],
    needs: &Needs,
    count: u32,
) -> Vec<TaskId> {
    let mut tasks = tasks.to_vec();
    let mut stops = Vec::new();
    let (rules, ends_in_spread) = rules(needs);
    while stops.len() < count as usize {
        let on = |id: &InstanceId| tasks.iter().filter(|task| task.instance.as_ref() == Some(id)).collect();
        let seen = instances.iter().map(|instance| Seen { instance, tasks: on(&instance.id) });
        let all: Vec<Seen<'_>> = seen.filter(|seen| of_group(seen, needs) > 0).collect();
        // All tasks are as large, so what is left after one is gone is in the same order as what is left now.
        let key = |seen: &&Seen<'_>| {
            let mut attributes = Vec::new();
            let mut key: Vec<u64> =
                rules.iter().map(|rule| judge(rule, seen, &all, needs, &mut attributes)).collect();
            if ends_in_spread {
                key.extend([seen.tasks.len() as u64, u64::MAX - free_memory(seen)]);
            }
            (key, seen.instance.id.clone())
        };
        let Some(most) = all.iter().max_by_key(key) else { break };
        let of_group = most.tasks.iter().filter(|task| is_of_group(task, needs));
        let Some(newest) = of_group.map(|task| task.id.clone()).max() else { break };
        tasks.retain(|task| task.id != newest);
        stops.push(newest);
    }
    stops
}

/// The rules in full, and whether the last one is `spread`.
fn rules(needs: &Needs) -> (Vec<PlacementStrategy>, bool) {
    let spread = |name: &str| PlacementStrategy::Spread(name.to_owned());
    let mut rules = needs.strategy.clone();
    if rules.is_empty() {
        rules.push(spread("ecs.availability-zone"));
    }
    let ends_in_spread = matches!(rules.last(), Some(PlacementStrategy::Spread(_)));
    if ends_in_spread {
        rules.push(spread("instanceId"));
    }
    (rules, ends_in_spread)
}

/// What one rule says of an instance; `attributes` are those of the `spread` rules before, and this one joins them.
fn judge(
    rule: &PlacementStrategy,
    seen: &Seen<'_>,
    pool: &[Seen<'_>],
    needs: &Needs,
    attributes: &mut Vec<String>,
) -> u64 {
    match rule {
        PlacementStrategy::Random => 0,
        PlacementStrategy::Binpack(BinpackField::Cpu) => free_cpu(seen),
        PlacementStrategy::Binpack(BinpackField::Memory) => free_memory(seen),
        PlacementStrategy::Spread(field) if field == "instanceId" || field == "host" => of_group(seen, needs),
        PlacementStrategy::Spread(field) => {
            attributes.push(field.clone());
            let same = |other: &&Seen<'_>| values(other, attributes) == values(seen, attributes);
            pool.iter().filter(same).map(|other| of_group(other, needs)).sum()
        }
    }
}

/// An instance with the tasks on it.
struct Seen<'a> {
    instance: &'a ContainerInstance,
    tasks: Vec<&'a Task>,
}

fn place_one(
    instances: &[ContainerInstance],
    tasks: &[Task],
    needs: &Needs,
    seed: &mut u64,
) -> Result<Place, Refusal> {
    let mut pool: Vec<Seen<'_>> = instances
        .iter()
        .filter(|i| i.status != InstanceStatus::Inactive)
        .filter(|i| match needs.launch_type {
            LaunchType::Fargate => i.serves_fargate(),
            _ => (&i.scope, &i.cluster) == (&needs.scope, &needs.cluster),
        })
        .map(|instance| {
            let on = |t: &&Task| t.instance.as_ref() == Some(&instance.id) && t.holds_resources();
            Seen { instance, tasks: tasks.iter().filter(on).collect() }
        })
        .collect();
    pool.sort_by_key(|seen| &seen.instance.id);
    let ticket = draw(seed);
    let mut refusal = Refusal::default();
    let mut fitting = Vec::new();
    for seen in &pool {
        let group = seen.instance.attributes.get(ATTRIBUTE_AUTO_SCALING_GROUP);
        if needs.auto_scaling_group.is_some() && group != Some(&needs.auto_scaling_group) {
            continue;
        }
        match fits(seen, needs) {
            Ok(()) => fitting.push(seen),
            Err(reason) => refusal.count(reason, &seen.instance.id),
        }
    }
    let best = choose(&pool, fitting, needs, ticket).ok_or(refusal)?;
    let free = free_gpus(best);
    Ok(Place {
        instance: best.instance.id.clone(),
        gpus: free.into_iter().take(needs.gpus as usize).collect(),
    })
}

fn choose<'a>(
    pool: &[Seen<'_>],
    mut fitting: Vec<&'a Seen<'a>>,
    needs: &Needs,
    ticket: u64,
) -> Option<&'a Seen<'a>> {
    let (rules, ends_in_spread) = rules(needs);
    let mut attributes: Vec<String> = Vec::new();
    for rule in &rules {
        if *rule == PlacementStrategy::Random {
            fitting.sort_by_key(|seen| (values(seen, &attributes), &seen.instance.id));
            let nth = (u128::from(ticket) * fitting.len() as u128) >> 64;
            return fitting.get(nth as usize).copied();
        }
        let before = attributes.clone();
        let mut key = |seen: &Seen<'_>| {
            attributes.clone_from(&before);
            judge(rule, seen, pool, needs, &mut attributes)
        };
        let least = fitting.iter().map(|seen| key(seen)).min()?;
        fitting.retain(|seen| key(seen) == least);
    }
    if ends_in_spread {
        return fitting
            .into_iter()
            .min_by_key(|seen| (seen.tasks.len(), u64::MAX - free_memory(seen), &seen.instance.id));
    }
    fitting.into_iter().min_by_key(|seen| &seen.instance.id)
}

fn values<'a>(seen: &Seen<'a>, attributes: &[String]) -> Vec<Option<&'a Option<String>>> {
    attributes.iter().map(|name| seen.instance.attributes.get(name)).collect()
}

fn fits(seen: &Seen<'_>, needs: &Needs) -> Result<(), Reason> {
    let Seen { instance, tasks } = seen;
    let no = |refused: bool, reason| if refused { Err(reason) } else { Ok(()) };
    no(instance.status != InstanceStatus::Active, Reason::Inactive)?;
    no(!instance.agent_connected, Reason::Agent)?;
    let lacks = |(name, value): &(String, Option<String>)| match instance.attributes.get(name) {
        Some(has) => value.is_some() && has != value,
        None => true,
    };
    no(needs.attributes.iter().any(lacks), Reason::Attribute)?;
    let zone = match instance.attributes.contains_key("wharf.any-zone") {
        true => None,
        false => instance.attributes.get("ecs.availability-zone").cloned().flatten(),
    };
    no(zone.is_some_and(|zone| needs.zones_without_subnet.contains(&zone)), Reason::Location)?;
    no(u64::from(needs.demand.cpu_units) > free_cpu(seen), Reason::Cpu)?;
    no(u64::from(needs.demand.memory_mib) > free_memory(seen), Reason::Memory)?;
    no(needs.gpus as usize > free_gpus(seen).len(), Reason::Gpu)?;
    let held = held(seen);
    let taken = |wanted: &BTreeSet<u16>, a: &BTreeSet<u16>, b: &BTreeSet<u16>| {
        wanted.iter().any(|port| a.contains(port) || b.contains(port))
    };
    no(
        taken(&needs.demand.ports_tcp, &held.ports_tcp, &instance.registered.ports_tcp)
            || taken(&needs.demand.ports_udp, &held.ports_udp, &instance.registered.ports_udp),
        Reason::Ports,
    )?;
    let interfaces = tasks.iter().filter(|t| t.definition.network_mode == NetworkMode::Awsvpc).count();
    let max = instance.attributes.get("ecs.instance-type").and_then(|value| {
        crate::eni::limit(value.as_deref()?, instance.attributes.contains_key("ecs.awsvpc-trunk-id"))
    });
    no(
        max.is_some_and(|max| interfaces + needs.network_interfaces as usize > max as usize),
        Reason::Interfaces,
    )?;
    let unmet = |constraint: &Constraint| match constraint {
        Constraint::MemberOf(expression) => !expression.matches(seen),
        Constraint::DistinctInstance => false,
    };
    no(needs.constraints.iter().any(unmet), Reason::MemberOf)?;
    let distinct = needs.constraints.contains(&Constraint::DistinctInstance);
    no(distinct && of_group(seen, needs) > 0, Reason::DistinctInstance)
}

fn held(seen: &Seen<'_>) -> Resources {
    demand::held(seen.tasks.iter().copied())
}

fn free_cpu(seen: &Seen<'_>) -> u64 {
    u64::from(seen.instance.registered.cpu_units.saturating_sub(held(seen).cpu_units))
}

fn free_memory(seen: &Seen<'_>) -> u64 {
    u64::from(seen.instance.registered.memory_mib.saturating_sub(held(seen).memory_mib))
}

fn free_gpus(seen: &Seen<'_>) -> Vec<String> {
    seen.instance.registered.gpus.difference(&held(seen).gpus).cloned().collect()
}

fn of_group(seen: &Seen<'_>, needs: &Needs) -> u64 {
    seen.tasks.iter().filter(|task| is_of_group(task, needs)).count() as u64
}

/// Whether a task with these needs would join the task's group.
pub(super) fn is_of_group(task: &Task, needs: &Needs) -> bool {
    let is_fargate = |launch_type| launch_type == LaunchType::Fargate;
    (&task.scope, &task.cluster, &task.group) == (&needs.scope, &needs.cluster, &needs.group)
        && task.desired_status == DesiredStatus::Running
        && is_fargate(task.launch_type) == is_fargate(needs.launch_type)
}

/// SplitMix64, as its author published it.
fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// On its instance: which one a task of FARGATE runs on is not shown.
fn is_shown(task: &Task) -> bool {
    task.launch_type != LaunchType::Fargate
}

impl Subject for Seen<'_> {
    fn attribute(&self, name: &str) -> Option<Option<&str>> {
        self.instance.attributes.get(name).map(|value| value.as_deref())
    }
    fn agent_connected(&self) -> bool {
        self.instance.agent_connected
    }
    fn agent_version(&self) -> &str {
        &self.instance.agent_version
    }
    fn ec2_instance_id(&self) -> Option<&str> {
        self.instance.ec2_instance_id.as_deref()
    }
    fn registered_at(&self) -> Timestamp {
        self.instance.registered_at
    }
    fn running_tasks_count(&self) -> u32 {
        self.tasks.iter().filter(|t| is_shown(t) && t.last_status == TaskStatus::Running).count() as u32
    }
    fn any_task_group(&self, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        let own = |t: &&&Task| {
            (is_shown(t) && t.desired_status == DesiredStatus::Running)
                && (&t.scope, &t.cluster) == (&self.instance.scope, &self.instance.cluster)
        };
        self.tasks.iter().filter(own).any(|t| wanted(&t.group))
    }
}
