//! Networks of the host: they take no time, and keep what they were first asked for.

use super::{FakeHost, HostEvent, State};
use agent_driver::{
    Attached, BridgeSpec, Endpoint, Namespace, Network, NetworkError, NetworkSpec, PortBinding, Protocol,
    RuntimeId,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The first port that is chosen on a bridge.
const DYNAMIC_PORT: u16 = 32_768;

impl FakeHost {
    /// Another program has this port.
    pub fn take_port(&self, port: u16) {
        self.lock().taken_ports.insert(port);
    }

    /// A task on this host that already has a fixed port that `bridge` asks for.
    fn tell_of_shared_ports(&self, bridge: &BridgeSpec) {
        let fixed = |spec: &BridgeSpec| -> Vec<(Protocol, u16)> {
            let ports = spec.containers.iter().flat_map(|c| &c.ports);
            ports.filter_map(|port| Some((port.protocol, port.host_first?))).collect()
        };
        let asked = fixed(bridge);
        let shared = self.lock().networks.values().find_map(|network| match network {
            NetworkSpec::Bridge(other) if other.task != bridge.task => {
                let port = fixed(other).into_iter().find(|port| asked.contains(port))?;
                Some((other.task.clone(), port.1))
            }
            _ => None,
        });
        if let Some((with, port)) = shared {
            let of = format!("port {port}");
            self.tell(&HostEvent::Conflict { task: bridge.task.clone(), with, of });
        }
    }

    /// What a task's network was asked to be.
    pub fn network(&self, task: &str) -> Option<NetworkSpec> {
        self.lock().networks.get(task).cloned()
    }

    /// The tasks that have a network.
    pub fn networks(&self) -> Vec<String> {
        self.lock().networks.keys().cloned().collect()
    }
}

impl State {
    /// The same endpoints whenever it is asked.
    fn bridge(&mut self, spec: &BridgeSpec) -> Result<BTreeMap<RuntimeId, Endpoint>, NetworkError> {
        if let Some(known) = self.bridges.get(&spec.task) {
            return Ok(known.clone());
        }
        let mut endpoints = BTreeMap::new();
        let mut next_port = DYNAMIC_PORT + 100 * u16::from(self.next_address);
        let bound = self.bridges.values().flat_map(|task| task.values()).flat_map(|e| &e.bindings);
        let in_use: BTreeSet<u16> = bound.flat_map(|b| b.host_first..=b.host_last).collect();
        for container in &spec.containers {
            let mut bindings = Vec::new();
            for port in &container.ports {
                let more = port.container_last - port.container_first;
                let is_free = |first: &u16| in_use.range(*first..=first + more).next().is_none();
                let chosen = || (next_port..u16::MAX - more).chain(DYNAMIC_PORT..next_port).find(is_free);
                let none_left = || NetworkError::Host("no ports are left".to_owned());
                let first = port.host_first.or_else(chosen).ok_or_else(none_left)?;
                let last = first + more;
                next_port = next_port.max(last + 1);
                let bind_ip = Ipv4Addr::UNSPECIFIED;
                if let Some(&taken) = self.taken_ports.range(first..=last).next() {
                    return Err(NetworkError::PortTaken { address: (bind_ip, taken).into() });
                }
                bindings.push(PortBinding {
                    bind_ip: bind_ip.into(),
                    container_first: port.container_first,
                    container_last: port.container_last,
                    host_first: first,
                    host_last: last,
                    protocol: port.protocol,
                });
            }
            self.next_address = self.next_address % 250 + 1;
            let address = Some(Ipv4Addr::new(172, 17, 0, 1 + self.next_address));
            let namespace = Namespace::Path(PathBuf::from(format!("/run/netns/{}", container.id)));
            endpoints.insert(container.id.clone(), Endpoint { namespace, address, bindings });
        }
        self.bridges.insert(spec.task.clone(), endpoints.clone());
        Ok(endpoints)
    }
}

#[async_trait]
impl Network for FakeHost {
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError> {
        if let NetworkSpec::Bridge(bridge) = spec {
            self.tell_of_shared_ports(bridge);
        }
        let mut state = self.lock();
        match spec {
            NetworkSpec::Bridge(bridge) => {
                let endpoints = state.bridge(bridge)?;
                state.networks.insert(bridge.task.clone(), spec.clone());
                Ok(Attached::Containers(endpoints))
            }
            NetworkSpec::Awsvpc(awsvpc) => {
                let same = |n: &&NetworkSpec| match n {
                    NetworkSpec::Awsvpc(n) => n.address == awsvpc.address && n.task != awsvpc.task,
                    NetworkSpec::Bridge(_) => false,
                };
                if let Some(with) = state.networks.values().find(same).map(|n| n.task().to_owned()) {
                    drop(state);
                    let (task, of) = (awsvpc.task.clone(), awsvpc.address.to_string());
                    let text = format!("{of} is task {with}'s");
                    self.tell(&HostEvent::Conflict { task, with, of });
                    return Err(NetworkError::Host(text));
                }
                state.networks.insert(awsvpc.task.clone(), spec.clone());
                drop(state);
                self.tell(&HostEvent::Attached(spec.clone()));
                Ok(Attached::Task(match &awsvpc.sandbox {
                    Some(_) => Namespace::Sandbox,
                    None => Namespace::Path(PathBuf::from(format!("/run/netns/{}", awsvpc.task))),
                }))
            }
        }
    }

    async fn detach(&self, task: &str) -> Result<(), NetworkError> {
        let mut state = self.lock();
        state.networks.remove(task);
        state.bridges.remove(task);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, NetworkError> {
        Ok(self.networks())
    }
}
