//! UpdateContainerInstancesState.

use crate::world::{World, host, task_id};
use serde_json::{Value, json};

fn set(w: &World, instances: &[&str], status: &str) -> Value {
    let request = json!({ "containerInstances": instances, "status": status });
    w.ok("UpdateContainerInstancesState", request)
}

#[test]
fn a_draining_instance_keeps_its_tasks_and_gets_no_new_ones() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let first = w.register_agent("default", 2048, 4096);
    w.ok("RegisterTaskDefinition", host("web", json!({})));
    let task = task_id(&w.ok("RunTask", json!({ "taskDefinition": "web" }))["tasks"][0]);
    let before = w.task(&task);
    let answer = set(&w, &[&first], "DRAINING");
    assert_eq!(answer["failures"], json!([]));
    assert_eq!(answer["containerInstances"][0]["status"], "DRAINING");
    assert_eq!(answer["containerInstances"][0]["pendingTasksCount"], 1);
    assert_eq!(w.task(&task), before, "a task that no service runs is left alone, a PENDING one too");

    let inactive = json!({ "tasks": [], "failures": [{ "arn": first, "reason": "INACTIVE" }] });
    w.check("RunTask", json!({ "taskDefinition": "web" }), inactive.clone());
    w.check("StartTask", json!({ "taskDefinition": "web", "containerInstances": [first] }), inactive);
    let second = w.register_agent("default", 2048, 4096);
    let tasks = w.ok("RunTask", json!({ "taskDefinition": "web", "count": 3 }))["tasks"].clone();
    let hosts: Vec<_> = tasks.as_array().expect("tasks").iter().map(|t| &t["containerInstanceArn"]).collect();
    assert_eq!(hosts, vec![&json!(second); 3]);

    let listed = |status: &str| {
        w.ok("ListContainerInstances", json!({ "status": status }))["containerInstanceArns"].clone()
    };
    assert_eq!((listed("DRAINING"), listed("ACTIVE")), (json!([first]), json!([second])));
    let again = set(&w, &[&first], "ACTIVE");
    assert_eq!(again["containerInstances"][0]["status"], "ACTIVE");
    w.check(
        "StartTask",
        json!({ "taskDefinition": "web", "containerInstances": [first] }),
        json!({ "failures": [], "tasks": [{ "containerInstanceArn": first }] }),
    );
}

#[test]
fn a_change_is_counted_and_no_change_is_not() {
    let w = World::with_agent();
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    let arn = arn.as_str().expect("an ARN");
    let version = |answer: Value| answer["containerInstances"][0]["version"].as_i64().expect("a version");
    let [first, second, third] = ["DRAINING", "DRAINING", "ACTIVE"].map(|to| version(set(&w, &[arn], to)));
    assert_eq!((second, third), (first, first + 1));
}

#[test]
fn what_cannot_be_drained_is_in_failures() {
    let w = World::with_agent();
    let gone = w.register_agent("default", 1024, 1024);
    w.ok("DeregisterContainerInstance", json!({ "containerInstance": gone }));
    w.ok("CreateCluster", json!({ "clusterName": "other" }));
    let elsewhere = w.register_agent("other", 1024, 1024);
    let id = elsewhere.rsplit('/').next().expect("an id");
    let arn = |id: &str| format!("arn:aws:ecs:us-east-1:000000000000:container-instance/default/{id}");
    let unknown = "0".repeat(32);
    let answer = set(&w, &[&gone, id, &unknown], "DRAINING");
    assert_eq!(answer["containerInstances"], json!([]));
    assert_eq!(
        answer["failures"],
        json!([
            { "arn": gone, "reason": "INACTIVE" },
            { "arn": arn(id), "reason": "MISSING" },
            { "arn": arn(&unknown), "reason": "MISSING" },
        ])
    );
}

#[test]
fn what_is_no_request_to_drain_is_refused() {
    let w = World::with_agent();
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    for (request, expected) in [
        (
            json!({ "containerInstances": [arn], "status": "DEREGISTERING" }),
            "InvalidParameterException: Container instance status should be one of [ACTIVE,DRAINING].",
        ),
        (
            json!({ "containerInstances": [], "status": "DRAINING" }),
            "ClientException: Container Instances cannot be empty.",
        ),
        (
            json!({ "containerInstances": vec![arn.clone(); 11], "status": "DRAINING" }),
            "InvalidParameterException: containerInstances can have at most 10 items.",
        ),
        (
            json!({ "containerInstances": ["web"], "status": "DRAINING" }),
            "InvalidParameterException: containerInstanceId length should be one of [32,36]",
        ),
        (
            json!({ "containerInstances": ["0".repeat(32)], "status": "DRAINING", "cluster": "none" }),
            "ClusterNotFoundException: Cluster not found.",
        ),
    ] {
        assert_eq!(w.err("UpdateContainerInstancesState", request.clone()), expected, "{request}");
    }
}
