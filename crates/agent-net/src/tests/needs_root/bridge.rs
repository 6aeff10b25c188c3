//! Bridge mode, as somebody behind Docker's default bridge sees it.

use super::{
    HOST, OUTSIDE, PATIENCE, attach, eventually, greeting_at, inside, nft, on_own_host, our_links, outside,
    serve,
};
use crate::{HostNetwork, HostNetworkConfig};
use agent_driver::{
    Attached, BridgeContainer, BridgeSpec, Endpoint, Namespace, Network as _, NetworkError, NetworkSpec,
    PortBinding, PortRequest, Protocol, RuntimeId,
};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 1);

pub fn port(container: u16, host: Option<u16>) -> PortRequest {
    range(Protocol::Tcp, container, container, host)
}

fn range(protocol: Protocol, first: u16, last: u16, host_first: Option<u16>) -> PortRequest {
    PortRequest { container_first: first, container_last: last, host_first, protocol }
}

pub fn spec(task: &str, containers: Vec<Vec<PortRequest>>) -> NetworkSpec {
    let containers = containers.into_iter().enumerate();
    let containers =
        containers.map(|(n, ports)| BridgeContainer { id: RuntimeId(format!("{task}-{n}")), ports });
    NetworkSpec::Bridge(BridgeSpec { task: task.into(), containers: containers.collect() })
}

pub fn netns(endpoint: &Endpoint) -> PathBuf {
    match &endpoint.namespace {
        Namespace::Path(path) => path.clone(),
        other => panic!("{other:?}"),
    }
}

async fn endpoints(network: &HostNetwork, spec: &NetworkSpec) -> Vec<Endpoint> {
    match network.attach(spec).await.unwrap() {
        Attached::Containers(endpoints) => endpoints.into_values().collect(),
        other => panic!("{other:?}"),
    }
}

async fn endpoint(network: &HostNetwork, task: &str, ports: Vec<PortRequest>) -> Endpoint {
    endpoints(network, &spec(task, vec![ports])).await.remove(0)
}

async fn refused(network: &HostNetwork, task: &str, ports: Vec<PortRequest>) -> NetworkError {
    let tasks = network.list().await.unwrap();
    let error = network.attach(&spec(task, vec![vec![port(1, None)], ports])).await.unwrap_err();
    assert_eq!(network.list().await.unwrap(), tasks, "nothing was changed");
    error
}

fn binding(protocol: Protocol, container: (u16, u16), host: (u16, u16)) -> PortBinding {
    PortBinding {
        bind_ip: Ipv4Addr::UNSPECIFIED.into(),
        container_first: container.0,
        container_last: container.1,
        host_first: host.0,
        host_last: host.1,
        protocol,
    }
}

fn reaches(to: SocketAddr) -> bool {
    TcpStream::connect_timeout(&to, Duration::from_millis(300)).is_ok()
}

/// Answers one datagram in the namespace with what it said; tells who sent it.
fn echo(netns: &Path) -> thread::JoinHandle<SocketAddr> {
    let (ready, listening) = std::sync::mpsc::channel();
    let server = inside(netns, move || {
        let socket = UdpSocket::bind("0.0.0.0:53").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        ready.send(()).unwrap();
        let mut said = [0; 16];
        let (length, peer) = socket.recv_from(&mut said).unwrap();
        socket.send_to(&said[..length], peer).unwrap();
        peer
    });
    listening.recv().unwrap();
    server
}

fn ask(to: SocketAddr) -> bool {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(to).unwrap();
    socket.send(b"hello").unwrap();
    let mut said = [0; 16];
    socket.recv(&mut said).is_ok_and(|length| said[..length] == *b"hello")
}

#[test]
fn a_published_port_is_reached_from_everywhere() {
    on_own_host("bridge::a_published_port_is_reached_from_everywhere", async |config| {
        let outside = outside(&config);
        let network = HostNetwork::open(config).await.unwrap();
        let ports = vec![port(80, Some(8080)), range(Protocol::Udp, 53, 53, Some(5353))];
        let server = endpoint(&network, "server", ports).await;
        let other = endpoint(&network, "other", vec![]).await;
        let task = attach(&network, &super::spec("task", 0, 4)).await;
        let (address, server) = (server.address.unwrap(), netns(&server));
        let other_address = other.address.unwrap();
        let other = netns(&other);
        let task_address = Ipv4Addr::new(172, 31, 0, 4);

        // From where, to which address, and who the container sees.
        let published = [
            ("outside", Some(&outside), HOST, OUTSIDE),
            ("the host's loopback", None, Ipv4Addr::LOCALHOST, GATEWAY),
            ("the host's own address", None, HOST, HOST),
            ("the gateway's address", None, GATEWAY, GATEWAY),
            ("another container", Some(&other), HOST, GATEWAY),
            ("another container by its gateway", Some(&other), GATEWAY, GATEWAY),
            ("the container itself", Some(&server), HOST, GATEWAY),
            ("an awsvpc task", Some(&task), HOST, task_address),
        ];
        let direct = [
            ("the host, directly", None, address, GATEWAY),
            ("another container, directly", Some(&other), address, other_address),
            ("an awsvpc task, directly", Some(&task), address, task_address),
        ];
        let published = published.map(|row| (row, 8080, 5353));
        for ((from, at, to, seen), tcp, udp) in published.into_iter().chain(direct.map(|row| (row, 80, 53))) {
            println!("from {from}");
            let (tcp, udp) = (SocketAddr::from((to, tcp)), SocketAddr::from((to, udp)));
            let served = serve(&server);
            let echoed = echo(&server);
            let client = move || (greeting_at(tcp), ask(udp));
            let got = match at {
                Some(netns) => inside(netns, client).join().unwrap(),
                None => client(),
            };
            assert_eq!(got, ("hello".into(), true), "{from}");
            assert_eq!(served.join().unwrap().ip(), seen, "{from}: the source");
            assert_eq!(echoed.join().unwrap().ip(), seen, "{from}: the datagram's source");
        }
        let served = serve(&outside);
        assert_eq!(inside(&other, || greeting_at((OUTSIDE, 80).into())).join().unwrap(), "hello");
        assert_eq!(served.join().unwrap().ip(), HOST, "what leaves is translated");
    });
}

#[test]
fn what_docker_forbids_is_forbidden() {
    on_own_host("bridge::what_docker_forbids_is_forbidden", async |config| {
        let outside = outside(&config);
        let network = HostNetwork::open(config).await.unwrap();
        let server = endpoint(&network, "server", vec![port(80, Some(8080))]).await;
        let evil = endpoint(&network, "evil", vec![]).await;
        let (address, server) = (server.address.unwrap(), netns(&server));

        let listening = serve(&server);
        let direct = inside(&outside, move || reaches((address, 80).into())).join().unwrap();
        assert!(!direct, "from outside only published ports are reached");
        let closed = inside(&outside, move || reaches((HOST, 81).into())).join().unwrap();
        assert!(!closed);
        assert_eq!(inside(&outside, || greeting_at((HOST, 8080).into())).join().unwrap(), "hello");
        listening.join().unwrap();

        // A container with root and its own routes.
        let secret = UdpSocket::bind("127.0.0.1:9999").unwrap();
        let script = format!(
            "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet && ip rule add pref 1 lookup local && \
             ip rule add pref 0 to 127.0.0.0/8 lookup 77 && ip rule del pref 0 lookup local && \
             ip route add 127.0.0.0/8 via {GATEWAY} dev eth0 onlink src {} table 77",
            evil.address.unwrap()
        );
        let knocked = inside(&netns(&evil), move || {
            assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
            UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"evil", "127.0.0.1:9999").unwrap()
        });
        assert_eq!(knocked.join().unwrap(), 4);
        secret.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let heard = secret.recv(&mut [0; 8]).map_err(|e| e.kind());
        assert_eq!(heard, Err(ErrorKind::WouldBlock), "the host's loopback is its own");

        let stolen = Ipv4Addr::new(172, 30, 200, 200);
        let listening = UdpSocket::bind((GATEWAY, 7777)).unwrap();
        listening.set_read_timeout(Some(PATIENCE)).unwrap();
        let sent = inside(&netns(&evil), move || {
            let add = format!("ip addr add {stolen}/32 dev eth0");
            assert!(Command::new("sh").args(["-c", &add]).status().unwrap().success());
            let forged = UdpSocket::bind((stolen, 0)).unwrap().send_to(b"forged", (GATEWAY, 7777));
            let honest = UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"honest", (GATEWAY, 7777));
            (forged.unwrap(), honest.unwrap())
        });
        assert_eq!(sent.join().unwrap(), (6, 6));
        let mut said = [0; 6];
        let (_, from) = listening.recv_from(&mut said).unwrap();
        assert_eq!((&said, from.ip()), (b"honest", evil.address.unwrap().into()), "no forged source arrives");
    });
}

#[test]
fn a_port_has_one_owner() {
    on_own_host("bridge::a_port_has_one_owner", async |config| {
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let before = endpoint(&network, "first", vec![port(80, Some(8080))]).await;
        let mut range_over = vec![range(Protocol::Tcp, 1, 10, Some(8075))];
        let busy = TcpListener::bind("127.0.0.1:9000").unwrap();
        let udp = UdpSocket::bind("0.0.0.0:9001").unwrap();
        for (what, ports, taken) in [
            ("another task", vec![port(80, Some(8080))], 8080),
            ("a port in a range", std::mem::take(&mut range_over), 8080),
            ("another process", vec![port(7, None), port(80, Some(9000))], 9000),
            ("another process's UDP", vec![range(Protocol::Udp, 80, 80, Some(9001))], 9001),
            ("the same task", vec![port(80, Some(8081)), port(81, Some(8081))], 8081),
        ] {
            let error = refused(&network, "second", ports).await;
            let expected = format!("Bind for 0.0.0.0:{taken} failed: port is already allocated");
            assert_eq!(error.to_string(), expected, "{what}");
            assert!(matches!(error, NetworkError::PortTaken { .. }), "{what}");
        }
        for (ports, message) in [
            (vec![port(80, Some(0))], "1 ports from 0 on are no ports of a host"),
            (vec![range(Protocol::Tcp, 1, 3, Some(65534))], "3 ports from 65534 on are no ports of a host"),
            (vec![range(Protocol::Tcp, 3, 1, None)], "the port range 3-1 ends before it begins"),
        ] {
            assert_eq!(refused(&network, "second", ports).await.to_string(), message);
        }
        drop((busy, udp));
        for (holder, protocol) in [(Protocol::Tcp, Protocol::Udp), (Protocol::Udp, Protocol::Tcp)] {
            let task = format!("{holder:?}");
            endpoint(&network, &task, vec![range(holder, 1, 1, Some(9002))]).await;
            endpoint(&network, "beside", vec![range(protocol, 1, 1, Some(9002))]).await;
            network.detach("beside").await.unwrap();
            network.detach(&task).await.unwrap();
        }

        let bind = || TcpListener::bind("0.0.0.0:8080").map(drop).map_err(|e| e.kind());
        assert_eq!(bind(), Err(ErrorKind::AddrInUse), "no process takes it unnoticed");
        assert!(TcpListener::bind("127.0.0.1:8080").is_err());
        network.detach("first").await.unwrap();
        assert_eq!(bind(), Ok(()));
        let after = endpoint(&network, "second", vec![port(80, Some(8080))]).await;
        assert_ne!(after.address, before.address, "an address comes again late");
    });
}

#[test]
fn dynamic_ports_come_from_the_range_without_the_reserved_ones() {
    on_own_host("bridge::dynamic_ports_come_from_the_range_without_the_reserved_ones", async |config| {
        let config = HostNetworkConfig { dynamic_ports: Some(51676..=51685), ..config };
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let busy = TcpListener::bind("0.0.0.0:51682").unwrap();
        let tcp = |ports| range(Protocol::Tcp, ports, ports, None);
        let given = endpoint(&network, "a", vec![tcp(80), tcp(81), tcp(82)]).await.bindings;
        let expected = [(80, 51676), (81, 51677), (82, 51681)];
        assert_eq!(given, expected.map(|(c, h)| binding(Protocol::Tcp, (c, c), (h, h))));
        let given = endpoint(&network, "b", vec![range(Protocol::Tcp, 100, 102, None)]).await.bindings;
        assert_eq!(given, [binding(Protocol::Tcp, (100, 102), (51683, 51685))]);
        assert_eq!(
            refused(&network, "c", vec![]).await.to_string(),
            "no 1 free host ports in a row from 51676 to 51685"
        );
        drop(busy);
        network.detach("a").await.unwrap();
        let given = endpoint(&network, "c", vec![range(Protocol::Udp, 5, 6, None), tcp(9)]).await.bindings;
        assert_eq!(
            given,
            [binding(Protocol::Udp, (5, 6), (51676, 51677)), binding(Protocol::Tcp, (9, 9), (51681, 51681))]
        );
        drop(network);
        HostNetwork::teardown(config.clone()).await.unwrap();

        let kernels = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let kernels: Vec<u16> = kernels.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let config = HostNetworkConfig { dynamic_ports: None, ..config };
        let network = HostNetwork::open(config).await.unwrap();
        let given = endpoint(&network, "a", vec![tcp(80)]).await.bindings[0].host_first;
        assert!((kernels[0]..=kernels[1]).contains(&given), "{given}");
        // More than one netlink message's worth.
        let many = endpoint(&network, "many", vec![range(Protocol::Udp, 1, 1500, Some(10_001))]).await;
        let server = netns(&many);
        let echoed = echo(&server);
        assert!(ask((Ipv4Addr::LOCALHOST, 10_053).into()));
        echoed.join().unwrap();
        network.detach("many").await.unwrap();
        let left = String::from_utf8(nft(&["list", "map", "ip", "wharf", "ports"]).stdout).unwrap();
        assert!(left.contains(&given.to_string()) && !left.contains("udp"), "{left}");
    });
}

#[test]
fn a_restart_keeps_addresses_and_ports() {
    on_own_host("bridge::a_restart_keeps_addresses_and_ports", async |config| {
        let ports = || vec![vec![port(80, Some(8080)), port(81, None)], vec![port(80, None)]];
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let before = endpoints(&network, &spec("a", ports())).await;
        drop(network);
        assert!(TcpListener::bind("0.0.0.0:8080").is_ok(), "nobody holds it");
        let (server, listening) = (netns(&before[0]), before[0].bindings[1].host_first);
        let served = serve(&server);
        assert_eq!(greeting_at((Ipv4Addr::LOCALHOST, 8080).into()), "hello", "without an agent, too");
        served.join().unwrap();
        // Somebody takes a port meanwhile.
        let thief = TcpListener::bind(("0.0.0.0", listening)).unwrap();

        nft(&["flush", "ruleset"]);
        let network = HostNetwork::open(config.clone()).await.unwrap();
        assert!(TcpListener::bind("0.0.0.0:8080").is_err(), "held again");
        assert_eq!(endpoints(&network, &spec("a", ports())).await, before);
        let served = serve(&server);
        assert_eq!(greeting_at((Ipv4Addr::LOCALHOST, 8080).into()), "hello");
        served.join().unwrap();
        let other = endpoints(&network, &spec("b", vec![vec![port(1, None)], vec![]])).await;
        for new in &other {
            assert!(before.iter().all(|old| old.address != new.address), "no address is doubled");
        }
        drop(thief);
        let error = refused(&network, "c", vec![port(80, Some(listening))]).await;
        assert!(matches!(error, NetworkError::PortTaken { .. }), "it leads to task a");

        for task in ["a", "b", "a"] {
            network.detach(task).await.unwrap();
        }
        assert_eq!(network.list().await.unwrap(), [""; 0]);
        eventually("nothing is left", || our_links().len() == 1 + network.spares());
        let rules = String::from_utf8(nft(&["list", "map", "ip", "wharf", "ports"]).stdout).unwrap();
        assert!(!rules.contains("elements"), "{rules}");
    });
}

#[test]
fn a_client_that_keeps_sending_reaches_the_next_owner() {
    on_own_host("bridge::a_client_that_keeps_sending_reaches_the_next_owner", async |config| {
        let outside = outside(&config);
        let network = HostNetwork::open(config).await.unwrap();
        for round in 0..3 {
            let send = move || {
                let socket = UdpSocket::bind("0.0.0.0:4444").unwrap();
                socket.send_to(b"hello", (HOST, 5353)).unwrap();
            };
            // The kernel remembers that nobody translated it, or where it went.
            inside(&outside, send).join().unwrap();
            let task = format!("task-{round}");
            let server = endpoint(&network, &task, vec![range(Protocol::Udp, 53, 53, Some(5353))]).await;
            let echoed = echo(&netns(&server));
            inside(&outside, send).join().unwrap();
            assert_eq!(echoed.join().unwrap(), SocketAddrV4::new(OUTSIDE, 4444).into());
            network.detach(&task).await.unwrap();
        }
    });
}

#[test]
fn tasks_pass_where_docker_drops_what_is_forwarded() {
    on_own_host("bridge::tasks_pass_where_docker_drops_what_is_forwarded", async |config| {
        let iptables = |line: &str| {
            let output = Command::new("iptables").args(line.split(' ')).output();
            let output = output.expect("iptables is missing: install the Debian package iptables");
            String::from_utf8(output.stdout).unwrap()
        };
        for line in ["-P FORWARD DROP", "-N DOCKER-USER", "-A FORWARD -j DOCKER-USER"] {
            iptables(line);
        }
        let before = iptables("-S");
        assert!(before.contains("-N DOCKER-USER"), "{before}");
        for _ in 0..2 {
            let network = HostNetwork::open(config.clone()).await.unwrap();
            let server = netns(&endpoint(&network, "server", vec![port(80, Some(8080))]).await);
            let other = netns(&endpoint(&network, "other", vec![]).await);
            let served = serve(&server);
            let to = SocketAddr::from((GATEWAY, 8080));
            assert_eq!(inside(&other, move || greeting_at(to)).join().unwrap(), "hello");
            served.join().unwrap();
            assert_eq!(iptables("-S").matches("wharf-+").count(), 2, "once each way");
        }
        HostNetwork::teardown(config).await.unwrap();
        assert_eq!(iptables("-S"), before);
    });
}

#[test]
fn a_port_that_cannot_be_published_without_a_table_is_refused_by_name() {
    on_own_host(
        "bridge::a_port_that_cannot_be_published_without_a_table_is_refused_by_name",
        async |config| {
            let network = HostNetwork::open(config.clone()).await.unwrap();
            let table = ["delete", "table", "ip", &config.table];
            assert!(Command::new("nft").args(table).status().unwrap().success());
            let error = refused(&network, "task", vec![port(80, Some(8080))]).await.to_string();
            assert!(error.contains("no nftables table wharf"), "{error}");
            endpoint(&network, "silent", vec![]).await;
            drop(network);
            HostNetwork::teardown(config).await.unwrap();
        },
    );
}
