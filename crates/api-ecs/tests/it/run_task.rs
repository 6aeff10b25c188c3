//! RunTask.

use crate::world::{World, fargate, host, lay_over, task_id};
use model::network::DefaultVpc;
use serde_json::{Value, json};

fn request(w: &World, changes: Value) -> Value {
    let mut request =
        json!({ "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": w.network() });
    lay_over(&mut request, changes);
    request
}

#[test]
fn a_fargate_task_is_placed_and_waits_for_its_address() {
    let w = World::with_agent();
    w.register("web");
    w.check(
        "RunTask",
        request(&w, json!({ "startedBy": "me", "tags": [{ "key": "a", "value": "b" }] })),
        json!({ "failures": [], "tasks": [{
            "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/default",
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
            "lastStatus": "PROVISIONING", "desiredStatus": "RUNNING", "launchType": "FARGATE",
            "platformVersion": "1.4.0", "platformFamily": "Linux", "cpu": "256", "memory": "512",
            "group": "family:web", "startedBy": "me", "version": 1, "createdAt": 1_700_000_000.0,
            "availabilityZone": "us-east-1a", "healthStatus": "UNKNOWN", "connectivity": null,
            "containerInstanceArn": null, "tags": [{ "key": "a", "value": "b" }],
            "overrides": { "containerOverrides": [{ "name": "app" }] },
            "containers": [{
                "name": "app", "image": "app:latest", "lastStatus": "PENDING", "networkInterfaces": [], "cpu": "0",
            }],
            "attachments": [{
                "type": "ElasticNetworkInterface", "status": "PRECREATED",
                "details": [{ "name": "subnetId", "value": w.subnet() }],
            }],
        }] }),
    );
}

#[test]
fn an_address_is_shown_once_there_is_one() {
    let w = World::with_agent();
    w.register("web");
    let id = w.run_fargate("web");
    w.reconcile();
    w.report(&id, "RUNNING", None);
    let interface = w.task(&id).eni.and_then(|eni| eni.interface).expect("an interface");
    let dashed = interface.address.to_string().replace('.', "-");
    w.check(
        "DescribeTasks",
        json!({ "tasks": [id] }),
        json!({ "tasks": [{
            "lastStatus": "RUNNING", "connectivity": "CONNECTED", "startedAt": 1_700_000_000.0,
            "attachments": [{ "status": "ATTACHED", "details": [
                { "name": "subnetId", "value": interface.subnet },
                { "name": "networkInterfaceId", "value": interface.eni },
                { "name": "macAddress", "value": interface.mac },
                { "name": "privateDnsName", "value": format!("ip-{dashed}.ec2.internal") },
                { "name": "privateIPv4Address", "value": interface.address.to_string() },
            ] }],
            "containers": [{
                "lastStatus": "RUNNING", "networkInterfaces": [{ "privateIpv4Address": interface.address.to_string() }],
            }],
        }] }),
    );
}

#[test]
fn an_ec2_task_goes_to_an_instance_of_its_cluster() {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", host("web", json!({})));
    let answer = w.ok("RunTask", json!({ "taskDefinition": "web" }));
    let instances = w.ok("ListContainerInstances", json!({}));
    assert_eq!(answer["tasks"][0]["containerInstanceArn"], instances["containerInstanceArns"][0]);
    assert_eq!(answer["tasks"][0]["lastStatus"], "PENDING");
    assert_eq!(answer["tasks"][0]["platformVersion"], Value::Null);
    assert_eq!(answer["tasks"][0]["attachments"], json!([]));
    assert_eq!(answer["tasks"][0]["availabilityZone"], "us-east-1a");
    w.ok("CreateCluster", json!({ "clusterName": "empty" }));
    assert_eq!(
        w.err("RunTask", json!({ "taskDefinition": "web", "cluster": "empty" })),
        "InvalidParameterException: No Container Instances were found in your cluster."
    );
}

#[test]
fn what_has_no_room_is_in_failures() {
    let w = World::with_agent();
    let big = json!({ "cpu": "1024", "memory": "2048" });
    w.ok("RegisterTaskDefinition", fargate("web", big));
    let answer = w.ok("RunTask", request(&w, json!({ "count": 3 })));
    assert_eq!(answer["tasks"].as_array().map(Vec::len), Some(2));
    let reason =
        "Capacity is unavailable at this time. Please try again later or in a different availability zone";
    assert_eq!(answer["failures"][0]["reason"], reason);

    w.ok("RegisterTaskDefinition", host("api", json!({})));
    let instances = w.ok("ListContainerInstances", json!({}));
    w.check(
        "RunTask",
        json!({ "taskDefinition": "api" }),
        json!({ "tasks": [], "failures": [
            { "arn": instances["containerInstanceArns"][0], "reason": "RESOURCE:CPU" },
        ] }),
    );
}

#[test]
fn a_fixed_host_port_is_given_once() {
    let w = World::with_agent();
    let ports = json!([{ "containerPort": 80 }]);
    let app = json!({ "name": "app", "image": "i", "memory": 64, "portMappings": ports });
    w.ok("RegisterTaskDefinition", host("web", json!({ "containerDefinitions": [app] })));
    let answer = w.ok("RunTask", json!({ "taskDefinition": "web", "count": 2 }));
    assert_eq!(answer["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["failures"][0]["reason"], "RESOURCE:PORTS");
}

#[test]
fn a_task_needs_a_connected_agent() {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", host("web", json!({})));
    let arn = w.ok("ListContainerInstances", json!({}))["containerInstanceArns"][0].clone();
    w.set_connected(arn.as_str().expect("an ARN"), false);
    let expected = json!({ "tasks": [], "failures": [{ "arn": arn, "reason": "AGENT" }] });
    w.check("RunTask", json!({ "taskDefinition": "web" }), expected);
}

/// Each of these changes to a good request is refused with this error, and nothing is written.
#[track_caller]
fn refused<const N: usize>(w: &World, rows: [(Value, &str); N]) {
    let before = w.store.snapshot().revision();
    for (changes, expected) in rows {
        assert_eq!(w.err("RunTask", request(w, changes.clone())), expected, "{changes}");
    }
    assert_eq!(w.store.snapshot().revision(), before);
}

/// A world with the definitions `web` for FARGATE, `on-host` for EC2, and `old`, which is INACTIVE.
fn world() -> World {
    let w = World::with_agent();
    w.register("web");
    w.ok("RegisterTaskDefinition", host("on-host", json!({})));
    w.register("old");
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "old:1" }));
    w
}

#[test]
fn what_is_run_and_where_is_checked() {
    let count = "InvalidParameterException: count should be between 1 and 10.";
    let rows = [
        (json!({ "cluster": "none" }), "ClusterNotFoundException: Cluster not found."),
        (
            json!({ "cluster": "arn:aws:ecs:us-west-2:000000000000:cluster/default" }),
            "InvalidParameterException: Invalid Region in ARN",
        ),
        (json!({ "taskDefinition": "none" }), "ClientException: TaskDefinition not found."),
        (json!({ "taskDefinition": "web:9" }), "ClientException: TaskDefinition not found."),
        (json!({ "taskDefinition": "old" }), "ClientException: TaskDefinition not found."),
        (json!({ "taskDefinition": "old:1" }), "InvalidParameterException: TaskDefinition is inactive"),
        (json!({ "count": 0 }), count),
        (json!({ "count": 11 }), count),
        (
            json!({ "taskDefinition": "on-host" }),
            "InvalidParameterException: Task definition does not support launch_type FARGATE.",
        ),
        (
            json!({ "launchType": "EXTERNAL" }),
            "InvalidParameterException: Wharf does not support launchType EXTERNAL yet.",
        ),
        (
            json!({ "platformVersion": "9" }),
            "PlatformUnknownException: The specified platform does not exist.",
        ),
        (
            json!({ "launchType": "EC2", "platformVersion": "LATEST" }),
            "InvalidParameterException: The platform version must be null when specifying an EC2 launch type.",
        ),
        (
            json!({ "startedBy": "x".repeat(129) }),
            "InvalidParameterException: startedBy can have at most 128 characters.",
        ),
        (json!({ "startedBy": "a b" }), "InvalidParameterException: startedBy contains invalid characters."),
        (
            json!({ "clientToken": "x".repeat(65) }),
            "InvalidParameterException: clientToken can have at most 64 characters.",
        ),
        (
            json!({ "clientToken": "a b" }),
            "InvalidParameterException: clientToken contains invalid characters.",
        ),
        (
            json!({ "referenceId": "x" }),
            "InvalidParameterException: referenceId is not supported by Wharf yet. See docs/coverage/ecs.md.",
        ),
        (
            json!({ "propagateTags": "SERVICE" }),
            "InvalidParameterException: propagateTags should be one of [TASK_DEFINITION,NONE] when running a task.",
        ),
        (
            json!({ "tags": [{ "key": "a", "value": "b" }, { "key": "a", "value": "c" }] }),
            "InvalidParameterException: Duplicate tag keys found: a",
        ),
    ];
    refused(&world(), rows);
}

#[test]
fn the_network_is_checked() {
    let w = world();
    let network = |subnets: Value, changes: Value| {
        let mut choice = json!({ "subnets": subnets });
        lay_over(&mut choice, changes);
        json!({ "networkConfiguration": { "awsvpcConfiguration": choice } })
    };
    let mut public = network(json!([w.subnet()]), json!({ "assignPublicIp": "ENABLED" }));
    public["launchType"] = json!("EC2");
    let rows = [
        (
            json!({ "networkConfiguration": null }),
            "InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ),
        (
            json!({ "taskDefinition": "on-host", "launchType": "EC2" }),
            "InvalidParameterException: Network Configuration is not valid for the given networkMode of this task \
             definition.",
        ),
        (public, "InvalidParameterException: Assign public IP is not supported for this launch type."),
        (network(json!([]), json!({})), "InvalidParameterException: subnets can not be empty."),
        (
            network(json!(vec![w.subnet(); 17]), json!({})),
            "InvalidParameterException: subnets can have at most 16 items.",
        ),
        (
            network(json!(["subnet-1"]), json!({})),
            "InvalidParameterException: Error retrieving subnet information for [subnet-1]: The subnet ID 'subnet-1' \
             does not exist (ErrorCode: InvalidSubnetID.NotFound)",
        ),
        (
            network(json!([w.subnet()]), json!({ "securityGroups": ["sg-1"] })),
            "InvalidParameterException: Error retrieving security group information for [sg-1]: The security group \
             'sg-1' does not exist (ErrorCode: InvalidGroup.NotFound)",
        ),
    ];
    refused(&w, rows);
}

#[test]
fn overrides_are_checked() {
    let over = |changes: Value| json!({ "overrides": { "containerOverrides": [changes] } });
    let app = json!({ "name": "app" });
    let rows = [
        (
            over(json!({ "name": "x" })),
            "InvalidParameterException: Override for container named x is not a container in the TaskDefinition.",
        ),
        (
            json!({ "overrides": { "containerOverrides": [app, app] } }),
            "InvalidParameterException: Duplicate override for container named app.",
        ),
        (
            over(json!({ "name": "app", "memory": 513 })),
            "InvalidParameterException: 'memory' setting for container 'app' is greater than for task.",
        ),
        (
            over(json!({ "name": "app", "memory": 100, "memoryReservation": 200 })),
            "InvalidParameterException: Invalid setting for container 'app'. 'memory' must be greater than or equal to \
             'memoryReservation'.",
        ),
        (
            over(json!({ "name": "app", "cpu": -1 })),
            "InvalidParameterException: Invalid setting for container 'app'. 'cpu' must be at least 0.",
        ),
        (
            over(json!({ "name": "app", "command": ["x".repeat(9000)] })),
            "InvalidParameterException: Container Overrides length must be at most 8192",
        ),
        (
            json!({ "overrides": { "cpu": "512" } }),
            "InvalidParameterException: No Fargate configuration exists for given values: 512 CPU, 512 memory. See the \
             Amazon ECS documentation for the valid values.",
        ),
    ];
    refused(&world(), rows);
}

#[test]
fn the_lines_of_the_documentation_are_taken() {
    let w = World::with_agent();
    w.register("web");
    let vpc = DefaultVpc::of(&w.scope);
    let network = json!({ "awsvpcConfiguration": {
        "subnets": [vpc.subnets[0].id, vpc.subnets[1].id], "securityGroups": [vpc.security_group],
        "assignPublicIp": "ENABLED",
    } });
    for version in ["LATEST", "1.4.0"] {
        let changes = json!({ "networkConfiguration": network, "platformVersion": version });
        w.check("RunTask", request(&w, changes), json!({ "tasks": [{ "platformVersion": "1.4.0" }] }));
    }
}

#[test]
fn overrides_are_merged_and_echoed() {
    let w = World::with_agent();
    w.register("web");
    let overrides = json!({
        "cpu": "512", "memory": "1 GB",
        "containerOverrides": [{
            "name": "app", "command": ["echo", "Welcome"], "environment": [{ "name": "A", "value": "1" }],
            "cpu": 100, "memory": 600,
        }],
    });
    w.check(
        "RunTask",
        request(&w, json!({ "overrides": overrides })),
        json!({ "tasks": [{
            "cpu": "512", "memory": "1024", "containers": [{ "cpu": "100", "memory": "600" }],
            "overrides": { "cpu": "512", "memory": "1024", "containerOverrides": overrides["containerOverrides"] },
        }] }),
    );
}

/// Tasks keep the digest of their order, so orders of an older release have to have the same one still.
#[test]
fn an_order_without_placement_has_the_digest_that_it_always_had() {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", host("web", json!({})));
    let scope = r#"{"account":"000000000000","region":"us-east-1"}"#;
    let overrides = serde_json::to_string(&model::task::Overrides::default()).expect("plain values");
    let order = format!(
        r#"{{"scope":{scope},"cluster":"default","definition":{{"family":"web","revision":null}},"count":1,"launch_type":"Ec2","group":"family:web","started_by":null,"overrides":{overrides},"network":null,"tags":{{}},"propagate_tags":false}}"#
    );
    let digest = |request: Value| {
        let id = task_id(&w.ok("RunTask", request)["tasks"][0]);
        w.task(&id).client_request.expect("a token").fingerprint
    };
    let expected = wire::sigv4::sha256_hex(order.as_bytes());
    assert_eq!(digest(json!({ "taskDefinition": "web", "clientToken": "t" })), expected);
    assert_eq!(digest(json!({ "taskDefinition": "web", "clientToken": "u", "launchType": "EC2" })), expected);
    let packed = json!([{ "type": "binpack", "field": "cpu" }]);
    let placed = json!({ "taskDefinition": "web", "clientToken": "v", "placementStrategy": packed });
    assert_ne!(digest(placed), expected);
}

#[test]
fn tags_are_propagated_when_asked() {
    let w = World::with_agent();
    let tags = json!([{ "key": "a", "value": "definition" }, { "key": "b", "value": "definition" }]);
    w.ok("RegisterTaskDefinition", fargate("web", json!({ "tags": tags })));
    let own = json!([{ "key": "a", "value": "own" }]);
    w.check("RunTask", request(&w, json!({ "tags": own })), json!({ "tasks": [{ "tags": own }] }));
    w.check(
        "RunTask",
        request(&w, json!({ "tags": own, "propagateTags": "TASK_DEFINITION" })),
        json!({ "tasks": [{ "tags": [{ "key": "a", "value": "own" }, { "key": "b", "value": "definition" }] }] }),
    );
}

#[test]
fn a_client_token_starts_its_tasks_once() {
    let w = World::with_agent();
    w.register("web");
    let run = |changes: Value| {
        let mut request = request(&w, json!({ "clientToken": "t", "count": 2 }));
        lay_over(&mut request, changes);
        request
    };
    let first = w.ok("RunTask", run(json!({})));
    w.register("web");
    let again = w.ok("RunTask", run(json!({})));
    assert_eq!(first, again, "a new revision does not change what the token stands for");
    for same in [
        json!({ "cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/default", "tags": [] }),
        json!({ "group": "family:web", "propagateTags": "NONE", "platformVersion": "LATEST" }),
    ] {
        assert_eq!(w.ok("RunTask", run(same.clone())), first, "{same} says what was said before");
    }
    assert_eq!(w.store.snapshot().task_count(), 2);
    let other = w.ok("RunTask", run(json!({ "clientToken": "u", "count": 1 })));
    assert_ne!(task_id(&other["tasks"][0]), task_id(&first["tasks"][0]));
}

#[test]
fn a_client_token_stands_for_one_request() {
    let w = World::with_agent();
    w.register("web");
    let token = json!({ "clientToken": "t", "tags": [{ "key": "a", "value": "b" }] });
    let first = w.ok("RunTask", request(&w, token.clone()));
    let subnets: Vec<_> = DefaultVpc::of(&w.scope).subnets.iter().map(|s| json!(s.id)).collect();
    for changes in [
        json!({ "count": 2 }),
        json!({ "tags": null }),
        json!({ "tags": [{ "key": "a", "value": "c" }] }),
        json!({ "propagateTags": "TASK_DEFINITION" }),
        json!({ "startedBy": "x" }),
        json!({ "group": "g" }),
        json!({ "taskDefinition": "web:1" }),
        json!({ "launchType": "EC2" }),
        json!({ "overrides": { "containerOverrides": [{ "name": "app", "command": ["x"] }] } }),
        json!({ "networkConfiguration": { "awsvpcConfiguration": { "subnets": subnets } } }),
        json!({ "networkConfiguration": null }),
    ] {
        let mut other = request(&w, token.clone());
        lay_over(&mut other, changes.clone());
        let error = w.call("RunTask", other).expect_err("another request");
        assert_eq!(
            error.to_string(),
            "ConflictException: The RunTask request could not be processed due to conflicts. The provided clientToken \
             is already in use with a different RunTask request.",
            "{changes}"
        );
        assert_eq!(error.members, [("resourceIds", json!([first["tasks"][0]["taskArn"]]))]);
    }
    w.ok("CreateCluster", json!({ "clusterName": "other" }));
    let mut elsewhere = request(&w, token);
    lay_over(&mut elsewhere, json!({ "cluster": "other", "count": 2 }));
    w.check("RunTask", elsewhere, json!({ "failures": [] }));
}

#[test]
fn a_repeated_request_says_what_the_first_did_not_start() {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", fargate("web", json!({ "cpu": "1024", "memory": "2048" })));
    let run = |token: &str| request(&w, json!({ "clientToken": token, "count": 3 }));
    let first = w.ok("RunTask", run("t"));
    w.check("RunTask", run("nothing"), json!({ "tasks": [] }));
    w.ok("StopTask", json!({ "task": task_id(&first["tasks"][0]) }));
    w.reconcile();
    let again = w.ok("RunTask", run("t"));
    let statuses = |answer: &Value| {
        let tasks = answer["tasks"].as_array().expect("tasks").iter();
        tasks.map(|t| (task_id(t), t["desiredStatus"].clone())).collect::<Vec<_>>()
    };
    let [mut stopped, running] = <[_; 2]>::try_from(statuses(&first)).expect("two tasks had room");
    stopped.1 = json!("STOPPED");
    assert_eq!(statuses(&again), [stopped, running], "the same tasks, as they are now");
    assert_eq!(
        again["failures"],
        json!([{ "reason": "The first request with this clientToken did not start this task, or it stopped long ago." }])
    );
    let anew = w.ok("RunTask", run("nothing"));
    assert_eq!(anew["tasks"].as_array().map(Vec::len), Some(1), "a token that started nothing is free");
}

#[test]
fn tasks_are_spread_over_the_subnets() {
    let w = World::with_agent();
    w.register("web");
    let subnets: Vec<_> = DefaultVpc::of(&w.scope).subnets.iter().map(|s| json!(s.id)).collect();
    let network = json!({ "awsvpcConfiguration": { "subnets": subnets } });
    let answer = w.ok("RunTask", request(&w, json!({ "networkConfiguration": network, "count": 8 })));
    let zones: std::collections::BTreeSet<_> = answer["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|t| t["availabilityZone"].to_string())
        .collect();
    assert_eq!(zones.len(), 2, "{zones:?}");
}

#[test]
fn fargate_tasks_of_other_accounts_share_the_agent() {
    let w = World::with_agent();
    let other = model::Scope::new("111111111111", "eu-west-1");
    let call = |operation: &str, input: Value| w.call_as(&other, operation, input).expect("an answer");
    call("CreateCluster", json!({}));
    call("RegisterTaskDefinition", fargate("web", json!({})));
    let subnet = DefaultVpc::of(&other).subnets[0].id.clone();
    let network = json!({ "awsvpcConfiguration": { "subnets": [subnet] } });
    let run = json!({ "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network });
    let answer = call("RunTask", run);
    assert_eq!(answer["failures"], json!([]));
    assert_eq!(w.ok("ListTasks", json!({}))["taskArns"], json!([]));
    assert_eq!(call("ListTasks", json!({}))["taskArns"].as_array().map(Vec::len), Some(1));
    w.check(
        "DescribeClusters",
        json!({}),
        json!({ "clusters": [{ "pendingTasksCount": 0, "registeredContainerInstancesCount": 1 }] }),
    );
}
