//! GetTaskProtection and UpdateTaskProtection.

use crate::world::{World, task_id};
use model::task::Task;
use serde_json::{Value, json};

const MINUTE_MS: i64 = 60_000;

/// A world, a task as a service runs it, and one that nobody but its caller looks after.
fn world() -> (World, Value, Value) {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", crate::world::host("job", json!({})));
    let run = || w.ok("RunTask", json!({ "taskDefinition": "job" }))["tasks"][0].clone();
    let (of_service, standalone) = (run(), run());
    let key = (w.scope.clone(), task_id(&of_service));
    w.commit(|tx| tx.update(&key, |task: &mut Task| task.group = "service:web".to_owned()));
    (w, of_service["taskArn"].clone(), standalone["taskArn"].clone())
}

#[test]
fn protection_holds_for_two_hours_or_as_long_as_is_said_and_ends_by_itself() {
    let (w, arn, _) = world();
    let get = json!({ "cluster": "default", "tasks": [arn] });
    let seen = |enabled: bool, until: Value| {
        let task = json!({ "taskArn": arn, "protectionEnabled": enabled, "expirationDate": until });
        json!({ "protectedTasks": [task], "failures": [] })
    };
    let update = |more: Value| {
        let mut request = json!({ "cluster": "default", "tasks": [arn], "protectionEnabled": true });
        crate::world::lay_over(&mut request, more);
        request
    };
    w.check("GetTaskProtection", get.clone(), seen(false, Value::Null));
    w.check("UpdateTaskProtection", update(json!({})), seen(true, json!(1_700_007_200.0)));
    w.advance(30 * MINUTE_MS);
    w.check(
        "UpdateTaskProtection",
        update(json!({ "expiresInMinutes": 1 })),
        seen(true, json!(1_700_001_860.0)),
    );
    w.check("GetTaskProtection", json!({ "cluster": "default" }), seen(true, json!(1_700_001_860.0)));
    w.advance(MINUTE_MS);
    w.check("GetTaskProtection", get.clone(), seen(false, Value::Null));
    assert_eq!(w.ok("GetTaskProtection", json!({ "cluster": "default" }))["protectedTasks"], json!([]));
    w.ok("UpdateTaskProtection", update(json!({ "expiresInMinutes": 2880 })));
    w.check("UpdateTaskProtection", update(json!({ "protectionEnabled": false })), seen(false, Value::Null));
    w.check("GetTaskProtection", get, seen(false, Value::Null));
}

#[test]
fn a_change_of_protection_counts_as_a_change_of_the_task() {
    let (w, arn, _) = world();
    let id = arn.as_str().and_then(|arn| arn.rsplit('/').next()).expect("an ARN").into();
    let record = || w.task(&id);
    for enabled in [true, false, false] {
        let before = record();
        w.ok(
            "UpdateTaskProtection",
            json!({ "cluster": "default", "tasks": [arn], "protectionEnabled": enabled }),
        );
        assert_eq!(invariants::check_task_change(&before, &record()), Ok(()));
    }
}

#[test]
fn only_a_task_that_a_service_runs_can_be_protected() {
    let (w, arn, standalone) = world();
    let nobody = "0".repeat(32);
    w.ok("StopTask", json!({ "task": arn }));
    let failed = json!({ "protectedTasks": [], "failures": [
        { "arn": standalone, "reason": "TASK_NOT_VALID" },
        { "arn": arn, "reason": "TASK_NOT_VALID" },
        { "arn": format!("arn:aws:ecs:us-east-1:000000000000:task/default/{nobody}"), "reason": "MISSING" },
    ] });
    let tasks = json!([standalone, arn, nobody]);
    w.check("GetTaskProtection", json!({ "cluster": "default", "tasks": tasks }), failed.clone());
    w.check(
        "UpdateTaskProtection",
        json!({ "cluster": "default", "tasks": tasks, "protectionEnabled": true }),
        failed,
    );
}

#[test]
fn times_and_counts_have_limits() {
    let (w, arn, _) = world();
    let parameter = |text: &str| format!("InvalidParameterException: {text}");
    for (request, expected) in [
        (json!({ "expiresInMinutes": 0 }), "expiresInMinutes should be between 1 and 2880."),
        (json!({ "expiresInMinutes": 2881 }), "expiresInMinutes should be between 1 and 2880."),
        (
            json!({ "expiresInMinutes": 5, "protectionEnabled": false }),
            "expiresInMinutes can only be specified when protectionEnabled is true.",
        ),
        (json!({ "tasks": [] }), "Tasks cannot be empty."),
        (json!({ "tasks": vec![arn.clone(); 11] }), "tasks can have at most 10 items."),
    ] {
        let mut whole = json!({ "cluster": "default", "tasks": [arn], "protectionEnabled": true });
        crate::world::lay_over(&mut whole, request);
        assert_eq!(w.err("UpdateTaskProtection", whole), parameter(expected));
    }
}
