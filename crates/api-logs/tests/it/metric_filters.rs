//! Metric filters: as records, and what log events count into metrics.

use crate::api::{Disk, NOW, create, cx, put};
use crate::door::call;
use api_logs::Logs;
use model::Timestamp;
use model::metrics::Datum;
use serde_json::{Value, json};
use wire::logs::*;

const MINUTE: i64 = 60_000;
/// `NOW` is 20 seconds into a minute.
const MINUTE_START: i64 = NOW - NOW % MINUTE;

fn wanted(value: &str) -> MetricTransformation {
    MetricTransformation {
        metric_name: "Count".to_owned(),
        metric_namespace: "App".to_owned(),
        metric_value: value.to_owned(),
        ..MetricTransformation::default()
    }
}

async fn put_filter(
    logs: &Logs,
    group: &str,
    name: &str,
    pattern: &str,
    transformation: MetricTransformation,
) -> Result<(), String> {
    let input = PutMetricFilterRequest {
        log_group_name: group.to_owned(),
        filter_name: name.to_owned(),
        filter_pattern: pattern.to_owned(),
        metric_transformations: vec![transformation],
    };
    let refusal = |error: wire::ApiError| format!("{}: {}", error.code, error.message);
    logs.put_metric_filter(&cx(), input).await.map(drop).map_err(refusal)
}

async fn described(logs: &Logs, input: Value) -> (Vec<MetricFilter>, Option<String>) {
    let input = serde_json::from_value(input).expect("a request");
    let answer = logs.describe_metric_filters(&cx(), input).await.expect("described");
    (answer.metric_filters.expect("a list"), answer.next_token)
}

async fn names(logs: &Logs, input: Value) -> String {
    let name = |filter: MetricFilter| {
        format!("{}/{}", filter.log_group_name.expect("named"), filter.filter_name.expect("named"))
    };
    described(logs, input).await.0.into_iter().map(name).collect::<Vec<_>>().join(" ")
}

async fn delete(logs: &Logs, group: &str, name: &str) -> Result<(), String> {
    let (log_group_name, filter_name) = (group.to_owned(), name.to_owned());
    let input = DeleteMetricFilterRequest { log_group_name, filter_name };
    logs.delete_metric_filter(&cx(), input).await.map(drop).map_err(|error| error.to_string())
}

/// What was put since the last look, as `name{dimensions}@minute unit value*count …`, minutes from `NOW`'s.
fn counted(disk: &Disk) -> Vec<String> {
    let text = |datum: Datum| {
        assert_eq!((datum.metric.namespace.as_str(), datum.resolution_secs), ("App", 60));
        assert_eq!(datum.at.0 % MINUTE, 0);
        let dimensions: String =
            datum.metric.dimensions.iter().map(|(k, v)| format!("{{{k}={v}}}")).collect();
        let values: String = datum.values.iter().map(|(value, count)| format!(" {value}*{count}")).collect();
        let minute = (datum.at.0 - MINUTE_START) / MINUTE;
        format!("{}{dimensions}@{minute} {}{values}", datum.metric.name, datum.unit)
    };
    disk.metrics.data.lock().expect("whole").drain(..).map(text).collect()
}

#[tokio::test]
async fn a_filter_is_put_described_changed_and_deleted_over_restarts() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &[]).await;
    let transformation = MetricTransformation {
        dimensions: Some([("Level".to_owned(), "$.level".to_owned())].into()),
        unit: Some(StandardUnit::Milliseconds),
        ..wanted("$.ms")
    };
    let pattern = "{ $.level = * && $.ms = * }";
    put_filter(&logs, "g", "f", pattern, transformation.clone()).await.expect("put");
    let logs = disk.open_at(NOW + 5);
    let (filters, _) = described(&logs, json!({ "logGroupName": "g" })).await;
    let expected = MetricFilter {
        log_group_name: Some("g".to_owned()),
        filter_name: Some("f".to_owned()),
        filter_pattern: Some(pattern.to_owned()),
        metric_transformations: Some(vec![transformation]),
        creation_time: Some(NOW),
        ..MetricFilter::default()
    };
    assert_eq!(filters, std::slice::from_ref(&expected));

    let changed = MetricTransformation { default_value: Some(0.0), ..wanted("1") };
    put_filter(&logs, "g", "f", "", changed.clone()).await.expect("put");
    let expected = MetricFilter {
        filter_pattern: Some(String::new()),
        metric_transformations: Some(vec![changed]),
        ..expected
    };
    assert_eq!(described(&logs, json!({})).await.0, [expected]);
    let groups =
        logs.describe_log_groups(&cx(), DescribeLogGroupsRequest::default()).await.expect("described");
    let groups = groups.log_groups.expect("a list");
    assert_eq!(groups[0].metric_filter_count, Some(1));

    delete(&logs, "g", "f").await.expect("deleted");
    assert_eq!(described(&disk.open(), json!({})).await.0, []);
    let again = delete(&logs, "g", "f").await.expect_err("gone");
    assert_eq!(again, "ResourceNotFoundException: The specified metric filter f does not exist.");
    for refused in [delete(&logs, "x", "f").await, put_filter(&logs, "x", "f", "", wanted("1")).await] {
        let refused = refused.expect_err("no group");
        assert_eq!(refused, "ResourceNotFoundException: The specified log group does not exist.");
    }
}

#[tokio::test]
async fn filters_are_listed_by_name_in_pages_and_chosen_by_group_prefix_and_metric() {
    let disk = Disk::new();
    let logs = disk.open();
    for group in ["a", "b"] {
        create(&logs, group, &[]).await;
        for name in ["two", "one", "Three"] {
            let metric_name = format!("{group}-{name}");
            put_filter(&logs, group, name, "", MetricTransformation { metric_name, ..wanted("1") })
                .await
                .expect("put");
        }
    }
    assert_eq!(names(&logs, json!({})).await, "a/Three b/Three a/one b/one a/two b/two");
    assert_eq!(names(&logs, json!({ "logGroupName": "b" })).await, "b/Three b/one b/two");
    assert_eq!(names(&logs, json!({ "logGroupName": "b", "filterNamePrefix": "t" })).await, "b/two");
    let without_a_group = names(&logs, json!({ "filterNamePrefix": "t" })).await;
    assert_eq!(without_a_group, "a/Three b/Three a/one b/one a/two b/two");
    assert_eq!(names(&logs, json!({ "metricName": "b-one", "metricNamespace": "App" })).await, "b/one");
    assert_eq!(names(&logs, json!({ "metricName": "b-one", "metricNamespace": "Other" })).await, "");

    let (mut pages, mut token) = (Vec::new(), None::<String>);
    loop {
        let input = json!({ "limit": 4, "nextToken": token });
        pages.push(names(&logs, input.clone()).await);
        token = described(&logs, input).await.1;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["a/Three b/Three a/one b/one", "a/two b/two"]);
    let refused =
        call(&logs, "DescribeMetricFilters", &json!({ "nextToken": "t" })).await.expect_err("no token");
    assert_eq!(refused, "InvalidParameterException: The specified nextToken is invalid.");
    let refused =
        call(&logs, "DescribeMetricFilters", &json!({ "logGroupName": "x" })).await.expect_err("no group");
    assert_eq!(refused, "ResourceNotFoundException: The specified log group does not exist.");
}

#[tokio::test]
async fn what_is_no_filter_is_refused_and_changes_nothing() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &[]).await;
    let with = |dimensions: &[(&str, &str)], default_value| MetricTransformation {
        dimensions: Some(dimensions.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()),
        default_value,
        ..wanted("1")
    };
    let aws = MetricTransformation { metric_namespace: "AWS/ECS".to_owned(), ..wanted("1") };
    let foreign = MetricTransformation { metric_namespace: "Übung".to_owned(), ..wanted("1") };
    let nameless = MetricTransformation { metric_name: String::new(), ..wanted("1") };
    for (pattern, transformation, expected) in [
        ("{ $.a", wanted("1"), "Invalid filter pattern: "),
        ("ERROR", wanted("many"), "Invalid metric transformation: metric value must be a valid number"),
        ("ERROR", with(&[("A", "$.a")], None), "The specified filter pattern does not support dimensions"),
        (
            "{ $.a = * }",
            with(&[("A", "$.a")], Some(0.0)),
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties",
        ),
        (
            "{ $.a = * }",
            with(&[("A", "web")], None),
            "Invalid metric transformation: dimension value must be valid selector",
        ),
        ("ERROR", aws, "Invalid metric transformation: namespaces starting with AWS/ are reserved"),
        ("ERROR", nameless, "Invalid metric transformation: metricName must be ASCII text, and not blank"),
        (
            "ERROR",
            foreign,
            "Invalid metric transformation: metricNamespace must be ASCII text, and not blank",
        ),
    ] {
        let refused = put_filter(&logs, "g", "f", pattern, transformation).await.expect_err(pattern);
        assert!(refused.starts_with(&format!("InvalidParameterException: {expected}")), "{refused}");
    }
    let request = json!({
        "logGroupName": "g", "filterName": "f", "filterPattern": "",
        "metricTransformations": [{ "metricName": "m", "metricNamespace": "n", "metricValue": "1" }],
    });
    for (member, value) in [
        ("applyOnTransformedLogs", json!(true)),
        ("fieldSelectionCriteria", json!("@aws.region = \"us-east-1\"")),
        ("emitSystemFieldDimensions", json!(["@aws.account"])),
    ] {
        let mut request = request.clone();
        request[member] = value;
        let refused = call(&logs, "PutMetricFilter", &request).await.expect_err(member);
        assert!(refused.starts_with("InvalidParameterException: ") && refused.contains(member), "{refused}");
    }
    let mut twice = request.clone();
    twice["metricTransformations"] =
        json!([request["metricTransformations"][0], request["metricTransformations"][0]]);
    let refused = call(&logs, "PutMetricFilter", &twice).await.expect_err("two transformations");
    assert!(refused.starts_with("InvalidParameterException: "), "{refused}");
    assert_eq!(described(&logs, json!({})).await.0, []);
    call(&logs, "PutMetricFilter", &request).await.expect("the rest is right");
}

#[tokio::test]
async fn a_group_has_a_hundred_filters_and_five_regular_expressions() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &[]).await;
    create(&logs, "other", &[]).await;
    for n in 0..3 {
        let pattern = if n == 0 { "%x%" } else { "{ $.a = %x% && $.b = %y% }" };
        put_filter(&logs, "g", &format!("f{n}"), pattern, wanted("1")).await.expect("put");
    }
    let refused = put_filter(&logs, "g", "f", "%x%", wanted("1")).await.expect_err("a sixth expression");
    assert!(refused.starts_with("LimitExceededException: "), "{refused}");
    put_filter(&logs, "g", "f1", "{ $.a = %x% && $.b = %z% }", wanted("1"))
        .await
        .expect("in place of its own");
    for n in 3..100 {
        put_filter(&logs, "g", &format!("f{n}"), "x", wanted("1")).await.expect("put");
    }
    let refused = put_filter(&logs, "g", "f", "x", wanted("1")).await.expect_err("one too many");
    assert_eq!(refused, "LimitExceededException: Resource limit exceeded.");
    put_filter(&logs, "g", "f99", "y", wanted("1")).await.expect("in place of another one");
    put_filter(&logs, "other", "f", "x", wanted("1")).await.expect("another group");
}

#[tokio::test]
async fn events_count_at_their_own_minute_from_the_filter_on_until_it_is_deleted() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    create(&logs, "other", &["s"]).await;
    put(&logs, "g", "s", &[(0, "ERROR before")]).await.expect("stored");
    put_filter(&logs, "g", "errors", "ERROR", wanted("1")).await.expect("put");
    let batch = [(-MINUTE, "ERROR 1"), (-MINUTE, "fine"), (0, "ERROR 2"), (1, "ERROR 3")];
    put(&logs, "g", "s", &batch).await.expect("stored");
    assert_eq!(counted(&disk), ["Count@-1 None 1*1", "Count@0 None 1*2"]);
    put(&logs, "other", "s", &[(0, "ERROR elsewhere")]).await.expect("stored");
    put(&logs, "g", "s", &[(0, "fine")]).await.expect("stored");
    assert_eq!(counted(&disk), [""; 0]);

    let seconds = MetricTransformation { unit: Some(StandardUnit::Seconds), ..wanted("2") };
    put_filter(&logs, "g", "errors", "ERROR", seconds).await.expect("changed");
    put_filter(&logs, "g", "sizes", "[kind, size > 10]", wanted("$size")).await.expect("put");
    put(&logs, "g", "s", &[(0, "ERROR 11"), (0, "a 30"), (0, "b 11"), (0, "c 9")]).await.expect("stored");
    assert_eq!(counted(&disk), ["Count@0 Seconds 2*1", "Count@0 None 11*2 30*1"]);

    let logs = disk.open();
    put(&logs, "g", "s", &[(0, "ERROR 1")]).await.expect("stored");
    assert_eq!(counted(&disk), ["Count@0 Seconds 2*1"], "after a restart too");
    delete(&logs, "g", "errors").await.expect("deleted");
    put(&logs, "g", "s", &[(0, "ERROR 1")]).await.expect("stored");
    assert_eq!(counted(&disk), [""; 0]);
}

#[tokio::test]
async fn events_that_are_rejected_do_not_count() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    put_filter(&logs, "g", "all", "", wanted("1")).await.expect("put");
    put(&logs, "g", "s", &[(0, "kept"), (3 * 60 * MINUTE, "too new")]).await.expect("stored");
    assert_eq!(counted(&disk), ["Count@0 None 1*1"]);
    put(&logs, "g", "nowhere", &[(0, "lost")]).await.expect_err("no stream");
    assert_eq!(counted(&disk), [""; 0]);
}

#[tokio::test]
async fn each_combination_of_dimensions_is_a_metric_and_an_hour_has_a_thousand() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    let by_kind = MetricTransformation {
        dimensions: Some([("Kind".to_owned(), "$kind".to_owned())].into()),
        ..wanted("$n")
    };
    put_filter(&logs, "g", "f", "[kind, n]", by_kind).await.expect("put");
    put(&logs, "g", "s", &[(0, "a 1"), (0, "b 2"), (0, "a 3"), (0, "a 1"), (0, "c x")])
        .await
        .expect("stored");
    assert_eq!(counted(&disk), ["Count{Kind=a}@0 None 1*2 3*1", "Count{Kind=b}@0 None 2*1"]);

    let messages: Vec<String> = (0..1200).map(|n| format!("kind-{n} 1")).collect();
    let events: Vec<_> = messages.iter().map(|message| (0, message.as_str())).collect();
    put(&logs, "g", "s", &events).await.expect("stored");
    assert_eq!(counted(&disk).len(), 998, "a and b are two of the thousand");
    put(&logs, "g", "s", &[(0, "a 1"), (0, "new 1")]).await.expect("stored");
    assert_eq!(counted(&disk), ["Count{Kind=a}@0 None 1*1"]);
}

#[tokio::test]
async fn a_minute_without_a_match_has_the_default_value_once_when_it_is_over() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    let default = MetricTransformation { default_value: Some(0.5), ..wanted("7") };
    put_filter(&logs, "g", "f", "ERROR", default).await.expect("put");
    put(&logs, "g", "s", &[(-MINUTE, "fine"), (0, "fine")]).await.expect("stored");
    put(&logs, "g", "s", &[(0, "fine"), (MINUTE, "fine")]).await.expect("stored");
    let later = |millis: i64| Timestamp(MINUTE_START + millis);
    logs.report_default_values(Timestamp(NOW + 9_999)).await;
    assert_eq!(counted(&disk), [""; 0], "a match may still come");
    *disk.metrics.broken.lock().expect("whole") = true;
    logs.report_default_values(Timestamp(NOW + 10_000)).await;
    *disk.metrics.broken.lock().expect("whole") = false;
    logs.report_default_values(Timestamp(NOW + 10_000)).await;
    assert_eq!(counted(&disk), ["Count@-1 None 0.5*1"], "tried again");
    logs.report_default_values(later(MINUTE + 9_999)).await;
    put(&logs, "g", "s", &[(0, "ERROR")]).await.expect("stored");
    assert_eq!(counted(&disk), ["Count@0 None 7*1"]);
    logs.report_default_values(later(MINUTE + 10_000)).await;
    assert_eq!(counted(&disk), [""; 0], "it matched");
    logs.report_default_values(later(2 * MINUTE + 10_000)).await;
    assert_eq!(counted(&disk), ["Count@1 None 0.5*1"]);
    put(&logs, "g", "s", &[(-MINUTE, "fine"), (0, "fine")]).await.expect("stored");
    put(&logs, "g", "s", &[(-2 * 60 * MINUTE, "fine")]).await.expect("stored");
    logs.report_default_values(later(10 * MINUTE)).await;
    assert_eq!(counted(&disk), [""; 0], "known already, or long over");

    put(&logs, "g", "s", &[(2 * MINUTE, "fine")]).await.expect("stored");
    delete(&logs, "g", "f").await.expect("deleted");
    logs.report_default_values(later(10 * MINUTE)).await;
    assert_eq!(counted(&disk), [""; 0], "a filter that is gone reports nothing");
}

/// Events first, then metrics: what is acknowledged is in both.
#[tokio::test]
async fn a_batch_that_cannot_count_is_not_acknowledged_and_counts_once_when_it_comes_again() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    put_filter(&logs, "g", "f", "ERROR", wanted("1")).await.expect("put");
    *disk.metrics.broken.lock().expect("whole") = true;
    let error = put(&logs, "g", "s", &[(0, "ERROR")]).await.expect_err("not counted");
    assert_eq!((error.code, error.status), ("InternalFailure", 500));
    put(&logs, "g", "s", &[(0, "fine")]).await.expect("nothing to count");
    *disk.metrics.broken.lock().expect("whole") = false;
    put(&logs, "g", "s", &[(0, "ERROR")]).await.expect("stored and counted");
    assert_eq!(counted(&disk), ["Count@0 None 1*1"]);
}

#[tokio::test]
async fn filters_go_with_their_group() {
    let disk = Disk::new();
    let logs = disk.open();
    for group in ["g", "gg"] {
        create(&logs, group, &["s"]).await;
        put_filter(&logs, group, "f", "", wanted("1")).await.expect("put");
    }
    let input = DeleteLogGroupRequest { log_group_name: "g".to_owned() };
    logs.delete_log_group(&cx(), input).await.expect("deleted");
    assert_eq!(names(&logs, json!({})).await, "gg/f");
    create(&logs, "g", &["s"]).await;
    put(&logs, "g", "s", &[(0, "new")]).await.expect("stored");
    assert_eq!(counted(&disk), [""; 0]);
    assert_eq!(names(&disk.open(), json!({})).await, "gg/f");
}
