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

fn with_set(set: StatisticSet) -> MetricDatum {
    MetricDatum { statistic_values: Some(set), ..without_value() }
}

fn without_value() -> MetricDatum {
    MetricDatum { value: None, ..value(0.0, NOW) }
}

fn with_values(values: &[f64], counts: Option<&[f64]>) -> MetricDatum {
    let (values, counts) = (Some(values.to_vec()), counts.map(<[f64]>::to_vec));
    MetricDatum { values, counts, ..without_value() }
}

/// Puts each as the second datum of a request, the first of which is right: nothing of the request is taken.
async fn refused(rows: Vec<(MetricDatum, &str)>) {
    let world = World::new();
    for (datum, expected) in rows {
        let expected = expected.replace('@', "MetricData.member.2.");
        assert_eq!(shown(world.put(vec![value(1.0, NOW), datum]).await), expected);
    }
    assert_eq!(world.series("Sum", 60, NOW - 15 * DAY, NOW + 3 * HOUR).await, []);
    let listed = world.metrics.list_metrics(&cx(), ListMetricsInput::default()).await.expect("an answer");
    assert_eq!(listed.metrics, Some(vec![]));
}

#[tokio::test]
async fn samples_come_in_one_of_three_forms() {
    let both = "are mutually exclusive and you have specified both.";
    let value_and_values = format!("InvalidParameterCombination: The parameters @Value and @Values {both}");
    let value_and_set =
        format!("InvalidParameterCombination: The parameters @Value and @StatisticValues {both}");
    let sizes = "InvalidParameterValue: The parameters @Values and @Counts must be of the same size.";
    let set = set(1.0, 1.0, 1.0, 1.0);
    refused(vec![
        (
            without_value(),
            "InvalidParameterCombination: \
             At least one of the parameters @Value and @StatisticValues must be specified.",
        ),
        (MetricDatum { value: Some(1.0), ..with_values(&[1.0], None) }, &value_and_values),
        (MetricDatum { value: Some(1.0), ..with_set(set) }, &value_and_set),
        (with_values(&[1.0], Some(&[1.0, 1.0])), sizes),
        (MetricDatum { counts: Some(vec![1.0]), ..value(1.0, NOW) }, sizes),
        (
            with_values(&[1.0; 151], None),
            "InvalidParameterValue: The collection @Values must not have a size greater than 150.",
        ),
    ])
    .await;
}

#[tokio::test]
async fn numbers_are_such_as_can_be_kept() {
    let invalid = |value: &str, member: &str| {
        format!("InvalidParameterValue: The value {value} for parameter @{member} is invalid.")
    };
    let sets = |samples, sum| with_set(set(samples, sum, 1.0, 1.0));
    refused(vec![
        (value(f64::NAN, NOW), &invalid("NaN", "Value")),
        (value(-1e300, NOW), &invalid("-1e300", "Value")),
        (with_values(&[1.0, 1e300], None), &invalid("1e300", "Values.member.2")),
        (with_values(&[1.0], Some(&[-1.0])), &invalid("-1.0", "Counts.member.1")),
        (sets(0.0, 0.0), &invalid("0.0", "StatisticValues.SampleCount")),
        (sets(1.0, f64::INFINITY), &invalid("inf", "StatisticValues.Sum")),
        (
            with_set(set(1.0, 1.0, 2.0, 1.0)),
            "InvalidParameterValue: \
             The parameter @StatisticValues.Maximum must be greater than @StatisticValues.Minimum.",
        ),
    ])
    .await;
}

#[tokio::test]
async fn times_and_names_are_such_as_cloudwatch_takes() {
    let named = |of: &[(&str, &str)]| MetricDatum { dimensions: Some(dimensions(of)), ..value(1.0, NOW) };
    let time =
        |what: &str| format!("InvalidParameterValue: The parameter @Timestamp must specify a time {what}.");
    let text = |member: &str, what: &str| {
        format!("InvalidParameterValue: The value for parameter @{member} {what}.")
    };
    refused(vec![
        (value(1.0, NOW - 14 * DAY - 1), &time("within the past two weeks")),
        (value(1.0, NOW + 2 * HOUR + 1), &time("no more than two hours in the future")),
        (
            MetricDatum { storage_resolution: Some(5), ..value(1.0, NOW) },
            "InvalidParameterValue: The parameter @StorageResolution must be a value in the set [ 1, 60 ].",
        ),
        (
            named(&[("a", "1"), ("a", "2")]),
            "InvalidParameterValue: No metric may specify the same dimension name twice.",
        ),
        (named(&[("a", "\u{e4}")]), &text("Dimensions.member.1.Value", "contains non-ASCII characters")),
        (named(&[(":a", "1")]), &text("Dimensions.member.1.Name", "must not start with a colon")),
        (named(&[("a", "1"), ("b", " ")]), &text("Dimensions.member.2.Value", "must not be blank")),
        (named(&[("b", " "), ("a", "1")]), &text("Dimensions.member.1.Value", "must not be blank")),
        (
            MetricDatum { metric_name: "\t".to_owned(), ..value(1.0, NOW) },
            &text("MetricName", "contains control characters"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_request_has_some_data_and_a_namespace_of_its_own() {
    let world = World::new();
    let v = || value(1.0, NOW);
    for (result, expected) in [
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
        (world.put_to("aws/App", vec![v()]).await, "taken"),
    ] {
        assert_eq!(shown(result), expected);
    }
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
