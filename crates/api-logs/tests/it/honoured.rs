//! Nothing is accepted and ignored: each honoured member makes a difference. A request that has the member is sent as
//! it is and with another value, to worlds that are the same; the answers or the states after them have to differ.

use crate::api::{Disk, NOW};
use crate::door::call;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wire::logs::SERVICE;
use wire::schema::{Shape, Use};

/// Members that make no difference, and why none is due.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("PutLogEvents.sequenceToken", "CloudWatch Logs ignores it since 2023"),
    (
        "PutMetricFilter.applyOnTransformedLogs",
        "log events are never transformed, so false is what everybody gets",
    ),
    ("DescribeSubscriptionFilters.filterNamePrefix", "there are no filters to choose among"),
    ("DescribeSubscriptionFilters.limit", "there are no filters to choose among"),
    ("StartLiveTail.", "its answer has no end; the tests of tail.rs have its members"),
];

/// A request, and for each member by its JSON pointer the value that makes a difference.
type Case = (&'static str, Value, Vec<(&'static str, Value)>);

#[tokio::test]
async fn nothing_is_accepted_and_ignored() {
    let mut unproven: BTreeSet<String> = SERVICE
        .operations
        .iter()
        .flat_map(|operation| members(operation.input).into_iter().map(|m| format!("{}.{m}", operation.name)))
        .collect();
    for (operation, request, changes) in cases() {
        let expected = outcome(operation, &request).await;
        for (member, value) in changes {
            let mut changed = request.clone();
            changed[member] = value;
            assert_ne!(outcome(operation, &changed).await, expected, "{operation}.{member} is ignored");
            assert!(
                unproven.remove(&format!("{operation}.{member}"))
                    || members(SERVICE.operation(operation).expect("known").input).contains(&member),
                "{operation} has no {member}"
            );
        }
    }
    let excused = |path: &String| WITHOUT_EFFECT.iter().any(|(without, _)| path.starts_with(without));
    let unproven: Vec<_> = unproven.into_iter().filter(|path| !excused(path)).collect();
    assert_eq!(unproven, Vec::<String>::new(), "honoured, and no case shows it");
}

fn members(shape: &Shape) -> Vec<&'static str> {
    let Shape::Structure(structure) = shape else { return Vec::new() };
    let honoured = structure.members.iter().filter(|member| matches!(member.use_, Use::Honoured(_)));
    honoured.map(|member| member.name).collect()
}

const ARN: &str = "arn:aws:logs:us-east-1:000000000000:log-group:g";

fn cases() -> Vec<Case> {
    let mut cases = group_cases();
    cases.extend(tag_and_stream_cases());
    cases.extend(event_cases());
    cases.extend(filter_cases());
    cases
}

fn empty_group() -> (&'static str, Value) {
    ("logGroupName", json!("empty"))
}

fn group_cases() -> Vec<Case> {
    let tags = json!({ "a": "1" });
    let group = empty_group;
    vec![
        (
            "CreateLogGroup",
            json!({ "logGroupName": "new", "tags": tags }),
            vec![("logGroupName", json!("other-new")), ("tags", json!({ "a": "2" }))],
        ),
        ("DeleteLogGroup", json!({ "logGroupName": "g" }), vec![group()]),
        (
            "DescribeLogGroups",
            json!({ "logGroupNamePrefix": "g", "limit": 1 }),
            vec![
                ("logGroupNamePrefix", json!("empty")),
                ("logGroupNamePattern", json!("g")),
                ("logGroupIdentifiers", json!(["g"])),
                ("limit", json!(2)),
                ("nextToken", json!("g")),
            ],
        ),
        (
            "PutRetentionPolicy",
            json!({ "logGroupName": "g", "retentionInDays": 1 }),
            vec![group(), ("retentionInDays", json!(3))],
        ),
        ("DeleteRetentionPolicy", json!({ "logGroupName": "kept" }), vec![group()]),
    ]
}

fn tag_and_stream_cases() -> Vec<Case> {
    let tags = json!({ "a": "1" });
    let group = empty_group;
    vec![
        (
            "TagResource",
            json!({ "resourceArn": ARN, "tags": tags }),
            vec![("resourceArn", json!(format!("{ARN}x"))), ("tags", json!({ "b": "1" }))],
        ),
        (
            "UntagResource",
            json!({ "resourceArn": ARN, "tagKeys": ["t"] }),
            vec![("resourceArn", json!(format!("{ARN}x"))), ("tagKeys", json!(["u"]))],
        ),
        (
            "ListTagsForResource",
            json!({ "resourceArn": ARN }),
            vec![("resourceArn", json!(format!("{ARN}x")))],
        ),
        (
            "TagLogGroup",
            json!({ "logGroupName": "g", "tags": tags }),
            vec![group(), ("tags", json!({ "b": "" }))],
        ),
        (
            "UntagLogGroup",
            json!({ "logGroupName": "g", "tags": ["t"] }),
            vec![group(), ("tags", json!(["u"]))],
        ),
        ("ListTagsLogGroup", json!({ "logGroupName": "g" }), vec![group()]),
        (
            "CreateLogStream",
            json!({ "logGroupName": "g", "logStreamName": "new" }),
            vec![group(), ("logStreamName", json!("newer"))],
        ),
        (
            "DeleteLogStream",
            json!({ "logGroupName": "g", "logStreamName": "a" }),
            vec![group(), ("logStreamName", json!("b"))],
        ),
        (
            "DescribeLogStreams",
            json!({ "logGroupName": "g", "orderBy": "LogStreamName", "limit": 1 }),
            vec![
                group(),
                ("logGroupIdentifier", json!("g")),
                ("logStreamNamePrefix", json!("b")),
                ("orderBy", json!("LastEventTime")),
                ("descending", json!(true)),
                ("limit", json!(2)),
                ("nextToken", json!("0/a")),
            ],
        ),
    ]
}

fn event_cases() -> Vec<Case> {
    let event = |text: &str| json!([{ "timestamp": NOW, "message": text }]);
    let token = format!("f/{}", "0".repeat(56));
    vec![
        (
            "PutLogEvents",
            json!({ "logGroupName": "g", "logStreamName": "a", "logEvents": event("x") }),
            vec![
                ("logGroupName", json!("empty")),
                ("logStreamName", json!("b")),
                ("logEvents", event("y")),
                ("logEvents", json!([{ "timestamp": NOW - 1, "message": "x" }])),
            ],
        ),
        (
            "GetLogEvents",
            json!({ "logGroupName": "g", "logStreamName": "a", "limit": 1 }),
            vec![
                ("logGroupName", json!("empty")),
                ("logGroupIdentifier", json!("g")),
                ("logStreamName", json!("b")),
                ("startTime", json!(NOW + 100)),
                ("endTime", json!(NOW + 2)),
                ("limit", json!(2)),
                ("startFromHead", json!(true)),
                ("nextToken", json!(token)),
            ],
        ),
        (
            "FilterLogEvents",
            json!({ "logGroupName": "g", "limit": 1 }),
            vec![
                ("logGroupName", json!("empty")),
                ("logGroupIdentifier", json!("g")),
                ("logStreamNames", json!(["b"])),
                ("logStreamNamePrefix", json!("b")),
                ("startTime", json!(NOW + 2)),
                ("endTime", json!(NOW)),
                ("filterPattern", json!("two")),
                ("limit", json!(2)),
                ("nextToken", json!(format!("{:019}{}", NOW + 2, "0".repeat(37)))),
            ],
        ),
    ]
}

fn transformation(metric: &str) -> Value {
    json!([{ "metricName": metric, "metricNamespace": "n", "metricValue": "1" }])
}

fn filter_cases() -> Vec<Case> {
    let named = || json!({ "logGroupName": "g", "filterName": "f" });
    let changed = || vec![("logGroupName", json!("nope")), ("filterName", json!("h"))];
    vec![
        (
            "TestMetricFilter",
            json!({ "filterPattern": "x", "logEventMessages": ["x"] }),
            vec![("filterPattern", json!("y")), ("logEventMessages", json!(["xx"]))],
        ),
        (
            "PutMetricFilter",
            json!({
                "logGroupName": "g", "filterName": "f", "filterPattern": "x", "metricTransformations": transformation("m"),
            }),
            vec![
                ("logGroupName", json!("empty")),
                ("filterName", json!("other")),
                ("filterPattern", json!("y")),
                ("metricTransformations", transformation("n")),
            ],
        ),
        (
            "DescribeMetricFilters",
            json!({ "logGroupName": "g", "limit": 1 }),
            vec![
                ("logGroupName", json!("empty")),
                ("filterNamePrefix", json!("h")),
                ("limit", json!(2)),
                ("nextToken", json!("f:g")),
                ("metricName", json!("m")),
                ("metricNamespace", json!("n")),
            ],
        ),
        ("DeleteMetricFilter", named(), changed()),
        (
            "DescribeSubscriptionFilters",
            json!({ "logGroupName": "g" }),
            vec![("logGroupName", json!("nope")), ("nextToken", json!("t"))],
        ),
        ("DeleteSubscriptionFilter", named(), changed()),
    ]
}

/// What a new world answers, its records afterwards, and its events.
async fn outcome(operation: &str, request: &Value) -> (Result<Value, String>, String) {
    let disk = Disk::new();
    let logs = disk.open();
    for (operation, request) in [
        ("CreateLogGroup", json!({ "logGroupName": "empty" })),
        ("CreateLogGroup", json!({ "logGroupName": "g", "tags": { "t": "1", "u": "2" } })),
        ("CreateLogGroup", json!({ "logGroupName": "gg" })),
        ("CreateLogGroup", json!({ "logGroupName": "kept" })),
        ("PutRetentionPolicy", json!({ "logGroupName": "kept", "retentionInDays": 5 })),
        ("CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "a" })),
        ("CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "b" })),
    ] {
        call(&logs, operation, &request).await.expect("the world is made");
    }
    for name in ["f", "h"] {
        let put = json!({
            "logGroupName": "g", "filterName": name, "filterPattern": "old", "metricTransformations": transformation("m"),
        });
        call(&logs, "PutMetricFilter", &put).await.expect("the world is made");
    }
    for (stream, offset, message) in [("a", 1, "one"), ("b", 0, "zero"), ("a", 3, "two")] {
        let event = json!([{ "timestamp": NOW + offset, "message": message }]);
        let put = json!({ "logGroupName": "g", "logStreamName": stream, "logEvents": event });
        call(&logs, "PutLogEvents", &put).await.expect("the world is made");
    }
    let answer = call(&logs, operation, request).await;
    let mut after = String::new();
    for (operation, request) in [
        ("DescribeLogGroups", json!({})),
        ("DescribeLogStreams", json!({ "logGroupName": "g" })),
        ("FilterLogEvents", json!({ "logGroupName": "g" })),
        ("ListTagsLogGroup", json!({ "logGroupName": "g" })),
        ("ListTagsLogGroup", json!({ "logGroupName": "new" })),
        ("DescribeMetricFilters", json!({})),
    ] {
        after.push_str(&format!("{:?}\n", call(&logs, operation, &request).await));
    }
    (answer, after)
}
