//! Clusters.

use crate::world::World;
use serde_json::json;

const NOT_FOUND: &str = "ClusterNotFoundException: Cluster not found.";
const INACTIVE: &str = "ClusterNotFoundException: The referenced cluster was inactive.";

#[test]
fn a_cluster_is_created_once_and_described() {
    let w = World::new();
    let created = json!({ "cluster": {
        "clusterName": "web", "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/web", "status": "ACTIVE",
        "settings": [{ "name": "containerInsights", "value": "disabled" }], "tags": [{ "key": "a", "value": "b" }],
        "runningTasksCount": 0, "pendingTasksCount": 0, "activeServicesCount": 0,
        "registeredContainerInstancesCount": 0,
    }});
    let tags = json!([{ "key": "a", "value": "b" }]);
    w.check("CreateCluster", json!({ "clusterName": "web", "tags": tags }), created.clone());
    w.check("CreateCluster", json!({ "clusterName": "web" }), created.clone());
    w.check("CreateCluster", json!({ "clusterName": "web", "tags": tags }), created);
    let other = json!({ "clusterName": "web", "tags": [] });
    assert_eq!(
        w.err("CreateCluster", other),
        "InvalidParameterException: Arguments on this idempotent request are inconsistent with arguments used in \
         previous request(s)."
    );
    w.check("CreateCluster", json!({}), json!({ "cluster": { "clusterName": "default" } }));
}

#[test]
fn describe_shows_what_is_asked_for_and_names_what_is_missing() {
    let w = World::new();
    w.ok("CreateCluster", json!({ "clusterName": "web", "tags": [{ "key": "a", "value": "b" }] }));
    w.check(
        "DescribeClusters",
        json!({ "clusters": ["web", "none"] }),
        json!({
            "clusters": [{ "clusterName": "web", "tags": [], "settings": [], "statistics": [], "attachments": null }],
            "failures": [{ "arn": "arn:aws:ecs:us-east-1:000000000000:cluster/none", "reason": "MISSING" }],
        }),
    );
    w.check(
        "DescribeClusters",
        json!({
            "clusters": ["arn:aws:ecs:us-east-1:000000000000:cluster/web"],
            "include": ["SETTINGS", "TAGS", "ATTACHMENTS", "CONFIGURATIONS"],
        }),
        json!({ "failures": [], "clusters": [{
            "tags": [{ "key": "a", "value": "b" }],
            "settings": [{ "name": "containerInsights", "value": "disabled" }],
            "attachments": [], "configuration": null,
        }] }),
    );
    let nothing = json!({ "clusters": [], "failures": [{ "reason": "MISSING" }] });
    w.check("DescribeClusters", json!({}), nothing);
}

#[test]
fn the_counts_are_those_of_the_tasks_and_instances() {
    let w = World::with_agent();
    w.register("web");
    let (one, _two) = (w.run_fargate("web"), w.run_fargate("web"));
    w.reconcile();
    w.report(&one, "RUNNING", None);
    w.check(
        "DescribeClusters",
        json!({ "include": ["STATISTICS"] }),
        json!({ "clusters": [{
            "registeredContainerInstancesCount": 1, "runningTasksCount": 1, "pendingTasksCount": 1,
            "statistics": [
                { "name": "runningEC2TasksCount", "value": "0" },
                { "name": "runningFargateTasksCount", "value": "1" },
                { "name": "pendingEC2TasksCount", "value": "0" },
                { "name": "pendingFargateTasksCount", "value": "1" },
                { "name": "activeEC2ServiceCount", "value": "0" },
                { "name": "activeFargateServiceCount", "value": "0" },
                { "name": "drainingEC2ServiceCount", "value": "0" },
                { "name": "drainingFargateServiceCount", "value": "0" },
            ],
        }] }),
    );
}

#[test]
fn settings_are_updated_and_checked() {
    let w = World::new();
    let settings = |value: &str| json!({ "cluster": "web", "settings": [{ "name": "containerInsights", "value": value }] });
    assert_eq!(w.err("UpdateCluster", settings("disabled")), NOT_FOUND);
    w.ok("CreateCluster", json!({ "clusterName": "web" }));
    let expected =
        json!({ "cluster": { "settings": [{ "name": "containerInsights", "value": "disabled" }] } });
    w.check("UpdateCluster", settings("disabled"), expected);
    for value in ["enabled", "enhanced"] {
        let expected =
            format!("InvalidParameterException: Wharf does not support containerInsights '{value}' yet.");
        assert_eq!(w.err("UpdateCluster", settings(value)), expected);
    }
    assert_eq!(w.err("UpdateCluster", settings("on")), "InvalidParameterException: Invalid setting 'value'.");
}

#[test]
fn a_cluster_is_deleted_when_nothing_in_it_lives() {
    let w = World::with_agent();
    w.register("web");
    let task = w.run_fargate("web");
    let delete = || w.err("DeleteCluster", json!({ "cluster": "default" }));
    assert_eq!(
        delete(),
        "ClusterContainsContainerInstancesException: The Cluster cannot be deleted while Container Instances are \
         active or draining."
    );
    let instance = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    w.ok("DeregisterContainerInstance", json!({ "containerInstance": instance, "force": true }));
    assert_eq!(
        delete(),
        "ClusterContainsTasksException: The Cluster cannot be deleted while Tasks are active."
    );
    w.ok("StopTask", json!({ "task": task }));
    w.reconcile();
    w.check("DeleteCluster", json!({ "cluster": "default" }), json!({ "cluster": { "status": "INACTIVE" } }));
    w.check("DescribeClusters", json!({}), json!({ "clusters": [{ "status": "INACTIVE" }], "failures": [] }));
    w.check("ListClusters", json!({}), json!({ "clusterArns": [] }));
    let run =
        json!({ "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": w.network() });
    assert_eq!(w.err("RunTask", run), INACTIVE);
    assert_eq!(w.err("UpdateCluster", json!({ "cluster": "default" })), INACTIVE);
    assert_eq!(w.err("DeleteCluster", json!({ "cluster": "none" })), NOT_FOUND);
    w.check("CreateCluster", json!({}), json!({ "cluster": { "status": "ACTIVE" } }));
}

#[test]
fn other_accounts_and_regions_have_clusters_of_their_own() {
    let w = World::new();
    w.ok("CreateCluster", json!({ "clusterName": "web" }));
    for (account, region) in [("111111111111", "us-east-1"), ("000000000000", "eu-west-1")] {
        let scope = model::Scope::new(account, region);
        let answer = w.call_as(&scope, "ListClusters", json!({})).expect("a list");
        assert_eq!(answer["clusterArns"], json!([]), "{account} {region}");
    }
}

#[test]
fn names_are_checked() {
    let w = World::new();
    let invalid = "InvalidParameterException: Cluster name contains invalid characters.";
    for name in ["a b", "ä", &"x".repeat(256)] {
        assert_eq!(w.err("CreateCluster", json!({ "clusterName": name })), invalid, "{name}");
    }
}
