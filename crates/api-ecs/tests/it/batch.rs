//! Operations on several things at once: what is named twice, by whichever of its names, is one thing.

use crate::world::{World, fargate};
use serde_json::{Value, json};

/// How many there are in a list of the answer.
fn count(w: &World, operation: &str, request: Value, member: &str) -> usize {
    let answer = w.ok(operation, request);
    answer[member].as_array().expect("a list").len()
}

#[test]
fn what_is_named_twice_is_there_once() {
    let w = World::with_agent();
    w.register("web");
    let instance = w.register_agent("default", 1024, 1024);
    let instances = [instance.as_str(), instance.rsplit('/').next().expect("an id"), &instance];
    let request = json!({ "containerInstances": instances });
    assert_eq!(count(&w, "DescribeContainerInstances", request, "containerInstances"), 1);
    let request = json!({ "containerInstances": instances, "status": "DRAINING" });
    let answer = w.ok("UpdateContainerInstancesState", request);
    assert_eq!(answer["containerInstances"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["containerInstances"][0]["version"], 2, "changed once");

    let task = w.run_fargate("web").to_string();
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{task}");
    assert_eq!(count(&w, "DescribeTasks", json!({ "tasks": [arn, task, arn] }), "tasks"), 1);
    let request = json!({ "cluster": "default", "tasks": [task, arn] });
    assert_eq!(count(&w, "GetTaskProtection", request.clone(), "failures"), 1);
    let mut update = request;
    update["protectionEnabled"] = json!(true);
    assert_eq!(count(&w, "UpdateTaskProtection", update, "failures"), 1);

    let cluster = "arn:aws:ecs:us-east-1:000000000000:cluster/default";
    assert_eq!(count(&w, "DescribeClusters", json!({ "clusters": ["default", cluster] }), "clusters"), 1);
    let request = json!({ "capacityProviders": ["FARGATE", "none", "FARGATE", "none"] });
    assert_eq!(count(&w, "DescribeCapacityProviders", request.clone(), "capacityProviders"), 1);
    assert_eq!(count(&w, "DescribeCapacityProviders", request, "failures"), 1);
    w.ok("RegisterTaskDefinition", fargate("old", json!({})));
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "old:1" }));
    let definition = "arn:aws:ecs:us-east-1:000000000000:task-definition/old:1";
    let request = json!({ "taskDefinitions": ["old:1", definition, "?", "?", "web:1"] });
    let answer = w.ok("DeleteTaskDefinitions", request);
    assert_eq!(answer["taskDefinitions"].as_array().map(Vec::len), Some(1));
    let failed: Vec<_> = answer["failures"].as_array().expect("a list").iter().map(|f| &f["arn"]).collect();
    assert_eq!(failed, ["?", "web:1"], "as the request names them");
}

/// As on AWS the limit is one of the request.
#[test]
fn names_count_as_often_as_they_are_there() {
    let w = World::with_agent();
    let task = "0".repeat(32);
    let refused = w.err("DescribeTasks", json!({ "tasks": vec![task; 101] }));
    assert_eq!(refused, "InvalidParameterException: tasks can have at most 100 items.");
}
