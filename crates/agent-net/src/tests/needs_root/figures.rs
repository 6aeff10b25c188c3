//! Not gates: they print what the network costs on this machine.

use super::{attach, bridge, eventually, greeting, on_own_host, serve, spec};
use crate::plan::TASKS_WIRE;
use crate::wire::NETNS_FILE;
use crate::{HostNetwork, HostNetworkConfig};
use agent_driver::{Network as _, NetworkSpec};
use std::time::{Duration, Instant};

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |percent: usize| times[times.len() * percent / 100];
    println!("{what}: p50 {:?} p95 {:?} p99 {:?}", at(50), at(95), at(99));
}

#[test]
fn one_at_a_time() {
    on_own_host("figures::one_at_a_time", async |config| {
        for pool_size in [16, 0] {
            let config = HostNetworkConfig { pool_size, ..config.clone() };
            let network = HostNetwork::open(config.clone()).await.unwrap();
            let (mut attached, mut reached, mut detached) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..50 {
                eventually("the pool is full", || network.spares() == pool_size);
                let begin = Instant::now();
                attach(&network, &spec("task-a", 0, 4)).await;
                attached.push(begin.elapsed());
                let dir = config.tasks_dir().join("task-a").join(TASKS_WIRE);
                let served = serve(&dir.join(NETNS_FILE));
                let begin = Instant::now();
                greeting([172, 31, 0, 4].into());
                reached.push(begin.elapsed());
                served.join().unwrap();
                let begin = Instant::now();
                network.detach("task-a").await.unwrap();
                detached.push(begin.elapsed());
            }
            print(&format!("pool of {pool_size}: attach"), attached);
            print(&format!("pool of {pool_size}: first connection"), reached);
            print(&format!("pool of {pool_size}: detach"), detached);
            drop(network);
            HostNetwork::teardown(config).await.unwrap();
        }
    });
}

#[test]
fn eight_at_a_time() {
    on_own_host("figures::eight_at_a_time", async |config| {
        const ROUNDS: u8 = 40;
        let config = HostNetworkConfig { pool_size: 16, ..config };
        let network = HostNetwork::open(config.clone()).await.unwrap();
        for mode in ["awsvpc", "bridge with a port"] {
            let begin = Instant::now();
            let workers = (0..8_u8).map(|worker| {
                let network = network.clone();
                tokio::spawn(async move {
                    let (mut attached, mut detached) = (Vec::new(), Vec::new());
                    for round in 0..ROUNDS {
                        let task = format!("task-{worker}-{round}");
                        let spec = match mode {
                            "awsvpc" => NetworkSpec::Awsvpc(spec(&task, 0, 10 + worker)),
                            _ => bridge::spec(&task, vec![vec![bridge::port(80, None)]]),
                        };
                        let begin = Instant::now();
                        network.attach(&spec).await.unwrap();
                        attached.push(begin.elapsed());
                        let begin = Instant::now();
                        network.detach(&task).await.unwrap();
                        detached.push(begin.elapsed());
                    }
                    (attached, detached)
                })
            });
            let (mut attached, mut detached) = (Vec::new(), Vec::new());
            for worker in workers.collect::<Vec<_>>() {
                let (mut a, mut d) = worker.await.unwrap();
                attached.append(&mut a);
                detached.append(&mut d);
            }
            let rate = attached.len() as f64 / begin.elapsed().as_secs_f64();
            println!("8 at a time, {mode}: {rate:.0} attached and detached a second");
            print("  attach", attached);
            print("  detach", detached);
        }
        drop(network);
        HostNetwork::teardown(config).await.unwrap();
    });
}

/// A bridge would take 1,024 at most.
#[test]
fn more_tasks_than_a_bridge_has_ports() {
    on_own_host("figures::more_tasks_than_a_bridge_has_ports", async |config| {
        let network = HostNetwork::open(config.clone()).await.unwrap();
        let begin = Instant::now();
        for n in 0..1100_u16 {
            let [high, low] = (n + 300).to_be_bytes();
            let mut spec = spec(&format!("task-{n}"), high, low);
            spec.gateway = [172, 31, 0, 1].into();
            attach(&network, &spec).await;
        }
        println!("1100 tasks attached within {:?}", begin.elapsed());
        let last = config.tasks_dir().join("task-1099").join(TASKS_WIRE).join(NETNS_FILE);
        let served = serve(&last);
        let [high, low] = (1099_u16 + 300).to_be_bytes();
        assert_eq!(greeting([172, 31, high, low].into()), "hello");
        served.join().unwrap();
        drop(network);
        let begin = Instant::now();
        HostNetwork::teardown(config).await.unwrap();
        println!("and torn down within {:?}", begin.elapsed());
    });
}
