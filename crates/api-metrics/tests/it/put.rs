//! PutMetricData: what it takes, what it refuses.

use crate::world::*;
use model::Timestamp;
use model::metrics::{Datum, Metric as ModelMetric};
use std::collections::BTreeMap;
use wire::metrics::*;

fn set(samples: f64, sum: f64, minimum: f64, maximum: f64) -> StatisticSet {
    StatisticSet { sample_count: samples, sum, minimum, maximum }
}

#[tokio::test]
async fn values_counts_and_statistic_sets_add_up() {
    let world = World::new();
    let of = |datum: MetricDatum| MetricDatum { value: None, ..datum };
    let values = Some(vec![2.0, 4.0]);
    let data = vec![
        value(1.0, NOW),
        MetricDatum { values: values.clone(), ..of(value(0.0, NOW)) },
        MetricDatum { values, counts: Some(vec![3.0, 0.5]), ..of(value(0.0, NOW + 59_999)) },
        MetricDatum { statistic_values: Some(set(2.0, 20.0, 9.0, 11.0)), ..of(value(0.0, NOW)) },
        value(-7.0, NOW + MINUTE),
        // All of its values were seen zero times: there is no sample.
        MetricDatum { values: Some(vec![5.0]), counts: Some(vec![0.0]), ..of(value(0.0, NOW + 2 * MINUTE)) },
    ];
    world.put(data).await.expect("taken");
    let end = NOW + HOUR;
    for (stat, first) in
        [("SampleCount", 8.5), ("Sum", 35.0), ("Average", 35.0 / 8.5), ("Minimum", 1.0), ("Maximum", 11.0)]
    {
        let second = if stat == "SampleCount" { 1.0 } else { -7.0 };
        let expected = vec![(0, first), (MINUTE, second)];
        assert_eq!(world.series(stat, 60, NOW, end).await, expected, "{stat}");
    }
}

#[tokio::test]
async fn a_datum_without_a_time_is_of_now_and_without_a_unit_has_none() {
    let world = World::new();
    world.put(vec![MetricDatum { timestamp: None, ..value(1.0, 0) }]).await.expect("taken");
    assert_eq!(world.series("Sum", 60, NOW, NOW + MINUTE).await, [(0, 1.0)]);
}

#[tokio::test]
async fn what_is_refused_and_how() {
    let world = World::new();
    let v = || value(1.0, NOW);
    let none = || MetricDatum { value: None, ..v() };
    let sets = |set| MetricDatum { statistic_values: Some(set), ..none() };
    let named = |of: &[(&str, &str)]| MetricDatum { dimensions: Some(dimensions(of)), ..v() };
    let combination = "InvalidParameterCombination: ";
    let invalid = "InvalidParameterValue: ";
    let rows = [
        (
            none(),
            combination,
            "At least one of the parameters MetricData.member.2.Value and MetricData.member.2.StatisticValues must be specified.",
        ),
        (
            MetricDatum { values: Some(vec![1.0]), ..v() },
            combination,
            "The parameters MetricData.member.2.Value and MetricData.member.2.Values are mutually exclusive and you have specified both.",
        ),
        (
            MetricDatum { statistic_values: Some(set(1.0, 1.0, 1.0, 1.0)), ..v() },
            combination,
            "The parameters MetricData.member.2.Value and MetricData.member.2.StatisticValues are mutually exclusive and you have specified both.",
        ),
        (
            MetricDatum { values: Some(vec![1.0]), counts: Some(vec![1.0, 1.0]), ..none() },
            invalid,
            "The parameters MetricData.member.2.Values and MetricData.member.2.Counts must be of the same size.",
        ),
        (
            MetricDatum { counts: Some(vec![1.0]), ..v() },
            invalid,
            "The parameters MetricData.member.2.Values and MetricData.member.2.Counts must be of the same size.",
        ),
        (
            MetricDatum { values: Some(vec![1.0; 151]), ..none() },
            invalid,
            "The collection MetricData.member.2.Values must not have a size greater than 150.",
        ),
        (
            MetricDatum { values: Some(vec![1.0]), counts: Some(vec![-1.0]), ..none() },
            invalid,
            "The value -1.0 for parameter MetricData.member.2.Counts.member.1 is invalid.",
        ),
        (value(f64::NAN, NOW), invalid, "The value NaN for parameter MetricData.member.2.Value is invalid."),
        (value(1e300, NOW), invalid, "The value 1e300 for parameter MetricData.member.2.Value is invalid."),
        (
            sets(set(0.0, 0.0, 0.0, 0.0)),
            invalid,
            "The value 0.0 for parameter MetricData.member.2.StatisticValues.SampleCount is invalid.",
        ),
        (
            sets(set(1.0, 1.0, 2.0, 1.0)),
            invalid,
            "The parameter MetricData.member.2.StatisticValues.Maximum must be greater than MetricData.member.2.StatisticValues.Minimum.",
        ),
        (
            value(1.0, NOW - 14 * DAY - 1),
            invalid,
            "The parameter MetricData.member.2.Timestamp must specify a time within the past two weeks.",
        ),
        (
            value(1.0, NOW + 2 * HOUR + 1),
            invalid,
            "The parameter MetricData.member.2.Timestamp must specify a time no more than two hours in the future.",
        ),
        (
            MetricDatum { storage_resolution: Some(5), ..v() },
            invalid,
            "The parameter MetricData.member.2.StorageResolution must be a value in the set [ 1, 60 ].",
        ),
        (named(&[("a", "1"), ("a", "2")]), invalid, "No metric may specify the same dimension name twice."),
        (
            named(&[("a", "\u{e4}")]),
            invalid,
            "The value for parameter MetricData.member.2.Dimensions.member.1.Value contains non-ASCII characters.",
        ),
        (
            named(&[(":a", "1")]),
            invalid,
            "The value for parameter MetricData.member.2.Dimensions.member.1.Name must not start with a colon.",
        ),
        (
            named(&[("a", " ")]),
            invalid,
            "The value for parameter MetricData.member.2.Dimensions.member.1.Value must not be blank.",
        ),
    ];
    for (datum, code, message) in rows {
        // Nothing of the request is taken, not even what is right.
        assert_eq!(shown(world.put(vec![v(), datum]).await), format!("{code}{message}"));
    }
    let refused = [
        (world.put(vec![]).await, "MissingParameter: The parameter MetricData is required."),
        (
            world.put(vec![v(); 1001]).await,
            "InvalidParameterValue: The collection MetricData must not have a size greater than 1000.",
        ),
        (
            world.put_to("AWS/App", vec![v()]).await,
            "InvalidParameterValue: The value AWS/ for parameter Namespace is invalid.",
        ),
        (
            world.put_to("\u{7f}", vec![v()]).await,
            "InvalidParameterValue: The value for parameter Namespace contains control characters.",
        ),
    ];
    for (result, expected) in refused {
        assert_eq!(shown(result), expected);
    }
    assert_eq!(world.series("Sum", 60, NOW - 15 * DAY, NOW + 3 * HOUR).await, []);
    let listed = world.metrics.list_metrics(&cx(), ListMetricsInput::default()).await.expect("an answer");
    assert_eq!(listed.metrics, Some(vec![]));
}

#[tokio::test]
async fn the_most_that_is_allowed_is_taken() {
    let world = World::new();
    let values: Vec<f64> = (0..150).map(f64::from).collect();
    let full = MetricDatum { value: None, values: Some(values), ..value(0.0, NOW) };
    world.put(vec![full; 1000]).await.expect("taken");
    world.put(vec![value(1.0, NOW - 14 * DAY), value(1.0, NOW + 2 * HOUR)]).await.expect("taken");
    assert_eq!(world.series("SampleCount", 60, NOW, NOW + MINUTE).await, [(0, 150_000.0)]);
}

#[tokio::test]
async fn what_wharf_reports_itself_loses_only_what_cannot_be_kept() {
    let world = World::new();
    let datum = |at: i64, values: &[(f64, f64)], unit: &str| Datum {
        metric: ModelMetric {
            namespace: "App".to_owned(),
            name: "m".to_owned(),
            dimensions: BTreeMap::new(),
        },
        at: Timestamp(at),
        unit: unit.to_owned(),
        values: values.to_vec(),
        resolution_secs: 60,
    };
    let data = vec![
        datum(NOW, &[(1.0, 2.0), (f64::INFINITY, 1.0), (3.0, -1.0)], "None"),
        datum(NOW - 15 * DAY, &[(1.0, 1.0)], "None"),
        datum(NOW, &[(1.0, 1.0)], "Furlongs"),
        datum(NOW, &[], "None"),
    ];
    world.metrics.put(&cx().scope, data).await.expect("taken");
    assert_eq!(world.series("Sum", 3600, NOW - 20 * DAY, NOW + HOUR).await, [(20 * DAY, 2.0)]);
}
