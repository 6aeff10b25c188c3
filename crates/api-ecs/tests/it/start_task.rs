//! StartTask.

use crate::world::{World, host};
use serde_json::json;

/// A world with a second instance, and both ARNs.
fn world() -> (World, Vec<String>) {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", host("job", json!({})));
    let listed = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"].clone();
    let mut arns: Vec<String> = serde_json::from_value(listed).expect("ARNs");
    arns.push(w.register_agent("default", 512, 512));
    (w, arns)
}

#[test]
fn a_task_starts_on_each_instance_that_is_named() {
    let (w, arns) = world();
    let started = json!({
        "tasks": [
            { "containerInstanceArn": arns[0], "launchType": "EC2", "lastStatus": "PENDING", "group": "family:job" },
            { "containerInstanceArn": arns[1], "startedBy": "me" },
        ],
        "failures": [],
    });
    let request = json!({ "taskDefinition": "job", "containerInstances": arns, "startedBy": "me" });
    w.check("StartTask", request, started);
}

#[test]
fn an_instance_that_cannot_take_the_task_is_a_failure_with_its_reason() {
    let (w, arns) = world();
    w.set_connected(&arns[1], false);
    let nobody = "0".repeat(32);
    let missing = format!("arn:aws:ecs:us-east-1:000000000000:container-instance/default/{nobody}");
    let failures = json!({ "tasks": [], "failures": [
        { "arn": arns[0], "reason": "RESOURCE:CPU" }, { "arn": arns[1], "reason": "AGENT" }, { "arn": missing, "reason": "MISSING" },
    ] });
    let big = json!({ "cpu": "4096" });
    let request = json!({
        "taskDefinition": "job", "containerInstances": [arns[0], arns[1], nobody], "overrides": big,
    });
    w.check("StartTask", request, failures);
    assert_eq!(w.ok("ListTasks", json!({}))["taskArns"], json!([]));
}

#[test]
fn what_cannot_be_started_is_refused_and_starts_nothing() {
    let (w, arns) = world();
    let eleven = vec![arns[0].clone(); 11];
    for (request, expected) in [
        (json!({ "containerInstances": [] }), "ClientException: Container Instances cannot be empty."),
        (
            json!({ "containerInstances": eleven }),
            "InvalidParameterException: containerInstances can have at most 10 items.",
        ),
        (
            json!({ "containerInstances": ["x"] }),
            "InvalidParameterException: containerInstanceId length should be one of [32,36]",
        ),
        (
            json!({ "containerInstances": arns, "taskDefinition": "ghost" }),
            "ClientException: TaskDefinition not found.",
        ),
        (
            json!({ "containerInstances": arns, "group": "service:web" }),
            "InvalidParameterException: The group of a task that no service runs cannot begin with 'service:'.",
        ),
    ] {
        let mut whole = json!({ "taskDefinition": "job" });
        crate::world::lay_over(&mut whole, request);
        assert_eq!(w.err("StartTask", whole), expected);
    }
    assert_eq!(w.ok("ListTasks", json!({}))["taskArns"], json!([]));
}

#[test]
fn gpus_are_dealt_out_to_containers_and_given_back() {
    let w = World::with_agent();
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    let devices =
        json!([{ "id": "g1", "type": "GPU" }, { "id": "g2", "type": "GPU" }, { "id": "g3", "type": "GPU" }]);
    let instance = w.ok(
        "RegisterContainerInstance",
        json!({
            "containerInstanceArn": arn, "platformDevices": devices,
            "totalResources": [
                { "name": "CPU", "type": "INTEGER", "integerValue": 4096 },
                { "name": "MEMORY", "type": "INTEGER", "integerValue": 8192 },
            ],
        }),
    );
    let arn = instance["containerInstance"]["containerInstanceArn"].as_str().expect("an ARN").to_owned();
    w.set_connected(&arn, true);
    let gpus = |n: u32| json!([{ "type": "GPU", "value": n.to_string() }]);
    let containers = json!([
        { "name": "one", "image": "i", "memory": 8, "resourceRequirements": gpus(1) },
        { "name": "two", "image": "i", "memory": 8, "resourceRequirements": gpus(2) },
    ]);
    w.ok(
        "RegisterTaskDefinition",
        json!({ "family": "learn", "networkMode": "host", "containerDefinitions": containers }),
    );
    let request = json!({ "taskDefinition": "learn", "containerInstances": [arn] });
    let given = json!({ "tasks": [{ "containers": [{ "gpuIds": ["g1"] }, { "gpuIds": ["g2", "g3"] }] }] });
    let task = w.ok("StartTask", request.clone());
    w.check("DescribeTasks", json!({ "tasks": [task["tasks"][0]["taskArn"]] }), given);
    let none_left = json!({ "tasks": [], "failures": [{ "reason": "RESOURCE:GPU" }] });
    w.check("StartTask", request.clone(), none_left);
    w.ok("StopTask", json!({ "task": task["tasks"][0]["taskArn"] }));
    let id = crate::world::task_id(&task["tasks"][0]);
    w.report(&id, "STOPPED", Some(0));
    w.reconcile();
    assert_eq!(w.ok("StartTask", request)["failures"], json!([]));
}
