use super::{containers_with, tasks};
use serde_json::{Value, json};

#[test]
fn volumes() {
    let of = |volume: Value| json!({ "volumes": [volume] });
    let path = |path: &str| of(json!({ "name": "v", "host": { "sourcePath": path } }));
    let docker = |docker: Value| of(json!({ "name": "v", "dockerVolumeConfiguration": docker }));
    let long = "x".repeat(256);
    tasks(&[
        (of(json!({ "name": "v" })), ""),
        (of(json!({ "name": "v", "host": {} })), ""),
        (of(json!({})), "volume.name should not be null or empty."),
        (of(json!({ "name": "" })), "volume.name should not be null or empty."),
        (of(json!({ "name": "a/b" })), "volume.name contains invalid characters."),
        (of(json!({ "name": long })), "volume.name contains invalid characters."),
        (
            json!({ "volumes": [{ "name": "v" }, { "name": "v" }] }),
            "Volume names must be unique in a task definition: 'v' is used more than once.",
        ),
        (path("/srv"), ""),
        (path(""), "host.sourcePath should not be blank."),
        (path(" "), "host.sourcePath should not be blank."),
        (path("srv"), "host.sourcePath must be an absolute path: 'srv'."),
        (docker(json!({})), ""),
        (docker(json!({ "scope": "shared", "autoprovision": true, "driver": "local" })), ""),
        (docker(json!({ "scope": "shared", "autoprovision": false, "driverOpts": { "type": "tmpfs" } })), ""),
        (docker(json!({ "scope": "task", "labels": { "a": "b" } })), ""),
        (
            docker(json!({ "scope": "task", "autoprovision": true })),
            "When 'scope' parameter is 'task', 'autoprovision' must not be specified.",
        ),
        (
            docker(json!({ "autoprovision": false })),
            "When 'scope' parameter is 'task', 'autoprovision' must not be specified.",
        ),
        (
            docker(json!({ "driver": "rexray/ebs" })),
            "Wharf does not support dockerVolumeConfiguration.driver 'rexray/ebs' yet.",
        ),
        (
            docker(json!({ "driver": "" })),
            "volume.dockerVolumeConfiguration.driver should not be null or empty.",
        ),
        (
            of(json!({
                "name": "v", "host": { "sourcePath": "/srv" }, "dockerVolumeConfiguration": { "scope": "task" },
            })),
            "Volume 'v' can have only one of 'host' and 'dockerVolumeConfiguration'.",
        ),
    ]);
}

#[test]
fn mount_points() {
    let mount = |volume: &str, path: &str| json!({ "sourceVolume": volume, "containerPath": path });
    let of = |mounts: &[Value]| json!({ "mountPoints": mounts });
    containers_with(
        json!({ "volumes": [{ "name": "v" }, { "name": "w" }] }),
        &[
            (of(&[mount("v", "/a"), mount("v", "/b"), mount("w", "/c")]), ""),
            (of(&[mount("x", "/a")]), "Unknown volume 'x'."),
            (
                of(&[json!({ "containerPath": "/a" })]),
                "Container.mountPoints.sourceVolume should not be null or empty.",
            ),
            (of(&[mount("v", "")]), "Container.mountPoints.containerPath should not be null or empty."),
            (
                of(&[mount("v", "a")]),
                "Invalid 'mountPoints.containerPath' setting for container 'app'. It must be an absolute path: 'a'.",
            ),
            (
                of(&[mount("v", "/a"), mount("w", "/a/")]),
                "Invalid 'mountPoints' setting for container 'app'. More than one volume is mounted at '/a/'.",
            ),
        ],
    );
}
