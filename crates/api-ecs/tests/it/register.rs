//! The rules of RegisterTaskDefinition, one row each.

use crate::world::{World, fargate, host};
use serde_json::{Value, json};

/// The answer's error for a FARGATE definition with these changes.
#[track_caller]
fn refused(changes: Value, expected: &str) {
    let answer = World::new().err("RegisterTaskDefinition", fargate("web", changes.clone()));
    assert_eq!(answer, format!("ClientException: {expected}"), "{changes}");
}

/// The same for the changes to the one container.
#[track_caller]
fn container_refused(changes: Value, expected: &str) {
    refused(json!({ "containerDefinitions": [container(changes)] }), expected);
}

/// The same for two containers, `a` and `b`.
#[track_caller]
fn pair_refused(a: Value, b: Value, expected: &str) {
    let [mut a, mut b] = [container(a), container(b)];
    (a["name"], b["name"]) = (json!("a"), json!("b"));
    refused(json!({ "containerDefinitions": [a, b] }), expected);
}

fn container(changes: Value) -> Value {
    let mut container = json!({ "name": "app", "image": "app:latest" });
    crate::world::lay_over(&mut container, changes);
    container
}

#[test]
fn the_example_of_the_documentation_is_registered() {
    let w = World::new();
    let definition = json!({
        "family": "hello-world-task-definition", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": ".25 vCPU", "memory": "0.5GB", "tags": [{ "key": "team", "value": "hello" }],
        "containerDefinitions": [{
            "name": "HelloWorld", "image": "hello-world:latest", "command": ["echo", "Hello World!"],
            "portMappings": [{ "containerPort": 80 }],
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/example", "awslogs-create-group": "true",
                "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "ecs",
            } },
        }],
    });
    w.check(
        "RegisterTaskDefinition",
        definition.clone(),
        json!({
            "tags": [{ "key": "team", "value": "hello" }],
            "taskDefinition": {
                "taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/hello-world-task-definition:1",
                "family": "hello-world-task-definition", "revision": 1, "status": "ACTIVE",
                "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
                "compatibilities": ["EC2", "FARGATE"], "cpu": "256", "memory": "512",
                "registeredAt": 1_700_000_000.0, "registeredBy": "arn:aws:iam::000000000000:root",
                "volumes": [], "placementConstraints": [],
                "containerDefinitions": [{
                    "name": "HelloWorld", "image": "hello-world:latest", "cpu": 0, "essential": true,
                    "command": ["echo", "Hello World!"], "environment": [], "mountPoints": [], "volumesFrom": [],
                    "systemControls": [],
                    "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }],
                    "logConfiguration": definition["containerDefinitions"][0]["logConfiguration"],
                }],
            },
        }),
    );
}

#[test]
fn revisions_count_from_one_and_are_never_reused() {
    let w = World::new();
    assert!(w.register("web").ends_with(":1"));
    assert!(w.register("web").ends_with(":2"));
    assert!(w.register("api").ends_with(":1"));
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "web:2" }));
    w.ok("DeleteTaskDefinitions", json!({ "taskDefinitions": ["web:2"] }));
    assert!(w.register("web").ends_with(":3"));
    assert!(
        w.err("RegisterTaskDefinition", fargate("web", json!({ "cpu": "1" }))).starts_with("ClientException")
    );
    assert!(w.register("web").ends_with(":4"), "a refused registration takes no number");
}

#[test]
fn launch_types_are_derived() {
    let w = World::new();
    for (definition, expected) in [
        (fargate("a", json!({})), json!(["EC2", "FARGATE"])),
        (fargate("a", json!({ "requiresCompatibilities": null })), json!(["EC2", "FARGATE"])),
        (fargate("a", json!({ "requiresCompatibilities": ["EC2"], "cpu": "300" })), json!(["EC2"])),
        (host("a", json!({})), json!(["EC2"])),
        (host("a", json!({ "networkMode": "none" })), json!(["EC2"])),
        (host("a", json!({ "networkMode": "bridge" })), json!(["EC2"])),
        (host("a", json!({ "networkMode": null })), json!(["EC2"])),
    ] {
        let answer = w.ok("RegisterTaskDefinition", definition.clone());
        assert_eq!(answer["taskDefinition"]["compatibilities"], expected, "{definition}");
    }
}

#[test]
fn the_task_is_checked() {
    let troubleshooting =
        "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
    refused(json!({ "family": "we b" }), "Family contains invalid characters.");
    refused(json!({ "family": "x".repeat(256) }), "Family contains invalid characters.");
    refused(json!({ "cpu": "x" }), &format!("Invalid 'cpu' setting for task. {troubleshooting}"));
    refused(json!({ "memory": "-1" }), &format!("Invalid 'memory' setting for task. {troubleshooting}"));
    refused(json!({ "containerDefinitions": [] }), "Container list cannot be empty.");
    let long = vec![json!({ "name": "A", "value": "x".repeat(65_536) })];
    let answer = World::new().err(
        "RegisterTaskDefinition",
        fargate("web", json!({ "containerDefinitions": [container(json!({ "environment": long }))] })),
    );
    assert!(answer.ends_with("Max allowed length is '65536' bytes."), "{answer}");
    let many: Vec<_> = (0..11).map(|n| container(json!({ "name": format!("c{n}") }))).collect();
    refused(json!({ "containerDefinitions": many }), "Too many containers.");
    pair_refused(
        json!({ "essential": false }),
        json!({ "essential": false }),
        "Task definition does not have any essential container. At least one essential container is required.",
    );
    pair_refused(
        json!({ "cpu": 200 }),
        json!({ "cpu": 100 }),
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    );
    pair_refused(
        json!({ "memory": 300 }),
        json!({ "memory": 400, "memoryReservation": 300 }),
        "The sum of all container 'memory' values cannot be greater than the value of the task 'memory'.",
    );
}

#[test]
fn fargate_asks_for_more() {
    refused(json!({ "networkMode": "host" }), "Fargate only supports network mode ‘awsvpc’.");
    refused(json!({ "networkMode": null }), "Fargate only supports network mode ‘awsvpc’.");
    refused(json!({ "cpu": null }), "Fargate requires that 'cpu' be defined at the task level.");
    refused(
        json!({ "memory": null, "containerDefinitions": [container(json!({ "memory": 128 }))] }),
        "Fargate requires that 'memory' be defined at the task level.",
    );
    refused(
        json!({ "memory": "4096" }),
        "No Fargate configuration exists for given values: 256 CPU, 4096 memory. See the Amazon ECS documentation \
         for the valid values.",
    );
    container_refused(
        json!({ "stopTimeout": 121 }),
        "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.",
    );
    let options = json!({ "awslogs-group": "g", "awslogs-region": "us-east-1" });
    container_refused(
        json!({ "logConfiguration": { "logDriver": "awslogs", "options": options } }),
        "Log driver awslogs requires options: awslogs-stream-prefix",
    );
}

#[test]
fn containers_are_checked() {
    container_refused(json!({ "name": null }), "Container.name should not be null or empty.");
    container_refused(json!({ "name": "a.b" }), "Container.name contains invalid characters.");
    container_refused(json!({ "image": null }), "Container.image should not be null or empty.");
    container_refused(json!({ "image": "" }), "Container.image should not be null or empty.");
    container_refused(json!({ "image": "a b" }), "Container.image contains invalid characters.");
    container_refused(json!({ "cpu": -1 }), "Invalid setting for container 'app'. 'cpu' must be at least 0.");
    container_refused(
        json!({ "memory": 4 }),
        "Invalid setting for container 'app'. 'memory' must be at least 6.",
    );
    container_refused(
        json!({ "memory": 100, "memoryReservation": 200 }),
        "Invalid setting for container 'app'. 'memory' must be greater than or equal to 'memoryReservation'.",
    );
    container_refused(
        json!({ "memory": 513 }),
        "The 'memory' setting for container 'app' is greater than for the task.",
    );
    container_refused(
        json!({ "startTimeout": 1 }),
        "Granular start timeout on container 'app' must be at least 2 seconds.",
    );
    container_refused(
        json!({ "environment": [{ "value": "x" }] }),
        "Container.environment.name should not be null or empty.",
    );
    container_refused(
        json!({ "portMappings": [{ "containerPort": 65536 }] }),
        "Invalid setting for container 'app'. 'containerPort' must be between 1 and 65535.",
    );
    for name in ["-web", "Web", "w eb", &"x".repeat(65)] {
        container_refused(
            json!({ "portMappings": [{ "containerPort": 80, "name": name }] }),
            "Invalid setting for container 'app'. The name of a port mapping must have at most 64 lower-case letters, \
             digits, underscores and hyphens, and cannot start with a hyphen.",
        );
    }
    container_refused(
        json!({ "portMappings": [{ "containerPort": 80, "hostPort": 8080 }] }),
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
    );
    let twice = json!({ "containerDefinitions": [container(json!({})), container(json!({}))] });
    refused(twice, "Container names must be unique in a task definition: 'app' is used more than once.");
}

#[test]
fn dependencies_are_checked() {
    let on = |name: &str, condition: &str| json!({ "dependsOn": [{ "containerName": name, "condition": condition }] });
    pair_refused(on("x", "START"), json!({}), "Cannot depend on container + 'x' because it does not exist");
    pair_refused(on("a", "START"), json!({}), "Container 'a' cannot depend on itself.");
    pair_refused(on("b", "START"), on("a", "START"), "The container dependencies contain a cycle: a, b.");
    for condition in ["SUCCESS", "COMPLETE"] {
        pair_refused(
            on("b", condition),
            json!({}),
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        );
    }
    pair_refused(
        on("b", "HEALTHY"),
        json!({}),
        "A dependency container with HEALTHY condition must have health check configured",
    );
    let fine = json!({ "containerDefinitions": [
        { "name": "a", "image": "i", "dependsOn": [{ "containerName": "b", "condition": "SUCCESS" }] },
        { "name": "b", "image": "i", "essential": false },
    ] });
    World::new().ok("RegisterTaskDefinition", fargate("web", fine));
}

#[test]
fn what_is_not_honoured_is_refused_by_name() {
    let w = World::new();
    for (definition, expected) in [
        (
            host("a", json!({ "requiresCompatibilities": ["EXTERNAL"] })),
            "ClientException: Wharf does not support the compatibility EXTERNAL yet.",
        ),
        (
            fargate("a", json!({ "runtimePlatform": { "cpuArchitecture": "ARM64" } })),
            "ClientException: Wharf does not support runtimePlatform.cpuArchitecture 'ARM64' on X86_64 hosts yet.",
        ),
        (
            fargate(
                "a",
                json!({ "runtimePlatform": { "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE" } }),
            ),
            "ClientException: Wharf does not support runtimePlatform.operatingSystemFamily \
             'WINDOWS_SERVER_2022_CORE' yet.",
        ),
    ] {
        assert_eq!(w.err("RegisterTaskDefinition", definition.clone()), expected, "{definition}");
    }
    let platform =
        json!({ "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" } });
    w.check("RegisterTaskDefinition", fargate("a", platform.clone()), json!({ "taskDefinition": platform }));
}

#[test]
fn members_that_are_not_honoured_are_refused_by_their_path() {
    let w = World::new();
    let refused = |definition: Value, path: &str| {
        let expected = format!(
            "InvalidParameterException: {path} is not supported by Wharf yet. See docs/coverage/ecs.md."
        );
        assert_eq!(w.err("RegisterTaskDefinition", definition.clone()), expected, "{definition}");
    };
    for (member, value) in [
        ("environmentFiles", json!([{ "type": "s3", "value": "arn:aws:s3:::b/a.env" }])),
        ("secrets", json!([{ "name": "A", "valueFrom": "arn" }])),
        ("repositoryCredentials", json!({ "credentialsParameter": "arn" })),
        ("firelensConfiguration", json!({ "type": "fluentbit" })),
        ("credentialSpecs", json!(["credentialspec:arn"])),
    ] {
        let containers = json!({ "containerDefinitions": [container(json!({ member: value }))] });
        refused(fargate("a", containers), &format!("containerDefinitions[0].{member}"));
    }
    for (member, value) in [
        ("executionRoleArn", json!("arn")),
        ("taskRoleArn", json!("arn")),
        ("proxyConfiguration", json!({ "containerName": "app" })),
        ("inferenceAccelerators", json!([{ "deviceName": "a", "deviceType": "b" }])),
        ("enableFaultInjection", json!(true)),
    ] {
        refused(fargate("a", json!({ member: value })), member);
    }
    for (member, value) in [
        ("efsVolumeConfiguration", json!({ "fileSystemId": "fs-1" })),
        ("fsxWindowsFileServerVolumeConfiguration", json!({ "fileSystemId": "fs-1" })),
        ("s3filesVolumeConfiguration", json!({ "fileSystemArn": "arn" })),
        ("configuredAtLaunch", json!(true)),
    ] {
        let volumes = json!({ "volumes": [{ "name": "v", member: value }] });
        refused(fargate("a", volumes), &format!("volumes[0].{member}"));
    }
    let secret = json!([{ "name": "splunk-token", "valueFrom": "arn" }]);
    let log = json!({ "logConfiguration": { "logDriver": "json-file", "secretOptions": secret } });
    let containers = json!({ "containerDefinitions": [container(log)] });
    refused(host("a", containers), "containerDefinitions[0].logConfiguration.secretOptions");
}

#[test]
fn ec2_containers_need_memory_and_none_has_no_ports() {
    let w = World::new();
    let app = |changes: Value| json!({ "containerDefinitions": [container(changes)] });
    for (definition, expected) in [
        (
            host("a", app(json!({}))),
            "ClientException: Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must \
             be specified.",
        ),
        (
            host(
                "a",
                app(json!({ "memory": 64, "portMappings": [{ "containerPort": 80, "hostPort": 81 }] })),
            ),
            "ClientException: When networkMode=host, the host ports and container ports in port mappings must match.",
        ),
    ] {
        assert_eq!(w.err("RegisterTaskDefinition", definition.clone()), expected, "{definition}");
    }
    let mut none = host("a", app(json!({ "memory": 64, "portMappings": [{ "containerPort": 80 }] })));
    none["networkMode"] = json!("none");
    assert_eq!(
        w.err("RegisterTaskDefinition", none),
        "ClientException: Port mappings are not supported when networkMode=none."
    );
}
