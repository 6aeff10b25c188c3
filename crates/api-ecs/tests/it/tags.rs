//! Tags.

use crate::world::World;
use serde_json::{Value, json};

#[test]
fn every_record_takes_and_gives_up_tags() {
    let w = World::with_agent();
    let definition = w.register("web");
    let task = w.run_fargate("web");
    let instance = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    for arn in [
        json!("arn:aws:ecs:us-east-1:000000000000:cluster/default"),
        json!(definition),
        json!(format!("arn:aws:ecs:us-east-1:000000000000:task/default/{task}")),
        instance,
    ] {
        let listed = |expected: Value| {
            w.check("ListTagsForResource", json!({ "resourceArn": arn }), json!({ "tags": expected }));
        };
        listed(json!([]));
        let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
        w.ok("TagResource", json!({ "resourceArn": arn, "tags": [tag("a", "1"), tag("b", "2")] }));
        w.ok("TagResource", json!({ "resourceArn": arn, "tags": [tag("b", "3")] }));
        listed(json!([tag("a", "1"), tag("b", "3")]));
        w.ok("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a", "x"] }));
        listed(json!([tag("b", "3")]));
    }
    assert_eq!(w.task(&task).version, 4, "a task counts the changes of its tags");
    w.check(
        "DescribeTasks",
        json!({ "tasks": [task], "include": ["TAGS"] }),
        json!({ "tasks": [{
        "tags": [{ "key": "b", "value": "3" }],
    }] }),
    );
}

#[test]
fn tags_and_their_resources_are_checked() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let cluster = "arn:aws:ecs:us-east-1:000000000000:cluster/default";
    let id = "f".repeat(32);
    let many: Vec<_> = (0..50).map(|n| json!({ "key": format!("k{n}"), "value": "" })).collect();
    w.ok("TagResource", json!({ "resourceArn": cluster, "tags": many }));
    let one = json!([{ "key": "a", "value": "b" }]);
    for (arn, tags, expected) in [
        (
            cluster.to_owned(),
            one.clone(),
            "InvalidParameterException: The maximum number of tags for a resource is 50.",
        ),
        (
            cluster.to_owned(),
            json!([{ "key": "AWS:x", "value": "b" }]),
            "InvalidParameterException: Tag keys must not start with 'aws:', which is reserved for AWS use: AWS:x",
        ),
        (
            cluster.to_owned(),
            json!([{ "key": "a" }]),
            "InvalidParameterException: Tag key and value cannot be null.",
        ),
        ("default".to_owned(), one.clone(), "InvalidParameterException: The ARN provided is invalid."),
        (
            "arn:aws:ecs:us-east-1:000000000000:cluster/none".to_owned(),
            one.clone(),
            "ClusterNotFoundException: Cluster not found.",
        ),
        (
            format!("arn:aws:ecs:us-east-1:000000000000:task/{id}"),
            one.clone(),
            "InvalidParameterException: Long arn format must be used for tagging operations",
        ),
        (
            format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}"),
            one.clone(),
            "InvalidParameterException: The specified task is not found.",
        ),
        (
            "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1".to_owned(),
            one.clone(),
            "InvalidParameterException: The specified task definition is not found.",
        ),
        (
            "arn:aws:ecs:us-west-2:000000000000:cluster/default".to_owned(),
            one.clone(),
            "InvalidParameterException: Invalid Region in ARN",
        ),
    ] {
        assert_eq!(
            w.err("TagResource", json!({ "resourceArn": arn, "tags": tags })),
            expected,
            "{arn} {tags}"
        );
    }
}
