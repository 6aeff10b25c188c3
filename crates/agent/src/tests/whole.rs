//! From a whole container definition to what the runtime is asked for.

use super::{World, arn, bridge, container};
use crate::fake::Behaviour;
use acs::payload::{
    Association, Config, DeviceMapping, DockerConfig, DockerVolume, HostConfig, HostVolume, LogConfig,
    MountPoint, Task, Ulimit, Volume, VolumeFrom,
};
use agent_driver::{ContainerSpec, LogOutput, Mount, MountSource, Sharing};
use core_task::report::ReportedStatus::{Running, Stopped};

/// Runs a task and answers with what its containers were made of.
async fn specs(world: &World, task: Task) -> Vec<ContainerSpec> {
    let arn = task.arn.clone();
    let (id, count) = (arn.rsplit('/').next().unwrap().to_owned(), task.containers.len());
    world.control.run(task);
    world.until("it runs", |w| w.control.status(&arn) == Some(Running)).await;
    (0..count).map(|n| world.host.spec(&format!("{id}-{n}")).unwrap()).collect()
}

fn text(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_member_of_the_docker_documents_arrives() {
    let world = World::new();
    let _agent = world.start();
    let config = Config {
        user: Some("1:2".to_owned()),
        working_dir: Some("/work".to_owned()),
        hostname: Some("web".to_owned()),
        labels: [("team".to_owned(), "blue".to_owned())].into(),
        tty: true,
        open_stdin: true,
        ..Config::default()
    };
    let host = HostConfig {
        readonly_rootfs: true,
        memory_reservation: Some(64 << 20),
        memory_swap: Some(-1),
        memory_swappiness: Some(10),
        shm_size: Some(1 << 20),
        privileged: true,
        init: Some(true),
        cap_add: text(&["SYS_PTRACE"]),
        cap_drop: text(&["ALL"]),
        ulimits: vec![Ulimit { name: "nproc".to_owned(), soft: 1, hard: 2 }],
        sysctls: [("net.core.somaxconn".to_owned(), "1".to_owned())].into(),
        tmpfs: [("/tmp".to_owned(), "size=1m".to_owned())].into(),
        devices: vec![DeviceMapping {
            path_on_host: "/dev/fuse".to_owned(),
            path_in_container: "/dev/f".to_owned(),
            cgroup_permissions: "r".to_owned(),
        }],
        dns: text(&["10.0.0.2"]),
        dns_search: text(&["example.com"]),
        extra_hosts: text(&["db:10.0.0.3"]),
        security_opt: text(&["no-new-privileges", "apparmor=p", "label=type:t"]),
        ..HostConfig::default()
    };
    let mut app = container("app");
    app.docker_config = DockerConfig::new(&config, &host);
    (app.cpu, app.memory) = (1, 128);
    let mut task = bridge("t1", vec![app]);
    (task.pid_mode, task.ipc_mode) = ("task".to_owned(), "host".to_owned());
    task.launch_type = "FARGATE".to_owned();
    let spec = specs(&world, task).await.pop().unwrap();

    assert_eq!((spec.user.as_str(), spec.cwd.as_str()), ("1:2", "/work"));
    assert_eq!(spec.network.hostname, "web");
    assert!(spec.terminal && spec.stdin_open && spec.init && spec.storage.readonly_rootfs);
    assert_eq!(spec.labels["team"], "blue");
    assert_eq!(spec.labels["com.amazonaws.ecs.task-arn"], arn("t1"));
    assert_eq!(spec.labels["com.amazonaws.ecs.container-name"], "app");
    assert_eq!(spec.labels["com.amazonaws.ecs.task-definition-version"], "1");
    assert_eq!((spec.limits.cpu_shares, spec.limits.memory_mib), (2, Some(128)));
    assert_eq!((spec.limits.memory_mib_reserved, spec.limits.memory_swap_bytes), (Some(64), Some(-1)));
    assert_eq!(spec.limits.swappiness, Some(10));
    let ulimits: Vec<_> = spec.limits.ulimits.iter().map(|u| (u.name.as_str(), u.soft, u.hard)).collect();
    assert_eq!(ulimits, [("nproc", 1, 2)]);
    assert_eq!(spec.limits.sysctls["net.core.somaxconn"], "1");
    assert_eq!(spec.storage.shm_bytes, Some(1 << 20));
    assert_eq!(
        (spec.storage.tmpfs[0].target.as_str(), spec.storage.tmpfs[0].options.as_str()),
        ("/tmp", "size=1m")
    );
    assert_eq!(spec.storage.devices[0].container_path, "/dev/f");
    assert_eq!(spec.network.dns_servers, ["10.0.0.2".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(spec.network.dns_search, ["example.com"]);
    assert!(spec.network.hosts.contains(&("10.0.0.3".parse().unwrap(), "db".to_owned())));
    assert!(spec.security.privileged && spec.security.no_new_privileges);
    assert_eq!(spec.security.capabilities_add, ["SYS_PTRACE"]);
    assert_eq!(spec.security.capabilities_drop, ["ALL"]);
    assert_eq!((spec.security.apparmor.as_deref(), spec.security.labels.len()), (Some("p"), 1));
    assert_eq!((spec.pid, spec.ipc), (Sharing::Task, Sharing::Host));
    assert_eq!(spec.log, LogOutput::Discard);
}

#[tokio::test(start_paused = true)]
async fn containers_learn_where_they_are() {
    let world = World::new();
    let _agent = world.start();
    let mut lonely = container("lonely");
    let config = Config { network_disabled: true, ..Config::default() };
    lonely.docker_config = DockerConfig::new(&config, &HostConfig::default());
    let specs = specs(&world, bridge("t1", vec![container("app"), lonely])).await;
    let has = |n: usize, line: &str| specs[n].env.iter().any(|l| l == line);
    assert!(has(0, "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/t1-0"), "{:?}", specs[0].env);
    assert!(has(0, "ECS_CONTAINER_METADATA_URI=http://169.254.170.2/v3/t1-0"));
    assert!(has(0, "ECS_AGENT_URI=http://169.254.170.2/api/t1-0"));
    assert!(has(0, "AWS_EXECUTION_ENV=AWS_ECS_EC2") && has(0, "AWS_REGION=us-east-1"));
    assert!(!specs[1].env.iter().any(|line| line.starts_with("ECS_")), "{:?}", specs[1].env);
}

fn volume(name: &str, source_path: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        kind: "host".to_owned(),
        host: Some(HostVolume { source_path: source_path.to_owned() }),
        docker_volume_configuration: None,
    }
}

fn docker_volume(name: &str, scope: &str, autoprovision: bool) -> Volume {
    let docker = DockerVolume { scope: scope.to_owned(), autoprovision, ..DockerVolume::default() };
    Volume { kind: "docker".to_owned(), docker_volume_configuration: Some(docker), ..volume(name, "") }
}

fn mount(volume: &str, path: &str, read_only: bool) -> MountPoint {
    MountPoint { source_volume: volume.to_owned(), container_path: path.to_owned(), read_only }
}

fn from(container: &str, read_only: bool) -> VolumeFrom {
    VolumeFrom { source_container: container.to_owned(), read_only }
}

fn mounted(spec: &ContainerSpec) -> Vec<(String, String, bool, bool)> {
    let source = |m: &Mount| match &m.source {
        MountSource::Path(path) => path.display().to_string(),
        MountSource::Named(name) => name.clone(),
    };
    spec.storage.mounts.iter().map(|m| (source(m), m.target.clone(), m.read_only, m.copy_up)).collect()
}

fn as_mounted(expected: &[(&str, &str, bool, bool)]) -> Vec<(String, String, bool, bool)> {
    expected.iter().map(|&(s, t, r, c)| (s.to_owned(), t.to_owned(), r, c)).collect()
}

#[tokio::test(start_paused = true)]
async fn volumes_are_made_mounted_repeated_and_released() {
    let world = World::new();
    let _agent = world.start();
    let mut data = container("data");
    data.mount_points =
        vec![mount("own", "/a/b", false), mount("host", "/a", true), mount("shared", "/s", false)];
    let mut app = container("app");
    app.volumes_from = vec![from("data", true)];
    app.mount_points = vec![mount("own", "/s", false)];
    world.host.behave("hello", Behaviour { volumes: text(&["/image"]), ..Behaviour::default() });
    let mut task = bridge("t1", vec![app, data]);
    task.volumes = vec![volume("own", ""), volume("host", "/srv"), docker_volume("shared", "shared", true)];
    let specs = specs(&world, task).await;
    let image = "/volumes/t1//image of container 1";
    let data = [
        ("/srv", "/a", true, false),
        ("/volumes/shared", "/s", false, true),
        (image, "/image", false, true),
        ("/volumes/t1/own", "/a/b", false, true),
    ];
    assert_eq!(mounted(&specs[1]), as_mounted(&data));
    let app = [
        ("/volumes/t1/own", "/s", false, true),
        ("/srv", "/a", true, false),
        (image, "/image", true, true),
        ("/volumes/t1/own", "/a/b", true, true),
    ];
    assert_eq!(mounted(&specs[0]), as_mounted(&app));
    world.control.stop(&arn("t1"));
    world.until_host("nothing of it is left", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_is_not_there_stops_the_task() {
    let world = World::new();
    let _agent = world.start();
    let mut task = bridge("t1", vec![container("app")]);
    task.volumes = vec![docker_volume("shared", "shared", false)];
    world.control.run(task);
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    let expected = "STOPPED app=STOPPED CannotCreateVolumeError: volume shared: initialize volume: volume detection failed, \
                    volume 'shared' does not exist and autoprovision is set to false: get shared: no such volume";
    assert_eq!(world.story(&arn("t1")), [expected]);
    world.until_host("nothing of it is left", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_gpu_that_is_not_there_keeps_its_container_from_starting() {
    let world = World::new();
    let _agent = world.start();
    let mut task = bridge("t1", vec![container("app")]);
    let gpu = |kind: &str| Association {
        kind: kind.to_owned(),
        name: "GPU-1".to_owned(),
        containers: text(&["app"]),
    };
    task.associations = vec![gpu("gpu")];
    world.control.run(task);
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    let reason = "CannotCreateContainerError: GPU GPU-1 is not on this host";
    assert_eq!(world.story(&arn("t1")), [format!("STOPPED app=STOPPED[{reason}]")]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_honoured_is_refused_by_its_name() {
    let world = World::new();
    let _agent = world.start();
    let with_host = |host: HostConfig| {
        let mut app = container("app");
        app.docker_config = DockerConfig::new(&Config::default(), &host);
        bridge("", vec![app])
    };
    let mut unknown = with_host(HostConfig::default());
    unknown.containers[0].docker_config.host_config = Some(r#"{"PidMode":"host"}"#.to_owned());
    let mut overridden = bridge("", vec![container("app")]);
    overridden.containers[0].overrides = r#"{"command":["x"]}"#.to_owned();
    let mut efs = bridge("", vec![container("app")]);
    efs.volumes = vec![Volume { kind: "efs".to_owned(), ..volume("v", "") }];
    let mut autoprovision = bridge("", vec![container("app")]);
    autoprovision.volumes = vec![docker_volume("v", "task", true)];
    let mut nowhere = bridge("", vec![container("app")]);
    nowhere.containers[0].mount_points = vec![mount("v", "/v", false)];
    let mut linked = bridge("", vec![container("app")]);
    linked.containers[0].links = text(&["db"]);
    let mut circle = bridge("", vec![container("app"), container("b")]);
    circle.containers[0].volumes_from = vec![from("b", false)];
    circle.containers[1].volumes_from = vec![from("app", false)];
    let mut shared = bridge("", vec![container("app")]);
    shared.ipc_mode = "shareable".to_owned();
    let log = |driver: &str| LogConfig { driver: driver.to_owned(), ..LogConfig::default() };
    let cases = [
        (
            with_host(HostConfig { network_mode: "container:x".to_owned(), ..HostConfig::default() }),
            "NetworkMode",
        ),
        (with_host(HostConfig { security_opt: text(&["seccomp=x"]), ..HostConfig::default() }), "seccomp=x"),
        (
            with_host(HostConfig { extra_hosts: text(&["x:host-gateway"]), ..HostConfig::default() }),
            "extra host",
        ),
        (with_host(HostConfig { memory_swappiness: Some(101), ..HostConfig::default() }), "MemorySwappiness"),
        (with_host(HostConfig { log_config: Some(log("gelf")), ..HostConfig::default() }), "gelf"),
        (unknown, "unknown field `PidMode`"),
        (overridden, "overrides"),
        (efs, "volume v: the type efs"),
        (autoprovision, "autoprovision"),
        (nowhere, "unknown volume \"v\""),
        (linked, "the link \"db\""),
        (circle, "depends on itself"),
        (shared, "ipcMode shareable"),
    ];
    for (n, (mut task, named)) in cases.into_iter().enumerate() {
        task.arn = arn(&format!("t{n}"));
        let arn = task.arn.clone();
        world.control.run(task);
        world.until("it is refused", |w| w.control.status(&arn) == Some(Stopped)).await;
        let story = world.story(&arn).pop().unwrap();
        assert!(story.contains("UnrecogniedTaskError: Error loading task - "), "{story}");
        assert!(story.contains(named), "{named}: {story}");
    }
    assert!(world.host.is_empty());
}
