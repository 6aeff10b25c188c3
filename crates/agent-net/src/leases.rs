//! What bridge mode gives out on this host: addresses and ports.

use crate::addresses::Addresses;
use crate::config::HostNetworkConfig;
use crate::plan::{Plan, PlannedWire};
use crate::ports::Ports;
use crate::wire::Ends;
use agent_driver::{BridgeContainer, BridgeSpec, NetworkError, NetworkSpec};
use std::net::Ipv4Addr;

/// Addresses and ports that are taken.
#[derive(Debug)]
pub struct Leases {
    addresses: Addresses,
    ports: Ports,
    gateway: Ipv4Addr,
    prefix_len: u8,
}

impl Leases {
    pub fn new(config: &HostNetworkConfig) -> Self {
        Self {
            addresses: Addresses::new(config.bridge_block()),
            ports: Ports::new(config.dynamic_ports.clone()),
            gateway: config.bridge_gateway(),
            prefix_len: config.bridge_prefix_len,
        }
    }

    /// Takes what the task needs, or nothing at all.
    pub fn plan(&mut self, spec: &BridgeSpec) -> Result<Plan, NetworkError> {
        let mut plan = Plan { spec: NetworkSpec::Bridge(spec.clone()), wires: Vec::new() };
        for container in &spec.containers {
            match self.plan_one(container) {
                Ok(wire) => plan.wires.push(wire),
                Err(error) => {
                    self.free(&plan);
                    return Err(error);
                }
            }
        }
        Ok(plan)
    }

    fn plan_one(&mut self, container: &BridgeContainer) -> Result<PlannedWire, NetworkError> {
        let bindings = self.ports.take(&container.ports)?;
        let Some(address) = self.addresses.take() else {
            self.ports.free(&bindings);
            return Err(NetworkError::Host("no address is left for a container in bridge mode".into()));
        };
        let [a, b, c, d] = address.octets();
        // As Docker makes them.
        let mac = [0x02, 0x42, a, b, c, d];
        let ends = Ends { address, prefix_len: self.prefix_len, gateway: self.gateway, mac };
        Ok(PlannedWire { name: container.id.0.clone(), ends, bindings })
    }

    /// Takes what a plan on disk names.
    pub fn keep(&mut self, plan: &Plan) {
        for wire in bridge_wires(plan) {
            self.addresses.keep(wire.ends.address);
            self.ports.keep(&wire.bindings);
        }
    }

    /// Takes back what the plan names. Idempotent.
    pub fn free(&mut self, plan: &Plan) {
        for wire in bridge_wires(plan) {
            self.addresses.free(wire.ends.address);
            self.ports.free(&wire.bindings);
        }
    }
}

fn bridge_wires(plan: &Plan) -> impl Iterator<Item = &PlannedWire> {
    let leased = matches!(plan.spec, NetworkSpec::Bridge(_));
    plan.wires.iter().filter(move |_| leased)
}
