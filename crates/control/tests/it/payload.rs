//! The payload compiler: a record in, everything that the agent is told compared.

use crate::world::{container_definition, definition, task_of};
use control::{Extras, compile};
use core_task::report::apply_placed;
use expect_test::expect;
use model::container::{Dependency, DependencyCondition, LogConfiguration, PortMapping, Protocol};
use model::network::{DefaultVpc, mac_for};
use model::task::{ContainerOverride, Interface, Overrides, Task};
use model::task_definition::{NetworkMode, TaskDefinition};

fn rich(mode: NetworkMode) -> TaskDefinition {
    let mut web = container_definition("web");
    web.command = Some(vec!["serve".into()]);
    web.environment = vec![("A".into(), "1".into()), ("B".into(), "1".into())];
    web.cpu_units = 128;
    web.memory_mib = Some(256);
    web.memory_mib_reserved = Some(64);
    web.user = Some("1000:1000".into());
    web.working_directory = Some("/srv".into());
    web.readonly_root_filesystem = Some(true);
    web.stop_timeout_secs = Some(2);
    web.start_timeout_secs = Some(60);
    let port = |container_port, host_port, protocol| PortMapping {
        container_port,
        container_port_last: None,
        host_port,
        protocol,
        name: None,
        app_protocol: None,
    };
    web.port_mappings = vec![port(80, None, Protocol::Tcp), port(53, Some(5353), Protocol::Udp)];
    web.depends_on = vec![Dependency { container: "init".into(), condition: DependencyCondition::Success }];
    let options = [("awslogs-group", "/ecs/web"), ("awslogs-stream-prefix", "ecs")];
    web.log = Some(LogConfiguration {
        driver: "awslogs".into(),
        options: options.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    });
    let mut init = container_definition("init");
    init.essential = false;
    init.entry_point = Some(vec!["true".into()]);
    TaskDefinition { containers: vec![web, init], ..definition(mode) }
}

fn placed(mode: NetworkMode) -> Task {
    let mut task = task_of("0123", rich(mode));
    let address = "172.31.0.9".parse().expect("an address");
    let subnet = DefaultVpc::of(&task.scope).subnets[0].id.clone();
    let interface = Interface { eni: "eni-1".into(), subnet, address, mac: mac_for(address) };
    let interface = task.eni.is_some().then_some(interface);
    apply_placed(&mut task, "i1".into(), interface);
    task
}

/// Pretty, with the strings of JSON inside taken apart.
fn render(task: &Task) -> String {
    let payload = acs::PayloadMessage {
        tasks: vec![compile(task, Extras::default())],
        ..acs::PayloadMessage::default()
    };
    let frame = acs::encode(&acs::ServerMessage::from(payload));
    let mut frame: serde_json::Value = serde_json::from_str(&frame).expect("JSON");
    let task = frame["message"]["tasks"][0].take();
    serde_json::to_string_pretty(&task).expect("JSON")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one payload, compared whole")]
fn an_awsvpc_task_brings_its_interface_and_maps_no_ports() {
    expect![[r#"
        {
          "arn": "arn:aws:ecs:us-east-1:000000000000:task/default/0123",
          "containers": [
            {
              "command": [
                "serve"
              ],
              "containerArn": "arn:aws:ecs:us-east-1:000000000000:container/default/0123/0123-web",
              "cpu": 128,
              "dependsOn": [
                {
                  "condition": "SUCCESS",
                  "containerName": "init"
                }
              ],
              "dockerConfig": {
                "config": "{\"User\":\"1000:1000\",\"WorkingDir\":\"/srv\"}",
                "hostConfig": "{\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"/ecs/web\",\"awslogs-region\":\"us-east-1\",\"awslogs-stream\":\"ecs/web/0123\",\"mode\":\"non-blocking\"}},\"ReadonlyRootfs\":true,\"MemoryReservation\":67108864}",
                "version": "1.17"
              },
              "environment": {
                "A": "1",
                "B": "1"
              },
              "essential": true,
              "image": "wharf/hello",
              "logsAuthStrategy": "ExecutionRole",
              "memory": 256,
              "name": "web",
              "overrides": "{}",
              "startTimeout": 60,
              "stopTimeout": 2
            },
            {
              "containerArn": "arn:aws:ecs:us-east-1:000000000000:container/default/0123/0123-init",
              "cpu": 0,
              "dockerConfig": {
                "config": "{}",
                "hostConfig": "{}",
                "version": "1.17"
              },
              "entryPoint": [
                "true"
              ],
              "environment": {},
              "essential": false,
              "image": "wharf/hello",
              "memory": 0,
              "name": "init",
              "overrides": "{}"
            }
          ],
          "cpu": 0.25,
          "desiredStatus": "RUNNING",
          "elasticNetworkInterfaces": [
            {
              "attachmentArn": "arn:aws:ecs:us-east-1:000000000000:attachment/default/attachment-0123",
              "ec2Id": "eni-1",
              "index": 0,
              "interfaceAssociationProtocol": "default",
              "ipv4Addresses": [
                {
                  "primary": true,
                  "privateAddress": "172.31.0.9"
                }
              ],
              "macAddress": "02:77:ac:1f:00:09",
              "privateDnsName": "ip-172-31-0-9.ec2.internal",
              "subnetGatewayIpv4Address": "172.31.0.1/20"
            }
          ],
          "family": "awsvpc",
          "group": "family:awsvpc",
          "launchType": "EC2",
          "memory": 512,
          "networkMode": "awsvpc",
          "taskClusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/default",
          "taskDefinitionAccountId": "000000000000",
          "version": "1"
        }"#]].assert_eq(&render(&placed(NetworkMode::Awsvpc)));
}

#[test]
fn overrides_win_over_the_definition() {
    let mut task = placed(NetworkMode::Host);
    task.overrides = Overrides {
        cpu_units: Some(512),
        memory_mib: Some(1024),
        ephemeral_storage_gib: None,
        containers: vec![ContainerOverride {
            name: "web".into(),
            command: Some(vec!["echo".into(), "Welcome".into()]),
            environment: vec![("B".into(), "2".into()), ("C".into(), "3".into())],
            cpu_units: Some(256),
            memory_mib: Some(512),
            memory_mib_reserved: Some(128),
            gpus: None,
        }],
    };
    let payload = compile(&task, Extras::default());
    let web = &payload.containers[0];
    assert_eq!((payload.cpu, payload.memory), (Some(0.5), Some(1024)));
    assert_eq!((web.cpu, web.memory), (256, 512));
    assert_eq!(web.command, Some(vec!["echo".into(), "Welcome".into()]));
    let environment = [("A", "1"), ("B", "2"), ("C", "3")];
    assert_eq!(web.environment, environment.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    let host = web.docker_config.host_config().expect("our own JSON");
    assert_eq!(host.memory_reservation, Some(128 << 20));
    assert_eq!(web.overrides, "{}");
}

#[test]
fn the_network_mode_decides_on_ports_and_the_docker_mode() {
    let of = |mode| {
        let payload = compile(&placed(mode), Extras::default());
        let web = &payload.containers[0];
        let ports: Vec<_> =
            web.port_mappings.iter().map(|p| format!("{}:{}", p.host_port, p.container_port)).collect();
        let docker_mode = web.docker_config.host_config().expect("our own JSON").network_mode;
        format!("{} {docker_mode:?} {}", payload.network_mode, ports.join(" "))
    };
    assert_eq!(of(NetworkMode::Awsvpc), r#"awsvpc "" "#);
    assert_eq!(of(NetworkMode::Host), r#"host "host" 80:80 5353:53"#);
    assert_eq!(of(NetworkMode::None), r#"none "none" "#);
    assert_eq!(of(NetworkMode::Bridge), r#"bridge "" 0:80 5353:53"#);
}

/// Only Fargate has it, and no agent of Amazon's takes Fargate's tasks.
#[test]
fn ephemeral_storage_is_told_when_it_is_asked_for() {
    let asked = |definition, overrides| {
        let mut task = task_of("0123", definition_with_storage(definition));
        task.overrides.ephemeral_storage_gib = overrides;
        compile(&task, Extras::default()).ephemeral_storage_gib
    };
    assert_eq!(asked(None, None), None);
    assert_eq!(asked(Some(21), None), Some(21));
    assert_eq!(asked(Some(21), Some(50)), Some(50));
}

fn definition_with_storage(gib: Option<u32>) -> TaskDefinition {
    TaskDefinition { ephemeral_storage_gib: gib, ..definition(NetworkMode::Awsvpc) }
}
