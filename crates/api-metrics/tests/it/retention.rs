//! How data get coarser and are forgotten, whether or not they were rolled up.

use crate::world::*;
use wire::metrics::*;

fn fine(datum: MetricDatum) -> MetricDatum {
    MetricDatum { storage_resolution: Some(1), ..datum }
}

/// What each period shows of a sample at `NOW` once the clock shows `now`.
async fn sums(world: &World, now: i64) -> Vec<Option<f64>> {
    world.set(now);
    let mut sums = Vec::new();
    for period in [1, 60, 300, 3600] {
        let found = world.series("Sum", period, NOW, NOW + HOUR).await;
        sums.push(found.first().map(|(_, sum)| *sum));
    }
    sums
}

#[tokio::test]
async fn data_get_coarser_with_age_and_are_forgotten() {
    let mut world = World::new();
    world
        .put(vec![fine(value(1.0, NOW)), fine(value(2.0, NOW + SECOND)), value(4.0, NOW)])
        .await
        .expect("taken");
    world
        .put(vec![fine(value(8.0, NOW + 4 * MINUTE)), fine(value(16.0, NOW + 59 * MINUTE))])
        .await
        .expect("taken");
    for (age, seconds, minutes, fives, hours) in [
        (0, Some(1.0), Some(7.0), Some(15.0), Some(31.0)),
        (3 * HOUR, Some(1.0), Some(7.0), Some(15.0), Some(31.0)),
        (5 * HOUR, None, Some(7.0), Some(15.0), Some(31.0)),
        (15 * DAY, None, Some(7.0), Some(15.0), Some(31.0)),
        (16 * DAY, None, None, Some(15.0), Some(31.0)),
        (63 * DAY, None, None, Some(15.0), Some(31.0)),
        (64 * DAY, None, None, None, Some(31.0)),
        (455 * DAY, None, None, None, Some(31.0)),
        (456 * DAY, None, None, None, None),
    ] {
        let expected = [seconds, minutes, fives, hours];
        assert_eq!(sums(&world, NOW + age).await, expected, "{age} ms, before the roll-up");
        world.metrics.roll_up().await.expect("rolls up");
        assert_eq!(sums(&world, NOW + age).await, expected, "{age} ms, after it");
        world = world.restarted();
        assert_eq!(sums(&world, NOW + age).await, expected, "{age} ms, after a restart");
    }
}

#[tokio::test]
async fn a_roll_up_that_comes_late_changes_no_answer() {
    let world = World::new();
    world.put(vec![fine(value(1.0, NOW)), value(2.0, NOW)]).await.expect("taken");
    for age in [64 * DAY, 456 * DAY] {
        let before = sums(&world, NOW + age).await;
        world.metrics.roll_up().await.expect("rolls up");
        assert_eq!(sums(&world, NOW + age).await, before);
    }
}

#[tokio::test]
async fn more_than_one_pass_can_move_is_rolled_up_whole() {
    let world = World::new();
    for minutes in 0..10 {
        let at = |n: i64| NOW - HOUR + (minutes * 1000 + n) * SECOND / 4;
        let data = (0..1000).map(|n| fine(value(1.0, at(n)))).collect();
        world.put(data).await.expect("taken");
    }
    let many = (0..1000).flat_map(|n| (0..5).map(move |m| (n, m)));
    let data: Vec<_> = many
        .map(|(n, m)| MetricDatum { metric_name: format!("m{n}"), ..fine(value(1.0, NOW + m * SECOND)) })
        .collect();
    for part in data.chunks(1000) {
        world.put(part.to_vec()).await.expect("taken");
    }
    world.set(NOW + 16 * DAY);
    world.metrics.roll_up().await.expect("rolls up");
    let sum: f64 = world.series("Sum", 300, NOW - HOUR, NOW).await.iter().map(|(_, sum)| sum).sum();
    assert_eq!(sum, 10_000.0);
    world.set(NOW + 456 * DAY);
    world.metrics.roll_up().await.expect("rolls up");
    world.set(NOW);
    let listed = world.metrics.list_metrics(&cx(), ListMetricsInput::default()).await.expect("an answer");
    assert_eq!(listed.metrics, Some(vec![]), "series without points are forgotten");
}

#[tokio::test]
async fn fine_data_of_long_ago_are_kept_as_coarsely_as_their_age_says() {
    let world = World::new();
    world
        .put(vec![fine(value(1.0, NOW - 4 * HOUR)), fine(value(2.0, NOW - 4 * HOUR + SECOND))])
        .await
        .expect("taken");
    assert_eq!(world.series("Sum", 1, NOW - 4 * HOUR, NOW).await, []);
    assert_eq!(world.series("Sum", 60, NOW - 4 * HOUR, NOW).await, [(0, 3.0)]);
}
