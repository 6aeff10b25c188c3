//! Container instances.

use crate::world::{World, host};
use serde_json::{Value, json};

fn resource(instance: &Value, which: &str, name: &str) -> Value {
    let resources = instance[which].as_array().expect("resources");
    let found = resources.iter().find(|r| r["name"] == name).expect("the resource");
    if found["type"] == "INTEGER" { found["integerValue"].clone() } else { found["stringSetValue"].clone() }
}

#[test]
fn every_valued_attribute_is_echoed() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let answer = w.ok(
        "RegisterContainerInstance",
        json!({
            "cluster": "default",
            "instanceIdentityDocument": "{\"instanceId\":\"i-1\",\"availabilityZone\":\"us-east-1c\"}",
            "totalResources": [{ "name": "CPU", "integerValue": 2048 }, { "name": "PORTS_UDP", "stringSetValue": ["53"] }],
            "attributes": [{ "name": "a", "value": "1" }, { "name": "ecs.capability.x" }],
            "versionInfo": { "agentVersion": "1.2.3", "agentHash": "abc", "dockerVersion": "DockerVersion: 20" },
            "tags": [{ "key": "k", "value": "v" }],
        }),
    );
    let instance = &answer["containerInstance"];
    assert_eq!(
        instance["attributes"],
        json!([
            { "name": "a", "value": "1" },
            { "name": "ecs.availability-zone", "value": "us-east-1c" },
            { "name": "ecs.capability.x" },
        ])
    );
    assert_eq!(instance["ec2InstanceId"], "i-1");
    assert_eq!(instance["status"], "ACTIVE");
    assert_eq!(instance["agentConnected"], false);
    let version =
        json!({ "agentVersion": "1.2.3", "agentHash": "abc", "dockerVersion": "DockerVersion: 20" });
    assert_eq!(instance["versionInfo"], version);
    assert_eq!(instance["tags"], json!([{ "key": "k", "value": "v" }]));
    assert_eq!(resource(instance, "registeredResources", "CPU"), 2048);
    assert_eq!(resource(instance, "registeredResources", "PORTS_UDP"), json!(["53"]));
}

#[test]
fn an_instance_that_names_itself_stays_the_same() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let arn = w.register_agent("default", 1024, 1024);
    let again = |changes: Value| {
        let mut request = json!({ "containerInstanceArn": arn });
        crate::world::lay_over(&mut request, changes);
        w.ok("RegisterContainerInstance", request)["containerInstance"].clone()
    };
    again(json!({ "attributes": [{ "name": "old", "value": "1" }] }));
    let known = again(json!({
        "totalResources": [{ "name": "CPU", "integerValue": 4096 }], "attributes": [{ "name": "new", "value": "1" }],
    }));
    assert_eq!(known["containerInstanceArn"], json!(arn));
    assert_eq!(known["agentConnected"], true, "a session is observed, not declared");
    assert_eq!(resource(&known, "registeredResources", "CPU"), 4096);
    let names: Vec<_> =
        known["attributes"].as_array().expect("attributes").iter().map(|a| &a["name"]).collect();
    assert!(names.contains(&&json!("new")) && names.contains(&&json!("old")), "{names:?}");
    let request = json!({ "totalResources": [{ "name": "CPU", "integerValue": 4096 }] });
    assert_eq!(again(request.clone())["version"], again(request)["version"], "nothing new, nothing counted");
    assert_eq!(
        w.ok("ListContainerInstances", json!({}))["containerInstanceArns"].as_array().map(Vec::len),
        Some(1)
    );

    w.ok("DeregisterContainerInstance", json!({ "containerInstance": arn }));
    let id = arn.rsplit('/').next().expect("an id");
    assert_eq!(
        w.err("RegisterContainerInstance", json!({ "containerInstanceArn": arn })),
        format!("ClientException: Container instance {id} is inactive."),
        "or its agent would go on under a name that is gone"
    );
    assert_eq!(w.ok("ListContainerInstances", json!({}))["containerInstanceArns"], json!([]));
}

#[test]
fn an_instance_keeps_what_its_tasks_hold() {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let arn = w.register_agent("default", 1024, 2048);
    let app = json!([{ "name": "app", "image": "i", "portMappings": [{ "containerPort": 80 }] }]);
    let size = json!({ "containerDefinitions": app, "cpu": "512", "memory": "1024" });
    w.ok("RegisterTaskDefinition", host("api", size));
    let task = w.ok("RunTask", json!({ "taskDefinition": "api" }))["tasks"][0]["taskArn"].clone();
    let resize = |cpu_units: u32, memory_mib: u32, port: &str| {
        let resources = json!([
            { "name": "CPU", "integerValue": cpu_units }, { "name": "MEMORY", "integerValue": memory_mib },
            { "name": "PORTS", "stringSetValue": [port] },
        ]);
        w.call(
            "RegisterContainerInstance",
            json!({ "containerInstanceArn": arn, "totalResources": resources }),
        )
        .map(|answer| resource(&answer["containerInstance"], "registeredResources", "CPU"))
        .map_err(|error| error.to_string())
    };
    let id = arn.rsplit('/').next().expect("an ARN");
    let refused = Err(format!(
        "ClientException: Container instance type changes are not supported. The tasks on container instance {id} \
         hold more than it registers now."
    ));
    assert_eq!(resize(511, 2048, "22"), refused);
    assert_eq!(resize(1024, 1023, "22"), refused);
    assert_eq!(resize(1024, 2048, "80"), refused);
    let instance = w.ok("DescribeContainerInstances", json!({ "containerInstances": [arn] }));
    assert_eq!(resource(&instance["containerInstances"][0], "registeredResources", "CPU"), 1024);
    assert_eq!(resize(512, 1024, "443"), Ok(json!(512)));
    assert_eq!(resize(4096, 4096, "22"), Ok(json!(4096)));
    w.ok("StopTask", json!({ "task": task }));
    assert_eq!(resize(511, 1, "80"), refused, "it holds them until its containers have stopped");
    w.report(&crate::world::task_id(&json!({ "taskArn": task })), "STOPPED", Some(0));
    assert_eq!(resize(1, 1, "80"), Ok(json!(1)));
}

#[test]
fn registrations_are_checked() {
    let w = World::new();
    assert_eq!(w.err("RegisterContainerInstance", json!({})), "ClusterNotFoundException: Cluster not found.");
    w.ok("CreateCluster", json!({}));
    for (input, expected) in [
        (
            json!({ "totalResources": [{ "name": "CPU", "integerValue": -1 }] }),
            "InvalidParameterException: Invalid value for the resource CPU.",
        ),
        (
            json!({ "totalResources": [{ "name": "PORTS", "stringSetValue": ["70000"] }] }),
            "InvalidParameterException: Invalid value for the resource PORTS.",
        ),
        (
            json!({ "totalResources": [{ "name": "MEMORY", "type": "LONG", "longValue": 1024 }] }),
            "InvalidParameterException: Invalid value for the resource MEMORY.",
        ),
        (
            json!({ "totalResources": [{ "name": "GPU", "type": "STRINGSET", "stringSetValue": ["0"] }] }),
            "InvalidParameterException: Wharf does not support the resource 'GPU' yet.",
        ),
        (
            json!({ "totalResources": [{ "name": "NEURON_CORES", "type": "STRINGSET", "stringSetValue": ["0"] }] }),
            "InvalidParameterException: Wharf does not support the resource 'NEURON_CORES' yet.",
        ),
        (
            json!({ "containerInstanceArn": "arn:aws:ecs:us-east-1:000000000000:container-instance/default/x" }),
            "InvalidParameterException: containerInstanceId length should be one of [32,36]",
        ),
    ] {
        assert_eq!(w.err("RegisterContainerInstance", input.clone()), expected, "{input}");
    }
}

#[test]
fn what_tasks_take_is_not_left() {
    let w = World::with_agent();
    let app = json!([{ "name": "app", "image": "i", "cpu": 256, "memory": 512, "portMappings": [{ "containerPort": 80 }] }]);
    w.ok("RegisterTaskDefinition", host("api", json!({ "containerDefinitions": app })));
    w.ok("RunTask", json!({ "taskDefinition": "api" }));
    w.register("web");
    let fargate = w.run_fargate("web");
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    let describe = || {
        w.ok("DescribeContainerInstances", json!({ "containerInstances": [arn] }))["containerInstances"][0]
            .clone()
    };
    let instance = describe();
    assert_eq!(resource(&instance, "remainingResources", "CPU"), 2048 - 256 - 256);
    assert_eq!(resource(&instance, "remainingResources", "MEMORY"), 4096 - 512 - 512);
    assert_eq!(resource(&instance, "remainingResources", "PORTS"), json!(["22", "80"]));
    assert_eq!(instance["pendingTasksCount"], 1, "FARGATE tasks are not shown to be on any instance");
    assert_eq!(
        w.ok("ListTasks", json!({ "containerInstance": arn }))["taskArns"].as_array().map(Vec::len),
        Some(1)
    );
    w.ok("StopTask", json!({ "task": fargate }));
    assert_eq!(resource(&describe(), "remainingResources", "CPU"), 2048 - 256);
}

#[test]
fn an_instance_with_tasks_is_deregistered_by_force_only() {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", host("api", json!({})));
    w.ok("RunTask", json!({ "taskDefinition": "api" }));
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    let deregister = |force: bool| json!({ "containerInstance": arn, "force": force });
    assert_eq!(
        w.err("DeregisterContainerInstance", deregister(false)),
        "InvalidParameterException: Found running tasks on the instance."
    );
    let inactive = json!({ "containerInstance": { "status": "INACTIVE" } });
    w.check("DeregisterContainerInstance", deregister(true), inactive.clone());
    w.check("DeregisterContainerInstance", deregister(true), inactive);
    w.check("ListContainerInstances", json!({}), json!({ "containerInstanceArns": [] }));
    let described = json!({ "containerInstances": [{ "status": "INACTIVE" }] });
    w.check("DescribeContainerInstances", json!({ "containerInstances": [arn] }), described);
}

#[test]
fn what_is_not_there_is_said() {
    let w = World::with_agent();
    let unknown = "f".repeat(32);
    for (operation, input, expected) in [
        (
            "DeregisterContainerInstance",
            json!({ "containerInstance": unknown }),
            "InvalidParameterException: The referenced container instance was not found.",
        ),
        (
            "DescribeContainerInstances",
            json!({ "containerInstances": [] }),
            "ClientException: Container Instances cannot be empty.",
        ),
    ] {
        assert_eq!(w.err(operation, input.clone()), expected, "{operation} {input}");
    }
    w.check(
        "DescribeContainerInstances",
        json!({ "containerInstances": [unknown] }),
        json!({ "containerInstances": [], "failures": [{
            "arn": format!("arn:aws:ecs:us-east-1:000000000000:container-instance/default/{unknown}"), "reason": "MISSING",
        }] }),
    );
}
