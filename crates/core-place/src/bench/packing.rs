//! How full binpack fills instances, beside best-fit-decreasing, which knows all tasks beforehand and sorts them.

use super::{Figure, RUN_TASK_MAX, subject};
use crate::host::count_down;
use crate::plan::Chance;
use crate::{Hosts, Needs};
use std::collections::{BTreeMap, BTreeSet};

/// CPU units and memory in MiB of the tasks in the mix.
const SIZES: [(u32, u32); 8] = [
    (128, 256),
    (256, 512),
    (256, 1024),
    (512, 1024),
    (512, 2048),
    (1024, 3072),
    (1024, 8192),
    (2048, 12_288),
];
/// The instances' size.
const INSTANCE: (u32, u32) = (16_384, 65_536);
const BATCHES: usize = 3_000;

pub(super) fn measure() -> Vec<Figure> {
    let mut chance = Chance(42);
    let batches: Vec<_> =
        (0..BATCHES).map(|_| SIZES[(chance.next() % SIZES.len() as u64) as usize]).collect();
    let online = binpack(&mut subject::hosts(4_000), &batches);
    let offline = best_fit_decreasing(&batches);
    let measured =
        format!("instances used by {} tasks of {} sizes", BATCHES * RUN_TASK_MAX as usize, SIZES.len());
    let share = (online as f64 / offline as f64 - 1.0) * 100.0;
    let figure = |of: &str, figure: usize, note: String| Figure {
        measured: measured.clone(),
        of: of.to_owned(),
        figure: figure.to_string(),
        note,
    };
    vec![
        figure(
            "binpack(memory)",
            online,
            format!("{share:+.2} % beside it, in the order in which they come"),
        ),
        figure(
            "best-fit-decreasing",
            offline,
            "knows all beforehand, the best of 16 ways to sort".to_owned(),
        ),
        figure("what they need together", least(&batches), "no packing can use fewer".to_owned()),
    ]
}

/// As if tasks could be cut into pieces.
fn least(batches: &[(u32, u32)]) -> usize {
    let sum = |of: fn(&(u32, u32)) -> u32| batches.iter().map(|task| of(task) as usize).sum::<usize>();
    let tasks = RUN_TASK_MAX as usize;
    let cpu = (sum(|task| task.0) * tasks).div_ceil(INSTANCE.0 as usize);
    cpu.max((sum(|task| task.1) * tasks).div_ceil(INSTANCE.1 as usize))
}

fn binpack(hosts: &mut Hosts, batches: &[(u32, u32)]) -> usize {
    let mut used = BTreeSet::new();
    for &(cpu_units, memory_mib) in batches {
        let mut needs: Needs = subject::Kind::Binpack.needs();
        (needs.demand.cpu_units, needs.demand.memory_mib) = (cpu_units, memory_mib);
        let placement = hosts.place(&needs, RUN_TASK_MAX);
        used.extend(placement.tasks.into_iter().flatten().map(|place| place.instance));
    }
    used.len()
}

type Measure = fn(f64, f64) -> f64;

/// By what tasks are sorted, and by what the fullest instance is found: CPU and memory, as shares of an instance's.
const MEASURES: [Measure; 4] = [|_, memory| memory, |cpu, _| cpu, f64::max, |cpu, memory| cpu + memory];

/// The largest first, each where the least is left; the best of all ways to say which is larger and what is less.
fn best_fit_decreasing(batches: &[(u32, u32)]) -> usize {
    let ways = MEASURES.iter().flat_map(|size| MEASURES.iter().map(move |left| (size, left)));
    ways.map(|(size, left)| pack(batches, size, left)).min().unwrap_or(0)
}

fn pack(batches: &[(u32, u32)], size: &Measure, left: &Measure) -> usize {
    let by = |measure: &Measure, (cpu, memory): (u32, u32)| {
        let share =
            measure(f64::from(cpu) / f64::from(INSTANCE.0), f64::from(memory) / f64::from(INSTANCE.1));
        (share * 1e9) as u64
    };
    let mut items: Vec<_> = batches.iter().flat_map(|&task| [task; RUN_TASK_MAX as usize]).collect();
    items.sort_by_key(|&task| std::cmp::Reverse(by(size, task)));
    // What is left, the least first: on how many instances.
    let mut open: BTreeMap<(u64, (u32, u32)), u32> = BTreeMap::new();
    let mut used = 0;
    for (cpu, memory) in items {
        let fits =
            |&&(_, (free_cpu, free_memory)): &&(u64, (u32, u32))| cpu <= free_cpu && memory <= free_memory;
        let (free_cpu, free_memory) = match open.keys().find(fits).copied() {
            Some(found) => {
                count_down(&mut open, &found);
                found.1
            }
            None => {
                used += 1;
                INSTANCE
            }
        };
        let rest = (free_cpu - cpu, free_memory - memory);
        *open.entry((by(left, rest), rest)).or_default() += 1;
    }
    used
}
