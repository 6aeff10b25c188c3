use super::{containers, containers_with};
use serde_json::{Value, json};

#[test]
fn ulimits() {
    let of = |name: &str, soft: i32, hard: i32| json!({ "name": name, "softLimit": soft, "hardLimit": hard });
    let one = |limit: Value| json!({ "ulimits": [limit] });
    containers(&[
        (one(of("nofile", 1024, 4096)), ""),
        (one(of("core", 0, -1)), ""),
        (one(of("core", -1, -1)), ""),
        (one(of("nofile", 4096, 1024)), "Soft limit exceeds hard limit for ulimit nofile."),
        (one(of("core", -1, 0)), "Soft limit exceeds hard limit for ulimit core."),
        (
            one(of("nproc", -2, 1)),
            "Invalid 'ulimits' setting for container 'app'. The limits of nproc must be at least -1.",
        ),
        (
            json!({ "ulimits": [of("cpu", 1, 1), of("cpu", 2, 2)] }),
            "Invalid 'ulimits' setting for container 'app'. The limit cpu is there twice.",
        ),
    ]);
    let names = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    containers(&[(json!({ "ulimits": names.map(|name| of(name, 1, 2)) }), "")]);
}

#[test]
fn system_controls() {
    let of = |name: &str| json!({ "systemControls": [{ "namespace": name, "value": "1" }] });
    let other = |name: &str| {
        format!(
            "Invalid 'systemControls' setting for container 'app'. The kernel parameter '{name}' is not namespaced."
        )
    };
    let (host_wide, up, bare) = (other("kernel.pid_max"), other("net./../kernel"), other("net."));
    containers(&[
        (of("net.core.somaxconn"), ""),
        (of("kernel.shmmax"), ""),
        (of("fs.mqueue.msg_max"), ""),
        (of("kernel.pid_max"), &host_wide),
        (of("net./../kernel"), &up),
        (of("net."), &bare),
        (
            json!({ "systemControls": [{ "value": "1" }] }),
            "Container.systemControls.namespace should not be null or empty.",
        ),
        (
            json!({ "systemControls": [{ "namespace": "kernel.sem" }] }),
            "Container.systemControls.value should not be null or empty.",
        ),
        (
            json!({ "systemControls": [
                { "namespace": "kernel.sem", "value": "1" }, { "namespace": "kernel.sem", "value": "2" },
            ] }),
            "Invalid 'systemControls' setting for container 'app'. 'kernel.sem' is there twice.",
        ),
    ]);
    containers_with(
        json!({ "networkMode": "host" }),
        &[
            (
                of("net.core.somaxconn"),
                "Invalid 'systemControls' setting for container 'app'. 'net.core.somaxconn' is not supported when \
                 networkMode=host.",
            ),
            (of("kernel.sem"), ""),
        ],
    );
    for name in ["kernel.sem", "fs.mqueue.msg_max"] {
        let message = format!(
            "Invalid 'systemControls' setting for container 'app'. '{name}' is not supported when ipcMode=host."
        );
        containers_with(json!({ "ipcMode": "host" }), &[(of(name), &message)]);
        containers_with(json!({ "ipcMode": "task" }), &[(of(name), "")]);
    }
}

#[test]
fn linux_parameters() {
    let of = |linux: Value| json!({ "linuxParameters": linux });
    let swappiness = "The 'swappiness' setting for container 'app' must be between 0 and 100.";
    containers(&[
        (of(json!({})), ""),
        (of(json!({ "initProcessEnabled": true, "maxSwap": 0, "swappiness": 0 })), ""),
        (of(json!({ "maxSwap": 64, "swappiness": 100 })), ""),
        (
            json!({ "memory": null, "memoryReservation": 64, "linuxParameters": { "maxSwap": 64 } }),
            "Invalid 'maxSwap' setting for container 'app'. It needs the setting 'memory'.",
        ),
        (of(json!({ "swappiness": 101 })), swappiness),
        (of(json!({ "swappiness": -1 })), swappiness),
        (of(json!({ "maxSwap": -1 })), "Invalid setting for container 'app'. 'maxSwap' must be at least 0."),
        (
            of(json!({ "sharedMemorySize": 0 })),
            "Invalid setting for container 'app'. 'sharedMemorySize' must be at least 1.",
        ),
        (of(json!({ "capabilities": { "add": ["NET_ADMIN", "ALL"], "drop": ["MKNOD"] } })), ""),
        (
            of(json!({ "capabilities": { "add": ["CAP_NET_ADMIN"] } })),
            "Invalid 'capabilities.add' setting for container 'app'. Unknown capability: 'CAP_NET_ADMIN'.",
        ),
        (
            of(json!({ "capabilities": { "drop": ["FLY"] } })),
            "Invalid 'capabilities.drop' setting for container 'app'. Unknown capability: 'FLY'.",
        ),
    ]);
}

#[test]
fn devices_and_memory_file_systems() {
    let device = |device: Value| json!({ "linuxParameters": { "devices": [device] } });
    let tmpfs = |path: &str, size: i32, options: &[&str]| {
        let tmpfs = json!({ "containerPath": path, "size": size, "mountOptions": options });
        json!({ "linuxParameters": { "tmpfs": [tmpfs] } })
    };
    let path = |setting: &str, path: &str| {
        format!("Invalid '{setting}' setting for container 'app'. It must be an absolute path: '{path}'.")
    };
    let option = |option: &str| {
        format!("Invalid 'tmpfs.mountOptions' setting for container 'app'. Unknown mount option: '{option}'.")
    };
    containers(&[
        (device(json!({ "hostPath": "/dev/null" })), ""),
        (
            device(
                json!({ "hostPath": "/dev/null", "containerPath": "/dev/n", "permissions": ["read", "mknod"] }),
            ),
            "",
        ),
        (device(json!({ "hostPath": "null" })), &path("devices.hostPath", "null")),
        (
            device(json!({ "hostPath": "/dev/null", "containerPath": "n" })),
            &path("devices.containerPath", "n"),
        ),
        (tmpfs("/tmp", 64, &["rw", "noexec", "mode=1777", "uid=1", "nr_inodes=1k", "mpol=bind:0-1"]), ""),
        (tmpfs("/tmp", 1, &["mode=99"]), &option("mode=99")),
        (tmpfs("/tmp", 1, &["shared"]), "Wharf does not support tmpfs.mountOptions 'shared' yet."),
        (tmpfs("tmp", 64, &[]), &path("tmpfs.containerPath", "tmp")),
        (tmpfs("/tmp", 0, &[]), "Invalid setting for container 'app'. 'tmpfs.size' must be at least 1."),
        (tmpfs("/tmp", 1, &["size=1g"]), &option("size=1g")),
        (tmpfs("/tmp", 1, &["mode=7,size=1g"]), &option("mode=7,size=1g")),
        (tmpfs("/tmp", 1, &["mode"]), &option("mode")),
    ]);
}
