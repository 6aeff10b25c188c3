//! ListContainerInstances by the cluster query language.

use crate::world::{World, host, task_id};
use model::instance::ContainerInstance;
use serde_json::json;

/// Instances `a`, `b` and `c` by the attribute `name`, the first two in one zone.
fn world() -> (World, Vec<String>) {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let register = |name, zone| {
        w.register_agent_with("default", 2048, 4096, &[("name", name), ("ecs.availability-zone", zone)])
    };
    let arns = vec![register("a", "us-east-1a"), register("b", "us-east-1a"), register("c", "us-east-1b")];
    (w, arns)
}

/// The names of the instances that a filter and more members mean, in the order of the answer.
fn listed(w: &World, arns: &[String], filter: &str, status: Option<&str>) -> String {
    let answer = w.ok("ListContainerInstances", json!({ "filter": filter, "status": status }));
    let answer = answer["containerInstanceArns"].as_array().expect("a list");
    let name = |arn| arns.iter().zip(["a", "b", "c"]).find(|(known, _)| arn == *known).map(|(_, name)| name);
    answer.iter().map(|arn| name(arn).expect("a known ARN")).collect()
}

/// Starts a task of the group on the instance.
fn start(w: &World, arn: &str, family: &str, group: &str) -> model::TaskId {
    w.ok("RegisterTaskDefinition", host(family, json!({})));
    let request = json!({ "taskDefinition": family, "containerInstances": [arn], "group": group });
    task_id(&w.ok("StartTask", request)["tasks"][0])
}

#[test]
fn instances_are_chosen_by_what_they_are() {
    let (w, arns) = world();
    w.set_connected(&arns[1], false);
    let id = arns[2].rsplit('/').next().expect("an ARN").into();
    w.commit(|tx| {
        tx.update(&(w.scope.clone(), id), |i: &mut ContainerInstance| {
            i.agent_version = "1.97.1".to_owned();
            i.ec2_instance_id = Some("i-1".to_owned());
            i.registered_at = i.registered_at.plus_millis(86_400_000);
        })
    });
    for (filter, expected) in [
        ("attribute:name == a", "a"),
        ("attribute:ecs.availability-zone == us-east-1a", "ab"),
        ("attribute:ecs.availability-zone != us-east-1a", "c"),
        ("attribute:name in [a, c] and not (attribute:name =~ 'c|d')", "a"),
        ("attribute:stack !exists", "abc"),
        ("agentConnected == true", "ac"),
        ("agentConnected == false", "b"),
        ("agentVersion >= 1.97", "c"),
        ("ec2InstanceId in ['i-1', i-2]", "c"),
        // The clock of these tests stands at 2023-11-14T22:13:20Z.
        ("registeredAt < 2023-11-15", "ab"),
        ("registeredAt == 2023-11-14T22:13:20Z", "ab"),
    ] {
        assert_eq!(listed(&w, &arns, filter, None), expected, "{filter}");
    }
}

#[test]
fn instances_are_chosen_by_their_tasks() {
    let (w, arns) = world();
    let web = start(&w, &arns[0], "web", "web");
    let twice = start(&w, &arns[1], "web", "web");
    start(&w, &arns[1], "db", "database");
    w.report(&web, "RUNNING", None);
    w.report(&twice, "RUNNING", None);
    for (filter, expected) in [
        ("runningTasksCount == 1", "ab"),
        ("runningTasksCount == 0", "c"),
        ("task:group == web", "ab"),
        ("task:group == database", "b"),
        ("not(task:group == database)", "ac"),
        ("task:group exists and runningTasksCount < 2", "ab"),
    ] {
        assert_eq!(listed(&w, &arns, filter, None), expected, "{filter}");
    }
    w.ok("StopTask", json!({ "task": twice.as_str() }));
    assert_eq!(
        listed(&w, &arns, "task:group == web", None),
        "a",
        "as placement, which looks at the desired status"
    );
    w.report(&twice, "STOPPED", Some(0));
    w.reconcile();
    assert_eq!(listed(&w, &arns, "runningTasksCount > 0", None), "a", "as DescribeContainerInstances counts");
    assert_eq!(listed(&w, &arns, "task:group == web", None), "a", "a task that is over has left");
}

#[test]
fn a_filter_goes_with_a_status_and_with_pages() {
    let (w, arns) = world();
    assert_eq!(listed(&w, &arns, "attribute:ecs.availability-zone == us-east-1a", Some("ACTIVE")), "ab");
    assert_eq!(listed(&w, &arns, "attribute:ecs.availability-zone == us-east-1a", Some("DRAINING")), "");
    let filter = "attribute:name != b";
    let first = w.ok("ListContainerInstances", json!({ "filter": filter, "maxResults": 1 }));
    assert_eq!(first["containerInstanceArns"], json!([arns[0]]));
    let token = &first["nextToken"];
    let rest =
        w.ok("ListContainerInstances", json!({ "filter": filter, "maxResults": 1, "nextToken": token }));
    assert_eq!(rest, json!({ "containerInstanceArns": [arns[2]] }));
    assert_eq!(
        w.err("ListContainerInstances", json!({ "filter": "attribute:name == b", "nextToken": token })),
        "InvalidParameterException: Invalid token."
    );
}

#[test]
fn what_is_no_expression_is_refused() {
    let (w, _) = world();
    for (filter, expected) in [
        (
            "",
            "expected a subject: agentConnected, agentVersion, attribute:NAME, ec2InstanceId, registeredAt, runningTasksCount or task:group, found the end (at character 1)",
        ),
        ("attribute:name = a", "expected an operator such as ==, found '=' (at character 16)"),
        ("attribute:name =~ '(?=a)'", "the pattern (?=a): look-ahead is not supported (at character 19)"),
    ] {
        assert_eq!(
            w.err("ListContainerInstances", json!({ "filter": filter })),
            format!("InvalidParameterException: Invalid expression: {expected}")
        );
    }
}
