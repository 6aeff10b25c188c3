//! What DescribeTaskDefinition shows is what was registered, with AWS's defaults, and registering it again changes
//! nothing.

use crate::honoured::whole_definition;
use crate::rules::ec2;
use crate::world::{World, fargate, lay_over};
use serde_json::{Map, Value, json};

const DEFINITIONS: usize = 3000;

/// The one container's echo.
fn container(definition: Value) -> Value {
    World::new().ok("RegisterTaskDefinition", definition)["taskDefinition"]["containerDefinitions"][0].clone()
}

fn with(changes: Value) -> Value {
    let mut definition = ec2(json!({}));
    lay_over(&mut definition["containerDefinitions"][0], changes);
    definition
}

#[test]
fn members_that_were_not_given_are_not_shown_except_those_that_aws_shows() {
    let plain = json!({
        "name": "app", "image": "app:latest", "cpu": 0, "memory": 64, "essential": true, "environment": [],
        "portMappings": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
    });
    assert_eq!(container(ec2(json!({}))), plain);
    let answer = World::new().ok("RegisterTaskDefinition", ec2(json!({})));
    let definition = answer["taskDefinition"].as_object().expect("an object");
    assert_eq!(definition["volumes"], json!([]));
    assert_eq!(definition["networkMode"], "bridge");
    for absent in ["pidMode", "ipcMode", "ephemeralStorage", "cpu", "memory", "requiresCompatibilities"] {
        assert!(!definition.contains_key(absent), "{absent}");
    }
}

#[test]
fn defaults_are_those_of_aws() {
    let check = container(with(json!({ "healthCheck": { "command": ["CMD", "true"] } })));
    let expected = json!({ "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 });
    assert_eq!(check["healthCheck"], expected);
    let policy = container(with(json!({ "restartPolicy": { "enabled": true } })));
    assert_eq!(policy["restartPolicy"], json!({ "enabled": true, "restartAttemptPeriod": 300 }));
    let ports = json!({ "portMappings": [{ "containerPort": 80 }, { "containerPortRange": "90-99" }] });
    let shown = json!([
        { "containerPort": 80, "hostPort": 0, "protocol": "tcp" },
        { "containerPortRange": "90-99", "protocol": "tcp" },
    ]);
    assert_eq!(container(with(ports.clone()))["portMappings"], shown);
    let mut awsvpc = fargate("web", json!({}));
    lay_over(&mut awsvpc["containerDefinitions"][0], ports);
    assert_eq!(container(awsvpc)["portMappings"][0]["hostPort"], 80);
    let volumes = json!([{ "name": "a" }, { "name": "b", "dockerVolumeConfiguration": {} }]);
    World::new().check(
        "RegisterTaskDefinition",
        ec2(json!({ "volumes": volumes })),
        json!({ "taskDefinition": { "volumes": [
            { "name": "a", "host": {}, "dockerVolumeConfiguration": null },
            { "name": "b", "host": null, "dockerVolumeConfiguration": { "scope": "task" } },
        ] } }),
    );
}

/// And an agent that lacks one of them is given no task.
#[test]
fn the_attributes_that_a_definition_requires_are_shown() {
    let required = |definition: Value| {
        let answer = World::new().ok("RegisterTaskDefinition", definition);
        let attributes = answer["taskDefinition"]["requiresAttributes"].as_array().cloned();
        let names = attributes
            .unwrap_or_default()
            .into_iter()
            .map(|a| a["name"].as_str().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(required(ec2(json!({}))), [""; 0]);
    let log =
        json!({ "logDriver": "awslogs", "options": { "awslogs-group": "g", "awslogs-region": "us-east-1" } });
    let api = |minor: u32| format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}");
    let capability = |name: &str| format!("com.amazonaws.ecs.capability.{name}");
    let rows = [
        (json!({ "privileged": true }), vec![api(17), capability("privileged-container")]),
        (json!({ "logConfiguration": log }), vec![api(19), capability("logging-driver.awslogs")]),
        (
            json!({ "healthCheck": { "command": ["CMD", "true"] } }),
            vec![api(24), "ecs.capability.container-health-check".to_owned()],
        ),
        (json!({ "stopTimeout": 10 }), vec!["ecs.capability.container-ordering".to_owned()]),
        (
            json!({ "restartPolicy": { "enabled": true } }),
            vec!["ecs.capability.container-restart-policy".to_owned()],
        ),
        (
            json!({ "portMappings": [{ "containerPortRange": "90-99" }] }),
            vec!["ecs.capability.network.container-port-range".to_owned()],
        ),
        (json!({ "dockerSecurityOptions": ["no-new-privileges"] }), vec![]),
        (json!({ "dockerSecurityOptions": ["apparmor:mine"] }), vec![capability("apparmor")]),
        (json!({ "dockerSecurityOptions": ["label=type:svirt_t"] }), vec![capability("selinux")]),
    ];
    for (member, names) in rows {
        assert_eq!(required(with(member)), names);
    }
    assert_eq!(required(ec2(json!({ "pidMode": "task" }))), ["ecs.capability.pid-ipc-namespace-sharing"]);
    assert_eq!(required(fargate("web", json!({}))), [api(18), "ecs.capability.task-eni".to_owned()]);
    let volumes = json!([{ "name": "v", "dockerVolumeConfiguration": {} }]);
    assert_eq!(
        required(ec2(json!({ "volumes": volumes }))),
        [api(25), "ecs.capability.docker-plugin.local".to_owned()]
    );
}

#[test]
fn a_false_that_was_given_is_shown() {
    let off = json!({
        "privileged": false, "readonlyRootFilesystem": false, "interactive": false, "pseudoTerminal": false,
        "disableNetworking": false, "linuxParameters": { "initProcessEnabled": false },
        "mountPoints": [{ "sourceVolume": "v", "containerPath": "/v", "readOnly": false }],
    });
    let mut definition = with(off.clone());
    lay_over(&mut definition, json!({ "volumes": [{ "name": "v" }] }));
    let shown = container(definition);
    for (name, value) in off.as_object().expect("an object") {
        assert_eq!(&shown[name], value, "{name}");
    }
}

#[test]
fn a_whole_definition_is_shown_as_it_was_given() {
    let w = World::new();
    let given = whole_definition();
    w.check("RegisterTaskDefinition", given.clone(), json!({ "taskDefinition": given }));
    w.check("DescribeTaskDefinition", json!({ "taskDefinition": "new" }), json!({ "taskDefinition": given }));
}

/// Every definition is either refused as AWS refuses it, with nothing written, or it is shown so that registering what
/// was shown gives the same again.
#[test]
fn any_definition_is_refused_or_is_a_fixed_point() {
    let (w, mut rng) = (World::new(), fastrand::Rng::with_seed(1));
    let mut registered = 0;
    for n in 0..DEFINITIONS {
        let mut definition = if rng.bool() { whole_definition() } else { fargate("new", json!({})) };
        for _ in 0..rng.usize(0..4) {
            disturb(&mut definition, &mut rng);
        }
        let before = w.store.snapshot();
        let shown = match w.call("RegisterTaskDefinition", definition.clone()) {
            Ok(answer) => input_of(&answer),
            Err(error) => {
                assert!(error.status < 500, "{n} {definition}: {error}");
                assert_eq!(
                    before.revision(),
                    w.store.snapshot().revision(),
                    "{n} refused and wrote: {definition}"
                );
                continue;
            }
        };
        registered += 1;
        let again = w.ok("RegisterTaskDefinition", shown.clone());
        assert_eq!(input_of(&again), shown, "{n} {definition}");
    }
    assert!(registered > DEFINITIONS / 10, "only {registered} definitions were taken");
}

/// The members of a shown definition that a registration has.
fn input_of(answer: &Value) -> Value {
    let mut definition = answer["taskDefinition"].clone();
    for output in
        ["taskDefinitionArn", "revision", "status", "compatibilities", "registeredAt", "registeredBy"]
    {
        definition.as_object_mut().expect("an object").remove(output);
    }
    definition
}

/// Changes, removes or repeats one random value somewhere inside.
fn disturb(value: &mut Value, rng: &mut fastrand::Rng) {
    match value {
        Value::Object(members) if !members.is_empty() && rng.u32(0..8) > 0 => member(members, rng),
        Value::Array(values) if !values.is_empty() && rng.u32(0..8) > 0 => {
            let at = rng.usize(0..values.len());
            match rng.u32(0..6) {
                0 => drop(values.remove(at)),
                1 => values.push(values[at].clone()),
                _ => disturb(&mut values[at], rng),
            }
        }
        Value::Bool(value) => *value = !*value,
        Value::Number(_) => {
            let numbers = [-1, 0, 1, 5, 20, 59, 60, 100, 512, 1801, 65_535, 65_536, i64::from(i32::MAX)];
            *value = json!(rng.choice(numbers));
        }
        Value::String(text) => *text = string(text, rng),
        other => *other = Value::Null,
    }
}

fn member(members: &mut Map<String, Value>, rng: &mut fastrand::Rng) {
    let name = rng.choice(members.keys().cloned().collect::<Vec<_>>()).expect("it has members");
    match rng.u32(0..4) {
        0 => drop(members.remove(&name)),
        _ => disturb(&mut members[&name], rng),
    }
}

fn string(text: &str, rng: &mut fastrand::Rng) -> String {
    let texts = [
        "",
        " ",
        "app",
        "init",
        "data",
        "a",
        "/",
        "/data",
        "/a/../b",
        "ä😀",
        "\u{0}",
        "-",
        "1",
        "0",
        "1-2",
        "9-8",
        "bridge",
        "awsvpc",
        "host",
        "none",
        "task",
        "shared",
        "local",
        "json-file",
        "awslogs",
        "udp",
        "CMD",
        "CMD-SHELL",
        "ALL",
        "net.x",
        "kernel.sem",
        "10.0.0.1",
        "::1",
        "GPU",
    ];
    match rng.u32(0..10) {
        0 => "x".repeat(rng.usize(0..70_000)),
        1 => format!("{text}x"),
        _ => rng.choice(texts).unwrap_or_default().to_owned(),
    }
}
