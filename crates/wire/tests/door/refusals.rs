//! One rejecting case for every kind of validator, and the members that Wharf does not honour.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use wire::check::check;
use wire::schema::Shape;
use wire::service::Service;
use wire::{ecs, logs, metrics};

fn input(service: &'static Service, operation: &str) -> &'static Shape {
    service.operation(operation).unwrap().input
}

#[track_caller]
fn refused(service: &'static Service, operation: &str, mut value: Value, expected: Expect) {
    let error = check(service, input(service, operation), &mut value).unwrap_err();
    assert_eq!(error.status, 400);
    expected.assert_eq(&error.to_string());
}

#[track_caller]
fn accepted(service: &'static Service, operation: &str, mut value: Value) -> Value {
    check(service, input(service, operation), &mut value).unwrap();
    value
}

fn events(count: usize) -> Value {
    Value::from(vec![json!({ "timestamp": 1, "message": "m" }); count])
}

#[test]
fn required() {
    refused(
        &ecs::SERVICE,
        "RunTask",
        json!({}),
        expect![
            "InvalidParameterException: 1 validation error detected: Value null at 'taskDefinition' failed to satisfy constraint: Member must not be null"
        ],
    );
    refused(
        &logs::SERVICE,
        "PutLogEvents",
        json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": [{ "timestamp": null, "message": "m" }] }),
        expect![
            "InvalidParameterException: 1 validation error detected: Value null at 'logEvents.1.member.timestamp' failed to satisfy constraint: Member must not be null"
        ],
    );
}

#[test]
fn cloudwatch_has_sentences() {
    let datum = json!({ "Unit": "Furlongs", "Dimensions": [{ "Name": "n".repeat(256), "Value": "" }] });
    refused(
        &metrics::SERVICE,
        "PutMetricData",
        json!({ "Namespace": "a", "MetricData": [{ "MetricName": "m" }, datum] }),
        expect![[r#"
            InvalidParameterValue: The parameter MetricData.member.2.Dimensions.member.1.Name must be shorter than 256 characters.
            The parameter MetricData.member.2.Dimensions.member.1.Value must be longer than 0 characters.
            The parameter MetricData.member.2.MetricName is required.
            The parameter MetricData.member.2.Unit must be a value in the set [ Seconds, Microseconds, Milliseconds, Bytes, Kilobytes, Megabytes, Gigabytes, Terabytes, Bits, Kilobits, Megabits, Gigabits, Terabits, Percent, Count, Bytes/Second, Kilobytes/Second, Megabytes/Second, Gigabytes/Second, Terabytes/Second, Bits/Second, Kilobits/Second, Megabits/Second, Gigabits/Second, Terabits/Second, Count/Second, None ]."#]],
    );
    refused(
        &metrics::SERVICE,
        "ListMetrics",
        json!({ "Dimensions": vec![json!({ "Name": "n" }); 11], "Namespace": ":" }),
        expect![[r#"
            InvalidParameterValue: The collection Dimensions must not have a size greater than 10.
            The value : for parameter Namespace is invalid."#]],
    );
    refused(
        &metrics::SERVICE,
        "ListMetrics",
        json!({ "Dimensions": [{}, {}] }),
        expect![[r#"
        MissingParameter: The parameter Dimensions.member.1.Name is required.
        The parameter Dimensions.member.2.Name is required."#]],
    );
}

#[test]
fn range() {
    refused(
        &logs::SERVICE,
        "DescribeLogGroups",
        json!({ "limit": 51 }),
        expect![
            "InvalidParameterException: 1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 50"
        ],
    );
    refused(
        &logs::SERVICE,
        "DescribeLogGroups",
        json!({ "limit": 0 }),
        expect![
            "InvalidParameterException: 1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
        ],
    );
}

#[test]
fn length_of_strings_lists_and_maps() {
    refused(
        &logs::SERVICE,
        "DescribeLogGroups",
        json!({ "nextToken": "" }),
        expect![
            "InvalidParameterException: 1 validation error detected: Value '' at 'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1"
        ],
    );
    let put = |events: Value| json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events });
    refused(
        &logs::SERVICE,
        "PutLogEvents",
        put(events(0)),
        expect![
            "InvalidParameterException: 1 validation error detected: Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1"
        ],
    );
    let error =
        check(&logs::SERVICE, input(&logs::SERVICE, "PutLogEvents"), &mut put(events(10_001))).unwrap_err();
    assert!(error.message.ends_with("Member must have length less than or equal to 10000"), "{error}");
    refused(
        &logs::SERVICE,
        "CreateLogGroup",
        json!({ "logGroupName": "g", "tags": {} }),
        expect![
            "InvalidParameterException: 1 validation error detected: Value '{}' at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1"
        ],
    );
    // Characters are counted, not bytes.
    accepted(&ecs::SERVICE, "CreateCluster", json!({ "tags": [{ "key": "ä".repeat(128), "value": "" }] }));
}

#[test]
fn pattern() {
    refused(
        &logs::SERVICE,
        "CreateLogStream",
        json!({ "logGroupName": "", "logStreamName": "a:b" }),
        expect![[
            r"InvalidParameterException: 3 validation errors detected: Value '' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+; Value '' at 'logGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value 'a:b' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"
        ]],
    );
    refused(
        &ecs::SERVICE,
        "TagResource",
        json!({ "resourceArn": "a", "tags": [{ "key": "ok" }, { "key": "a\nb" }] }),
        expect![[r#"
            InvalidParameterException: 1 validation error detected: Value 'a
            b' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"#]],
    );
}

#[test]
fn enumeration() {
    refused(
        &ecs::SERVICE,
        "RunTask",
        json!({ "taskDefinition": "t", "launchType": "MOON" }),
        expect![
            "InvalidParameterException: 1 validation error detected: Value 'MOON' at 'launchType' failed to satisfy constraint: Member must satisfy enum value set: [EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES]"
        ],
    );
}

#[test]
fn map_keys_and_values() {
    refused(
        &logs::SERVICE,
        "CreateLogGroup",
        json!({ "logGroupName": "g", "tags": { "a*": "v*" } }),
        expect![[
            r"InvalidParameterException: 2 validation errors detected: Value 'a*' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$]; Value 'v*' at 'tags.a*' failed to satisfy constraint: Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
        ]],
    );
}

#[test]
fn kinds() {
    let define = |container: Value| json!({ "family": "f", "containerDefinitions": [container] });
    for (container, expected) in [
        (
            json!({ "cpu": "256" }),
            expect![
                "SerializationException: STRING_VALUE at containerDefinitions[0].cpu can not be converted to an Integer"
            ],
        ),
        (
            json!({ "memory": 4_294_967_296_i64 }),
            expect![
                "SerializationException: NUMBER_VALUE at containerDefinitions[0].memory can not be converted to an Integer"
            ],
        ),
        (
            json!({ "memory": 0.5 }),
            expect![
                "SerializationException: NUMBER_VALUE at containerDefinitions[0].memory can not be converted to an Integer"
            ],
        ),
        (
            json!({ "name": 1 }),
            expect![
                "SerializationException: NUMBER_VALUE at containerDefinitions[0].name can not be converted to a String"
            ],
        ),
        (
            json!({ "essential": "yes" }),
            expect![
                "SerializationException: STRING_VALUE at containerDefinitions[0].essential can not be converted to a Boolean"
            ],
        ),
        (
            json!({ "command": { "a": 1 } }),
            expect![
                "SerializationException: START_OBJECT at containerDefinitions[0].command can not be converted to a list"
            ],
        ),
        (
            json!({ "command": [null] }),
            expect![
                "SerializationException: NULL_VALUE at containerDefinitions[0].command[0] can not be converted to a String"
            ],
        ),
        (
            json!({ "logConfiguration": { "logDriver": "awslogs", "options": ["a"] } }),
            expect![
                "SerializationException: START_ARRAY at containerDefinitions[0].logConfiguration.options can not be converted to a map"
            ],
        ),
        (
            json!([]),
            expect![
                "SerializationException: START_ARRAY at containerDefinitions[0] can not be converted to a structure"
            ],
        ),
    ] {
        refused(&ecs::SERVICE, "RegisterTaskDefinition", define(container), expected);
    }
    refused(
        &ecs::SERVICE,
        "SubmitTaskStateChange",
        json!({ "pullStartedAt": "yesterday" }),
        expect!["SerializationException: STRING_VALUE at pullStartedAt can not be converted to a Timestamp"],
    );
}

#[test]
fn forms_that_sdks_use_are_brought_into_one() {
    let value = accepted(
        &ecs::SERVICE,
        "SubmitTaskStateChange",
        json!({ "pullStartedAt": "2026-11-21T08:00:00.5Z", "pullStoppedAt": 1_795_248_000.25, "reason": null }),
    );
    assert_eq!(value, json!({ "pullStartedAt": 1_795_248_000.5, "pullStoppedAt": 1_795_248_000.25 }));
    let value = accepted(&ecs::SERVICE, "RunTask", json!({ "taskDefinition": "t", "count": 2.0 }));
    assert_eq!(value["count"], json!(2));
}

#[test]
fn members_that_are_not_honoured_are_refused_by_name() {
    let container = json!({ "name": "c", "image": "i", "credentialSpecs": ["credentialspec:x"],
            "firelensConfiguration": { "type": "fluentd" } });
    refused(
        &ecs::SERVICE,
        "RegisterTaskDefinition",
        json!({ "family": "f", "containerDefinitions": [{}, container],
            "inferenceAccelerators": [{ "deviceName": "d", "deviceType": "t" }] }),
        expect![
            "InvalidParameterException: containerDefinitions[1].credentialSpecs, containerDefinitions[1].firelensConfiguration, inferenceAccelerators are not supported by Wharf yet. See docs/coverage/ecs.md."
        ],
    );
    refused(
        &logs::SERVICE,
        "CreateLogGroup",
        json!({ "logGroupName": "g", "kmsKeyId": "k" }),
        expect![
            "InvalidParameterException: kmsKeyId is not supported by Wharf yet. See docs/coverage/logs.md."
        ],
    );
}

#[test]
fn members_that_say_nothing_are_let_through() {
    accepted(
        &ecs::SERVICE,
        "RegisterTaskDefinition",
        json!({
            "family": "f",
            "volumes": [],
            "taskRoleArn": "",
            "ephemeralStorage": null,
            "enableFaultInjection": false,
            "proxyConfiguration": {},
            "containerDefinitions": [{ "linuxParameters": { "capabilities": { "add": [] } }, "unheardOf": 1 }],
        }),
    );
    accepted(&logs::SERVICE, "CreateLogGroup", json!({ "logGroupName": "g", "logGroupClass": "STANDARD" }));
    accepted(&logs::SERVICE, "FilterLogEvents", json!({ "logGroupName": "g", "interleaved": true }));
    refused(
        &logs::SERVICE,
        "CreateLogGroup",
        json!({ "logGroupName": "g", "logGroupClass": "INFREQUENT_ACCESS" }),
        expect![
            "InvalidParameterException: logGroupClass is not supported by Wharf yet. See docs/coverage/logs.md."
        ],
    );
}

#[test]
fn messages_stay_short() {
    let tags: Vec<Value> = (0..5000).map(|_| json!({ "key": "*".repeat(1000) })).collect();
    let mut value = json!({ "resourceArn": "a", "tags": tags });
    let error = check(&ecs::SERVICE, input(&ecs::SERVICE, "TagResource"), &mut value).unwrap_err();
    assert!(error.message.starts_with("10001 validation errors detected: "), "{}", &error.message[..60]);
    assert!(error.message.len() < 5000, "{}", error.message.len());
}

#[test]
fn every_pattern_of_the_models_compiles() {
    fn visit(shape: &Shape, patterns: &mut usize) {
        match shape {
            Shape::Text(text) => {
                if let Some(pattern) = &text.pattern {
                    pattern.matches("");
                    *patterns += 1;
                }
            }
            Shape::List(list) => visit(list.member, patterns),
            Shape::Map(map) => {
                visit(map.key, patterns);
                visit(map.value, patterns);
            }
            Shape::Structure(structure) => {
                for member in structure.members {
                    if let wire::schema::Use::Honoured(shape) = &member.use_ {
                        visit(shape, patterns);
                    }
                }
            }
            _ => {}
        }
    }
    let mut patterns = 0;
    for service in wire::SERVICES {
        for operation in service.operations {
            visit(operation.input, &mut patterns);
            if service.target_prefix().is_some() {
                visit(operation.output, &mut patterns);
            }
        }
    }
    assert!(patterns > 10, "{patterns}");
}
