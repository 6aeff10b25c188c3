//! Bridges, ports and links; also across restarts of the agent.

use super::{World, arn, bridge, container, task};
use acs::payload::{Container, PortMapping, TransportProtocol};
use agent_driver::{Namespace, NetworkSpec};
use core_task::report::ReportedStatus::{Running, Stopped};
use model::task::NetworkBinding;

fn mapping(port: u16, range: &str, host_port: u16) -> PortMapping {
    PortMapping {
        container_port: port,
        container_port_range: range.to_owned(),
        host_port,
        protocol: TransportProtocol::Tcp,
    }
}

fn with_ports(name: &str, ports: Vec<PortMapping>) -> Container {
    Container { port_mappings: ports, ..container(name) }
}

/// What the last report said of a container's ports.
fn bindings(world: &World, id: &str) -> Vec<NetworkBinding> {
    let reports = world.control.reports();
    let (_, last) = reports.into_iter().rfind(|(of, _)| *of == arn(id)).unwrap();
    last.containers.into_iter().next().unwrap().network_bindings
}

#[tokio::test(start_paused = true)]
async fn ports_are_reported_alone_and_as_ranges() {
    let world = World::new();
    let _agent = world.start();
    let ports = vec![mapping(80, "", 8080), mapping(81, "", 0), mapping(0, "90-92", 0)];
    world.control.run(bridge("t1", vec![with_ports("app", ports)]));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    let told: Vec<_> = bindings(&world, "t1")
        .into_iter()
        .map(|b| (b.container_port, b.host_port, b.container_port_range, b.host_port_range))
        .collect();
    let range = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            (Some(80), Some(8080), None, None),
            (Some(81), Some(32_768), None, None),
            (None, None, range("90-92"), range("32769-32771")),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_taken_is_said_in_dockers_words() {
    let world = World::new();
    world.host.take_port(8080);
    let _agent = world.start();
    world.control.run(bridge("t1", vec![with_ports("app", vec![mapping(80, "", 8080)])]));
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    let reason = "CannotStartContainerError: Bind for 0.0.0.0:8080 failed: port is already allocated";
    assert_eq!(world.story(&arn("t1")), [format!("STOPPED app=STOPPED {reason}")]);
    world.until_host("nothing of it is left", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_adopted_task_has_the_ports_that_it_had() {
    let world = World::new();
    let agent = world.start();
    world.control.run(bridge("t1", vec![with_ports("app", vec![mapping(80, "", 0)])]));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    let before = bindings(&world, "t1");
    assert_eq!(before.len(), 1);
    agent.abort();
    assert!(agent.await.is_err());
    let (_agent, metadata) = world.start_with_metadata();
    world.until("it connects", |w| w.control.registrations().len() == 2 && w.control.is_connected()).await;
    let found = metadata.container("t1-0").await.unwrap();
    let ports: Vec<_> =
        found.task.containers[0].ports.iter().map(|p| (p.container_port, p.host_port)).collect();
    assert_eq!(ports, [(80, before[0].host_port.unwrap())]);
    // The report of its end may say them or not; it never says others.
    world.host.exit("t1-0", 0, false);
    world.until("it stops", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert!([before, Vec::new()].contains(&bindings(&world, "t1")));
    world.until_host("nothing of it is left", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn links_are_names_and_variables() {
    let world = World::new();
    let _agent = world.start();
    let mut db = with_ports("db-1", vec![mapping(5432, "", 0)]);
    db.environment = [("USER", "u"), ("HOME", "/h")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let app = Container { links: vec!["db-1:the-db".to_owned()], ..container("app") };
    world.control.run(bridge("t1", vec![app, db]));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    let spec = world.host.spec("t1-0").unwrap();
    let db = world.host.spec("t1-1").unwrap();
    let address = db.network.hosts[0].0;
    // And its name in Docker, which ends in random digits.
    let names = format!("the-db {} ecs-", db.network.hostname);
    let known = |(of, line): &(_, String)| *of == address && line.starts_with(&names);
    assert!(spec.network.hosts.iter().any(known), "{:?}", spec.network.hosts);
    assert_ne!(spec.network.hostname, db.network.hostname);
    for line in [
        format!("THE_DB_PORT=tcp://{address}:5432"),
        format!("THE_DB_PORT_5432_TCP_ADDR={address}"),
        "THE_DB_PORT_5432_TCP_PORT=5432".to_owned(),
        "THE_DB_PORT_5432_TCP_PROTO=tcp".to_owned(),
        "THE_DB_ENV_USER=u".to_owned(),
    ] {
        assert!(spec.env.contains(&line), "{line}: {:?}", spec.env);
    }
    assert!(!spec.env.iter().any(|line| line.starts_with("THE_DB_ENV_HOME")));
}

#[tokio::test(start_paused = true)]
async fn a_runtimes_own_namespace_is_what_the_network_is_attached_to() {
    let world = World::new();
    world.host.make_namespaces();
    let _agent = world.start();
    world.control.run(task("t1", "hello"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    let Some(NetworkSpec::Awsvpc(spec)) = world.host.network("t1") else { panic!("awsvpc") };
    assert_eq!(spec.sandbox, Some("/sandbox/t1".into()));
    assert_eq!(world.host.spec("t1-0").unwrap().network.namespace, Namespace::Sandbox);
}

#[tokio::test(start_paused = true)]
async fn a_container_without_a_network_has_none() {
    let world = World::new();
    let _agent = world.start();
    for (id, mode, namespace) in [("t1", "host", Namespace::Host), ("t2", "none", Namespace::Isolated)] {
        let mut task = bridge(id, vec![container("app")]);
        task.network_mode = mode.to_owned();
        world.control.run(task);
        world.until("it runs", |w| w.control.status(&arn(id)) == Some(Running)).await;
        assert_eq!(world.host.spec(&format!("{id}-0")).unwrap().network.namespace, namespace);
        assert_eq!(world.host.network(id), None);
    }
}
