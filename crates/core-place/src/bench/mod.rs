//! The benchmark of placement: `wharf bench place`, and `cargo run --release -p core-place --features bench --example
//! place`. A core has no clock, so the caller brings one.

mod packing;
mod records;
mod scan;
mod subject;

use crate::{Hosts, Needs};
use model::task::Task;
use model::view::View;
use std::time::Duration;
use subject::Kind;

/// How many tasks RunTask takes at once.
const RUN_TASK_MAX: u32 = 10;
/// How many instances the rates are about.
const INSTANCES: u32 = 5_000;
/// How many tasks a rate is measured with, as far as the cluster has room.
const TASKS: u32 = 200_000;

/// One figure.
pub struct Figure {
    /// What was measured.
    pub measured: String,
    /// Whose figure it is, or how it was done.
    pub of: String,
    /// The figure, with its unit.
    pub figure: String,
    /// What it is beside.
    pub note: String,
}

/// A clock that never goes back.
pub type Clock<'a> = &'a dyn Fn() -> Duration;

/// Everything, on one core; some twenty seconds.
pub fn measure(clock: Clock<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for kind in Kind::ALL {
        figures.extend(rates(kind, clock));
    }
    figures.extend(sizes(clock));
    figures.extend(worst(clock));
    figures.extend(packing::measure());
    figures
}

/// Placements a second, in one batch, in RunTask's batches with their records, and by a scan.
fn rates(kind: Kind, clock: Clock<'_>) -> Vec<Figure> {
    let measured = format!("placements/s, {INSTANCES} instances, {}", kind.name());
    let count = kind.tasks(INSTANCES).min(TASKS);
    let hosts = subject::hosts(INSTANCES);
    let needs = kind.needs();
    let one_batch = {
        let mut hosts = hosts.clone();
        let began = clock();
        let placement = hosts.place(&needs, count);
        let took = clock() - began;
        assert!(placement.tasks.iter().all(Result::is_ok), "there is room for all");
        rate(count, took)
    };
    let batches = rate_in_batches(&mut hosts.clone(), &needs, count, clock);
    let scans = {
        let (mut hosts, count) = (hosts.clone(), 100);
        let began = clock();
        scan::place(&mut hosts, &needs, count);
        rate(count, clock() - began)
    };
    let figure = |of: &str, rate: f64, note: String| Figure {
        measured: measured.clone(),
        of: of.to_owned(),
        figure: format!("{rate:.0}"),
        note,
    };
    vec![
        figure("one batch", one_batch, format!("{count} tasks, the hosts keep them")),
        figure("batches of 10", batches, "each planned, then its records put".to_owned()),
        figure("full scan", scans, format!("batches of 10 are {:.0} times as fast", batches / scans)),
    ]
}

/// The same at several sizes.
fn sizes(clock: Clock<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for kind in Kind::ALL {
        let mut first = None;
        for instances in [100, 1_000, INSTANCES, 100_000] {
            let count = kind.tasks(instances).min(TASKS / 2);
            let mut hosts = subject::hosts(instances);
            // The first plan ranks all hosts; how long that takes is another figure.
            hosts.plan(&kind.needs(), 1);
            let rate = rate_in_batches(&mut hosts, &kind.needs(), count, clock);
            let beside = *first.get_or_insert(rate);
            figures.push(Figure {
                measured: format!("placements/s, batches of 10, {}", kind.name()),
                of: format!("{instances} instances"),
                figure: format!("{rate:.0}"),
                note: format!("a placement takes {:.2} of that of 100", beside / rate),
            });
        }
    }
    figures
}

/// What is not the usual case.
fn worst(clock: Clock<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    for instances in [INSTANCES, 100_000] {
        let mut hosts = subject::hosts(instances);
        let mut time = |what: &str, needs: &Needs, note: &str| {
            let began = clock();
            hosts.plan(needs, RUN_TASK_MAX);
            let took = clock() - began;
            figures.push(Figure {
                measured: what.to_owned(),
                of: format!("{instances} instances"),
                figure: format!("{:.3} ms", took.as_secs_f64() * 1e3),
                note: note.to_owned(),
            });
        };
        let mut needs = Kind::Spread.needs();
        time(
            "a batch of 10, the first since the instances came",
            &needs,
            "they are put in order, and ranked",
        );
        time("the next of its kind", &needs, "");
        needs.group = "service:other".to_owned();
        time("the first of another kind", &needs, "all hosts are ranked");
        needs.demand.cpu_units = u32::MAX;
        time("the first of a kind that nothing fits", &needs, "all hosts are ranked, and asked why");
        time("the next of its kind", &needs, "all hosts are asked why");
    }
    figures.push(many_kinds(clock));
    figures
}

/// Services take turns: each has a ranking of its own, which catches up with what the others did.
fn many_kinds(clock: Clock<'_>) -> Figure {
    const KINDS: u32 = 200;
    let mut hosts = subject::hosts(INSTANCES);
    let kinds: Vec<_> =
        (0..KINDS).map(|n| Needs { group: format!("service:s{n}"), ..Kind::Spread.needs() }).collect();
    let mut took = Duration::ZERO;
    let mut placed = 0;
    for round in 0..5 {
        for needs in &kinds {
            let spent = batch(&mut hosts, needs, RUN_TASK_MAX, &mut Vec::new(), clock);
            // The first round makes the rankings.
            if round > 0 {
                took += spent;
                placed += RUN_TASK_MAX;
            }
        }
    }
    Figure {
        measured: format!("placements/s, {INSTANCES} instances, {}", Kind::Spread.name()),
        of: format!("{KINDS} services in turn"),
        figure: format!("{:.0}", rate(placed, took)),
        note: "batches of 10".to_owned(),
    }
}

fn rate_in_batches(hosts: &mut Hosts, needs: &Needs, count: u32, clock: Clock<'_>) -> f64 {
    let mut took = Duration::ZERO;
    let mut records = Vec::new();
    for _ in 0..count / RUN_TASK_MAX {
        took += batch(hosts, needs, RUN_TASK_MAX, &mut records, clock);
    }
    rate(count / RUN_TASK_MAX * RUN_TASK_MAX, took)
}

/// As RunTask does it: a plan, then the records of its tasks. Making the records is not counted.
fn batch(
    hosts: &mut Hosts,
    needs: &Needs,
    count: u32,
    records: &mut Vec<Task>,
    clock: Clock<'_>,
) -> Duration {
    let began = clock();
    let placement = hosts.plan(needs, count);
    let planned = clock();
    records.clear();
    for place in placement.tasks {
        assert!(place.is_ok(), "there is room for all");
        records.extend(place.ok().map(|place| subject::task(needs, place)));
    }
    let made = clock();
    records.iter().for_each(|task| hosts.observe_task(None, Some(task)));
    (planned - began) + (clock() - made)
}

fn rate(count: u32, took: Duration) -> f64 {
    f64::from(count) / took.as_secs_f64()
}
