//! What agents report is acknowledged whatever it says, and counts when it is about a task on their own instances.

use crate::world::World;
use model::Scope;
use serde_json::{Value, json};

#[test]
fn a_task_lives_by_its_reports() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}");
    let report = |body: Value| {
        let mut request = json!({ "cluster": "default", "task": arn, "reason": "" });
        crate::world::lay_over(&mut request, body);
        w.check("SubmitTaskStateChange", request, json!({ "acknowledgment": "ACK" }));
    };
    let attachment = w.task(&id).eni.expect("an attachment").id;
    let attachment = format!("arn:aws:ecs:us-east-1:000000000000:attachment/default/{attachment}");
    report(json!({ "attachments": [{ "attachmentArn": attachment, "status": "ATTACHED" }] }));
    let running = json!([{ "containerName": "app", "status": "RUNNING", "runtimeId": "r1", "imageDigest": "sha256:1" }]);
    let pulls = json!({ "status": "RUNNING", "containers": running, "pullStartedAt": 1_699_999_990.5 });
    report(pulls.clone());
    report(pulls);
    w.check(
        "DescribeTasks",
        json!({ "tasks": [id] }),
        json!({ "tasks": [{
            "lastStatus": "RUNNING", "pullStartedAt": 1_699_999_990.5, "attachments": [{ "status": "ATTACHED" }],
            "containers": [{ "runtimeId": "r1", "imageDigest": "sha256:1" }],
        }] }),
    );
    let stopped = json!([{ "containerName": "app", "status": "STOPPED", "exitCode": 3 }]);
    report(json!({ "status": "STOPPED", "containers": stopped }));
    report(json!({ "status": "RUNNING", "containers": running }));
    w.reconcile();
    w.check(
        "DescribeTasks",
        json!({ "tasks": [id] }),
        json!({ "tasks": [{
            "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited", "containers": [{ "exitCode": 3 }],
        }] }),
    );
}

#[test]
fn odd_reports_are_acknowledged_and_change_nothing() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    let before = w.task(&id);
    let acknowledged = json!({ "acknowledgment": "ACK" });
    for body in [
        json!({}),
        json!({ "task": "" }),
        json!({ "task": "arn:aws:ecs:us-east-1:000000000000:task/default/unknown", "status": "RUNNING" }),
        json!({ "task": "arn:nonsense", "status": "RUNNING" }),
        json!({ "task": "arn:aws:ecs:us-east-1:000000000000:service/web", "status": "RUNNING" }),
    ] {
        w.check("SubmitTaskStateChange", body, acknowledged.clone());
    }
    w.check(
        "SubmitContainerStateChange",
        json!({ "task": "x", "containerName": "app" }),
        acknowledged.clone(),
    );
    let attachments = json!({ "attachments": [{ "attachmentArn": "a", "status": "ATTACHED" }] });
    w.check("SubmitAttachmentStateChanges", attachments, acknowledged);
    assert_eq!(w.task(&id), before);
}

#[test]
fn nobody_reports_on_the_instances_of_others() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    let before = w.task(&id);
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}");
    let stranger = Scope::new("111111111111", "us-east-1");
    let report = json!({ "task": arn, "status": "STOPPED" });
    w.call_as(&stranger, "SubmitTaskStateChange", report).expect("acknowledged all the same");
    assert_eq!(w.task(&id), before);
}

#[test]
fn one_container_can_be_reported_alone() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}");
    let change = json!({ "task": arn, "containerName": "app", "status": "RUNNING", "runtimeId": "r" });
    w.ok("SubmitContainerStateChange", change);
    let shown = json!({ "tasks": [{ "lastStatus": "PENDING", "containers": [{ "lastStatus": "RUNNING", "runtimeId": "r" }] }] });
    w.check("DescribeTasks", json!({ "tasks": [id] }), shown);
}

#[test]
fn long_texts_are_trimmed() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}");
    let (reason, runtime_id) = ("ä".repeat(2000), "x".repeat(2000));
    let change = json!({ "task": arn, "containerName": "app", "reason": reason, "runtimeId": runtime_id });
    w.ok("SubmitContainerStateChange", change);
    let container = &w.task(&id).containers[0];
    assert_eq!(container.reason.as_ref().map(|r| r.chars().count()), Some(1024));
    assert_eq!(container.runtime_id.as_ref().map(String::len), Some(255));
}
