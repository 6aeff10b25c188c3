//! `overrides` of RunTask, beyond sizes: GPUs and ephemeral storage.

use crate::world::{World, fargate, host};
use serde_json::{Value, json};

fn gpus(value: &str) -> Value {
    let requirements = json!([{ "type": "GPU", "value": value }]);
    json!({ "containerOverrides": [{ "name": "app", "resourceRequirements": requirements }] })
}

/// An instance with two GPUs, a definition for EC2 (`job`) and one for FARGATE (`web`).
fn world() -> World {
    let w = World::with_agent();
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    let gpu = |id: &str| json!({ "id": id, "type": "GPU" });
    let mut attributes = model::fixture::CAPABILITIES.map(|name| json!({ "name": name })).to_vec();
    attributes.push(json!({ "name": "ecs.cpu-architecture", "value": "x86_64" }));
    let instance = json!({
        "attributes": attributes,
        "containerInstanceArn": arn, "platformDevices": [gpu("g1"), gpu("g2")],
        "totalResources": [
            { "name": "CPU", "type": "INTEGER", "integerValue": 2048 },
            { "name": "MEMORY", "type": "INTEGER", "integerValue": 4096 },
        ],
    });
    w.ok("RegisterContainerInstance", instance);
    w.ok("RegisterTaskDefinition", host("job", json!({})));
    w.ok("RegisterTaskDefinition", fargate("web", json!({})));
    w
}

fn on_fargate(w: &World, overrides: Value) -> Value {
    json!({
        "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": w.network(), "overrides": overrides,
    })
}

#[test]
fn gpus_are_placed_and_shown() {
    let w = world();
    let request = json!({ "taskDefinition": "job", "overrides": gpus("2") });
    let task = json!({ "overrides": gpus("2"), "containers": [{ "gpuIds": ["g1", "g2"] }] });
    w.check("RunTask", request.clone(), json!({ "tasks": [task], "failures": [] }));
    w.check("RunTask", request, json!({ "tasks": [], "failures": [{ "reason": "RESOURCE:GPU" }] }));
}

#[test]
fn a_container_without_an_override_has_to_fit_an_overridden_task() {
    let w = World::with_agent();
    let mut definition = host("big", json!({ "cpu": "256", "memory": "1024" }));
    crate::world::lay_over(&mut definition["containerDefinitions"][0], json!({ "memory": 1024 }));
    w.ok("RegisterTaskDefinition", definition);
    let run = |memory: &str| json!({ "taskDefinition": "big", "overrides": { "memory": memory } });
    assert_eq!(
        w.err("RunTask", run("512")),
        "InvalidParameterException: 'memory' setting for container 'app' is greater than for task."
    );
    w.ok("RunTask", run("1024"));
}

#[test]
fn ephemeral_storage_replaces_the_definitions() {
    let w = world();
    let overrides = json!({ "ephemeralStorage": { "sizeInGiB": 50 } });
    w.check(
        "RunTask",
        on_fargate(&w, overrides.clone()),
        json!({ "tasks": [{ "overrides": overrides, "ephemeralStorage": { "sizeInGiB": 50 } }] }),
    );
}

#[test]
fn what_cannot_be_overridden_is_refused() {
    let w = world();
    let job = |overrides: Value| json!({ "taskDefinition": "job", "overrides": overrides });
    let storage = |gib: i32| json!({ "ephemeralStorage": { "sizeInGiB": gib } });
    let size = "Invalid setting for ephemeral storage. Size must be between 21 GiB and 200 GiB.";
    for (request, expected) in [
        (job(storage(21)), "Tasks using the EC2 launch type do not support EphemeralStorage."),
        (on_fargate(&w, storage(20)), size),
        (on_fargate(&w, storage(201)), size),
        (
            on_fargate(&w, gpus("1")),
            "Tasks using the Fargate launch type do not support GPU resource requirements.",
        ),
        (
            job(gpus("0")),
            "Invalid 'resourceRequirements' setting for container 'app'. A number of GPUs is a positive integer.",
        ),
    ] {
        let expected = format!("InvalidParameterException: {expected}");
        assert_eq!(w.err("RunTask", request.clone()), expected, "{request}");
    }
    assert_eq!(w.ok("ListTasks", json!({}))["taskArns"], json!([]));
}
