//! Nothing is accepted and ignored: a member that `operations.toml` honours makes a difference. A request that has the
//! member is sent once as it is and once with another value, to worlds that are the same; the answers or the states
//! after them have to differ.

use crate::world::{World, fargate, host, lay_over};
use model::network::DefaultVpc;
use model::task::Task;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wire::ecs::SERVICE;
use wire::schema::{Shape, Use};

/// Members that make no difference, and why none is due.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("DiscoverPollEndpoint.cluster", "there is one endpoint"),
    ("DiscoverPollEndpoint.containerInstance", "there is one endpoint"),
    (
        "RegisterContainerInstance.instanceIdentityDocumentSignature",
        "the request's own signature is proof enough",
    ),
    ("RegisterContainerInstance.totalResources[].doubleValue", "the type says which value counts"),
    ("RegisterContainerInstance.totalResources[].longValue", "the type says which value counts"),
    ("ListAttributes.targetType", "it has one value"),
    ("RegisterContainerInstance.attributes[].target", "an instance registers attributes of its own"),
    ("RegisterContainerInstance.platformDevices[].type", "it has one value"),
    ("StartTask.overrides.ephemeralStorage.", "always refused: instances have no disk for each task"),
    ("UpdateContainerAgent.", "there is never an update to be had"),
    ("SubmitAttachmentStateChanges.", "nothing is ever attached to an instance itself"),
    ("SubmitContainerStateChange.cluster", "the task's ARN says it"),
    ("SubmitTaskStateChange.cluster", "the task's ARN says it"),
    ("SubmitTaskStateChange.managedAgents[].", "no task has managed agents yet"),
];

#[test]
fn nothing_is_accepted_and_ignored() {
    let mut ignored = BTreeSet::new();
    for operation in SERVICE.operations {
        let leaves = leaves(operation.name, operation.input, &Value::Null);
        ignored.extend(leaves.into_iter().map(|leaf| leaf.path));
    }
    for (operation, request) in requests(&world()) {
        let shape = SERVICE.operation(operation).expect("an operation").input;
        let (answer, state) = outcome(operation, request.clone());
        let expected = (Ok(answer.unwrap_or_else(|e| panic!("{operation} {request}: {e}"))), state);
        for leaf in leaves(operation, shape, &request) {
            let differs = |request| outcome(operation, request) != expected;
            if ignored.contains(&leaf.path) && leaf.changes(&request).into_iter().any(differs) {
                ignored.remove(&leaf.path);
            }
        }
    }
    let excused = |path: &String| WITHOUT_EFFECT.iter().any(|(without, _)| path.starts_with(without));
    let (excused, ignored): (Vec<_>, Vec<_>) = ignored.into_iter().partition(excused);
    assert_eq!(ignored, Vec::<String>::new(), "accepted, and of no effect");
    for (path, _) in WITHOUT_EFFECT {
        assert!(excused.iter().any(|e| e.starts_with(path)), "{path} has an effect now");
    }
}

/// A world with something of everything.
fn world() -> World {
    let w = World::with_agent();
    for cluster in ["empty", "other"] {
        w.register_agent("default", 2048, 4096);
        w.ok("CreateCluster", json!({ "clusterName": cluster }));
    }
    let tags = json!([{ "key": "a", "value": "b" }]);
    for name in ["metal", "virtual"] {
        let group = json!({ "autoScalingGroupArn": name });
        w.ok(
            "CreateCapacityProvider",
            json!({ "name": name, "autoScalingGroupProvider": group, "tags": tags }),
        );
    }
    let strategy = json!([{ "capacityProvider": "FARGATE", "weight": 1 }]);
    w.ok(
        "PutClusterCapacityProviders",
        json!({
            "cluster": "other", "capacityProviders": ["FARGATE", "FARGATE_SPOT", "virtual"],
            "defaultCapacityProviderStrategy": strategy,
        }),
    );
    w.ok("RegisterTaskDefinition", fargate("web", json!({ "tags": tags })));
    for family in ["api", "api", "old"] {
        w.ok("RegisterTaskDefinition", host(family, json!({})));
    }
    w.ok("DeregisterTaskDefinition", json!({ "taskDefinition": "old:1" }));
    let arn = first(&w, "ListContainerInstances", "containerInstanceArns");
    w.ok("TagResource", json!({ "resourceArn": arn, "tags": tags }));
    w.ok("PutAttributes", json!({ "attributes": [{ "name": "rack", "value": "1", "targetId": arn }] }));
    let run = json!({ "taskDefinition": "api", "count": 6, "startedBy": "me", "tags": tags });
    w.ok("RunTask", run);
    w.run_fargate("web");
    w.reconcile();
    // As a service runs it, so that it can be protected.
    let (scope, id) = (w.scope.clone(), task_of_service(&w).id);
    w.commit(|tx| tx.update(&(scope, id), |task: &mut Task| task.group = "service:web".to_owned()));
    w
}

fn task_of_service(w: &World) -> Task {
    let state = w.store.snapshot();
    Task::clone(state.all_tasks().find(|task| task.eni.is_none()).expect("a task for EC2"))
}

/// Requests that are answered, and that together have every honoured member.
fn requests(w: &World) -> Vec<(&'static str, Value)> {
    let mut requests = cluster_requests(w);
    requests.extend(capacity_requests(w));
    requests.extend(definition_requests(w));
    requests.extend(task_requests(w));
    requests.extend(instance_requests(w));
    requests.extend(start_requests(w));
    requests.extend(attribute_requests(w));
    requests.extend(account_requests(w));
    requests.extend(report_requests(w));
    requests
}

fn cluster_requests(w: &World) -> Vec<(&'static str, Value)> {
    let settings = json!([{ "name": "containerInsights", "value": "disabled" }]);
    let tags = json!([{ "key": "a", "value": "b" }]);
    let arn = "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1";
    vec![
        ("CreateCluster", json!({ "clusterName": "new", "settings": settings, "tags": tags })),
        ("UpdateCluster", json!({ "cluster": "default", "settings": settings })),
        ("DeleteCluster", json!({ "cluster": "empty" })),
        ("DescribeClusters", json!({ "clusters": ["default"], "include": ["TAGS"] })),
        ("ListClusters", second_page(w, "ListClusters", json!({}))),
        ("TagResource", json!({ "resourceArn": arn, "tags": [{ "key": "c", "value": "d" }] })),
        ("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["a"] })),
        ("ListTagsForResource", json!({ "resourceArn": arn })),
    ]
}

fn capacity_requests(w: &World) -> Vec<(&'static str, Value)> {
    let strategy = json!([{ "capacityProvider": "FARGATE", "weight": 1, "base": 1 }]);
    let scaling = json!({
        "status": "DISABLED", "targetCapacity": 50, "minimumScalingStepSize": 2, "maximumScalingStepSize": 3,
        "instanceWarmupPeriod": 4,
    });
    let group = json!({
        "managedScaling": scaling, "managedTerminationProtection": "DISABLED", "managedDraining": "DISABLED",
    });
    let mut created = group.clone();
    lay_over(&mut created, json!({ "autoScalingGroupArn": "new" }));
    let tags = json!([{ "key": "a", "value": "b" }]);
    let page =
        |query: Value| ("DescribeCapacityProviders", second_page(w, "DescribeCapacityProviders", query));
    vec![
        (
            "CreateCluster",
            json!({
                "clusterName": "new", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": strategy,
            }),
        ),
        (
            "PutClusterCapacityProviders",
            json!({
                "cluster": "default", "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": strategy,
            }),
        ),
        (
            "CreateCapacityProvider",
            json!({ "name": "new", "autoScalingGroupProvider": created, "tags": tags }),
        ),
        ("UpdateCapacityProvider", json!({ "name": "metal", "autoScalingGroupProvider": group })),
        ("DeleteCapacityProvider", json!({ "capacityProvider": "metal" })),
        (
            "DescribeCapacityProviders",
            json!({ "capacityProviders": ["virtual"], "cluster": "other", "include": ["TAGS"] }),
        ),
        page(json!({})),
    ]
}

fn definition_requests(w: &World) -> Vec<(&'static str, Value)> {
    let options = json!({ "awslogs-group": "g", "awslogs-region": "r", "awslogs-stream-prefix": "p" });
    let first = json!({
        "name": "app", "image": "app:latest", "cpu": 10, "memory": 100, "memoryReservation": 90, "essential": true,
        "entryPoint": ["sh"], "command": ["-c"], "environment": [{ "name": "A", "value": "1" }],
        "workingDirectory": "/", "user": "root", "readonlyRootFilesystem": true, "startTimeout": 5, "stopTimeout": 5,
        "portMappings": [{
            "containerPort": 80, "hostPort": 80, "protocol": "tcp", "name": "web", "appProtocol": "http",
        }],
        "dependsOn": [{ "containerName": "init", "condition": "SUCCESS" }],
        "logConfiguration": { "logDriver": "awslogs", "options": options },
    });
    let definition = json!({
        "containerDefinitions": [first, { "name": "init", "image": "i", "essential": false }],
        "tags": [{ "key": "a", "value": "b" }], "pidMode": "task", "ephemeralStorage": { "sizeInGiB": 30 },
        "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
    });
    let page = |operation, query: Value| (operation, second_page(w, operation, query));
    vec![
        ("RegisterTaskDefinition", fargate("new", definition)),
        ("RegisterTaskDefinition", whole_definition()),
        ("RegisterTaskDefinition", with_docker_volume_first()),
        ("DescribeTaskDefinition", json!({ "taskDefinition": "web", "include": ["TAGS"] })),
        ("DeregisterTaskDefinition", json!({ "taskDefinition": "web:1" })),
        ("DeleteTaskDefinitions", json!({ "taskDefinitions": ["old:1"] })),
        ("ListTaskDefinitionFamilies", json!({ "familyPrefix": "o", "status": "INACTIVE", "maxResults": 1 })),
        page("ListTaskDefinitionFamilies", json!({})),
        ("ListTaskDefinitions", json!({ "familyPrefix": "api", "sort": "DESC", "status": "ACTIVE" })),
        page("ListTaskDefinitions", json!({})),
    ]
}

/// A definition for EC2 with every member that Fargate has not.
pub fn whole_definition() -> Value {
    let app = json!({
        "name": "app", "image": "app:latest", "memory": 100,
        "portMappings": [{ "containerPortRange": "8000-8009", "protocol": "udp" }],
        "hostname": "web", "links": ["init:db"], "dnsServers": ["10.0.0.2"], "dnsSearchDomains": ["example.com"],
        "extraHosts": [{ "hostname": "db", "ipAddress": "10.0.0.3" }], "disableNetworking": true,
        "dockerLabels": { "team": "a" }, "dockerSecurityOptions": ["no-new-privileges"], "privileged": true,
        "pseudoTerminal": true, "interactive": true, "versionConsistency": "disabled",
        "ulimits": [{ "name": "nofile", "softLimit": 10, "hardLimit": 20 }],
        "systemControls": [{ "namespace": "net.core.somaxconn", "value": "100" }],
        "linuxParameters": {
            "capabilities": { "add": ["NET_ADMIN"], "drop": ["MKNOD"] }, "initProcessEnabled": true,
            "devices": [{ "hostPath": "/dev/null", "containerPath": "/dev/n", "permissions": ["read"] }],
            "tmpfs": [{ "containerPath": "/tmp", "size": 10, "mountOptions": ["noexec"] }],
            "sharedMemorySize": 64, "maxSwap": 10, "swappiness": 50,
        },
        "mountPoints": [{ "sourceVolume": "data", "containerPath": "/data", "readOnly": true }],
        "volumesFrom": [{ "sourceContainer": "init", "readOnly": true }],
        "healthCheck": {
            "command": ["CMD", "true"], "interval": 10, "timeout": 3, "retries": 2, "startPeriod": 20,
        },
        "restartPolicy": { "enabled": true, "ignoredExitCodes": [3], "restartAttemptPeriod": 100 },
        "resourceRequirements": [{ "type": "GPU", "value": "1" }],
        "logConfiguration": { "logDriver": "json-file", "options": { "max-size": "1m" } },
    });
    let docker = json!({
        "scope": "shared", "autoprovision": true, "driver": "local", "driverOpts": { "type": "none" },
        "labels": { "a": "b" },
    });
    json!({
        "placementConstraints": [{ "type": "memberOf", "expression": "attribute:rack == 1" }],
        "family": "new", "networkMode": "bridge", "ipcMode": "task", "pidMode": "host",
        "containerDefinitions": [app, { "name": "init", "image": "i", "memory": 10 }],
        "volumes": [
            { "name": "data", "host": { "sourcePath": "/srv" } },
            { "name": "cache", "dockerVolumeConfiguration": docker },
        ],
    })
}

/// The same with its volumes the other way round: of a list, only the first value is changed.
fn with_docker_volume_first() -> Value {
    let mut definition = whole_definition();
    definition["volumes"].as_array_mut().expect("a list").reverse();
    definition
}

fn task_requests(w: &World) -> Vec<(&'static str, Value)> {
    let task = first(w, "ListTasks", "taskArns");
    let instance = first(w, "ListContainerInstances", "containerInstanceArns");
    let mut network = w.network();
    lay_over(
        &mut network["awsvpcConfiguration"],
        json!({ "securityGroups": [DefaultVpc::of(&w.scope).security_group], "assignPublicIp": "ENABLED" }),
    );
    let over = json!({
        "name": "app", "command": ["x"], "environment": [{ "name": "A", "value": "1" }], "cpu": 10, "memory": 100,
        "memoryReservation": 90,
    });
    let run = json!({
        "cluster": "default", "taskDefinition": "web", "count": 2, "launchType": "FARGATE", "startedBy": "x",
        "networkConfiguration": network, "propagateTags": "TASK_DEFINITION", "group": "g", "platformVersion": "1.4.0",
        "enableECSManagedTags": true,
        "tags": [{ "key": "c", "value": "d" }],
        "overrides": {
            "containerOverrides": [over], "cpu": "512", "memory": "1024", "ephemeralStorage": { "sizeInGiB": 30 },
        },
    });
    let gpu = json!([{ "name": "app", "resourceRequirements": [{ "type": "GPU", "value": "1" }] }]);
    let placed = json!({
        "taskDefinition": "api", "placementStrategy": [{ "type": "binpack", "field": "cpu" }],
        "placementConstraints": [{ "type": "memberOf", "expression": "attribute:rack == 1" }],
    });
    let shared = json!({
        "cluster": "other", "taskDefinition": "web", "count": 3, "networkConfiguration": network,
        "capacityProviderStrategy": [
            { "capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 1 }, { "capacityProvider": "FARGATE", "weight": 1 },
        ],
    });
    let list = json!({
        "cluster": "default", "containerInstance": instance, "family": "api", "desiredStatus": "RUNNING",
        "startedBy": "me", "serviceName": "", "launchType": "EC2",
        "daemonName": "",
    });
    vec![
        ("RunTask", run),
        ("RunTask", placed),
        ("RunTask", shared),
        // By itself: with a token, the tasks keep a digest of the whole request.
        ("RunTask", json!({ "taskDefinition": "api", "clientToken": "t" })),
        ("RunTask", json!({ "taskDefinition": "api", "overrides": { "containerOverrides": gpu } })),
        ("DescribeTasks", json!({ "cluster": "default", "tasks": [task], "include": ["TAGS"] })),
        ("ListTasks", list),
        ("ListTasks", second_page(w, "ListTasks", json!({}))),
        ("StopTask", json!({ "cluster": "default", "task": task, "reason": "enough" })),
    ]
}

fn start_requests(w: &World) -> Vec<(&'static str, Value)> {
    let instance = first(w, "ListContainerInstances", "containerInstanceArns");
    let mut network = w.network();
    lay_over(
        &mut network["awsvpcConfiguration"],
        json!({ "securityGroups": [DefaultVpc::of(&w.scope).security_group], "assignPublicIp": "DISABLED" }),
    );
    let over = json!({
        "name": "app", "command": ["x"], "environment": [{ "name": "A", "value": "1" }], "cpu": 10, "memory": 100,
        "memoryReservation": 90,
    });
    let gpu = json!([{ "name": "app", "resourceRequirements": [{ "type": "GPU", "value": "1" }] }]);
    let start = json!({
        "cluster": "default", "taskDefinition": "web", "containerInstances": [instance], "startedBy": "x",
        "networkConfiguration": network, "propagateTags": "TASK_DEFINITION", "group": "g", "enableECSManagedTags": true,
        "tags": [{ "key": "c", "value": "d" }],
        "overrides": { "containerOverrides": [over], "cpu": "512", "memory": "1024" },
    });
    let task = task_of_service(w).id;
    let protect = json!({
        "cluster": "default", "tasks": [task], "protectionEnabled": true, "expiresInMinutes": 10,
    });
    vec![
        ("StartTask", start),
        (
            "StartTask",
            json!({
                "taskDefinition": "api", "containerInstances": [instance], "overrides": { "containerOverrides": gpu },
            }),
        ),
        ("UpdateTaskProtection", protect),
        ("GetTaskProtection", json!({ "cluster": "default", "tasks": [task] })),
    ]
}

fn attribute_requests(w: &World) -> Vec<(&'static str, Value)> {
    let instance = first(w, "ListContainerInstances", "containerInstanceArns");
    let id = instance.as_str().and_then(|arn| arn.rsplit('/').next());
    let attribute = |name: &str, value: &str| json!({ "name": name, "value": value, "targetType": "container-instance", "targetId": id });
    let of = |attribute: Value| json!({ "cluster": "default", "attributes": [attribute] });
    let mut list = json!({
        "cluster": "default", "targetType": "container-instance", "attributeName": "rack", "attributeValue": "1",
    });
    let listed = list.clone();
    lay_over(&mut list, json!({ "attributeName": null, "attributeValue": null }));
    vec![
        ("PutAttributes", of(attribute("stack", "a"))),
        ("DeleteAttributes", of(attribute("rack", "1"))),
        ("ListAttributes", listed),
        ("ListAttributes", second_page(w, "ListAttributes", list)),
    ]
}

fn account_requests(w: &World) -> Vec<(&'static str, Value)> {
    let alice = "arn:aws:iam::000000000000:user/alice";
    let setting = json!({ "name": "defaultLogDriverMode", "value": "blocking" });
    let with = |changes: Value| {
        let mut setting = setting.clone();
        lay_over(&mut setting, changes);
        setting
    };
    let list = with(json!({ "value": "non-blocking", "principalArn": alice, "effectiveSettings": true }));
    vec![
        ("PutAccountSetting", with(json!({ "principalArn": alice }))),
        ("PutAccountSettingDefault", setting.clone()),
        ("DeleteAccountSetting", with(json!({ "value": null, "principalArn": alice }))),
        ("ListAccountSettings", list),
        ("ListAccountSettings", second_page(w, "ListAccountSettings", json!({ "effectiveSettings": true }))),
    ]
}

fn instance_requests(w: &World) -> Vec<(&'static str, Value)> {
    let arn = first(w, "ListContainerInstances", "containerInstanceArns");
    let register = |resources: Value| {
        json!({
            "cluster": "default", "containerInstanceArn": arn, "totalResources": resources,
            "instanceIdentityDocument": "{\"instanceId\":\"i-1\"}", "instanceIdentityDocumentSignature": "s",
            "versionInfo": { "agentVersion": "1", "agentHash": "h", "dockerVersion": "d" }, "attributes": [{ "name": "a", "value": "1" }],
            "platformDevices": [{ "id": "g", "type": "GPU" }],
            "tags": [{ "key": "c", "value": "d" }],
        })
    };
    let cpu =
        json!({ "name": "CPU", "type": "INTEGER", "integerValue": 2048, "longValue": 0, "doubleValue": 0 });
    let memory = json!({ "name": "MEMORY", "integerValue": 4096 });
    let ports = json!({ "name": "PORTS", "type": "STRINGSET", "stringSetValue": ["1"] });
    vec![
        ("RegisterContainerInstance", register(json!([cpu, memory]))),
        ("RegisterContainerInstance", register(json!([ports, cpu, memory]))),
        // By itself: an instance that is named needs no token.
        ("RegisterContainerInstance", json!({ "clientToken": "t" })),
        (
            "DeregisterContainerInstance",
            json!({ "cluster": "default", "containerInstance": arn, "force": true }),
        ),
        (
            "DescribeContainerInstances",
            json!({ "cluster": "default", "containerInstances": [arn], "include": ["TAGS"] }),
        ),
        (
            "ListContainerInstances",
            json!({ "cluster": "default", "status": "ACTIVE", "filter": "agentConnected == true" }),
        ),
        (
            "UpdateContainerInstancesState",
            json!({ "cluster": "default", "containerInstances": [arn], "status": "DRAINING" }),
        ),
        ("ListContainerInstances", second_page(w, "ListContainerInstances", json!({}))),
        ("DiscoverPollEndpoint", json!({ "cluster": "default", "containerInstance": arn })),
    ]
}

fn report_requests(w: &World) -> Vec<(&'static str, Value)> {
    let state = w.store.snapshot();
    let task = state.all_tasks().find(|t| t.eni.is_some()).expect("a task with an interface");
    let (arn, eni) = (model::arn::task(&task.scope, &task.cluster, &task.id), task.eni.as_ref());
    let attachment = eni.map(|e| format!("arn:aws:ecs:us-east-1:000000000000:attachment/{}", e.id));
    let bindings = json!([{ "bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp",
        "containerPortRange": "1-2", "hostPortRange": "1-2" }]);
    let container = json!({
        "containerName": "app", "status": "STOPPED", "exitCode": 1, "reason": "r", "runtimeId": "id",
        "imageDigest": "sha256:1", "networkBindings": bindings,
    });
    let report = |status: &str| {
        json!({
            "cluster": "default", "task": arn, "status": status, "reason": "r", "containers": [container],
            "attachments": [{ "attachmentArn": attachment, "status": "ATTACHED" }],
            "pullStartedAt": 1_700_000_001, "pullStoppedAt": 1_700_000_002, "executionStoppedAt": 1_700_000_003,
            "managedAgents": [{
                "containerName": "app", "managedAgentName": "ExecuteCommandAgent", "status": "RUNNING", "reason": "r",
            }],
        })
    };
    let mut one = container.clone();
    lay_over(&mut one, json!({ "cluster": "default", "task": arn, "imageDigest": null }));
    let attachments = json!([{ "attachmentArn": attachment, "status": "ATTACHED" }]);
    vec![
        ("SubmitTaskStateChange", json!({ "task": arn, "attachments": attachments })),
        ("SubmitTaskStateChange", json!({ "task": arn, "status": "STOPPED", "reason": "r" })),
        ("SubmitTaskStateChange", report("RUNNING")),
        ("SubmitTaskStateChange", report("STOPPED")),
        ("SubmitContainerStateChange", one),
        ("SubmitAttachmentStateChanges", json!({ "cluster": "default", "attachments": attachments })),
    ]
}

fn first(w: &World, operation: &str, list: &str) -> Value {
    w.ok(operation, json!({}))[list][0].clone()
}

/// The query with the token of its second page of one result.
fn second_page(w: &World, operation: &str, mut query: Value) -> Value {
    query["maxResults"] = json!(1);
    query["nextToken"] = w.ok(operation, query.clone())["nextToken"].clone();
    query
}

/// What a new world answers, and what of it is on disk afterwards: what follows from that has no order of its own.
fn outcome(operation: &str, request: Value) -> (Result<Value, String>, String) {
    let w = world();
    let answer = w.call(operation, request).map_err(|error| error.to_string());
    (answer, format!("{:?}", w.journal))
}

/// An honoured member without members of its own.
struct Leaf {
    /// As one writes it: `RunTask.overrides.cpu`.
    path: String,
    /// As a JSON pointer.
    pointer: String,
    shape: &'static Shape,
    /// What can be left out to be without it, as a JSON pointer.
    omitted: Option<String>,
}

fn leaves(operation: &str, shape: &'static Shape, request: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let root = Leaf { path: operation.to_owned(), pointer: String::new(), shape, omitted: None };
    root.walk(request, &mut leaves);
    leaves
}

impl Leaf {
    fn walk(self, request: &Value, leaves: &mut Vec<Leaf>) {
        let part = |path: &str, step: &str, shape| Leaf {
            path: format!("{}{path}", self.path),
            pointer: format!("{}/{step}", self.pointer),
            shape,
            omitted: self.omitted.clone(),
        };
        match self.shape {
            Shape::Structure(structure) => {
                for member in structure.members {
                    if let Use::Honoured(shape) = member.use_ {
                        let mut leaf = part(&format!(".{}", member.name), member.name, shape);
                        leaf.omitted = (!member.required).then(|| leaf.pointer.clone());
                        leaf.walk(request, leaves);
                    }
                }
            }
            Shape::List(list) => part("[]", "0", list.member).walk(request, leaves),
            Shape::Map(map) => {
                let entries = request.pointer(&self.pointer).and_then(Value::as_object);
                let key = entries.and_then(|entries| entries.keys().next()).map_or("", |key| key);
                part("[]", key, map.value).walk(request, leaves);
            }
            _ => leaves.push(self),
        }
    }

    /// The request with other values of this member, and without it where that is allowed; none when it has it not.
    fn changes(&self, request: &Value) -> Vec<Value> {
        let Some(value) = request.pointer(&self.pointer) else { return Vec::new() };
        let others: Vec<Value> = match (self.shape, value) {
            (Shape::Text(text), Value::String(value)) if text.values.is_empty() => {
                vec![json!(format!("{value}x"))]
            }
            (Shape::Text(text), value) => {
                text.values.iter().map(|v| json!(v)).filter(|v| v != value).collect()
            }
            (Shape::Boolean, Value::Bool(value)) => vec![json!(!value)],
            (_, value) => vec![json!(value.as_i64().expect("a number") + 1)],
        };
        let with = |pointer: &str, other: Value| {
            let mut request = request.clone();
            *request.pointer_mut(pointer).expect("it is there") = other;
            request
        };
        // A null in a structure is a member that is not there.
        let without = self.omitted.iter().map(|pointer| with(pointer, Value::Null));
        others.into_iter().map(|other| with(&self.pointer, other)).chain(without).collect()
    }
}
