//! What people look at: a page of figures.

use crate::node::{CPU_UNITS, MEMORY_MIB};
use crate::world::World;
use model::task::TaskStatus;
use std::collections::BTreeMap;
use std::fmt;

/// How the running tasks lie over the hosts at the end of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Tasks that run.
    pub tasks: usize,
    /// The fewest and the most on one instance.
    pub per_instance: (usize, usize),
    /// The fewest and the most in one zone.
    pub per_zone: (usize, usize),
    /// Of the CPU of the instances that have a task, how much is reserved, from 0 to 1.
    pub cpu_packing: f64,
    /// The same of memory.
    pub memory_packing: f64,
}

impl Layout {
    /// As the newest visible state has it.
    pub(crate) fn of(world: &World) -> Self {
        let Some(state) = world.check.last() else { return Self::default() };
        let (mut instances, mut zones) = (BTreeMap::new(), BTreeMap::new());
        let (mut cpu, mut memory) = (0_u64, 0_u64);
        for instance in state.all_instances().filter(|instance| instance.agent_connected) {
            let tasks =
                state.active_tasks_on(&instance.id).filter(|task| task.last_status == TaskStatus::Running);
            let mut count = 0;
            for task in tasks {
                let demand = task.demand();
                (cpu, memory) = (cpu + u64::from(demand.cpu_units), memory + u64::from(demand.memory_mib));
                count += 1;
            }
            instances.insert(instance.id.clone(), count);
            let zone = instance.attributes.get("ecs.availability-zone").cloned().flatten();
            *zones.entry(zone).or_insert(0) += count;
        }
        let used = instances.values().filter(|count| **count > 0).count().max(1) as f64;
        let ends =
            |of: Vec<usize>| (of.iter().min().copied().unwrap_or(0), of.iter().max().copied().unwrap_or(0));
        Self {
            tasks: instances.values().sum(),
            per_instance: ends(instances.values().copied().collect()),
            per_zone: ends(zones.values().copied().collect()),
            cpu_packing: cpu as f64 / (used * f64::from(CPU_UNITS)),
            memory_packing: memory as f64 / (used * f64::from(MEMORY_MIB)),
        }
    }
}

impl fmt::Display for crate::run::Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (virtually, really) = (self.virtual_time.as_secs_f64(), self.real_time.as_secs_f64().max(1e-9));
        let mut row = |name: &str, value: String| writeln!(f, "{name:<22}{value}");
        row("seed", self.seed.to_string())?;
        row("trace", format!("{:016x}, {} lines", self.hash, self.lines))?;
        row(
            "simulated",
            format!("{virtually:.0} s in {really:.2} s, {:.0} × real time", virtually / really),
        )?;
        row("instances", self.nodes.to_string())?;
        row("calls", format!("{} acknowledged, {} refused or lost", self.acknowledged, self.unanswered))?;
        row("tasks placed", format!("{}, {:.0}/s of real time", self.placed, self.placed as f64 / really))?;
        row("without room", self.unplaced.to_string())?;
        row("containers started", self.started.to_string())?;
        row("commits", format!("{}, {:.0}/s of real time", self.commits, self.commits as f64 / really))?;
        row("faults", self.fault_kinds())?;
        let layout = &self.layout;
        let (least, most) = layout.per_instance;
        row("running at the end", layout.tasks.to_string())?;
        row("on one instance", format!("{least} to {most}"))?;
        row("in one zone", format!("{} to {}", layout.per_zone.0, layout.per_zone.1))?;
        let (cpu, memory) = (layout.cpu_packing * 100.0, layout.memory_packing * 100.0);
        row("packing", format!("{cpu:.0} % of CPU, {memory:.0} % of memory where anything runs"))
    }
}

impl crate::run::Outcome {
    /// How many of each kind.
    fn fault_kinds(&self) -> String {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        self.timeline_faults.iter().for_each(|(_, kind)| *kinds.entry(kind).or_default() += 1);
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    }
}
