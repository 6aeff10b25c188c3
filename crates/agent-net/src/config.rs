//! What may differ between hosts, and the names that follow from it.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// The network of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNetworkConfig {
    /// Where namespaces are bound; on a file system that is empty after a reboot, as namespaces are.
    pub state_dir: PathBuf,
    /// Name of the interface that carries the routers' addresses, at most 15 bytes.
    pub router: String,
    /// Name of the nftables table.
    pub table: String,
    /// First address of the block that all subnets are in.
    pub vpc_network: Ipv4Addr,
    /// Length of the block's prefix.
    pub vpc_prefix_len: u8,
    /// Each subnet's router address with the length of the subnet's prefix.
    pub gateways: Vec<(Ipv4Addr, u8)>,
    /// First address of the block of containers in bridge mode. The next one is the host's.
    pub bridge_network: Ipv4Addr,
    /// Length of that block's prefix, at most 30.
    pub bridge_prefix_len: u8,
    /// Where dynamic host ports are taken from; the kernel's `ip_local_port_range`, as with ECS, when `None`.
    pub dynamic_ports: Option<RangeInclusive<u16>>,
    /// Namespaces to keep ready; 0 makes each one when it is needed.
    pub pool_size: usize,
}

/// Every interface of ours on the host, but the router, begins with this.
pub(crate) const LINK_PREFIX: &str = "wharf-";

impl HostNetworkConfig {
    /// The default VPC's block with these routers, under `/run/wharf/netns`.
    pub fn new(vpc_network: Ipv4Addr, vpc_prefix_len: u8, gateways: Vec<(Ipv4Addr, u8)>) -> Self {
        Self {
            state_dir: PathBuf::from("/run/wharf/netns"),
            router: "wharf0".into(),
            table: "wharf".into(),
            vpc_network,
            vpc_prefix_len,
            gateways,
            bridge_network: Ipv4Addr::new(172, 30, 0, 0),
            bridge_prefix_len: 16,
            dynamic_ports: None,
            pool_size: 16,
        }
    }

    /// The blocks of `awsvpc` and of bridge mode.
    pub(crate) fn blocks(&self) -> [Block; 2] {
        [self.vpc_block(), self.bridge_block()]
    }

    pub(crate) fn vpc_block(&self) -> Block {
        Block { network: self.vpc_network, prefix_len: self.vpc_prefix_len }
    }

    pub(crate) fn bridge_block(&self) -> Block {
        Block { network: self.bridge_network, prefix_len: self.bridge_prefix_len }
    }

    /// The host's address among the containers in bridge mode.
    pub(crate) fn bridge_gateway(&self) -> Ipv4Addr {
        self.bridge_block().nth(1)
    }

    pub(crate) fn pool_dir(&self) -> PathBuf {
        self.state_dir.join("pool")
    }

    pub(crate) fn tasks_dir(&self) -> PathBuf {
        self.state_dir.join("tasks")
    }

    /// Where namespaces wait for their end.
    pub(crate) fn doomed_dir(&self) -> PathBuf {
        self.state_dir.join("doomed")
    }

    /// Begins the alias of every link: `wharf ROUTER `.
    pub(crate) fn alias_prefix(&self) -> String {
        format!("wharf {} ", self.router)
    }
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub network: Ipv4Addr,
    pub prefix_len: u8,
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

impl Block {
    /// Whether the two blocks have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        let common = self.prefix_len.min(other.prefix_len);
        (u32::from(other.network) ^ u32::from(self.network)) & mask(common) == 0
    }

    /// Whether the address is in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        self.overlaps(Self { network: address, prefix_len: 32 })
    }

    /// Number of its addresses.
    pub fn size(self) -> u64 {
        1 << (32 - u32::from(self.prefix_len.min(32)))
    }

    /// The address that is so far from the first one, inside the block.
    pub fn nth(self, n: u32) -> Ipv4Addr {
        let mask = mask(self.prefix_len);
        Ipv4Addr::from(u32::from(self.network) & mask | n & !mask)
    }
}

fn mask(prefix_len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(network: [u8; 4], prefix_len: u8) -> Block {
        Block { network: network.into(), prefix_len }
    }

    #[test]
    fn blocks_overlap_when_one_contains_the_other() {
        let vpc = HostNetworkConfig::new(Ipv4Addr::new(172, 31, 0, 0), 16, vec![]).vpc_block();
        for (other, overlaps) in [
            (block([172, 31, 200, 1], 24), true),
            (block([172, 16, 0, 1], 12), true),
            (block([8, 8, 8, 8], 0), true),
            (block([172, 30, 255, 255], 16), false),
            (block([127, 0, 0, 1], 8), false),
        ] {
            assert_eq!(vpc.overlaps(other), overlaps, "{other}");
            assert_eq!(other.overlaps(vpc), overlaps, "{other}");
        }
    }

    #[test]
    fn addresses_of_a_block_stay_inside() {
        let block = block([10, 1, 2, 0], 30);
        assert_eq!(block.size(), 4);
        assert_eq!(block.nth(1), Ipv4Addr::new(10, 1, 2, 1));
        assert_eq!(block.nth(5), Ipv4Addr::new(10, 1, 2, 1));
        assert!(block.contains(block.nth(3)) && !block.contains(Ipv4Addr::new(10, 1, 2, 4)));
    }
}
