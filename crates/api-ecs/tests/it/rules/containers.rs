use super::{Row, check, containers, ec2};
use serde_json::{Value, json};

#[test]
fn health_checks() {
    let rule = |setting: &str, range: &str| {
        format!("The 'healthCheck.{setting}' setting for container 'app' must be between {range}.")
    };
    let command = "Invalid 'healthCheck.command' setting for container 'app'. The command must start with CMD or \
                   CMD-SHELL, and say what to run.";
    for (setting, least, most, range) in [
        ("interval", 5, 300, "5 and 300"),
        ("timeout", 2, 60, "2 and 60"),
        ("retries", 1, 10, "1 and 10"),
        ("startPeriod", 0, 300, "0 and 300"),
    ] {
        let of = |value: i32| json!({ "healthCheck": { "command": ["CMD", "true"], setting: value } });
        let refused = rule(setting, range);
        containers(&[
            (of(least), ""),
            (of(most), ""),
            (of(least - 1), &refused),
            (of(most + 1), &refused),
            (of(i32::MIN), &refused),
        ]);
    }
    let of = |words: &[&str]| json!({ "healthCheck": { "command": words } });
    containers(&[
        (of(&["CMD-SHELL", "curl -f http://localhost/ || exit 1"]), ""),
        (of(&["CMD", "true"]), ""),
        (of(&["true"]), command),
        (of(&["NONE"]), command),
        (of(&["CMD"]), command),
        (of(&["cmd-shell", "true"]), command),
        (of(&[]), command),
    ]);
}

#[test]
fn restart_policies() {
    let period = "The 'restartAttemptPeriod' setting for container 'app' must be between 60 and 1800.";
    let codes = |n: i32| json!({ "restartPolicy": { "enabled": true, "ignoredExitCodes": (0..n).collect::<Vec<_>>() } });
    let of = |secs: i32| json!({ "restartPolicy": { "enabled": true, "restartAttemptPeriod": secs } });
    containers(&[
        (json!({ "restartPolicy": { "enabled": false } }), ""),
        (of(60), ""),
        (of(1800), ""),
        (of(59), period),
        (of(1801), period),
        (of(-1), period),
        (codes(50), ""),
        (
            codes(51),
            "Invalid 'ignoredExitCodes' setting for container 'app'. It can have at most 50 exit codes.",
        ),
    ]);
}

#[test]
fn gpus() {
    let positive =
        "Invalid 'resourceRequirements' setting for container 'app'. A number of GPUs is a positive integer.";
    let of = |value: &str| json!({ "resourceRequirements": [{ "type": "GPU", "value": value }] });
    let gpu = json!({ "type": "GPU", "value": "1" });
    containers(&[
        (of("1"), ""),
        (of("8"), ""),
        (of("0"), positive),
        (of("-1"), positive),
        (of("+1"), positive),
        (of("1.5"), positive),
        (of(""), positive),
        (of("99999999999"), positive),
        (
            json!({ "resourceRequirements": [gpu, gpu] }),
            "Invalid 'resourceRequirements' setting for container 'app'. A type can be there only once.",
        ),
        (
            json!({ "resourceRequirements": [{ "type": "InferenceAccelerator", "value": "a" }] }),
            "Wharf does not support resourceRequirements of type InferenceAccelerator yet.",
        ),
    ]);
}

#[test]
fn security_options() {
    let of = |option: &str| json!({ "dockerSecurityOptions": [option] });
    let invalid = |option: &str| {
        format!("Invalid 'dockerSecurityOptions' setting for container 'app'. Invalid option: '{option}'.")
    };
    let refused = ["", "seccomp:unconfined", "no-new-privileges:maybe", "apparmor:", "label", "x"];
    let messages = refused.map(invalid);
    let mut rows: Vec<Row<'_>> = refused.iter().zip(&messages).map(|(o, m)| (of(o), m.as_str())).collect();
    rows.extend(
        [
            "no-new-privileges",
            "no-new-privileges:true",
            "apparmor:docker-default",
            "label:type:x",
            "label=disable",
        ]
        .map(|option| (of(option), "")),
    );
    rows.push((
        of("credentialspec:file://x"),
        "Wharf does not support dockerSecurityOptions 'credentialspec' yet.",
    ));
    containers(&rows);
    containers(&[(
        json!({ "dockerLabels": { "": "x" } }),
        "Container.dockerLabels.key should not be null or empty.",
    )]);
}

#[test]
fn what_containers_need_of_each_other() {
    let cycle = "The container dependencies contain a cycle: a, b.";
    let check_health = json!({ "command": ["CMD", "true"] });
    let on = |name: &str, condition: &str| json!([{ "containerName": name, "condition": condition }]);
    pairs(&[
        ([json!({ "links": ["b"] }), json!({})], ""),
        ([json!({ "links": ["b:db"] }), json!({})], ""),
        ([json!({ "links": ["c"] }), json!({})], "Invalid 'links' setting. Unknown container: 'c'"),
        ([json!({ "links": ["a:x"] }), json!({})], "Container 'a' cannot depend on itself."),
        ([json!({ "links": ["b"] }), json!({ "links": ["a"] })], cycle),
        ([json!({ "volumesFrom": [{ "sourceContainer": "b" }] }), json!({})], ""),
        (
            [json!({ "volumesFrom": [{ "sourceContainer": "c" }] }), json!({})],
            "Invalid 'volumesFrom' setting. Unknown container: 'c'",
        ),
        (
            [json!({ "volumesFrom": [{}] }), json!({})],
            "Container.volumesFrom.sourceContainer should not be null or empty.",
        ),
        (
            [
                json!({ "volumesFrom": [{ "sourceContainer": "b" }] }),
                json!({ "dependsOn": on("a", "START") }),
            ],
            cycle,
        ),
        ([json!({ "links": ["b"] }), json!({ "volumesFrom": [{ "sourceContainer": "a" }] })], cycle),
        ([json!({ "dependsOn": on("b", "HEALTHY") }), json!({ "healthCheck": check_health })], ""),
        (
            [json!({ "dependsOn": on("b", "HEALTHY") }), json!({})],
            "A dependency container with HEALTHY condition must have health check configured",
        ),
        ([json!({ "dependsOn": on("b", "START") }), json!({})], ""),
        (
            [json!({ "dependsOn": on("b", "COMPLETE") }), json!({})],
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        ),
        ([json!({ "dependsOn": on("b", "COMPLETE") }), json!({ "essential": false })], ""),
    ]);
}

/// Changes to two containers, `a` and `b`.
#[track_caller]
fn pairs(rows: &[([Value; 2], &str)]) {
    check(rows.iter().map(|(changes, message)| {
        let named = |(name, changes): (&str, &Value)| {
            let mut container = json!({ "name": name, "image": "i", "memory": 64 });
            crate::world::lay_over(&mut container, changes.clone());
            container
        };
        let containers: Vec<_> = ["a", "b"].into_iter().zip(changes).map(named).collect();
        (ec2(json!({ "containerDefinitions": containers })), (*message).to_owned())
    }));
}
