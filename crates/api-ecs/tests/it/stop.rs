//! StopTask and DescribeTasks.

use crate::world::World;
use serde_json::json;

#[test]
fn a_task_that_never_ran_is_over_at_once() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    let stopped = json!({ "task": {
        "desiredStatus": "STOPPED", "lastStatus": "DEPROVISIONING", "stopCode": "UserInitiated",
        "stoppedReason": "enough", "stoppingAt": 1_700_000_001.0,
    } });
    w.advance(1000);
    w.check("StopTask", json!({ "task": id, "reason": "enough" }), stopped);
    w.reconcile();
    let over = json!({ "task": { "lastStatus": "STOPPED", "stoppedReason": "enough", "stoppedAt": 1_700_000_001.0 } });
    w.advance(1000);
    w.check("StopTask", json!({ "task": id, "reason": "again" }), over);
}

#[test]
fn a_running_task_is_wanted_stopped_and_stops_when_the_agent_says_so() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    w.report(&id, "RUNNING", None);
    let wanted = json!({ "task": {
        "desiredStatus": "STOPPED", "lastStatus": "RUNNING", "stoppedReason": "Task stopped by user",
    } });
    w.check("StopTask", json!({ "task": id }), wanted);
    let version = w.task(&id).version;
    w.ok("StopTask", json!({ "task": id }));
    assert_eq!(w.task(&id).version, version, "asked twice, changed once");
    w.report(&id, "STOPPED", Some(143));
    w.reconcile();
    w.check(
        "DescribeTasks",
        json!({ "tasks": [id] }),
        json!({ "tasks": [{
            "lastStatus": "STOPPED", "stopCode": "UserInitiated", "containers": [{ "lastStatus": "STOPPED", "exitCode": 143 }],
        }] }),
    );
}

#[test]
fn what_is_not_there_is_said() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.ok("CreateCluster", json!({ "clusterName": "other" }));
    let unknown = "f".repeat(32);
    for (operation, input, expected) in [
        (
            "StopTask",
            json!({ "task": unknown }),
            "InvalidParameterException: The referenced task was not found.",
        ),
        (
            "StopTask",
            json!({ "task": id, "cluster": "other" }),
            "InvalidParameterException: The referenced task was not found.",
        ),
        (
            "StopTask",
            json!({ "task": id, "cluster": "none" }),
            "ClusterNotFoundException: Cluster not found.",
        ),
        (
            "StopTask",
            json!({ "task": "None" }),
            "InvalidParameterException: taskId length should be one of [32,36]",
        ),
        (
            "StopTask",
            json!({ "task": id, "reason": "x".repeat(1025) }),
            "InvalidParameterException: reason can have at most 1024 characters.",
        ),
        ("DescribeTasks", json!({ "tasks": [] }), "InvalidParameterException: Tasks cannot be empty."),
        (
            "DescribeTasks",
            json!({ "tasks": vec![unknown.clone(); 101] }),
            "InvalidParameterException: tasks can have at most 100 items.",
        ),
        (
            "DescribeTasks",
            json!({ "tasks": [format!("arn:aws:ecs:us-east-1:000000000000:task/other/{unknown}")] }),
            "InvalidParameterException: Identifier is for cluster other. Your cluster is default",
        ),
        (
            "DescribeTasks",
            json!({ "tasks": [id], "cluster": "none" }),
            "ClusterNotFoundException: Cluster not found.",
        ),
    ] {
        assert_eq!(w.err(operation, input.clone()), expected, "{operation} {input}");
    }
    w.check(
        "DescribeTasks",
        json!({ "tasks": [unknown, id] }),
        json!({
            "tasks": [{ "tags": [] }],
            "failures": [{
                "arn": format!("arn:aws:ecs:us-east-1:000000000000:task/default/{unknown}"), "reason": "MISSING",
            }],
        }),
    );
    w.check("DescribeTasks", json!({ "tasks": [id], "cluster": "other" }), json!({ "tasks": [] }));
}

#[test]
fn a_lost_agent_is_not_called_connected() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    w.report(&id, "RUNNING", None);
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    let arn = arn.as_str().expect("an ARN");
    let check = |connectivity: &str, at: f64| {
        let shown = json!({ "tasks": [{ "connectivity": connectivity, "connectivityAt": at }] });
        w.check("DescribeTasks", json!({ "tasks": [id] }), shown);
    };
    check("CONNECTED", 1_700_000_000.0);
    w.advance(1000);
    w.set_connected(arn, false);
    check("DISCONNECTED", 1_700_000_001.0);
    w.advance(1000);
    w.set_connected(arn, true);
    check("CONNECTED", 1_700_000_002.0);
    w.report(&id, "STOPPED", Some(0));
    w.reconcile();
    w.set_connected(arn, false);
    w.check("DescribeTasks", json!({ "tasks": [id] }), json!({ "tasks": [{ "connectivity": "CONNECTED" }] }));
}
