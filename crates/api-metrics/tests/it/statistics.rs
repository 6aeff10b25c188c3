//! GetMetricStatistics.

use crate::world::*;
use model::Timestamp;
use std::collections::BTreeMap;
use wire::metrics::*;

fn input(start: i64, end: i64, period: i32) -> GetMetricStatisticsInput {
    GetMetricStatisticsInput {
        namespace: "App".to_owned(),
        metric_name: "m".to_owned(),
        start_time: Timestamp(start),
        end_time: Timestamp(end),
        period,
        statistics: Some(vec![wire::metrics::Statistic::Sum]),
        ..GetMetricStatisticsInput::default()
    }
}

#[tokio::test]
async fn a_period_has_a_data_point_for_each_unit_and_all_that_was_asked_for() {
    let world = World::new();
    let with = |unit, datum| MetricDatum { unit: Some(unit), ..datum };
    let data = vec![
        with(StandardUnit::Seconds, value(1.0, NOW)),
        with(StandardUnit::Seconds, value(3.0, NOW + 1)),
        with(StandardUnit::Count, value(5.0, NOW + 2)),
    ];
    world.put(data).await.expect("taken");
    let all = GetMetricStatisticsInput {
        statistics: Some(Statistic::ALL.to_vec()),
        ..input(NOW, NOW + MINUTE, 60)
    };
    let answer = world.metrics.get_metric_statistics(&cx(), all.clone()).await.expect("an answer");
    let seconds = Datapoint {
        timestamp: Some(Timestamp(NOW)),
        sample_count: Some(2.0),
        average: Some(2.0),
        sum: Some(4.0),
        minimum: Some(1.0),
        maximum: Some(3.0),
        unit: Some(StandardUnit::Seconds),
        extended_statistics: None,
    };
    let points = answer.datapoints.expect("data points");
    assert_eq!((answer.label.as_deref(), points.len()), (Some("m"), 2));
    assert!(points.contains(&seconds), "{points:?}");
    let one_unit = GetMetricStatisticsInput { unit: Some(StandardUnit::Seconds), ..all };
    let answer = world.metrics.get_metric_statistics(&cx(), one_unit).await.expect("an answer");
    assert_eq!(answer.datapoints, Some(vec![seconds]));
}

#[tokio::test]
async fn percentiles_are_there_when_every_sample_is_known() {
    let world = World::new();
    world.put((1..=100).map(|n| value(f64::from(n), NOW)).collect()).await.expect("taken");
    world.put(vec![value(-1.0, NOW + MINUTE)]).await.expect("taken");
    let names = ["p0", "p50", "p99.9"].map(str::to_owned);
    let input = GetMetricStatisticsInput {
        statistics: None,
        extended_statistics: Some(names.to_vec()),
        ..input(NOW, NOW + HOUR, 60)
    };
    let answer = world.metrics.get_metric_statistics(&cx(), input).await.expect("an answer");
    let points = answer.datapoints.expect("data points");
    let expected = BTreeMap::from_iter(names.into_iter().zip([1.0, 50.0, 100.0]));
    let found: Vec<_> = points.into_iter().map(|point| point.extended_statistics).collect();
    assert_eq!(found, [Some(expected), None]);
}

#[tokio::test]
async fn metrics_are_told_apart_by_every_part_of_their_names() {
    let world = World::new();
    world
        .put(vec![MetricDatum { dimensions: Some(dimensions(&[("a", "1"), ("b", "2")])), ..value(1.0, NOW) }])
        .await
        .expect("taken");
    let found = async |region: &str, namespace: &str, of: &[(&str, &str)]| {
        let input = GetMetricStatisticsInput {
            namespace: namespace.to_owned(),
            dimensions: Some(dimensions(of)),
            ..input(NOW, NOW + MINUTE, 60)
        };
        let answer = world.metrics.get_metric_statistics(&cx_in(region), input).await.expect("an answer");
        answer.datapoints.expect("data points").len()
    };
    assert_eq!(found("us-east-1", "App", &[("b", "2"), ("a", "1")]).await, 1);
    assert_eq!(found("us-east-1", "App", &[("a", "1")]).await, 0);
    assert_eq!(found("us-east-1", "App", &[]).await, 0);
    assert_eq!(found("us-east-1", "app", &[("a", "1"), ("b", "2")]).await, 0);
    assert_eq!(found("eu-west-1", "App", &[("a", "1"), ("b", "2")]).await, 0);
}

#[tokio::test]
async fn what_is_refused_and_how() {
    let world = World::new();
    let ok = || input(NOW - HOUR, NOW, 60);
    let extended = |name: &str| GetMetricStatisticsInput {
        statistics: None,
        extended_statistics: Some(vec![name.to_owned()]),
        ..ok()
    };
    let rows = [
        (
            input(NOW, NOW, 60),
            "InvalidParameterValue: The parameter StartTime must not equal parameter EndTime.",
        ),
        (
            input(NOW + 1, NOW, 60),
            "InvalidParameterValue: The parameter StartTime must be less than the parameter EndTime.",
        ),
        (
            input(NOW - HOUR, NOW, 90),
            "InvalidParameterValue: The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.",
        ),
        (
            input(NOW - DAY - 1, NOW, 60),
            "InvalidParameterCombination: You have requested up to 1441 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        ),
        (
            GetMetricStatisticsInput { statistics: None, ..ok() },
            "InvalidParameterCombination: At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ),
        (
            GetMetricStatisticsInput { extended_statistics: Some(vec!["p1".to_owned()]), ..ok() },
            "InvalidParameterCombination: The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.",
        ),
        (
            extended("Sum"),
            "InvalidParameterValue: The value Sum for parameter ExtendedStatistics.member.1 is not supported.",
        ),
        (
            extended("p101"),
            "InvalidParameterValue: The value p101 for parameter ExtendedStatistics.member.1 is not a valid statistic.",
        ),
        (
            extended("tm90"),
            "InvalidParameterValue: Wharf does not compute tm90, in parameter ExtendedStatistics.member.1, yet.",
        ),
        (
            input(i64::MIN, i64::MAX, 60),
            "InvalidParameterCombination: You have requested up to 153722867280913 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        ),
        (input(NOW - DAY, NOW, 60), "taken"),
    ];
    for (input, expected) in rows {
        assert_eq!(shown(world.metrics.get_metric_statistics(&cx(), input).await), expected);
    }
}
