//! Random sequences of calls, reports and reconciliations: whatever is asked in whatever order, the records keep the
//! invariants, and the indexes are those of the tables.

use crate::world::{World, fargate, host};
use invariants::{View, check_all, check_task_change, revisions_are_immutable};
use model::TaskId;
use serde_json::{Value, json};
use store::Snapshot;

const SEEDS: u64 = 30;
const STEPS: usize = 120;

#[test]
fn invariants_hold_after_every_step() {
    for seed in 0..SEEDS {
        let (w, mut rng) = (World::with_agent(), fastrand::Rng::with_seed(seed));
        w.register("f0");
        for step in 0..STEPS {
            let before = w.store.snapshot();
            let what = act(&w, &mut rng);
            w.advance(rng.i64(0..2000));
            check(&before, &w.store.snapshot())
                .unwrap_or_else(|e| panic!("seed {seed} step {step} {what}: {e}"));
        }
    }
}

/// One random call; most are valid, some are not.
fn act(w: &World, rng: &mut fastrand::Rng) -> String {
    let state = w.store.snapshot();
    let tasks: Vec<TaskId> = state.all_tasks().map(|t| t.id.clone()).collect();
    let task = rng.choice(&tasks).cloned();
    let family = format!("f{}", rng.u32(0..3));
    let revision = rng.u32(1..4);
    let report = |w: &World, status: &str, code: Option<i32>| {
        if let Some(task) = &task {
            w.report(task, status, code);
        }
        json!({})
    };
    let (operation, input) = match rng.u32(0..15) {
        0 => ("RegisterTaskDefinition", fargate(&family, json!({}))),
        1 => ("RegisterTaskDefinition", host(&family, json!({}))),
        2 => ("DeregisterTaskDefinition", json!({ "taskDefinition": format!("{family}:{revision}") })),
        3 => ("DeleteTaskDefinitions", json!({ "taskDefinitions": [format!("{family}:{revision}")] })),
        4..=6 => ("RunTask", run(w, rng, &family)),
        7 => ("StopTask", json!({ "task": task })),
        8 => ("reconcile", {
            w.reconcile();
            json!({})
        }),
        9 => ("report", report(w, "RUNNING", None)),
        10 => ("report", report(w, "STOPPED", Some(rng.i32(0..3)))),
        11 => ("TagResource", tag(w, rng, task)),
        12 => ("DeleteCluster", json!({ "cluster": "default" })),
        13 => ("RegisterContainerInstance", resize(w, rng)),
        _ => (
            "UntagResource",
            json!({ "resourceArn": "arn:aws:ecs:us-east-1:000000000000:cluster/default", "tagKeys": ["a"] }),
        ),
    };
    if operation.starts_with(char::is_uppercase) {
        let outcome = w.call(operation, input.clone());
        if outcome.is_err() {
            assert!(
                state.revision() == w.store.snapshot().revision(),
                "{operation} {input} failed and wrote"
            );
        }
    }
    format!("{operation} {input}")
}

fn run(w: &World, rng: &mut fastrand::Rng, family: &str) -> Value {
    let mut request = json!({ "taskDefinition": family, "count": rng.u32(1..4) });
    if rng.bool() {
        request["launchType"] = json!("FARGATE");
        request["networkConfiguration"] = w.network();
    }
    if rng.bool() {
        request["clientToken"] = json!(format!("t{}", rng.u32(0..5)));
    }
    request
}

/// The agent's host comes back with more or less than it had.
fn resize(w: &World, rng: &mut fastrand::Rng) -> Value {
    let state = w.store.snapshot();
    let instance = state.all_instances().next().expect("the agent's");
    let arn = model::arn::container_instance(&instance.scope, &instance.cluster, &instance.id);
    let resource = |name: &str, value: u32| json!({ "name": name, "integerValue": value });
    let resources = json!([resource("CPU", rng.u32(0..4096)), resource("MEMORY", rng.u32(0..8192))]);
    json!({ "containerInstanceArn": arn, "totalResources": resources })
}

fn tag(w: &World, rng: &mut fastrand::Rng, task: Option<TaskId>) -> Value {
    let task = task.unwrap_or_else(|| "f".repeat(32).into());
    let arn = model::arn::task(&w.scope, &"default".into(), &task);
    json!({ "resourceArn": arn, "tags": [{ "key": "a", "value": rng.u32(0..3).to_string() }] })
}

pub fn check(before: &Snapshot, after: &Snapshot) -> Result<(), String> {
    after.check_indexes()?;
    let scope = model::Scope::new("000000000000", "us-east-1");
    let violation = |v: invariants::Violation| format!("{v:?}");
    let view = View {
        tasks: after.all_tasks().map(|t| &**t).collect(),
        instances: after.all_instances().map(|i| &**i).collect(),
        enis: after.enis().map(|e| &**e).collect(),
        definitions: after.task_definitions(&scope).map(|d| &**d).collect(),
    };
    check_all(&view).map_err(violation)?;
    for task in before.all_tasks() {
        let now = after.task(&task.scope, &task.id).ok_or("a task is gone")?;
        check_task_change(task, now).map_err(violation)?;
    }
    for definition in before.task_definitions(&scope) {
        let now = after.task_definition(&scope, &definition.family, definition.revision);
        revisions_are_immutable(definition, now.ok_or("a revision is gone")?).map_err(violation)?;
    }
    Ok(())
}
