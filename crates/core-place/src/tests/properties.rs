//! Properties of random clusters and requests, most of them written in the language of [`super::cluster`].

use super::cluster::Cluster;
use super::naive;
use crate::{Hosts, Needs, Place};
use model::instance::ContainerInstance;
use model::placement::PlacementStrategy;
use model::task::Task;
use model::view::View;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::Config as ProptestConfig;
use std::collections::BTreeMap;

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn instance_line() -> impl Strategy<Value = String> {
    let zone = pick(&["", "zone=a", "zone=b", "zone=c", "zone=a anyzone"]);
    let rack = pick(&["", "rack=1", "rack=2", "rack="]);
    let size = pick(&["cpu=1024 mem=2048", "cpu=2048 mem=2048", "cpu=2048 mem=4096", "cpu=300 mem=8192"]);
    let kind =
        pick(&["", "", "type=c5.large", "type=c5.large trunk=x", "gpus=g1+g2", "reserved=80", "asg=x"]);
    let state = pick(&["", "", "", "", "draining", "away", "deregistered"]);
    let tasks =
        pick(&["", "", "running=web:1", "running=web:2,db:1", "running=db:3", "stopping=web:2 running=db"]);
    (zone, rack, size, kind, state, tasks).prop_map(|(a, b, c, d, e, f)| format!("{a} {b} {c} {d} {e} {f}"))
}

fn run_line() -> impl Strategy<Value = String> {
    let rules = &[
        "random",
        "spread(zone)",
        "spread(rack)",
        "spread(instanceId)",
        "spread(host)",
        "binpack(cpu)",
        "binpack(memory)",
    ];
    let strategy = prop::collection::vec(pick(rules), 0..=5).prop_map(|rules| match rules.as_slice() {
        [] => String::new(),
        rules => format!("strategy={}", rules.join(",")),
    });
    let size = pick(&["cpu=256 mem=512", "cpu=128 mem=128", "cpu=700 mem=128", "cpu=0 mem=900"]);
    let extra = pick(&[
        "",
        "",
        "",
        "tcp=80",
        "udp=53",
        "gpus=1",
        "awsvpc",
        "distinct",
        "fargate",
        "asg=x",
        "distinct awsvpc",
        "awsvpc nosubnet=a",
        "fargate nosubnet=b,c",
    ]);
    let group = pick(&["", "", "group=db", "group=new"]);
    let expression = pick(&[
        "",
        "",
        " where attribute:rack == 1",
        " where task:group == db",
        " where not(task:group == web)",
        " where runningTasksCount < 3 and attribute:ecs.availability-zone in [a, b]",
    ]);
    (1u32..9, any::<u64>(), strategy, size, extra, group, expression)
        .prop_map(|(n, seed, a, b, c, d, e)| format!("run {n} seed={seed} {a} {b} {c} {d}{e}"))
}

fn instance_lines() -> impl Strategy<Value = String> {
    prop::collection::vec(instance_line(), 0..14).prop_map(|lines| {
        // In an order that is not that of the ids.
        let line = |(n, line): (usize, &String)| format!("i{:02} {line}\n", (n * 5) % 14);
        lines.iter().enumerate().map(line).collect()
    })
}

/// A text, so that a failure can be read.
pub(super) fn cluster() -> impl Strategy<Value = String> {
    let runs = prop::collection::vec(run_line(), 1..10).prop_map(|lines| lines.join("\n"));
    (instance_lines(), runs).prop_map(|(instances, runs)| format!("{instances}{runs}"))
}

/// The record of a task that was placed.
fn placed(wanted: &Task, needs: &Needs, place: &Place, n: usize) -> Task {
    let mut task = wanted.clone();
    (task.id, task.group) = (format!("p{n}").into(), needs.group.clone());
    task.instance = Some(place.instance.clone());
    task.containers[0].gpu_ids = place.gpus.clone();
    task
}

/// One change of a record: before and after.
#[derive(Clone, Debug)]
enum Change {
    Instance(Option<Box<ContainerInstance>>, Option<Box<ContainerInstance>>),
    Task(Option<Box<Task>>, Option<Box<Task>>),
}

impl Change {
    fn apply(&self, hosts: &mut Hosts) {
        match self {
            Self::Instance(old, new) => hosts.observe_instance(old.as_deref(), new.as_deref()),
            Self::Task(old, new) => hosts.observe_task(old.as_deref(), new.as_deref()),
        }
    }

    fn reversed(&self) -> Self {
        match self.clone() {
            Self::Instance(old, new) => Self::Instance(new, old),
            Self::Task(old, new) => Self::Task(new, old),
        }
    }
}

/// Changes from one cluster's records to the other's.
fn changes(from: &Cluster, to: &Cluster) -> Vec<Change> {
    let mut instances = BTreeMap::new();
    from.instances
        .iter()
        .for_each(|i| instances.entry(&i.id).or_insert((None, None)).0 = Some(Box::new(i.clone())));
    to.instances
        .iter()
        .for_each(|i| instances.entry(&i.id).or_insert((None, None)).1 = Some(Box::new(i.clone())));
    let mut tasks = BTreeMap::new();
    from.tasks.iter().for_each(|t| tasks.entry(&t.id).or_insert((None, None)).0 = Some(Box::new(t.clone())));
    to.tasks.iter().for_each(|t| tasks.entry(&t.id).or_insert((None, None)).1 = Some(Box::new(t.clone())));
    let instances = instances.into_values().map(|(old, new)| Change::Instance(old, new));
    instances.chain(tasks.into_values().map(|(old, new)| Change::Task(old, new))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_index_answers_as_a_scan_does(text in cluster()) {
        let Cluster { instances, mut tasks, runs, .. } = Cluster::parse(&text);
        let mut hosts = Hosts::from_records(&instances, &tasks);
        for (count, wanted, needs) in runs {
            let expected = naive::plan(&instances, &tasks, &wanted, &needs, count);
            prop_assert_eq!(&hosts.plan(&needs, count), &expected);
            prop_assert_eq!(&hosts.plan(&needs, count), &expected, "twice is the same");
            for place in expected.tasks.iter().flatten() {
                let task = placed(&wanted, &needs, place, tasks.len());
                hosts.observe_task(None, Some(&task));
                tasks.push(task);
            }
            prop_assert_eq!(invariants::instances_are_not_overcommitted(&instances, &tasks), Ok(()));
        }
    }

    #[test]
    fn a_kept_view_is_as_a_fresh_one_whatever_happened(
        from in cluster(),
        to in cluster(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 64),
        undone in 0usize..40,
    ) {
        let (from, to) = (Cluster::parse(&from), Cluster::parse(&to));
        let mut hosts = Hosts::from_records(&from.instances, &from.tasks);
        let mut pending = changes(&from, &to);
        let mut order = order.into_iter();
        let mut done = Vec::new();
        while !pending.is_empty() {
            let at = order.next().map_or(0, |index| index.index(pending.len()));
            let change = pending.swap_remove(at);
            change.apply(&mut hosts);
            done.push(change);
            // Plans in between leave rankings behind.
            let (count, _, needs) = &from.runs[done.len() % from.runs.len()];
            hosts.plan(needs, *count);
        }
        // The last changes are taken back and made again.
        let undone = undone.min(done.len());
        let last = &done[done.len() - undone..];
        last.iter().rev().for_each(|change| change.reversed().apply(&mut hosts));
        last.iter().for_each(|change| change.apply(&mut hosts));
        let mut fresh = Hosts::from_records(&to.instances, &to.tasks);
        prop_assert_eq!(hosts.difference(&fresh), None);
        for (count, _, needs) in from.runs.iter().chain(&to.runs) {
            prop_assert_eq!(hosts.plan(needs, *count), fresh.plan(needs, *count));
        }
    }

    #[test]
    fn places_that_stay_are_as_a_plan_of_all(text in cluster(), split in 0u32..9) {
        let cluster = Cluster::parse(&text);
        let mut hosts = Hosts::from_records(&cluster.instances, &cluster.tasks);
        for (count, _, mut needs) in cluster.runs {
            // Every batch draws anew.
            needs.strategy.retain(|rule| *rule != PlacementStrategy::Random);
            let whole = hosts.plan(&needs, count);
            let first = hosts.place(&needs, split.min(count));
            let rest = hosts.place(&needs, count - split.min(count));
            let both: Vec<_> = first.tasks.into_iter().chain(rest.tasks).collect();
            prop_assert_eq!(whole.tasks, both);
        }
    }

    #[test]
    fn spread_is_even_when_there_is_room(zones in 1usize..5, each in 1usize..4, count in 0u32..60) {
        let line = |n: usize| format!("i{n:02} zone=z{} cpu=65536 mem=65536\n", n % zones);
        let text: String = (0..zones * each).map(line).collect();
        let Cluster { instances, runs, .. } = Cluster::parse(&format!("{text}run {count} strategy=spread(zone)"));
        let placement = Hosts::from_records(&instances, []).plan(&runs[0].2, count);
        let mut by_instance: BTreeMap<_, u32> = instances.iter().map(|i| (i.id.clone(), 0)).collect();
        for place in placement.tasks.iter().flatten() {
            *by_instance.get_mut(&place.instance).unwrap() += 1;
        }
        let zone_of = |n: usize| by_instance.iter().skip(n).step_by(zones).map(|(_, n)| n).sum::<u32>();
        let even = |counts: &[u32]| counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1;
        prop_assert!(even(&(0..zones).map(zone_of).collect::<Vec<_>>()));
        for zone in 0..zones {
            let counts: Vec<_> = by_instance.values().skip(zone).step_by(zones).copied().collect();
            prop_assert!(even(&counts), "{counts:?}");
        }
        prop_assert_eq!(by_instance.values().sum::<u32>(), count);
    }

    #[test]
    fn until_nothing_fits_and_then_it_stays_so(text in cluster()) {
        let Cluster { instances, mut tasks, runs, .. } = Cluster::parse(&text);
        let mut hosts = Hosts::from_records(&instances, &tasks);
        for (_, wanted, needs) in runs.into_iter().filter(|(_, _, needs)| needs.demand.memory_mib > 0) {
            // Each of 14 instances has room for no more than 64 tasks of 128 MiB.
            for round in 0.. {
                prop_assert!(round < 14 * 64 / 8 + 2, "it never ends");
                let placement = hosts.plan(&needs, 8);
                for place in placement.tasks.iter().flatten() {
                    let task = placed(&wanted, &needs, place, tasks.len());
                    hosts.observe_task(None, Some(&task));
                    tasks.push(task);
                }
                if placement.tasks.iter().any(Result::is_err) {
                    prop_assert!(hosts.plan(&needs, 1).tasks[0].is_err());
                    break;
                }
            }
            prop_assert_eq!(invariants::instances_are_not_overcommitted(&instances, &tasks), Ok(()));
        }
    }
}
