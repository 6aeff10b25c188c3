//! What may differ between hosts, and the names that follow from it.

use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The network of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostNetworkConfig {
    /// Where namespaces are bound; on a file system that is empty after a reboot, as namespaces are.
    pub state_dir: PathBuf,
    /// Name of the bridge, at most 15 bytes.
    pub bridge: String,
    /// Name of the nftables table.
    pub table: String,
    /// First address of the block that all subnets are in.
    pub vpc_network: Ipv4Addr,
    /// Length of the block's prefix.
    pub vpc_prefix_len: u8,
    /// Each subnet's router address with the length of the subnet's prefix.
    pub gateways: Vec<(Ipv4Addr, u8)>,
    /// Namespaces to keep ready; 0 makes each one when it is needed.
    pub pool_size: usize,
}

impl HostNetworkConfig {
    /// The default VPC's block with these routers, under `/run/wharf/netns`.
    pub fn new(vpc_network: Ipv4Addr, vpc_prefix_len: u8, gateways: Vec<(Ipv4Addr, u8)>) -> Self {
        Self {
            state_dir: PathBuf::from("/run/wharf/netns"),
            bridge: "wharf0".into(),
            table: "wharf".into(),
            vpc_network,
            vpc_prefix_len,
            gateways,
            pool_size: 4,
        }
    }

    /// `network/prefix` of the block.
    pub(crate) fn vpc_cidr(&self) -> String {
        format!("{}/{}", self.vpc_network, self.vpc_prefix_len)
    }

    pub(crate) fn pool_dir(&self) -> PathBuf {
        self.state_dir.join("pool")
    }

    pub(crate) fn tasks_dir(&self) -> PathBuf {
        self.state_dir.join("tasks")
    }

    /// The name of the host's end of a task's veth pair.
    pub(crate) fn task_link(&self, task: &str) -> String {
        link_name(TASK_LINK, task)
    }

    /// Begins the alias of every task's link: `wharf BRIDGE `.
    pub(crate) fn alias_prefix(&self) -> String {
        format!("wharf {} ", self.bridge)
    }

    /// The name of the host's end of a spare's veth pair; differs between state directories.
    pub(crate) fn spare_link(&self, id: &str) -> String {
        link_name(SPARE_LINK, &format!("{}/{id}", self.pool_dir().display()))
    }

    /// Whether the two blocks have an address in common.
    pub(crate) fn overlaps_vpc(&self, address: Ipv4Addr, prefix_len: u8) -> bool {
        let common = self.vpc_prefix_len.min(prefix_len).min(32);
        let mask = u32::MAX.checked_shl(32 - u32::from(common)).unwrap_or(0);
        (u32::from(address) ^ u32::from(self.vpc_network)) & mask == 0
    }
}

/// Prefix of the host's end of a task's veth pair.
const TASK_LINK: &str = "wh";
/// Prefix of the host's end of a veth pair that waits in the pool.
const SPARE_LINK: &str = "wp";
/// `PREFIX` + 12 hexadecimal digits of a hash: a link's name is at most 15 bytes long.
fn link_name(prefix: &str, of: &str) -> String {
    let hash =
        of.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{prefix}{:012x}", (hash ^ hash >> 48) & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_overlap_when_one_contains_the_other() {
        let config = HostNetworkConfig::new(Ipv4Addr::new(172, 31, 0, 0), 16, vec![]);
        let check = |address: [u8; 4], len| config.overlaps_vpc(address.into(), len);
        assert!(check([172, 31, 200, 1], 24));
        assert!(check([172, 16, 0, 1], 12));
        assert!(check([8, 8, 8, 8], 0));
        assert!(!check([172, 30, 255, 255], 16));
        assert!(!check([127, 0, 0, 1], 8));
    }

    #[test]
    fn link_names_fit_and_differ() {
        assert_eq!(link_name(TASK_LINK, "a").len(), 14);
        assert_ne!(link_name(TASK_LINK, "a"), link_name(TASK_LINK, "b"));
    }
}
