//! The payload compiler, member by member: what one member of a definition adds to the payload, and that an official
//! agent takes it.

use crate::world::{arn, container_definition, definition, task_of};
use control::{Extras, compile};
use core_task::report::apply_placed;
use model::container::*;
use model::task::Task;
use model::task_definition::{IpcMode, LaunchType, NetworkMode, PidMode, TaskDefinition};
use model::volume::{DockerVolume, DockerVolumeScope, Volume, VolumeSource};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A bridge task of two containers, `side` and `app`.
fn base() -> TaskDefinition {
    let mut side = container_definition("side");
    side.essential = false;
    TaskDefinition {
        containers: vec![side, container_definition("app")],
        cpu_units: None,
        memory_mib: None,
        ..definition(NetworkMode::Bridge)
    }
}

fn placed(definition: TaskDefinition) -> Task {
    let mut task = task_of("0123", definition);
    apply_placed(&mut task, "i1".into(), None);
    task
}

/// `path = value`, with the two Docker documents taken apart.
fn flatten(path: &str, value: &Value, lines: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let document = value.as_str().filter(|_| matches!(name.as_str(), "config" | "hostConfig"));
                let inner: Option<Value> = document.and_then(|text| serde_json::from_str(text).ok());
                flatten(&format!("{path}.{name}"), inner.as_ref().unwrap_or(value), lines);
            }
            if members.is_empty() {
                lines.insert(path.to_owned(), "{}".to_owned());
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(n, item)| flatten(&format!("{path}[{n}]"), item, lines));
        }
        other => {
            lines.insert(path.to_owned(), other.to_string());
        }
    }
}

/// The task in a payload that an official agent has acknowledged.
fn told(task: &Task, extras: Extras) -> BTreeMap<String, String> {
    let payload = acs::PayloadMessage {
        message_id: "m1".into(),
        cluster_arn: "c".into(),
        container_instance_arn: arn("i1"),
        tasks: vec![compile(task, extras)],
        ..acs::PayloadMessage::default()
    };
    let frame = acs::encode(&acs::ServerMessage::from(payload));
    let mut agent = testkit::Agent::default();
    let heard = agent.hear(&frame);
    assert!(heard.message.is_ok(), "{heard:?}");
    assert_eq!((heard.answers.len(), &agent.reports[..]), (1, &[][..]), "{frame}");
    let frame: Value = serde_json::from_str(&frame).expect("our own JSON");
    let mut lines = BTreeMap::new();
    flatten("", &frame["message"]["tasks"][0], &mut lines);
    lines
}

/// What differs in `after`, one line each; `-` in front of what is gone. The container `app` is called by its name.
fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (path, value) in after.iter().filter(|(path, value)| before.get(*path) != Some(*value)) {
        let _ = writeln!(text, "{path} = {value}");
    }
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        let _ = writeln!(text, "-{path}");
    }
    text.replace(".containers[1].dockerConfig.", "app/").replace(".containers[1].", "app.")
}

type Edit<D> = fn(&mut D);

fn check_task(rows: &[(Edit<TaskDefinition>, &str)]) {
    let before = told(&placed(base()), Extras::default());
    for (edit, expected) in rows {
        let mut definition = base();
        edit(&mut definition);
        let after = told(&placed(definition), Extras::default());
        assert_eq!(difference(&before, &after).trim_end(), *expected);
    }
}

fn check(rows: &[(Edit<ContainerDefinition>, &str)]) {
    let before = told(&placed(base()), Extras::default());
    for (edit, expected) in rows {
        let mut definition = base();
        edit(&mut definition.containers[1]);
        let after = told(&placed(definition), Extras::default());
        assert_eq!(difference(&before, &after).trim_end(), *expected);
    }
}

fn linux(c: &mut ContainerDefinition) -> &mut LinuxParameters {
    c.linux.get_or_insert_default()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_agents_know_themselves() {
    check(&[
        (|c| c.image = "nginx:1".into(), r#"app.image = "nginx:1""#),
        (|c| c.cpu_units = 128, "app.cpu = 128"),
        (|c| c.memory_mib = Some(64), "app.memory = 64"),
        (|c| c.essential = false, "app.essential = false"),
        (|c| c.entry_point = Some(vec![]), "app.entryPoint = []"),
        (|c| c.entry_point = Some(texts(&["sh", "-c"])), r#"app.entryPoint = ["sh","-c"]"#),
        (|c| c.command = Some(texts(&["a b"])), r#"app.command = ["a b"]"#),
        (
            |c| c.environment = vec![("A".into(), "1".into()), ("A".into(), "2".into())],
            "app.environment.A = \"2\"\n-app.environment",
        ),
        (|c| c.start_timeout_secs = Some(60), "app.startTimeout = 60"),
        (|c| c.stop_timeout_secs = Some(0), "app.stopTimeout = 0"),
        (
            |c| {
                let condition = DependencyCondition::Healthy;
                c.depends_on = vec![Dependency { container: "side".into(), condition }];
            },
            "app.dependsOn[0].condition = \"HEALTHY\"\napp.dependsOn[0].containerName = \"side\"",
        ),
        (
            |c| {
                c.restart_policy = Some(RestartPolicy {
                    enabled: true,
                    ignored_exit_codes: vec![0, 3],
                    attempt_period_secs: 60,
                });
            },
            "app.restartPolicy.enabled = true\napp.restartPolicy.ignoredExitCodes = [0,3]\n\
             app.restartPolicy.restartAttemptPeriod = 60",
        ),
        (
            |c| {
                c.links = vec![
                    Link { container: "side".into(), alias: None },
                    Link { container: "side".into(), alias: Some("db".into()) },
                ];
            },
            r#"app.links = ["side","side:db"]"#,
        ),
        (
            |c| c.volumes_from = vec![VolumesFrom { container: "side".into(), read_only: Some(true) }],
            "app.volumesFrom[0].readOnly = true\napp.volumesFrom[0].sourceContainer = \"side\"",
        ),
        (
            |c| {
                c.health_check = Some(HealthCheck {
                    command: texts(&["CMD-SHELL", "exit 0"]),
                    interval_secs: 30,
                    timeout_secs: 5,
                    retries: 3,
                    start_period_secs: Some(10),
                });
            },
            "app/config.Healthcheck.Interval = 30000000000\napp/config.Healthcheck.Retries = 3\n\
             app/config.Healthcheck.StartPeriod = 10000000000\napp/config.Healthcheck.Test = [\"CMD-SHELL\",\"exit 0\"]\n\
             app/config.Healthcheck.Timeout = 5000000000\napp.healthCheckType = \"docker\"\n-app/config",
        ),
    ]);
}

#[test]
fn ports() {
    fn port(first: u16, last: Option<u16>, host_port: Option<u16>, protocol: Protocol) -> Vec<PortMapping> {
        vec![PortMapping {
            container_port: first,
            container_port_last: last,
            host_port,
            protocol,
            name: Some("web".into()),
            app_protocol: Some("http".into()),
        }]
    }
    check(&[
        (
            |c| c.port_mappings = port(80, None, None, Protocol::Tcp),
            "app.portMappings[0].containerPort = 80\napp.portMappings[0].hostPort = 0\n\
             app.portMappings[0].protocol = \"tcp\"",
        ),
        (
            |c| c.port_mappings = port(53, None, Some(5353), Protocol::Udp),
            "app.portMappings[0].containerPort = 53\napp.portMappings[0].hostPort = 5353\n\
             app.portMappings[0].protocol = \"udp\"",
        ),
        (
            |c| c.port_mappings = port(8000, Some(8010), None, Protocol::Tcp),
            "app.portMappings[0].containerPort = 0\napp.portMappings[0].containerPortRange = \"8000-8010\"\n\
             app.portMappings[0].hostPort = 0\napp.portMappings[0].protocol = \"tcp\"",
        ),
    ]);
}

#[test]
fn docker_config() {
    check(&[
        (|c| c.user = Some("1000:1000".into()), "app/config.User = \"1000:1000\"\n-app/config"),
        (|c| c.working_directory = Some("/srv".into()), "app/config.WorkingDir = \"/srv\"\n-app/config"),
        (|c| c.hostname = Some("web".into()), "app/config.Hostname = \"web\"\n-app/config"),
        (|c| c.docker_labels = pairs(&[("a", "1")]), "app/config.Labels.a = \"1\"\n-app/config"),
        (|c| c.pseudo_terminal = Some(true), "app/config.Tty = true\n-app/config"),
        (|c| c.interactive = Some(true), "app/config.OpenStdin = true\n-app/config"),
        (|c| c.disable_networking = Some(true), "app/config.NetworkDisabled = true\n-app/config"),
    ]);
}

#[test]
fn docker_host_config() {
    check(&[
        (
            |c| c.readonly_root_filesystem = Some(true),
            "app/hostConfig.ReadonlyRootfs = true\n-app/hostConfig",
        ),
        (
            |c| c.memory_mib_reserved = Some(64),
            "app/hostConfig.MemoryReservation = 67108864\n-app/hostConfig",
        ),
        (|c| c.privileged = Some(true), "app/hostConfig.Privileged = true\n-app/hostConfig"),
        (
            |c| c.ulimits = vec![Ulimit { name: "nofile".into(), soft: 1024, hard: -1 }],
            "app/hostConfig.Ulimits[0].Hard = -1\napp/hostConfig.Ulimits[0].Name = \"nofile\"\n\
             app/hostConfig.Ulimits[0].Soft = 1024\n-app/hostConfig",
        ),
        (
            |c| {
                c.system_controls =
                    vec![SystemControl { namespace: "net.core.somaxconn".into(), value: "512".into() }];
            },
            "app/hostConfig.Sysctls.net.core.somaxconn = \"512\"\n-app/hostConfig",
        ),
        (|c| c.dns_servers = texts(&["10.0.0.2"]), "app/hostConfig.Dns = [\"10.0.0.2\"]\n-app/hostConfig"),
        (|c| c.dns_search_domains = texts(&["a.b"]), "app/hostConfig.DnsSearch = [\"a.b\"]\n-app/hostConfig"),
        (
            |c| c.extra_hosts = vec![ExtraHost { hostname: "db".into(), ip_address: "10.0.0.3".into() }],
            "app/hostConfig.ExtraHosts = [\"db:10.0.0.3\"]\n-app/hostConfig",
        ),
        (
            |c| c.docker_security_options = texts(&["no-new-privileges"]),
            "app/hostConfig.SecurityOpt = [\"no-new-privileges\"]\n-app/hostConfig",
        ),
    ]);
}

#[test]
fn linux_parameters() {
    check(&[
        (|c| linux(c).init_process = Some(true), "app/hostConfig.Init = true\n-app/hostConfig"),
        (
            |c| {
                let capabilities = Capabilities { add: texts(&["SYS_PTRACE"]), drop: texts(&["ALL"]) };
                linux(c).capabilities = Some(capabilities);
            },
            "app/hostConfig.CapAdd = [\"SYS_PTRACE\"]\napp/hostConfig.CapDrop = [\"ALL\"]\n-app/hostConfig",
        ),
        (|c| linux(c).shared_memory_mib = Some(128), "app/hostConfig.ShmSize = 134217728\n-app/hostConfig"),
        (
            |c| {
                linux(c).tmpfs = vec![Tmpfs {
                    container_path: "/run".into(),
                    size_mib: 64,
                    mount_options: texts(&["noexec", "mode=755"]),
                }];
            },
            "app/hostConfig.Tmpfs./run = \"rw,size=64m,noexec,mode=755\"\n-app/hostConfig",
        ),
        (
            |c| {
                linux(c).devices = vec![Device {
                    host_path: "/dev/fuse".into(),
                    container_path: None,
                    permissions: vec![DevicePermission::Write, DevicePermission::Read],
                }];
            },
            "app/hostConfig.Devices[0].CgroupPermissions = \"rw\"\n\
             app/hostConfig.Devices[0].PathInContainer = \"/dev/fuse\"\n\
             app/hostConfig.Devices[0].PathOnHost = \"/dev/fuse\"\n-app/hostConfig",
        ),
        (
            |c| {
                let container_path = Some("/dev/x".into());
                let host_path = "/dev/null".into();
                linux(c).devices = vec![Device { host_path, container_path, permissions: vec![] }];
            },
            "app/hostConfig.Devices[0].CgroupPermissions = \"rwm\"\n\
             app/hostConfig.Devices[0].PathInContainer = \"/dev/x\"\n\
             app/hostConfig.Devices[0].PathOnHost = \"/dev/null\"\n-app/hostConfig",
        ),
        (
            |c| {
                c.memory_mib = Some(64);
                *linux(c) = LinuxParameters {
                    max_swap_mib: Some(32),
                    swappiness: Some(10),
                    ..LinuxParameters::default()
                };
            },
            "app/hostConfig.MemorySwap = 100663296\napp/hostConfig.MemorySwappiness = 10\napp.memory = 64\n\
             -app/hostConfig",
        ),
        (
            |c| {
                c.memory_mib = Some(64);
                linux(c).max_swap_mib = Some(0);
            },
            "app/hostConfig.MemorySwap = 67108864\napp.memory = 64\n-app/hostConfig",
        ),
        // It counts only with maxSwap.
        (|c| linux(c).swappiness = Some(10), ""),
    ]);
}

fn log(driver: &str, options: &[(&str, &str)]) -> Option<LogConfiguration> {
    Some(LogConfiguration { driver: driver.into(), options: pairs(options) })
}

#[test]
fn log_drivers() {
    check(&[
        (
            |c| {
                c.log = log(
                    "awslogs",
                    &[("awslogs-group", "g"), ("awslogs-stream-prefix", "p"), ("mode", "blocking")],
                )
            },
            "app/hostConfig.LogConfig.Config.awslogs-group = \"g\"\n\
             app/hostConfig.LogConfig.Config.awslogs-region = \"us-east-1\"\n\
             app/hostConfig.LogConfig.Config.awslogs-stream = \"p/app/0123\"\n\
             app/hostConfig.LogConfig.Config.mode = \"blocking\"\napp/hostConfig.LogConfig.Type = \"awslogs\"\n\
             app.logsAuthStrategy = \"ExecutionRole\"\n-app/hostConfig",
        ),
        (
            |c| c.log = log("awslogs", &[("awslogs-region", "eu-west-1")]),
            "app/hostConfig.LogConfig.Config.awslogs-region = \"eu-west-1\"\n\
             app/hostConfig.LogConfig.Config.mode = \"non-blocking\"\napp/hostConfig.LogConfig.Type = \"awslogs\"\n\
             app.logsAuthStrategy = \"ExecutionRole\"\n-app/hostConfig",
        ),
        (
            |c| c.log = log("json-file", &[("max-size", "10m")]),
            "app/hostConfig.LogConfig.Config.max-size = \"10m\"\napp/hostConfig.LogConfig.Type = \"json-file\"\n\
             -app/hostConfig",
        ),
        (
            |c| c.log = log("none", &[]),
            "app/hostConfig.LogConfig.Config = {}\napp/hostConfig.LogConfig.Type = \"none\"\n-app/hostConfig",
        ),
    ]);
    let mut definition = base();
    definition.containers[1].log = log("fluentd", &[("fluentd-address", "localhost:24224")]);
    let mut task = placed(definition.clone());
    task.logs_block_by_default = true;
    let options = told(&task, Extras::default());
    assert_eq!(options[".containers[1].dockerConfig.hostConfig.LogConfig.Config.mode"], r#""blocking""#);
    definition.containers[1].log = log("awslogs", &[("awslogs-group", "g")]);
    let extras = Extras { logs_endpoint: Some("http://wharf".into()), ..Extras::default() };
    let options = told(&placed(definition), extras);
    assert_eq!(
        options[".containers[1].dockerConfig.hostConfig.LogConfig.Config.awslogs-endpoint"],
        r#""http://wharf""#
    );
}

#[test]
fn volumes() {
    fn mounted(definition: &mut TaskDefinition, source: VolumeSource) {
        definition.volumes = vec![Volume { name: "data".into(), source }];
        let container_path = "/data".into();
        definition.containers[1].mount_points =
            vec![MountPoint { volume: "data".into(), container_path, read_only: Some(true) }];
    }
    const MOUNT: &str = "app.mountPoints[0].containerPath = \"/data\"\napp.mountPoints[0].readOnly = true\n\
         app.mountPoints[0].sourceVolume = \"data\"\n";
    let host =
        format!("{MOUNT}.volumes[0].host = {{}}\n.volumes[0].name = \"data\"\n.volumes[0].type = \"host\"");
    let path = host.replace(".host = {}", ".host.sourcePath = \"/srv\"");
    let shared = format!(
        "{MOUNT}.volumes[0].dockerVolumeConfiguration.autoprovision = true\n\
         .volumes[0].dockerVolumeConfiguration.driver = \"local\"\n\
         .volumes[0].dockerVolumeConfiguration.driverOpts.type = \"nfs\"\n\
         .volumes[0].dockerVolumeConfiguration.labels.a = \"1\"\n\
         .volumes[0].dockerVolumeConfiguration.scope = \"shared\"\n.volumes[0].name = \"data\"\n\
         .volumes[0].type = \"docker\""
    );
    let of_task = format!(
        "{MOUNT}.volumes[0].dockerVolumeConfiguration.autoprovision = false\n\
         .volumes[0].dockerVolumeConfiguration.driver = \"x\"\n\
         .volumes[0].dockerVolumeConfiguration.driverOpts = {{}}\n\
         .volumes[0].dockerVolumeConfiguration.labels = {{}}\n\
         .volumes[0].dockerVolumeConfiguration.scope = \"task\"\n.volumes[0].name = \"data\"\n\
         .volumes[0].type = \"docker\""
    );
    check_task(&[
        (|d| mounted(d, VolumeSource::Task), &host),
        (|d| mounted(d, VolumeSource::Host("/srv".into())), &path),
        (
            |d| {
                let volume = DockerVolume {
                    scope: DockerVolumeScope::Shared,
                    autoprovision: Some(true),
                    driver: None,
                    driver_opts: pairs(&[("type", "nfs")]),
                    labels: pairs(&[("a", "1")]),
                };
                mounted(d, VolumeSource::Docker(volume));
            },
            &shared,
        ),
        (
            |d| {
                let volume = DockerVolume {
                    scope: DockerVolumeScope::Task,
                    autoprovision: None,
                    driver: Some("x".into()),
                    driver_opts: BTreeMap::new(),
                    labels: BTreeMap::new(),
                };
                mounted(d, VolumeSource::Docker(volume));
            },
            &of_task,
        ),
    ]);
}

#[test]
fn members_of_the_task() {
    check_task(&[
        (|d| d.family = "web".into(), ".family = \"web\"\n.group = \"family:web\""),
        (|d| d.revision = 7, ".version = \"7\""),
        (|d| d.pid_mode = Some(PidMode::Task), ".pidMode = \"task\""),
        (|d| d.pid_mode = Some(PidMode::Host), ".pidMode = \"host\""),
        (|d| d.ipc_mode = Some(IpcMode::None), ".ipcMode = \"none\""),
        (|d| d.cpu_units = Some(512), ".cpu = 0.5"),
        (|d| d.memory_mib = Some(1024), ".memory = 1024"),
    ]);
}

#[test]
fn what_a_task_was_given() {
    let before = told(&placed(base()), Extras::default());
    let mut task = placed(base());
    task.launch_type = LaunchType::Fargate;
    task.group = "service:web".into();
    task.containers[1].gpu_ids = texts(&["GPU-1", "GPU-2"]);
    let expected = [
        ".associations[0].containers = [\"app\"]",
        ".associations[0].name = \"GPU-1\"",
        ".associations[0].type = \"gpu\"",
        ".associations[1].containers = [\"app\"]",
        ".associations[1].name = \"GPU-2\"",
        ".associations[1].type = \"gpu\"",
        ".group = \"service:web\"",
        ".launchType = \"FARGATE\"",
        ".serviceName = \"web\"",
    ];
    let after = told(&task, Extras::default());
    assert_eq!(difference(&before, &after).lines().collect::<Vec<_>>(), expected);
}
