//! Ports of the host.

use super::stage::{TASK, eventually, play};
use agent_driver::{
    Attached, BridgeContainer, BridgeSpec, ContainerSpec, Endpoint, Namespace, NetworkError, NetworkSpec,
    PortRequest, Protocol, RuntimeError, RuntimeId,
};

fn port(container: u16, host_first: Option<u16>) -> PortRequest {
    PortRequest { container_first: container, container_last: container, host_first, protocol: Protocol::Tcp }
}

fn bridge(task: &str, ports: Vec<Vec<PortRequest>>) -> NetworkSpec {
    let container = |(n, ports)| BridgeContainer { id: RuntimeId(format!("{task}-{n}")), ports };
    let containers = ports.into_iter().enumerate().map(container).collect();
    NetworkSpec::Bridge(BridgeSpec { task: task.to_owned(), containers })
}

fn endpoints(attached: Attached) -> Vec<Endpoint> {
    match attached {
        Attached::Containers(endpoints) => endpoints.into_values().collect(),
        other => panic!("{other:?}"),
    }
}

/// Answers every connection with its name.
fn server(mut spec: ContainerSpec, endpoint: &Endpoint) -> ContainerSpec {
    spec.network.namespace = endpoint.namespace.clone();
    spec
}

#[test]
fn ports_are_published_and_stay_the_same() {
    play("ports", async |stage| {
        let range = PortRequest { container_last: 7001, ..port(7000, None) };
        let spec = bridge(TASK, vec![vec![port(80, Some(18080)), port(81, None), range]]);
        let endpoint = endpoints(stage.network.attach(&spec).await.unwrap()).remove(0);
        let hosts: Vec<_> = endpoint.bindings.iter().map(|b| (b.host_first, b.host_last)).collect();
        assert_eq!(hosts[0], (18080, 18080));
        assert!(
            agent_host::dynamic_ports().contains(&hosts[1].0) && hosts[2].1 - hosts[2].0 == 1,
            "{hosts:?}"
        );
        let script = "while :; do nc -l -p 80 -e echo hi; done";
        stage.runtime.start(server(stage.shell("0", script), &endpoint)).await.unwrap();
        let ask = || stage.engine.inside(&["/bin/busybox", "sh", "-c", "busybox nc 127.0.0.1 18080 || true"]);
        eventually("it serves", || ask() == "hi\n");

        let stage = stage.restart_agent().await;
        assert_eq!(endpoints(stage.network.attach(&spec).await.unwrap()), [endpoint]);
        assert_eq!(stage.network.list().await.unwrap(), [TASK]);
        let other = bridge("other", vec![vec![port(80, None)], vec![port(80, Some(18080))]]);
        let error = stage.network.attach(&other).await.unwrap_err();
        assert!(matches!(error, NetworkError::PortTaken { .. }), "{error:?}");
        assert_eq!(error.to_string(), "Bind for 0.0.0.0:18080 failed: port is already allocated");
        assert_eq!(stage.network.list().await.unwrap(), [TASK]);

        stage.runtime.remove(&RuntimeId(format!("{TASK}-0"))).await.unwrap();
        for _ in 0..2 {
            stage.network.detach(TASK).await.unwrap();
        }
        assert_eq!(stage.network.list().await.unwrap(), Vec::<String>::new());
        stage.network.attach(&other).await.unwrap();
        stage
    });
}

#[test]
fn containers_know_each_other_by_links() {
    play("links", async |stage| {
        let spec = bridge(TASK, vec![vec![port(80, None)], vec![]]);
        let found = endpoints(stage.network.attach(&spec).await.unwrap());
        let script = "while :; do nc -l -p 80 -e echo hi; done";
        let first = server(stage.shell("0", script), &found[0]);
        let mut second = server(
            stage.shell("1", "until nc db 80; do sleep 0.05; done; echo $DB_PORT_80_TCP_PORT"),
            &found[1],
        );
        let Namespace::RuntimeBridge { links, .. } = &mut second.network.namespace else {
            panic!("no bridge")
        };
        links.push((first.id.clone(), "db".to_owned()));
        stage.runtime.start(first).await.unwrap();
        assert_eq!(stage.output(second).await, "hi\n80\n");
        stage
    });
}

#[test]
fn a_port_that_somebody_was_faster_to_take_is_told_in_dockers_words() {
    play("taken", async |stage| {
        let spec = bridge(TASK, vec![vec![port(80, Some(18081))]]);
        let endpoint = endpoints(stage.network.attach(&spec).await.unwrap()).remove(0);
        stage.engine.docker(&["run", "--detach", "--publish", "18081:80", "busybox:test", "sleep", "1000"]);
        let error = stage.runtime.start(server(stage.shell("0", "true"), &endpoint)).await.unwrap_err();
        assert!(
            matches!(&error, RuntimeError::Start(text) if text.contains("18081 failed: port is already allocated")),
            "{error:?}"
        );
        let theirs = stage.engine.docker(&["ps", "--quiet"]);
        stage.engine.docker(&["rm", "--force", theirs.trim()]);
        stage
    });
}
