//! What a task's network is to be, decided and written down before anything of it is made. So addresses and ports are
//! known to be taken, whenever the process is killed.

use crate::nfnl::Publication;
use crate::wire::Ends;
use agent_driver::{AwsvpcSpec, NetworkSpec, PortBinding};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// The network of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub spec: NetworkSpec,
    /// One for the task, or one for each container, in the spec's order.
    pub wires: Vec<PlannedWire>,
}

/// A wire of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWire {
    /// Name of its directory in the task's.
    pub name: String,
    /// Its end inside.
    pub ends: Ends,
    /// Ports that lead to it.
    pub bindings: Vec<PortBinding>,
}

/// The one wire of an awsvpc task.
pub const TASKS_WIRE: &str = "task";

impl Plan {
    /// That of an awsvpc task, where nothing is left to decide.
    pub fn of_awsvpc(spec: &AwsvpcSpec) -> io::Result<Self> {
        let ends = Ends {
            address: spec.address,
            prefix_len: spec.prefix_len,
            gateway: spec.gateway,
            mac: parse_mac(&spec.mac)?,
        };
        let wire = PlannedWire { name: TASKS_WIRE.into(), ends, bindings: Vec::new() };
        Ok(Self { spec: NetworkSpec::Awsvpc(spec.clone()), wires: vec![wire] })
    }

    /// The namespace of somebody else's that gets the interface.
    pub fn sandbox(&self) -> Option<&PathBuf> {
        match &self.spec {
            NetworkSpec::Awsvpc(spec) => spec.sandbox.as_ref(),
            NetworkSpec::Bridge(_) => None,
        }
    }

    /// Every published port.
    pub fn publications(&self) -> Vec<Publication> {
        self.wires.iter().flat_map(|wire| Publication::of(wire.ends.address, &wire.bindings)).collect()
    }
}

fn parse_mac(text: &str) -> io::Result<[u8; 6]> {
    let octet = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        u8::from_str_radix(digits, 16).ok().filter(|_| plain)
    };
    let octets: Option<Vec<u8>> = text.split(':').map(octet).collect();
    octets.and_then(|o| o.try_into().ok()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_read_strictly() {
        assert_eq!(parse_mac("02:77:ac:1f:00:04").unwrap(), [2, 0x77, 0xac, 0x1f, 0, 4]);
        for bad in [
            "",
            "02:77:ac:1f:00",
            "02:77:ac:1f:00:04:05",
            "02:77:ac:1f:00:0g",
            "2:77:ac:1f:00:04",
            "02:+7:ac:1f:00:04",
        ] {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
    }
}
