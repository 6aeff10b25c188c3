//! What people look at: a page of figures, and a drawing of the run.

use crate::node::{CPU_UNITS, MEMORY_MIB};
use crate::timeline::Sample;
use crate::world::World;
use model::task::TaskStatus;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

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

    /// The run as an SVG of its own: tasks by stage over time, and a mark for each fault. It has no background, and colours
    /// that can be told on light and dark ones.
    pub fn svg(&self) -> String {
        draw(&self.timeline, &self.timeline_faults, self.virtual_time)
    }
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 44.0;
/// From the bottom of the stack up.
const STAGES: [(&str, &str); 3] = [("running", "#2f9e6e"), ("starting", "#4a86d8"), ("stopping", "#c98a2b")];

fn draw(samples: &[Sample], faults: &[(Duration, &'static str)], lasted: Duration) -> String {
    let total = |s: &Sample| s.running + s.starting + s.stopping;
    let most = samples.iter().map(total).max().unwrap_or(0).max(1) as f64;
    let end = lasted.as_secs_f64().max(1.0);
    let x = |at: Duration| LEFT + (WIDTH - LEFT - 16.0) * at.as_secs_f64() / end;
    let y = |count: usize| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * count as f64 / most;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"12\" fill=\"#808890\">\n"
    );
    // Writing to a String never fails, here and below.
    for (n, (name, colour)) in STAGES.iter().enumerate() {
        let heights = |s: &Sample| {
            let stack = [s.running, s.starting, s.stopping];
            (stack[..n].iter().sum::<usize>(), stack[..=n].iter().sum::<usize>())
        };
        let mut points = String::new();
        for sample in samples {
            let _ = write!(points, "{:.1},{:.1} ", x(sample.at), y(heights(sample).1));
        }
        for sample in samples.iter().rev() {
            let _ = write!(points, "{:.1},{:.1} ", x(sample.at), y(heights(sample).0));
        }
        let _ = writeln!(svg, "<polygon points=\"{points}\" fill=\"{colour}\" fill-opacity=\"0.75\"/>");
        let at = LEFT + 110.0 * n as f64;
        let _ = writeln!(svg, "<rect x=\"{at}\" y=\"12\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        let _ = writeln!(svg, "<text x=\"{}\" y=\"22\">{name}</text>", at + 18.0);
    }
    for (at, kind) in faults {
        let (at, seconds) = (x(*at), at.as_secs());
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{}\" stroke=\"#d64545\" stroke-width=\"1.5\">\
             <title>{kind} at {seconds} s</title></line>",
            HEIGHT - BOTTOM + 4.0,
            HEIGHT - BOTTOM + 14.0
        );
    }
    let (axis, low) = (HEIGHT - BOTTOM, HEIGHT - 10.0);
    let _ =
        writeln!(svg, "<path d=\"M{LEFT} {TOP}V{axis}H{}\" fill=\"none\" stroke=\"#808890\"/>", WIDTH - 16.0);
    let _ =
        writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most:.0}</text>", LEFT - 8.0, TOP + 4.0);
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{axis}\" text-anchor=\"end\">0</text>", LEFT - 8.0);
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{low}\">tasks over time; red marks are faults</text>");
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{low}\" text-anchor=\"end\">{end:.0} s</text>", WIDTH - 16.0);
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_holds_each_sample_and_each_fault_within_its_frame() {
        let sample = |secs, running| Sample { at: Duration::from_secs(secs), running, ..Sample::default() };
        let faults = [(Duration::from_secs(5), "partition")];
        let svg = draw(&[sample(0, 0), sample(5, 10), sample(10, 4)], &faults, Duration::from_secs(10));
        assert!(svg.contains("500.0,36.0"), "ten tasks in the middle are the top: {svg}");
        assert!(svg.contains("partition at 5 s"));
        assert_eq!(svg.matches("<polygon").count(), STAGES.len());
    }
}
