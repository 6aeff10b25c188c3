//! The client drops what the official agent drops, and refuses what that one refuses: or it would prove nothing.

use serde_json::{Value, json};
use testkit::{Agent, Desired};

fn payload(task: Value) -> String {
    let message = json!({ "messageId": "m1", "clusterArn": "c", "containerInstanceArn": "i", "seqNum": 3, "tasks": [task] });
    json!({ "type": "PayloadMessage", "message": message }).to_string()
}

fn task(container: Value) -> Value {
    let mut task = json!({ "arn": "t1", "desiredStatus": "RUNNING", "networkMode": "bridge", "containers": [{
        "name": "app", "image": "i", "overrides": "{}", "dockerConfig": { "config": "{}", "hostConfig": "{}" },
    }] });
    for (name, value) in container.as_object().expect("members") {
        task["containers"][0][name] = value.clone();
    }
    task
}

#[test]
fn one_wrong_type_anywhere_discards_the_frame() {
    for container in [
        json!({ "overrides": {} }),
        json!({ "cpu": 1.5 }),
        json!({ "cpu": "128" }),
        json!({ "memory": -1 }),
        json!({ "essential": "true" }),
        json!({ "command": "sh" }),
        json!({ "environment": [{ "name": "A", "value": "1" }] }),
        json!({ "environment": { "A": 1 } }),
        json!({ "portMappings": [{ "containerPort": 70000 }] }),
        json!({ "dockerConfig": { "config": {} } }),
        json!({ "linuxParameters": {} }),
    ] {
        let mut agent = Agent::default();
        let heard = agent.hear(&payload(task(container.clone())));
        assert!(heard.message.is_err() && heard.answers.is_empty(), "{container}");
        assert!(agent.tasks.is_empty() && agent.reports.is_empty(), "{container}");
    }
}

#[test]
fn a_task_that_cannot_be_loaded_is_reported_and_its_payload_not_acknowledged() {
    for container in [
        json!({ "overrides": "{\"memory\":1}" }),
        json!({ "overrides": "not JSON" }),
        json!({ "dockerConfig": { "config": "{\"User\":7}" } }),
        json!({ "dockerConfig": { "config": "{\"Usr\":\"root\"}" } }),
        json!({ "dockerConfig": { "hostConfig": "{\"Sysctls\":[]}" } }),
        json!({ "portMappings": [{ "containerPort": 80, "protocol": "TCP" }] }),
        json!({ "portMappings": [{ "containerPort": 80, "containerPortRange": "80-90" }] }),
        json!({ "healthCheckType": "docker" }),
        json!({ "healthCheckType": "DOCKER" }),
        json!({ "dependsOn": [{ "containerName": "app", "condition": "start" }] }),
        json!({ "dependsOn": [{ "containerName": "nobody", "condition": "START" }] }),
        json!({ "links": ["nobody:db"] }),
        json!({ "volumesFrom": [{ "sourceContainer": "nobody" }] }),
        json!({ "mountPoints": [{ "sourceVolume": "nothing", "containerPath": "/" }] }),
    ] {
        let mut agent = Agent::default();
        let heard = agent.hear(&payload(task(container.clone())));
        assert!(heard.message.is_ok() && heard.answers.is_empty(), "{container}");
        let [report] = &agent.reports[..] else { panic!("{container}") };
        assert!(report.reason.starts_with("UnrecogniedTaskError: "), "{report:?}");
    }
}

#[test]
fn what_is_well_formed_is_acknowledged() {
    let mut agent = Agent::default();
    let heard = agent.hear(&payload(task(json!({ "command": null, "overrides": "{\"command\":[\"sh\"]}" }))));
    let ack = json!({ "type": "AckRequest", "message": { "cluster": "c", "containerInstance": "i", "messageId": "m1" } });
    assert_eq!(heard.answers, [ack.to_string()]);
    assert_eq!(agent.tasks["t1"], Desired::Running);
}

#[test]
fn an_old_manifest_is_dropped_and_an_update_refused() {
    let mut agent = Agent::default();
    agent.hear(&payload(task(json!({}))));
    let manifest = |timeline: i64| {
        let message = json!({
            "messageId": "m2", "timeline": timeline, "clusterArn": "c", "containerInstanceArn": "i", "tasks": [],
        });
        json!({ "type": "TaskManifestMessage", "message": message }).to_string()
    };
    assert!(agent.hear(&manifest(3)).message.is_err());
    let kinds =
        |answers: &[String]| answers.iter().map(|a| a.contains("StopVerification")).collect::<Vec<_>>();
    assert_eq!(kinds(&agent.hear(&manifest(4)).answers), [false, true]);
    for kind in ["StageUpdateMessage", "PerformUpdateMessage"] {
        let message = json!({
            "messageId": "m3", "clusterArn": "c", "containerInstanceArn": "i",
            "updateInfo": { "location": "l", "signature": "s" },
        });
        let heard = agent.hear(&json!({ "type": kind, "message": message }).to_string());
        assert!(heard.answers[0].contains("Updates are disabled"), "{heard:?}");
    }
}

#[test]
fn an_interface_is_confirmed_when_it_is_whole() {
    let message = json!({
        "messageId": "m1", "clusterArn": "c", "containerInstanceArn": "i", "taskArn": "t", "waitTimeoutMs": 1000,
        "elasticNetworkInterfaces": [{ "ec2Id": "eni-1", "macAddress": "02:00:00:00:00:01" }],
    });
    let hear = |message: &Value| {
        let frame = json!({ "type": "AttachTaskNetworkInterfacesMessage", "message": message }).to_string();
        Agent::default().hear(&frame).answers.len()
    };
    assert_eq!(hear(&message), 1);
    for (name, value) in
        [("taskArn", json!("")), ("waitTimeoutMs", json!(0)), ("elasticNetworkInterfaces", json!([]))]
    {
        let mut partial = message.clone();
        partial[name] = value;
        assert_eq!(hear(&partial), 0, "{name}");
    }
}
