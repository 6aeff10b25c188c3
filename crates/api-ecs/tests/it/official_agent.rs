//! The API as Amazon's agent calls it (version 1.105.1): its requests are served as they are, and errors are those that
//! make it do what is wanted.

use crate::world::{World, host};
use model::Timestamp;
use model::instance::{ContainerInstance, RuntimeHealth, RuntimeStatus};
use model::task::{HealthStatus, Task};
use serde_json::{Value, json};

/// The registration of an agent outside EC2, on a host with two GPUs.
fn registration() -> Value {
    json!({
        "cluster": "default", "clientToken": "2ae7b5e8-0b0c-4b3c-8f6e-8f3f0e6a7c55",
        "instanceIdentityDocument": "", "instanceIdentityDocumentSignature": "",
        "totalResources": [
            { "name": "CPU", "type": "INTEGER", "integerValue": 4096 },
            { "name": "MEMORY", "type": "INTEGER", "integerValue": 7821 },
            { "name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2375", "2376", "51678", "51679"] },
            { "name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": [] },
        ],
        "attributes": [
            { "name": "com.amazonaws.ecs.capability.docker-remote-api.1.17" },
            { "name": "com.amazonaws.ecs.capability.docker-remote-api.1.24" },
            { "name": "ecs.capability.container-health-check" },
            { "name": "ecs.capability.external" },
            { "name": "ecs.os-type", "value": "linux" },
            { "name": "ecs.os-family", "value": "LINUX" },
            { "name": "ecs.cpu-architecture", "value": "x86_64" },
            { "name": "stack", "value": "prod" },
        ],
        "platformDevices": [{ "id": "GPU-2", "type": "GPU" }, { "id": "GPU-1", "type": "GPU" }],
        "tags": [{ "key": "k", "value": "v" }],
    })
}

fn world() -> (World, String) {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let answer = w.ok("RegisterContainerInstance", registration());
    let arn = answer["containerInstance"]["containerInstanceArn"].as_str().expect("an ARN").to_owned();
    w.set_connected(&arn, true);
    (w, arn)
}

fn run(w: &World, definition: Value) -> String {
    let family = definition["family"].clone();
    w.ok("RegisterTaskDefinition", definition);
    let answer = w.ok("RunTask", json!({ "taskDefinition": family }));
    let arn = answer["tasks"][0]["taskArn"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    w.reconcile();
    arn
}

#[test]
fn a_registration_is_echoed_and_stays_the_same_by_its_arn() {
    let (w, arn) = world();
    let mut again = registration();
    again["containerInstanceArn"] = json!(arn);
    again["clientToken"] = json!("another-process");
    // Its own attributes come at the first registration only.
    again["attributes"].as_array_mut().expect("attributes").pop();
    let instance = w.ok("RegisterContainerInstance", again)["containerInstance"].clone();
    assert_eq!(instance["containerInstanceArn"], json!(arn));
    let echoed = instance["attributes"].as_array().expect("attributes");
    let sent = registration();
    for attribute in sent["attributes"].as_array().expect("attributes") {
        assert!(echoed.contains(attribute), "or the agent ends for good: {attribute}");
    }
    assert!(echoed.contains(&json!({ "name": "ecs.availability-zone", "value": "us-east-1a" })));
    let resources = instance["registeredResources"].as_array().expect("resources");
    let gpus = resources.iter().find(|r| r["name"] == "GPU").expect("GPUs");
    assert_eq!((&gpus["type"], &gpus["stringSetValue"]), (&json!("STRINGSET"), &json!(["GPU-1", "GPU-2"])));
}

/// The SDK below the agent sends it again; a new process of an agent that keeps no state has another token.
#[test]
fn a_registration_whose_answer_was_lost_makes_one_instance() {
    let (w, arn) = world();
    let register = |changes: Value| {
        let mut request = registration();
        crate::world::lay_over(&mut request, changes);
        w.ok("RegisterContainerInstance", request)["containerInstance"]["containerInstanceArn"].clone()
    };
    let listed =
        || w.ok("ListContainerInstances", json!({}))["containerInstanceArns"].as_array().map(Vec::len);
    assert_eq!(register(json!({})), json!(arn));
    assert_eq!(listed(), Some(1));
    // A token is a cluster's.
    w.ok("CreateCluster", json!({ "clusterName": "other" }));
    assert_ne!(register(json!({ "cluster": "other" })), json!(arn));
    assert_ne!(register(json!({ "clientToken": "another-process" })), json!(arn));
    assert_ne!(register(json!({ "clientToken": "" })), register(json!({ "clientToken": "" })));
    assert_eq!(listed(), Some(4));
    // Deregistered is final: the token does not bring the instance back.
    w.ok("DeregisterContainerInstance", json!({ "containerInstance": arn }));
    let anew = register(json!({}));
    assert_ne!(anew, json!(arn));
    assert_eq!(register(json!({})), anew);
    assert_eq!(listed(), Some(4));
    let mut long = registration();
    long["clientToken"] = json!("x".repeat(65));
    assert_eq!(
        w.call("RegisterContainerInstance", long).map_err(|e| e.code),
        Err("InvalidParameterException")
    );
}

/// It takes no name from the answer, goes on under the one that it has, and would leave a new instance at each start.
/// The refusal ends it (exit code 5) until its data directory is emptied.
#[test]
fn an_instance_that_nobody_knows_is_refused_by_its_name() {
    let (w, arn) = world();
    let mut request = registration();
    let id = "f".repeat(32);
    request["containerInstanceArn"] =
        json!(format!("arn:aws:ecs:us-east-1:000000000000:container-instance/default/{id}"));
    request["clientToken"] = json!("another-process");
    let refused = w.call("RegisterContainerInstance", request).map_err(|error| (error.code, error.message));
    let expected = ("ClientException", format!("Container instance {id} is inactive."));
    assert_eq!(refused.map(drop), Err(expected));
    w.check("ListContainerInstances", json!({}), json!({ "containerInstanceArns": [arn] }));
}

/// As an agent does whose pause image or log driver is gone: it says all that it can do at each start.
#[test]
fn what_an_agent_can_no_longer_do_is_forgotten() {
    let (w, arn) = world();
    w.ok(
        "PutAttributes",
        json!({ "attributes": [{ "name": "rack", "value": "7", "targetType": "container-instance", "targetId": arn }] }),
    );
    let again = json!({
        "containerInstanceArn": arn, "totalResources": registration()["totalResources"],
        "attributes": [{ "name": "ecs.capability.external" }],
    });
    let instance = w.ok("RegisterContainerInstance", again)["containerInstance"].clone();
    let attributes = instance["attributes"].as_array().expect("attributes");
    let names: Vec<_> = attributes.iter().map(|a| a["name"].as_str().expect("a name")).collect();
    assert_eq!(
        names,
        ["ecs.availability-zone", "ecs.capability.external", "rack", "stack", "wharf.any-zone"]
    );
}

/// As `wharf agent` does when it is started again without `--availability-zone`.
#[test]
fn a_zone_that_was_named_once_stays_until_another_is_named() {
    let w = World::with_agent();
    let arn = w.register_agent_with("default", 1024, 1024, &[("ecs.availability-zone", "us-east-1c")]);
    let again = |attributes: Value| {
        let request = json!({
            "containerInstanceArn": arn, "attributes": attributes,
            "totalResources": [{ "name": "CPU", "integerValue": 1024 }, { "name": "MEMORY", "integerValue": 1024 }],
        });
        let instance = w.ok("RegisterContainerInstance", request)["containerInstance"].clone();
        let attributes = instance["attributes"].as_array().expect("attributes").clone();
        let of_zone = |a: &Value| a["name"].as_str().is_some_and(|name| name.ends_with("-zone"));
        Value::from_iter(attributes.into_iter().filter(of_zone))
    };
    let zone = |name: &str| json!({ "name": "ecs.availability-zone", "value": name });
    let nobodys = json!([zone("us-east-1a"), { "name": "wharf.any-zone" }]);
    assert_eq!(again(nobodys.clone()), json!([zone("us-east-1c")]));
    assert_eq!(again(json!([])), json!([zone("us-east-1c")]));
    assert_eq!(again(json!([zone("us-east-1b")])), json!([zone("us-east-1b")]));
    assert_eq!(again(nobodys), json!([zone("us-east-1b")]));
}

#[test]
fn an_agent_registers_no_attribute_that_none_could_ask_for() {
    let w = World::with_agent();
    let register = |name: &str, value: &str| {
        w.err(
            "RegisterContainerInstance",
            json!({ "totalResources": [], "attributes": [{ "name": name, "value": value }] }),
        )
    };
    let invalid = "InvalidParameterException: The attribute name 'a b' is invalid.";
    assert_eq!(register("a b", "x"), invalid);
    for value in ["a\0", &"x".repeat(129), " x"] {
        let invalid = "InvalidParameterException: The value of the attribute 'rack' is invalid.";
        assert_eq!(register("rack", value), invalid, "{value:?}");
    }
}

#[test]
fn a_registration_fails_with_what_makes_the_agent_end_or_try_again() {
    let (w, arn) = world();
    let with = |changes: Value| {
        let mut request = registration();
        crate::world::lay_over(&mut request, changes);
        w.call("RegisterContainerInstance", request).map(drop).map_err(|error| (error.code, error.message))
    };
    let code = |result: Result<(), (&'static str, String)>| result.expect_err("a refusal");
    // It makes the cluster `default` by itself, and ends when another one is not there.
    assert_eq!(code(with(json!({ "cluster": "gone" }))).0, "ClusterNotFoundException");
    // These end it for good.
    assert_eq!(
        code(with(json!({ "platformDevices": [{ "id": "x", "type": "TPU" }] }))).0,
        "InvalidParameterException"
    );
    let cpu = json!([{ "name": "CPU", "type": "INTEGER", "integerValue": -1 }]);
    assert_eq!(code(with(json!({ "totalResources": cpu }))).0, "InvalidParameterException");
    run(&w, host("web", json!({})));
    let none = json!([{ "name": "CPU", "type": "INTEGER", "integerValue": 1 }]);
    let (code, message) = code(with(json!({ "containerInstanceArn": arn, "totalResources": none })));
    assert_eq!(code, "ClientException");
    assert!(message.contains("Container instance type changes are not supported."), "{message}");
}

#[test]
fn the_gpus_that_tasks_hold_stay_registered() {
    let (w, arn) = world();
    let task = run(&w, host("web", json!({})));
    let key = (w.scope.clone(), crate::world::task_id(&json!({ "taskArn": task })));
    w.commit(|tx| tx.update(&key, |task: &mut Task| task.containers[0].gpu_ids = vec!["GPU-1".into()]));
    let answer = w.ok("DescribeTasks", json!({ "tasks": [task] }));
    assert_eq!(answer["tasks"][0]["containers"][0]["gpuIds"], json!(["GPU-1"]));
    let with = |gpu: &str| {
        let mut request = registration();
        let devices = json!([{ "id": gpu, "type": "GPU" }]);
        crate::world::lay_over(
            &mut request,
            json!({ "containerInstanceArn": arn, "platformDevices": devices }),
        );
        w.call("RegisterContainerInstance", request).map(drop).map_err(|error| error.code)
    };
    assert_eq!(with("GPU-2"), Err("ClientException"));
    assert_eq!(with("GPU-1"), Ok(()));
}

#[test]
fn it_finds_its_endpoints_and_its_tags() {
    let (w, arn) = world();
    w.check(
        "DiscoverPollEndpoint",
        json!({ "cluster": "default", "containerInstance": arn, "zoneId": "" }),
        // Where it has just called, which it reaches from where it is.
        json!({ "endpoint": "http://10.0.0.5:4566/acs", "telemetryEndpoint": "http://10.0.0.5:4566/tcs" }),
    );
    let task = run(&w, host("web", json!({})));
    w.check(
        "ListTagsForResource",
        json!({ "resourceArn": arn }),
        json!({ "tags": [{ "key": "k", "value": "v" }] }),
    );
    w.check("ListTagsForResource", json!({ "resourceArn": task }), json!({ "tags": [] }));
}

#[test]
fn the_ports_that_it_chose_are_shown() {
    let (w, _) = world();
    let task = run(&w, host("web", json!({ "networkMode": "bridge" })));
    let bindings = json!([
        { "bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp" },
        { "bindIP": "0.0.0.0", "containerPortRange": "8000-8010", "hostPortRange": "40000-40010", "protocol": "udp" },
    ]);
    let mut reported = bindings.clone();
    // What is neither a port nor a range says nothing.
    reported.as_array_mut().expect("a list").push(json!({ "bindIP": "::", "hostPort": 70000 }));
    let container = json!({
        "containerName": "app", "status": "RUNNING", "runtimeId": "r1", "imageDigest": "sha256:1",
        "networkBindings": reported,
    });
    let report = json!({
        "cluster": "default", "task": task, "status": "RUNNING", "reason": "", "containers": [container],
        "managedAgents": [{
            "containerName": "app", "managedAgentName": "ExecuteCommandAgent", "status": "RUNNING", "reason": "",
        }],
        "pullStartedAt": 1_795_235_832.957,
    });
    w.ok("SubmitTaskStateChange", report);
    let answer = w.ok("DescribeTasks", json!({ "tasks": [task] }));
    assert_eq!(answer["tasks"][0]["lastStatus"], "RUNNING");
    assert_eq!(answer["tasks"][0]["containers"][0]["networkBindings"], bindings);
}

/// A report that is refused for good is lost, and any other refusal is sent again for ever.
#[test]
fn reports_are_acknowledged_whatever_they_say() {
    let (w, arn) = world();
    let task = run(&w, host("web", json!({})));
    let long = "x".repeat(5000);
    let odd = json!([
        { "containerName": "nobody", "status": "RUNNING" },
        { "containerName": "app", "status": "MANIFEST_PULLED", "reason": long, "runtimeId": long },
        { "containerName": "app", "status": "STOPPED", "exitCode": -1, "networkBindings": [{ "containerPort": -1 }] },
        {},
    ]);
    for body in [
        json!({ "cluster": "default", "task": task, "status": "CREATED", "reason": "", "containers": odd }),
        json!({ "cluster": "gone", "task": task, "status": "RUNNING", "reason": "" }),
        json!({ "cluster": "default", "task": task, "status": "STOPPED", "reason": long }),
        json!({ "cluster": "default", "task": task, "status": "RUNNING", "reason": "" }),
        json!({ "cluster": "default", "task": task, "attachments": [{ "attachmentArn": "a", "status": "ATTACHED" }] }),
    ] {
        w.check("SubmitTaskStateChange", body, json!({ "acknowledgment": "ACK" }));
    }
    let attachments = json!([{ "attachmentArn": format!("{arn}/x"), "status": "ATTACHED" }]);
    let attachments = json!({ "cluster": "default", "attachments": attachments });
    w.check("SubmitAttachmentStateChanges", attachments, json!({ "acknowledgment": "ACK" }));
    let container =
        json!({ "cluster": "default", "task": task, "containerName": "app", "status": "RUNNING" });
    w.check("SubmitContainerStateChange", container, json!({ "acknowledgment": "ACK" }));
}

#[test]
fn health_is_shown_of_containers_their_task_and_the_instance() {
    let (w, arn) = world();
    let check = json!({ "command": ["CMD-SHELL", "true"] });
    let containers = json!([
        { "name": "app", "image": "i", "memory": 64, "healthCheck": check },
        { "name": "side", "image": "i", "memory": 64, "essential": false },
    ]);
    let task = run(&w, host("web", json!({ "containerDefinitions": containers })));
    let key = (w.scope.clone(), crate::world::task_id(&json!({ "taskArn": task })));
    for (health, expected) in [
        (None, "UNKNOWN"),
        (Some(HealthStatus::Healthy), "HEALTHY"),
        (Some(HealthStatus::Unhealthy), "UNHEALTHY"),
        (Some(HealthStatus::Unknown), "UNKNOWN"),
    ] {
        w.commit(|tx| tx.update(&key, |task: &mut Task| task.containers[0].health = health));
        let of = |status: &str| json!({ "healthStatus": status });
        let shown = json!({ "healthStatus": expected, "containers": [of(expected), of("UNKNOWN")] });
        w.check("DescribeTasks", json!({ "tasks": [task] }), json!({ "tasks": [shown] }));
    }
    let describe = || {
        let request = json!({ "containerInstances": [arn], "include": ["CONTAINER_INSTANCE_HEALTH"] });
        w.ok("DescribeContainerInstances", request)["containerInstances"][0]["healthStatus"].clone()
    };
    assert_eq!(describe(), json!({ "overallStatus": "INSUFFICIENT_DATA", "details": [] }));
    let health = RuntimeHealth {
        status: RuntimeStatus::Impaired,
        last_updated: Timestamp(1_700_000_020_000),
        last_status_change: Timestamp(1_700_000_000_000),
    };
    let key = (w.scope.clone(), arn.rsplit('/').next().expect("an id").into());
    w.commit(|tx| tx.update(&key, |i: &mut ContainerInstance| i.runtime_health = Some(health)));
    let answer = describe();
    assert_eq!(answer["overallStatus"], "IMPAIRED");
    let detail = &answer["details"][0];
    assert_eq!((&detail["type"], &detail["status"]), (&json!("CONTAINER_RUNTIME"), &json!("IMPAIRED")));
    assert_eq!(detail["lastStatusChange"].as_f64(), Some(1_700_000_000.0));
    assert_eq!(detail["lastUpdated"].as_f64(), Some(1_700_000_020.0));
    let without = w.ok("DescribeContainerInstances", json!({ "containerInstances": [arn] }));
    assert!(without["containerInstances"][0]["healthStatus"].is_null());
}
