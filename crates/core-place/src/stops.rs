//! Which tasks to stop: the reverse of a strategy (Amazon ECS Developer Guide: "Use strategies to define Amazon ECS task
//! placement", what it says of scale-in).

use crate::hosts::Hosts;
use crate::order::{Order, State};
use crate::plan::Chance;
use crate::pool::Slot;
use crate::standings::{Entry, Standings};
use model::TaskId;
use model::placement::PlacementStrategy;
use model::task::Task;
use std::collections::BTreeMap;

/// Chooses `count` of a service's tasks to stop, each as if the ones chosen before it were gone.
///
/// `spread` takes from the value with the most of these tasks; `binpack` from the host that has the most left once the
/// task is gone; `random` takes any, by `seed`. What placement does after a final `spread` is reversed too: the host with
/// the most of these tasks, then the most tasks, then the least memory left once the task is gone. Of what is equal the host with the largest id
/// loses a task, and a host its newest one, then the one with the largest id. Tasks that are on no known host go first.
pub fn plan_stops(
    hosts: &Hosts,
    tasks: &[&Task],
    strategy: &[PlacementStrategy],
    count: u32,
    seed: u64,
) -> Vec<TaskId> {
    let slot = |task: &Task| task.instance.as_ref().and_then(|id| hosts.slot(id));
    let mut sorted = tasks.to_vec();
    sorted.sort_by_key(|task| (task.times.created_at, &task.id));
    let mut nowhere: Vec<&Task> = Vec::new();
    let mut on: BTreeMap<Slot, Vec<&Task>> = BTreeMap::new();
    for task in sorted {
        match slot(task) {
            Some(slot) => on.entry(slot).or_default().push(task),
            None => nowhere.push(task),
        }
    }
    let mut stops: Vec<TaskId> =
        nowhere.iter().rev().take(count as usize).map(|task| task.id.clone()).collect();
    let mut shrinking = Shrinking::new(hosts, Order::new(strategy), on);
    let mut chance = Chance(seed);
    while stops.len() < count as usize {
        let Some(task) = shrinking.next(chance.next()) else { break };
        stops.push(task.id.clone());
    }
    stops
}

/// Hosts that lose tasks.
struct Shrinking<'a> {
    order: Order,
    /// The largest id first.
    hosts: Vec<Shrunk<'a>>,
    standings: Standings,
}

/// A host, and the tasks that it can still lose, the next one last.
struct Shrunk<'a> {
    tasks: Vec<&'a Task>,
    /// What it has without those that it lost.
    state: State,
}

impl<'a> Shrinking<'a> {
    fn new(hosts: &Hosts, order: Order, on: BTreeMap<Slot, Vec<&'a Task>>) -> Self {
        let mut on: Vec<_> = on.into_iter().collect();
        on.sort_by(|(a, _), (b, _)| hosts.hosts[*b as usize].id.cmp(&hosts.hosts[*a as usize].id));
        let members: Vec<(Slot, u32)> = on.iter().map(|&(slot, _)| slot).zip(0..).collect();
        let mut standings =
            Standings::new(&order, on.len(), &hosts.values(&order.attributes, &members), true);
        let shrunk = |(slot, tasks): (Slot, Vec<&'a Task>)| {
            let host = &hosts.hosts[slot as usize];
            let (free_cpu, free_memory) = (host.free_cpu_units(), host.free_memory_mib());
            let (tasks_of_group, all) = (tasks.len() as u32, host.used.tasks);
            Shrunk { tasks, state: State { tasks_of_group, tasks: all, free_cpu, free_memory } }
        };
        let hosts: Vec<_> = on.into_iter().map(shrunk).collect();
        for (leaf, host) in hosts.iter().enumerate() {
            standings.enter(leaf as u32, &host.entry(&order));
        }
        standings.settle();
        Self { order, hosts, standings }
    }

    /// The next task to stop; `ticket` of 2^64 draws it when chance decides.
    fn next(&mut self, ticket: u64) -> Option<&'a Task> {
        let best = self.standings.best();
        if best.is_none() {
            return None;
        }
        let (leaf, task) = if self.order.random {
            let nth = (u128::from(ticket) * u128::from(best.ties)) >> 64;
            let (leaf, nth) = self.standings.nth(nth as u32);
            (leaf, self.hosts[leaf as usize].tasks.remove(nth as usize))
        } else {
            (best.leaf, self.hosts[best.leaf as usize].tasks.pop()?)
        };
        let host = &mut self.hosts[leaf as usize];
        host.lose(task);
        self.standings.set(leaf, &host.entry(&self.order));
        Some(task)
    }
}

impl Shrunk<'_> {
    fn entry(&self, order: &Order) -> Entry {
        let next = self.tasks.last().map(|task| task.demand()).unwrap_or_default();
        let after = State {
            free_cpu: self.state.free_cpu + u64::from(next.cpu_units),
            free_memory: self.state.free_memory + u64::from(next.memory_mib),
            ..self.state
        };
        let tasks = self.state.tasks_of_group;
        Entry { tasks, own: after.judged(order), weight: tasks }
    }

    fn lose(&mut self, task: &Task) {
        let demand = task.demand();
        self.state.tasks_of_group -= 1;
        self.state.tasks = self.state.tasks.saturating_sub(1);
        self.state.free_cpu += u64::from(demand.cpu_units);
        self.state.free_memory += u64::from(demand.memory_mib);
    }
}
