//! Describe-, Deregister- and DeleteTaskDefinition(s).

use crate::world::{World, fargate};
use serde_json::json;

#[test]
fn a_family_means_its_latest_active_revision() {
    let w = World::new();
    let unable = "ClientException: Unable to describe task definition.";
    assert_eq!(w.err("DescribeTaskDefinition", json!({ "taskDefinition": "web" })), unable);
    let arn = w.register("web");
    w.ok("RegisterTaskDefinition", fargate("web", json!({ "tags": [{ "key": "a", "value": "b" }] })));
    let described = |name: &str| w.ok("DescribeTaskDefinition", json!({ "taskDefinition": name }));
    assert_eq!(described("web")["taskDefinition"]["revision"], 2);
    assert_eq!(described("web")["tags"], json!([]));
    assert_eq!(described("web:1")["taskDefinition"]["revision"], 1);
    assert_eq!(described(&arn)["taskDefinition"]["revision"], 1);
    assert_eq!(w.err("DescribeTaskDefinition", json!({ "taskDefinition": "web:3" })), unable);
    w.check(
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "web", "include": ["TAGS"] }),
        json!({ "tags": [{ "key": "a", "value": "b" }] }),
    );
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "web:2" }));
    assert_eq!(described("web")["taskDefinition"]["revision"], 1);
    assert_eq!(described("web:2")["taskDefinition"]["status"], "INACTIVE");
}

#[test]
fn deregistering_is_idempotent_and_needs_a_revision() {
    let w = World::new();
    w.register("web");
    let deregister = |name: &str| w.err("DeregisterTaskDefinition", json!({ "taskDefinition": name }));
    assert_eq!(deregister("web"), "ClientException: Revision is missing.");
    assert_eq!(deregister("web:2"), "ClientException: Unable to deregister task definition.");
    assert_eq!(deregister("web:x"), "InvalidParameterException: Invalid revision number. Number: x");
    let inactive = json!({ "taskDefinition": { "status": "INACTIVE", "deregisteredAt": 1_700_000_000.0, "revision": 1 } });
    w.check("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" }), inactive.clone());
    w.advance(1000);
    w.check("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" }), inactive);
}

#[test]
fn a_revision_that_is_being_deleted_is_shown_and_runs_no_new_task() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    w.register_agent("default", 4096, 8192);
    w.register("web");
    let run =
        json!({ "taskDefinition": "web:1", "launchType": "FARGATE", "networkConfiguration": w.network() });
    w.ok("RunTask", run.clone());
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" }));
    w.ok("DeleteTaskDefinitions", json!({ "taskDefinitions": ["web:1"] }));
    assert_eq!(w.err("RunTask", run), "InvalidParameterException: TaskDefinition is inactive");
    assert_eq!(w.ok("ListTasks", json!({}))["taskArns"].as_array().map(Vec::len), Some(1));
    w.check(
        "DescribeTaskDefinition",
        json!({ "taskDefinition": "web:1" }),
        json!({ "taskDefinition": { "status": "DELETE_IN_PROGRESS" } }),
    );
    for (status, count) in [("ACTIVE", 0), ("INACTIVE", 0), ("DELETE_IN_PROGRESS", 1)] {
        let listed = w.ok("ListTaskDefinitions", json!({ "status": status }));
        assert_eq!(listed["taskDefinitionArns"].as_array().map(Vec::len), Some(count), "{status}");
    }
    assert!(w.register("web").ends_with("web:2"));
}

#[test]
fn only_inactive_revisions_are_deleted() {
    let w = World::new();
    w.register("web");
    w.register("web");
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" }));
    let request = json!({ "taskDefinitions": ["web:1", "web:2", "web:3", "web"] });
    w.check(
        "DeleteTaskDefinitions",
        request,
        json!({
            "taskDefinitions": [{ "revision": 1, "status": "DELETE_IN_PROGRESS", "deleteRequestedAt": 1_700_000_000.0 }],
            "failures": [
                {
                    "arn": "web:2",
                    "reason": "The specified task definition is still in ACTIVE status. Please deregister the target and \
                               try again.",
                },
                {
                    "arn": "web:3",
                    "reason": "The specified task definition does not exist. Specify a valid account, family, revision \
                               and try again.",
                },
                {
                    "arn": "web",
                    "reason": "The specified task definition identifier is invalid. Specify a valid name or ARN and try \
                               again.",
                },
            ],
        }),
    );
    assert_eq!(
        w.err("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" })),
        "ClientException: The task definition could not be deregistered because it is in the process of being deleted."
    );
    let none = w.err("DeleteTaskDefinitions", json!({ "taskDefinitions": [] }));
    assert_eq!(none, "InvalidParameterException: taskDefinitions cannot be empty.");
    let eleven = vec!["web:1"; 11];
    let many = w.err("DeleteTaskDefinitions", json!({ "taskDefinitions": eleven }));
    assert_eq!(many, "InvalidParameterException: taskDefinitions can have at most 10 items.");
}
