//! The List operations: filters, order, pages.

use crate::world::{World, host};
use serde_json::{Value, json};

/// All results of a List operation in pages of `results_max`; every page but the last is full.
fn walk(w: &World, operation: &str, request: Value, member: &str, results_max: usize) -> Vec<String> {
    let (mut found, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut request = request.clone();
        (request["maxResults"], request["nextToken"]) = (json!(results_max), token);
        let answer = w.ok(operation, request);
        let page = answer[member].as_array().expect("a list");
        found.extend(
            page.iter().map(|v| v.as_str().expect("text").rsplit('/').next().unwrap_or_default().to_owned()),
        );
        token = answer["nextToken"].clone();
        if token.is_null() {
            return found;
        }
        assert_eq!(page.len(), results_max, "{answer}");
    }
}

#[test]
fn pages_of_any_size_give_the_same() {
    let w = World::with_agent();
    for name in ["a", "b", "c", "d", "e"] {
        w.ok("CreateCluster", json!({ "clusterName": name }));
        w.register_agent("default", 1024, 1024);
        w.register(name);
        w.register(name);
        w.run_fargate(name);
    }
    for (operation, member) in [
        ("ListClusters", "clusterArns"),
        ("ListTaskDefinitions", "taskDefinitionArns"),
        ("ListTaskDefinitionFamilies", "families"),
        ("ListTasks", "taskArns"),
        ("ListContainerInstances", "containerInstanceArns"),
    ] {
        let all = walk(&w, operation, json!({}), member, 100);
        assert!(all.len() >= 5 && all.is_sorted(), "{operation}: {all:?}");
        for results_max in [1, 2, 3, all.len()] {
            assert_eq!(
                walk(&w, operation, json!({}), member, results_max),
                all,
                "{operation} by {results_max}"
            );
        }
    }
}

#[test]
fn a_token_is_good_for_its_own_query() {
    let w = World::new();
    for name in ["a", "b"] {
        w.ok("CreateCluster", json!({ "clusterName": name }));
        w.register(name);
    }
    let token = w.ok("ListClusters", json!({ "maxResults": 1 }))["nextToken"].clone();
    let invalid = "InvalidParameterException: Invalid token.";
    for (operation, request) in [
        ("ListTaskDefinitions", json!({ "nextToken": token })),
        ("ListTaskDefinitionFamilies", json!({ "nextToken": token })),
        ("ListClusters", json!({ "nextToken": "x" })),
    ] {
        assert_eq!(w.err(operation, request.clone()), invalid, "{operation} {request}");
    }
    let other = model::Scope::new("111111111111", "us-east-1");
    let answer = w.call_as(&other, "ListClusters", json!({ "nextToken": token }));
    assert_eq!(answer.map_err(|e| e.to_string()), Err(invalid.to_owned()));
    let out_of_range = "InvalidParameterException: maxResults should be between 1 and 100.";
    assert_eq!(w.err("ListClusters", json!({ "maxResults": 101 })), out_of_range);
    let token = w.ok("ListTaskDefinitions", json!({ "maxResults": 1 }))["nextToken"].clone();
    assert_eq!(w.err("ListTaskDefinitions", json!({ "sort": "DESC", "nextToken": token })), invalid);
}

#[test]
fn definitions_are_listed_by_family_and_revision() {
    let w = World::new();
    // Eleven revisions: 10 comes after 9.
    (0..11).for_each(|_| drop(w.register("web")));
    w.register("web-2");
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "web:3" }));
    let list = |request: Value| walk(&w, "ListTaskDefinitions", request, "taskDefinitionArns", 4);
    let revisions = |numbers: &[u32]| numbers.iter().map(|n| format!("web:{n}")).collect::<Vec<_>>();
    let web = revisions(&[1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(list(json!({ "familyPrefix": "web" })), web);
    assert_eq!(list(json!({})), [web.clone(), vec!["web-2:1".to_owned()]].concat());
    let down: Vec<_> = web.into_iter().rev().collect();
    assert_eq!(list(json!({ "familyPrefix": "web", "sort": "DESC" })), down);
    assert_eq!(list(json!({ "status": "INACTIVE" })), revisions(&[3]));
    assert_eq!(list(json!({ "familyPrefix": "we" })), revisions(&[]));
}

#[test]
fn families_are_listed_by_what_is_active_in_them() {
    let w = World::new();
    for family in ["api", "web", "web-old"] {
        w.register(family);
    }
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "web-old:1" }));
    let list = |request: Value| walk(&w, "ListTaskDefinitionFamilies", request, "families", 10);
    assert_eq!(list(json!({})), ["api", "web", "web-old"]);
    assert_eq!(list(json!({ "familyPrefix": "web" })), ["web", "web-old"]);
    assert_eq!(list(json!({ "status": "ACTIVE" })), ["api", "web"]);
    assert_eq!(list(json!({ "status": "INACTIVE" })), ["web-old"]);
}

#[test]
fn tasks_are_listed_by_every_filter() {
    let w = World::with_agent();
    w.register("web");
    w.ok("RegisterTaskDefinition", host("api", json!({})));
    let web = w.run_fargate("web").to_string();
    let gone = w.run_fargate("web").to_string();
    w.ok("StopTask", json!({ "task": gone }));
    let answer = w.ok("RunTask", json!({ "taskDefinition": "api", "startedBy": "me" }));
    let api = crate::world::task_id(&answer["tasks"][0]).to_string();
    let list = |request: Value| walk(&w, "ListTasks", request, "taskArns", 1);
    let [web, gone, api] = [web.as_str(), gone.as_str(), api.as_str()];
    assert_eq!(list(json!({})), [web, api]);
    assert_eq!(list(json!({ "desiredStatus": "STOPPED" })), [gone]);
    assert_eq!(list(json!({ "desiredStatus": "STOPPED", "family": "web" })), [gone]);
    assert_eq!(list(json!({ "desiredStatus": "STOPPED", "family": "api" })), [""; 0]);
    assert_eq!(list(json!({ "desiredStatus": "PENDING" })), [""; 0]);
    assert_eq!(list(json!({ "daemonName": "logs" })), [""; 0]);
    assert_eq!(list(json!({ "family": "web" })), [web]);
    assert_eq!(list(json!({ "startedBy": "me" })), [api]);
    assert_eq!(list(json!({ "launchType": "FARGATE" })), [web]);
    assert_eq!(list(json!({ "launchType": "EC2" })), [api]);
    assert_eq!(
        w.err("ListTasks", json!({ "serviceName": "s" })),
        "ServiceNotFoundException: Service not found."
    );
    assert_eq!(
        w.err("ListTasks", json!({ "cluster": "none" })),
        "ClusterNotFoundException: Cluster not found."
    );
}
