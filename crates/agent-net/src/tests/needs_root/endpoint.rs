//! The metadata endpoint's address, and namespaces of somebody else's.

use super::{HOST, OUTSIDE, attach, bridge, greeting, inside, on_own_host, outside, serve, spec};
use crate::netns;
use crate::rtnl::{AddressScope, Rtnl};
use crate::{ENDPOINT_ADDRESS, HostNetwork};
use agent_driver::{Attached, Namespace, Network as _, NetworkSpec};
use rtnetlink::LinkVeth;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

#[test]
fn tasks_of_all_modes_reach_it_and_are_seen_with_their_addresses() {
    const NAME: &str = "endpoint::tasks_of_all_modes_reach_it_and_are_seen_with_their_addresses";
    on_own_host(NAME, async |config| {
        let outside = outside(&config);
        let network = HostNetwork::open(config).await.unwrap();
        let task = attach(&network, &spec("task", 0, 4)).await;
        // Its host port is the endpoint's, and both work.
        let web = bridge::spec("web", vec![vec![bridge::port(80, Some(80))]]);
        let Attached::Containers(web) = network.attach(&web).await.unwrap() else { panic!("no containers") };
        let web = web.into_values().next().unwrap();
        let listener = TcpListener::bind(HostNetwork::endpoint_address()).unwrap();
        let seen = thread::spawn(move || -> Vec<SocketAddr> {
            let greet = |_| {
                let (mut stream, peer) = listener.accept().unwrap();
                stream.write_all(b"metadata").unwrap();
                peer
            };
            (0..3).map(greet).collect()
        });

        assert_eq!(inside(&task, || greeting(ENDPOINT_ADDRESS)).join().unwrap(), "metadata");
        assert_eq!(inside(&bridge::netns(&web), || greeting(ENDPOINT_ADDRESS)).join().unwrap(), "metadata");
        let from_outside = inside(&outside, || {
            let patience = Duration::from_millis(300);
            [80, 51679]
                .map(|port| TcpStream::connect_timeout(&(ENDPOINT_ADDRESS, port).into(), patience).is_ok())
        });
        assert_eq!(from_outside.join().unwrap(), [false, false], "nobody else reaches it");
        assert_eq!(greeting(ENDPOINT_ADDRESS), "metadata", "in the mode host");
        let seen: Vec<_> = seen.join().unwrap().into_iter().map(|peer| peer.ip()).collect();
        assert_eq!(seen[..2], [Ipv4Addr::new(172, 31, 0, 4), web.address.unwrap()]);

        let served = serve(&bridge::netns(&web));
        assert_eq!(inside(&outside, || greeting(HOST)).join().unwrap(), "hello");
        assert_eq!(served.join().unwrap().ip(), OUTSIDE);
    });
}

#[test]
fn another_owner_of_the_address_is_named() {
    on_own_host("endpoint::another_owner_of_the_address_is_named", async |config| {
        let mut host = Rtnl::open().unwrap();
        host.add_link(LinkVeth::new("ecs", "other").build()).unwrap();
        let ecs = host.link("ecs").unwrap().unwrap().index;
        host.ensure_address(ecs, ENDPOINT_ADDRESS, 32, AddressScope::Universe).unwrap();
        assert_eq!(
            HostNetwork::open(config).await.unwrap_err().to_string(),
            "interface ecs has the address 169.254.170.2, at which tasks find their metadata; remove it (is another \
             container agent running?)"
        );
    });
}

#[test]
fn a_namespace_of_somebody_else_gets_the_interface_and_loses_it() {
    on_own_host("endpoint::a_namespace_of_somebody_else_gets_the_interface_and_loses_it", async |config| {
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let bound = config.state_dir.with_file_name("sandbox");
        let mut sandbox = netns::create(&bound).unwrap();
        let mut spec = spec("task", 0, 4);
        spec.sandbox = Some(bound.clone());
        let wanted = NetworkSpec::Awsvpc(spec.clone());
        for _ in 0..3 {
            for _ in 0..2 {
                let attached = network.attach(&wanted).await.unwrap();
                assert_eq!(attached, Attached::Task(Namespace::Sandbox));
            }
            let served = serve(&bound);
            assert_eq!(greeting(spec.address), "hello");
            served.join().unwrap();
            network.detach("task").await.unwrap();
            assert!(sandbox.link("eth0").unwrap().is_none(), "it is gone at once");
            assert!(netns::is_bound(&bound));
        }
        network.attach(&wanted).await.unwrap();
        // Everything that is deleted late is deleted now, and this interface is none of it.
        drop(network);
        assert!(sandbox.link("eth0").unwrap().is_some(), "it was taken for the one before");
        let network = HostNetwork::open(config.clone()).await.unwrap();
        // It goes with its owner's namespace, too.
        netns::remove(&bound).unwrap();
        drop(sandbox);
        network.detach("task").await.unwrap();
        let error = network.attach(&wanted).await.unwrap_err().to_string();
        assert!(error.starts_with("cannot make the namespace of task task: "), "{error}");
        assert_eq!(network.list().await.unwrap(), [""; 0]);
    });
}
