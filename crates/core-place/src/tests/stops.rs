//! Which tasks scale-in takes, in the language of [`super::cluster`]: instance and task, in order.

use super::cluster::{Cluster, stops};
use super::naive;
use super::properties::cluster;
use crate::{Hosts, plan_stops};
use expect_test::{Expect, expect};
use model::Timestamp;
use model::placement::{BinpackField, PlacementStrategy};
use model::task::Task;
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeSet;

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&stops(text));
}

#[test]
fn the_fullest_zone_loses_then_the_fullest_instance() {
    check(
        "
            i1 zone=a running=web:3
            i2 zone=a running=web:1
            i3 zone=b running=web:3,db:9
            i4 zone=c running=db:9
            stop 6 group=web
            stop 9 group=web
        ",
        expect![[r#"
            i1/t2 i3/t6 i1/t1 i3/t5 i2/t3 i3/t4
            i1/t0
        "#]],
    );
}

#[test]
fn the_instance_with_the_most_left_loses() {
    check(
        "
            i1 cpu=1000 running=web:4
            i2 cpu=1000 running=web:2,db:6
            i3 cpu=600  running=web:2
            stop 5 group=web strategy=binpack(cpu)
        ",
        expect![[r#"
            i1/t3 i1/t2 i1/t1 i1/t0 i3/t13
        "#]],
    );
}

#[test]
fn zones_stay_even_and_the_emptiest_instance_of_each_is_emptied() {
    check(
        "
            i1 zone=a mem=1000 running=web:2
            i2 zone=a mem=2000 running=web:2
            i3 zone=b mem=1000 running=web:2
            i4 zone=b mem=2000 running=web:2
            stop 4 group=web strategy=spread(zone),binpack(memory)
        ",
        expect![[r#"
            i4/t7 i2/t3 i4/t6 i2/t2
        "#]],
    );
}

#[test]
fn random_takes_any_task_and_follows_from_the_seed() {
    check(
        "
            i1 running=web:5
            i2 running=web:1
            stop 3 group=web strategy=random
            stop 3 group=web strategy=random seed=4
        ",
        expect![[r#"
            i1/t4 i1/t1 i2/t5
            i1/t2 i1/t3 i1/t0
        "#]],
    );
}

#[test]
fn what_is_left_once_the_task_is_gone_counts() {
    // i1 has 700 left, i2 800; but the task on i1 gives 500 back, that on i2 100.
    let Cluster { instances, mut tasks, .. } =
        Cluster::parse("i1 cpu=1200 running=web\n i2 cpu=900 running=web");
    tasks[0].overrides.cpu_units = Some(500);
    let hosts = Hosts::from_records(&instances, &tasks);
    let all: Vec<&Task> = tasks.iter().collect();
    let strategy = [PlacementStrategy::Binpack(BinpackField::Cpu)];
    assert_eq!(plan_stops(&hosts, &all, &strategy, 1, 0), [tasks[0].id.clone()]);
}

#[test]
fn the_newest_goes_first_and_what_runs_nowhere_before_all() {
    let Cluster { instances, mut tasks, .. } = Cluster::parse("i1 running=web:4");
    tasks[1].times.created_at = Timestamp(99);
    tasks[3].instance = Some("gone".into());
    let hosts = Hosts::from_records(&instances, &tasks);
    let all: Vec<&Task> = tasks.iter().collect();
    let stops = plan_stops(&hosts, &all, &[], 3, 0);
    assert_eq!(stops.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["t3", "t1", "t2"]);
    assert_eq!(plan_stops(&hosts, &all, &[], 9, 0).len(), 4);
}

proptest! {
    #[test]
    fn the_index_answers_as_looking_at_all_does(text in cluster(), count in 0u32..20) {
        let Cluster { instances, tasks, runs, .. } = Cluster::parse(&text);
        let hosts = Hosts::from_records(&instances, &tasks);
        for (_, _, mut needs) in runs {
            needs.strategy.retain(|rule| *rule != PlacementStrategy::Random);
            let of_group: Vec<&Task> = tasks.iter().filter(|task| naive::is_of_group(task, &needs)).collect();
            let expected = naive::stops(&instances, &tasks, &needs, count);
            prop_assert_eq!(plan_stops(&hosts, &of_group, &needs.strategy, count, 0), expected);
        }
    }

    #[test]
    fn zones_that_lose_tasks_stay_even(
        on in prop::collection::vec((0usize..3, 1usize..6), 1..9),
        count in 0usize..50,
    ) {
        let line = |(n, (zone, tasks)): (usize, &(usize, usize))| format!("i{n} zone=z{zone} running=web:{tasks}\n");
        let text: String = on.iter().enumerate().map(line).collect();
        let Cluster { instances, tasks, .. } = Cluster::parse(&text);
        let all: Vec<&Task> = tasks.iter().collect();
        let hosts = Hosts::from_records(&instances, &tasks);
        let stops: BTreeSet<_> = plan_stops(&hosts, &all, &[], count as u32, 0).into_iter().collect();
        prop_assert_eq!(stops.len(), count.min(tasks.len()), "each once");
        let mut zones = [(0, 0); 3];
        for task in &tasks {
            let n: usize = task.instance.as_ref().unwrap().as_str()[1..].parse().unwrap();
            let (had, left) = &mut zones[on[n].0];
            *had += 1;
            *left += usize::from(!stops.contains(&task.id));
        }
        let most = zones.iter().map(|&(_, left)| left).max().unwrap_or(0);
        prop_assert!(zones.iter().all(|&(had, left)| left == had || left + 1 >= most), "{:?}", zones);
    }
}
