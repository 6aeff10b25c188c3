//! The driver on a host of its own: each test runs again, alone, in fresh network and mount namespaces: that needs
//! root.

use crate::netns;
use crate::plan::TASKS_WIRE;
use crate::rtnl::{AddressScope, Rtnl};
use crate::wire::{LINK_FILE, NETNS_FILE};
use crate::{HostNetwork, HostNetworkConfig, OpenError};
use agent_driver::{Attached, AwsvpcSpec, Namespace, Network, NetworkSpec};
use nix::sched::{CloneFlags, setns};
use rtnetlink::packet_route::link::{InfoData, InfoVeth};
use rtnetlink::{LinkUnspec, LinkVeth};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

mod bridge;
mod endpoint;
mod figures;
mod neighbours;

/// Names the directory of a test that runs in its own namespaces.
const INNER: &str = "WHARF_NET_TEST_INNER";
/// Names the directory of a process that is going to be killed.
const CRASHING: &str = "WHARF_NET_TEST_CRASHING";
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the test's body in a process whose network and mounts are its own.
fn on_own_host<F: Future<Output = ()>>(name: &str, body: impl FnOnce(HostNetworkConfig) -> F) {
    if let Some(state) = std::env::var_os(INNER) {
        if let Some(state) = std::env::var_os(CRASHING) {
            return attach_and_detach_until_killed(config(Path::new(&state)));
        }
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Rtnl::open().unwrap().set_link(LinkUnspec::new_with_index(1).up().build()).unwrap();
        return runtime.block_on(body(config(Path::new(&state))));
    }
    assert!(nix::unistd::geteuid().is_root(), "{name} makes network namespaces: it needs root");
    // Removed out here, where the mounts that a test leaves are gone with its namespace.
    let state = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::needs_root::{name}"), "--nocapture"])
        .env(INNER, state.path())
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    println!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("1 passed"), "the inner test ran");
}

fn config(state: &Path) -> HostNetworkConfig {
    let gateways = vec![([172, 31, 0, 1].into(), 20), ([172, 31, 16, 1].into(), 20)];
    let mut config = HostNetworkConfig::new([172, 31, 0, 0].into(), 16, gateways);
    config.state_dir = state.join("netns");
    config.pool_size = 4;
    config
}

fn spec(task: &str, subnet: u8, host: u8) -> AwsvpcSpec {
    AwsvpcSpec {
        sandbox: None,
        task: task.into(),
        address: Ipv4Addr::new(172, 31, subnet, host),
        prefix_len: 20,
        gateway: Ipv4Addr::new(172, 31, subnet, 1),
        mac: format!("02:77:ac:1f:{subnet:02x}:{host:02x}"),
    }
}

async fn attach(network: &HostNetwork, spec: &AwsvpcSpec) -> PathBuf {
    match network.attach(&NetworkSpec::Awsvpc(spec.clone())).await.unwrap() {
        Attached::Task(Namespace::Path(path)) => path,
        other => panic!("{other:?}"),
    }
}

fn inside<T: Send + 'static>(
    netns: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let netns = File::open(netns).unwrap();
    thread::spawn(move || {
        setns(netns, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    })
}

/// Serves one connection in the namespace; answers who connected.
fn serve(netns: &Path) -> thread::JoinHandle<SocketAddr> {
    let (ready, listening) = std::sync::mpsc::channel();
    let server = inside(netns, move || {
        let listener = TcpListener::bind("0.0.0.0:80").unwrap();
        ready.send(()).unwrap();
        let (mut stream, peer) = listener.accept().unwrap();
        stream.write_all(b"hello").unwrap();
        peer
    });
    listening.recv().unwrap();
    server
}

fn greeting(from: Ipv4Addr) -> String {
    greeting_at((from, 80).into())
}

fn greeting_at(from: SocketAddr) -> String {
    let mut stream = TcpStream::connect_timeout(&from, PATIENCE).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn nft(args: &[&str]) -> std::process::Output {
    Command::new("nft").args(args).output().expect("nft is missing: install the Debian package nftables")
}

/// The address of a machine that is not this host, and this host's on the same line.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// A machine beyond the host's only uplink; it has a route to everything by the host.
fn outside(config: &HostNetworkConfig) -> PathBuf {
    let outside = config.state_dir.with_file_name("outside");
    let mut beyond = netns::create(&outside).unwrap();
    let mut host = Rtnl::open().unwrap();
    let namespace = File::open(&outside).unwrap();
    let peer = LinkUnspec::new_with_name("eth0").setns_by_fd(namespace.as_raw_fd()).build();
    let uplink = LinkVeth::new("uplink", "eth0").set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
    host.add_link(uplink.build()).unwrap();
    let eth0 = beyond.link("eth0").unwrap().unwrap().index;
    let uplink = host.link("uplink").unwrap().unwrap().index;
    for (end, link, own, other) in [(&mut beyond, eth0, OUTSIDE, HOST), (&mut host, uplink, HOST, OUTSIDE)] {
        end.set_link(LinkUnspec::new_with_index(link).up().build()).unwrap();
        end.ensure_address(link, own, 24, AddressScope::Universe).unwrap();
        end.add_host_route(link, other, own).unwrap();
    }
    beyond.ensure_default_route(eth0, HOST).unwrap();
    eventually("the line works", || host.link("uplink").unwrap().unwrap().is_running);
    outside
}

fn our_links() -> Vec<String> {
    let links = Rtnl::open().unwrap().links().unwrap();
    let mut names: Vec<_> = links.into_iter().map(|l| l.name).filter(|n| n.starts_with("wharf")).collect();
    names.sort();
    names
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::yield_now();
    }
}

#[test]
fn tasks_reach_each_other_across_subnets_and_the_host_reaches_them() {
    on_own_host("tasks_reach_each_other_across_subnets_and_the_host_reaches_them", async |config| {
        let network = HostNetwork::open(config).await.unwrap();
        let (a, b, c) = (spec("task-a", 0, 4), spec("task-b", 16, 4), spec("task-c", 0, 5));
        let netns_a = attach(&network, &a).await;
        let netns_b = attach(&network, &b).await;
        let netns_c = attach(&network, &c).await;

        for (server, at, client, from) in [(&netns_b, &b, &netns_a, &a), (&netns_a, &a, &netns_c, &c)] {
            let served = serve(server);
            let to = at.address;
            assert_eq!(inside(client, move || greeting(to)).join().unwrap(), "hello");
            assert_eq!(served.join().unwrap().ip(), from.address, "seen with its own address");
        }
        let served = serve(&netns_b);
        assert_eq!(greeting(b.address), "hello");
        assert_eq!(served.join().unwrap().ip(), Ipv4Addr::new(172, 31, 16, 1));
        let served = inside(&netns_a, || {
            let listener = TcpListener::bind("127.0.0.1:80").unwrap();
            let client = thread::spawn(|| TcpStream::connect("127.0.0.1:80").is_ok());
            listener.accept().is_ok() && client.join().unwrap()
        });
        assert!(served.join().unwrap(), "loopback works");
        assert_eq!(network.list().await.unwrap(), ["task-a", "task-b", "task-c"]);
    });
}

#[test]
fn traffic_that_leaves_the_block_is_translated() {
    on_own_host("traffic_that_leaves_the_block_is_translated", async |config| {
        nft(&["--version"]);
        let outside = outside(&config);
        let before = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let netns = attach(&network, &spec("task-a", 0, 4)).await;
        let served = serve(&outside);
        assert_eq!(inside(&netns, || greeting(OUTSIDE)).join().unwrap(), "hello");
        assert_eq!(served.join().unwrap().ip(), HOST);

        drop(network);
        HostNetwork::teardown(config).await.unwrap();
        assert_eq!(fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap(), before);
        let tables = nft(&["list", "tables"]);
        assert_eq!(String::from_utf8_lossy(&tables.stdout), "");
        netns::remove(&outside).unwrap();
    });
}

#[test]
fn attach_and_detach_are_idempotent_and_an_address_is_free_at_once() {
    on_own_host("attach_and_detach_are_idempotent_and_an_address_is_free_at_once", async |config| {
        let network = HostNetwork::open(config).await.unwrap();
        let spec = spec("task-a", 0, 4);
        let attached = attach(&network, &spec).await;
        let before = our_links();
        assert_eq!(attach(&network, &spec).await, attached);
        eventually("the pool is full again", || network.spares() == 4);
        assert!(before.iter().all(|link| our_links().contains(link)), "nothing was made anew");

        for round in 0..5 {
            network.detach("task-a").await.unwrap();
            network.detach("task-a").await.unwrap();
            assert!(!attached.exists());
            assert_eq!(network.list().await.unwrap(), [""; 0]);
            // Another task gets the address right away.
            let mut next = spec.clone();
            next.task = format!("next-{round}");
            let netns = attach(&network, &next).await;
            let served = serve(&netns);
            assert_eq!(greeting(spec.address), "hello");
            served.join().unwrap();
            network.detach(&next.task).await.unwrap();
        }
        let together = (0..20).map(|n| {
            let (network, spec) = (network.clone(), self::spec("task-b", 0, 9));
            tokio::spawn(async move {
                let done = if n % 2 == 0 {
                    network.attach(&NetworkSpec::Awsvpc(spec.clone())).await.map(drop)
                } else {
                    network.detach("task-b").await
                };
                done.unwrap();
            })
        });
        for one in together.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        network.detach("task-b").await.unwrap();
        eventually("the pool is full again", || network.spares() == 4);
        eventually("the router and the spares are left", || our_links().len() == 1 + 4);
    });
}

#[test]
fn remains_of_a_crash_are_replaced() {
    on_own_host("remains_of_a_crash_are_replaced", async |config| {
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let spec = spec("task-a", 0, 4);
        let dir = config.tasks_dir().join("task-a");
        let wire = dir.join(TASKS_WIRE);
        let link = || fs::read_to_string(wire.join(LINK_FILE)).unwrap();
        let damage: [(&str, &dyn Fn()); 5] = [
            ("the last step is missing", &|| fs::remove_file(dir.join("complete")).unwrap()),
            ("the plan is gone", &|| fs::remove_file(dir.join("plan.json")).unwrap()),
            ("the link is gone", &|| {
                let mut host = Rtnl::open().unwrap();
                let index = host.link(&link()).unwrap().unwrap().index;
                host.delete_link(index).unwrap();
            }),
            ("the namespace is gone", &|| netns::remove(&wire.join(NETNS_FILE)).unwrap()),
            ("only the directory is there", &|| {
                netns::remove(&wire.join(NETNS_FILE)).unwrap();
                fs::remove_file(dir.join("complete")).unwrap();
            }),
        ];
        for (what, damage) in damage {
            network.attach(&NetworkSpec::Awsvpc(spec.clone())).await.unwrap();
            damage();
            let netns = attach(&network, &spec).await;
            let served = serve(&netns);
            assert_eq!(greeting(spec.address), "hello", "{what}");
            served.join().unwrap();
            let name = link();
            damage();
            network.detach("task-a").await.unwrap();
            assert!(!dir.exists(), "{what}");
            eventually(what, || Rtnl::open().unwrap().link(&name).unwrap().is_none());
        }
        let mut moved = spec.clone();
        network.attach(&NetworkSpec::Awsvpc(spec.clone())).await.unwrap();
        moved.address = [172, 31, 0, 77].into();
        let netns = attach(&network, &moved).await;
        let served = serve(&netns);
        assert_eq!(greeting(moved.address), "hello");
        served.join().unwrap();
    });
}

#[test]
fn kill_9_at_any_moment_leaves_nothing_that_cannot_be_adopted_or_removed() {
    const NAME: &str = "kill_9_at_any_moment_leaves_nothing_that_cannot_be_adopted_or_removed";
    on_own_host(NAME, async |config| {
        let state = config.state_dir.parent().unwrap();
        let before = Rtnl::open().unwrap().links().unwrap();
        for round in 0..25 {
            let mut victim = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &format!("tests::needs_root::{NAME}"), "--nocapture"])
                .env(CRASHING, state)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            // The n-th thing it says it did, and then a little more.
            let mut said = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
            said.by_ref().filter(|line| line == "did").nth(round % 5).unwrap();
            let pause = Instant::now() + Duration::from_micros(310 * round as u64);
            while Instant::now() < pause {
                std::hint::spin_loop();
            }
            victim.kill().unwrap();
            victim.wait().unwrap();

            let network = HostNetwork::open(config.clone()).await.unwrap();
            for (n, spec) in crash_specs().enumerate() {
                if (n + round) % 2 == 0 {
                    let attached = network.attach(&spec).await.unwrap();
                    assert_eq!(network.attach(&spec).await.unwrap(), attached);
                    works(&spec, attached);
                } else {
                    network.detach(spec.task()).await.unwrap();
                }
            }
            assert_eq!(network.list().await.unwrap().len(), 2);
        }
        HostNetwork::teardown(config.clone()).await.unwrap();
        eventually("links of dying namespaces go", || Rtnl::open().unwrap().links().unwrap() == before);
        assert!(!config.state_dir.exists());
    });
}

/// Connects to the task from the host.
fn works(spec: &NetworkSpec, attached: Attached) {
    let (netns, to) = match (spec, attached) {
        (NetworkSpec::Awsvpc(spec), Attached::Task(Namespace::Path(netns))) => {
            (netns, (spec.address, 80).into())
        }
        (NetworkSpec::Bridge(spec), Attached::Containers(endpoints)) => {
            let endpoint = &endpoints[&spec.containers[0].id];
            (bridge::netns(endpoint), (Ipv4Addr::LOCALHOST, endpoint.bindings[0].host_first).into())
        }
        other => panic!("{other:?}"),
    };
    let served = serve(&netns);
    assert_eq!(greeting_at(to), "hello");
    served.join().unwrap();
}

fn crash_specs() -> impl Iterator<Item = NetworkSpec> {
    let awsvpc = (0..2).map(|n| NetworkSpec::Awsvpc(spec(&format!("task-{n}"), 0, 10 + n)));
    let bridge = (2..4).map(|n| {
        let ports = vec![bridge::port(80, Some(8080 + n)), bridge::port(81, None)];
        bridge::spec(&format!("task-{n}"), vec![ports, vec![]])
    });
    awsvpc.chain(bridge)
}

fn attach_and_detach_until_killed(config: HostNetworkConfig) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let network = HostNetwork::open(config).await.unwrap();
        loop {
            for spec in crash_specs() {
                network.attach(&spec).await.unwrap();
                println!("did");
            }
            for spec in crash_specs() {
                network.detach(spec.task()).await.unwrap();
                println!("did");
            }
        }
    });
}

#[test]
fn a_restart_keeps_tasks_and_leaks_no_spares_and_teardown_leaves_nothing() {
    on_own_host("a_restart_keeps_tasks_and_leaks_no_spares_and_teardown_leaves_nothing", async |config| {
        let links = || Rtnl::open().unwrap().links().unwrap();
        let before = links();
        let mut netns = PathBuf::new();
        for _ in 0..3 {
            let network = HostNetwork::open(config.clone()).await.unwrap();
            netns = attach(&network, &spec("task-a", 0, 4)).await;
            eventually("the pool is full", || network.spares() == 4);
            assert_eq!(our_links().len(), 1 + 1 + 4);
            let refused = HostNetwork::teardown(config.clone()).await;
            assert!(matches!(refused, Err(OpenError::InUse(_))));
        }
        let served = serve(&netns);
        assert_eq!(greeting([172, 31, 0, 4].into()), "hello");
        served.join().unwrap();
        HostNetwork::teardown(config.clone()).await.unwrap();
        HostNetwork::teardown(config.clone()).await.unwrap();
        assert!(!config.state_dir.exists());
        assert_eq!(links(), before);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(config.state_dir.to_str().unwrap()));
    });
}

#[test]
fn what_is_not_ours_is_left_alone_and_named() {
    on_own_host("what_is_not_ours_is_left_alone_and_named", async |config| {
        let mut host = Rtnl::open().unwrap();
        host.add_link(LinkVeth::new("wharf0", "other").build()).unwrap();
        let error = HostNetwork::open(config.clone()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "interface wharf0 exists and was not made by Wharf; choose another name (router)"
        );
        HostNetwork::teardown(config.clone()).await.unwrap();
        let dummy = host.link("wharf0").unwrap().expect("it is still there").index;
        host.delete_link(dummy).unwrap();

        host.add_link(LinkVeth::new("office", "other").build()).unwrap();
        let office = host.link("office").unwrap().unwrap().index;
        host.ensure_address(office, [172, 16, 3, 4].into(), 12, AddressScope::Universe).unwrap();
        let error = HostNetwork::open(config.clone()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "interface office has the address 172.16.3.4/12, which overlaps the block 172.31.0.0/16 of the tasks; \
             choose another block"
        );
    });
}

#[test]
fn an_attach_that_fails_leaves_nothing() {
    on_own_host("an_attach_that_fails_leaves_nothing", async |config| {
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let mut bad = spec("task-a", 0, 4);
        bad.gateway = [10, 0, 0, 1].into();
        let error = network.attach(&NetworkSpec::Awsvpc(bad.clone())).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot connect the interface of task task-a: "), "{error}");
        bad.mac = "nonsense".into();
        let error = network.attach(&NetworkSpec::Awsvpc(bad.clone())).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot use \"nonsense\" as a MAC address"), "{error}");
        bad.task = "../up".into();
        assert!(
            network
                .attach(&NetworkSpec::Awsvpc(bad))
                .await
                .unwrap_err()
                .to_string()
                .starts_with("cannot use \"../up\" as a task's id")
        );
        assert_eq!(network.list().await.unwrap(), [""; 0]);
        eventually("the pool is full and nothing else is there", || {
            network.spares() == 4 && our_links().len() == 5
        });
    });
}
