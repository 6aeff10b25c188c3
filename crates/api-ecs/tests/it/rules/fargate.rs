use super::{Row, check, fargate_containers, tasks};
use crate::world::{World, fargate, lay_over};
use serde_json::{Value, json};

/// Members of a container that Fargate forbids; EC2 takes every one of them.
fn forbidden() -> Vec<Row<'static>> {
    let linux = |linux: Value| json!({ "linuxParameters": linux });
    vec![
        (json!({ "privileged": true }), "Fargate requires that the 'privileged' setting be 'false'."),
        (
            json!({ "startTimeout": 121 }),
            "Tasks using the Fargate launch type must have a container start timeout of less than 120 seconds.",
        ),
        (
            json!({ "dockerSecurityOptions": ["no-new-privileges"] }),
            "Fargate compatible task definitions do not support dockerSecurityOptions.",
        ),
        (
            json!({ "resourceRequirements": [{ "type": "GPU", "value": "1" }] }),
            "Tasks using the Fargate launch type do not support GPU resource requirements.",
        ),
        (
            linux(json!({ "devices": [{ "hostPath": "/dev/null" }] })),
            "Fargate compatible task definitions do not support devices.",
        ),
        (
            linux(json!({ "sharedMemorySize": 64 })),
            "Fargate compatible task definitions do not support sharedMemorySize.",
        ),
        (
            json!({ "memory": 64, "linuxParameters": { "maxSwap": 0 } }),
            "Fargate compatible task definitions do not support maxSwap.",
        ),
        (
            linux(json!({ "swappiness": 60 })),
            "Fargate compatible task definitions do not support swappiness.",
        ),
        (
            linux(json!({ "capabilities": { "add": ["SYS_PTRACE", "NET_ADMIN"] } })),
            "NET_ADMIN is not allowed on Fargate.",
        ),
        (
            json!({ "logConfiguration": { "logDriver": "json-file" } }),
            "json-file is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens].",
        ),
        (
            json!({ "logConfiguration": { "logDriver": "none" } }),
            "none is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens].",
        ),
    ]
}

#[test]
fn members_of_containers() {
    fargate_containers(&forbidden());
    fargate_containers(&[
        (json!({ "privileged": false, "interactive": true, "pseudoTerminal": true }), ""),
        (json!({ "startTimeout": 120, "stopTimeout": 120 }), ""),
        (
            json!({ "linuxParameters": { "initProcessEnabled": true, "capabilities": { "add": ["SYS_PTRACE"] } } }),
            "",
        ),
        (json!({ "linuxParameters": { "capabilities": { "drop": ["ALL"] } } }), ""),
        (json!({ "linuxParameters": { "tmpfs": [{ "containerPath": "/tmp", "size": 1 }] } }), ""),
        (json!({ "ulimits": [{ "name": "nofile", "softLimit": 1, "hardLimit": 2 }] }), ""),
        (json!({ "systemControls": [{ "namespace": "net.core.somaxconn", "value": "1" }] }), ""),
        (json!({ "portMappings": [{ "containerPortRange": "80-90" }] }), ""),
        (json!({ "dockerLabels": { "a": "b" }, "versionConsistency": "disabled" }), ""),
        (json!({ "links": ["b"] }), "Links are not supported when networkMode=awsvpc."),
    ]);
}

#[test]
fn members_of_the_task() {
    let rows: [Row<'_>; 8] = [
        (json!({ "pidMode": "task" }), ""),
        (
            json!({ "pidMode": "host" }),
            "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is \
             'task'.",
        ),
        (json!({ "ipcMode": "task" }), "Fargate compatible task definitions do not support ipcMode."),
        (json!({ "volumes": [{ "name": "v" }] }), ""),
        (
            json!({ "volumes": [{ "name": "v", "host": { "sourcePath": "/srv" } }] }),
            "Fargate compatible task definitions do not support sourcePath.",
        ),
        (
            json!({ "volumes": [{ "name": "v", "dockerVolumeConfiguration": {} }] }),
            "Fargate compatible task definitions do not support dockerVolumeConfiguration.",
        ),
        (json!({ "ephemeralStorage": { "sizeInGiB": 21 } }), ""),
        (json!({ "ephemeralStorage": { "sizeInGiB": 200 } }), ""),
    ];
    check(rows.map(|(changes, message)| (fargate("web", changes), message.to_owned())));
}

#[test]
fn ephemeral_storage() {
    let of = |gib: i32| json!({ "ephemeralStorage": { "sizeInGiB": gib } });
    let size = "Invalid setting for ephemeral storage. Size must be between 21 GiB and 200 GiB.";
    let ec2 = "Tasks using the EC2 launch type do not support EphemeralStorage.";
    let rows = [20, 201, -1].map(|gib| (fargate("web", of(gib)), size.to_owned()));
    check(rows);
    tasks(&[(of(21), ec2)]);
    let mut both = of(21);
    lay_over(&mut both, json!({ "requiresCompatibilities": ["EC2", "FARGATE"] }));
    check([(fargate("web", both), ec2.to_owned())]);
}

#[test]
fn what_fargate_forbids_is_taken_when_fargate_is_not_required() {
    let w = World::new();
    let compatibilities = |definition: Value| {
        w.ok("RegisterTaskDefinition", definition)["taskDefinition"]["compatibilities"].clone()
    };
    for (changes, _) in forbidden() {
        let mut definition = fargate("web", json!({ "requiresCompatibilities": null }));
        lay_over(&mut definition["containerDefinitions"][0], changes.clone());
        assert_eq!(compatibilities(definition), json!(["EC2"]), "{changes}");
    }
    for changes in [
        json!({ "pidMode": "host" }),
        json!({ "ipcMode": "none" }),
        json!({ "volumes": [{ "name": "v", "host": { "sourcePath": "/srv" } }] }),
    ] {
        let mut without = changes.clone();
        without["requiresCompatibilities"] = Value::Null;
        assert_eq!(compatibilities(fargate("web", without)), json!(["EC2"]), "{changes}");
    }
    let storage = json!({ "ephemeralStorage": { "sizeInGiB": 30 } });
    assert_eq!(compatibilities(fargate("web", storage)), json!(["FARGATE"]), "no disk of its own on EC2");
}
