//! The default VPC, its subnets and security group, and the elastic network interfaces of tasks.

use crate::{EniId, Scope, SecurityGroupId, SubnetId, TaskId, VpcId};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// A subnet of the default VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// Owner.
    pub scope: Scope,
    /// Its id.
    pub id: SubnetId,
    /// Its VPC.
    pub vpc: VpcId,
    /// `us-east-1a` …
    pub availability_zone: String,
    /// First address of the block.
    pub network: Ipv4Addr,
    /// Length of the block's prefix.
    pub prefix_len: u8,
}

/// The default VPC of one account in one region: it exists without being created.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultVpc {
    /// Its id.
    pub id: VpcId,
    /// One in each of two zones.
    pub subnets: [Subnet; 2],
    /// All traffic among members, all traffic out.
    pub security_group: SecurityGroupId,
}

/// First address of the block that the default VPCs share, as AWS gives it to every default VPC. All accounts and
/// regions of one Wharf share the one network, so an address is unique in the whole Wharf.
pub const DEFAULT_VPC_NETWORK: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 0);
/// Length of the default VPC's prefix.
pub const DEFAULT_VPC_PREFIX_LEN: u8 = 16;
/// Length of a default subnet's prefix.
pub const DEFAULT_SUBNET_PREFIX_LEN: u8 = 20;
/// AWS keeps the first four addresses and the last one of every subnet for itself.
pub const SUBNET_RESERVED_FIRST: u32 = 4;

impl DefaultVpc {
    /// The default VPC of `scope`. Its ids follow from the scope alone, so they never change.
    pub fn of(scope: &Scope) -> Self {
        let seed = fnv64(&format!("{}/{}", scope.account, scope.region));
        let id = VpcId::from(hex17("vpc", seed, 1));
        let base = u32::from(DEFAULT_VPC_NETWORK);
        let subnet = |n: u32, zone: char| Subnet {
            scope: scope.clone(),
            id: SubnetId::from(hex17("subnet", seed, 2 + u64::from(n))),
            vpc: id.clone(),
            availability_zone: format!("{}{zone}", scope.region),
            network: Ipv4Addr::from(base + (n << (32 - u32::from(DEFAULT_SUBNET_PREFIX_LEN)))),
            prefix_len: DEFAULT_SUBNET_PREFIX_LEN,
        };
        let subnets = [subnet(0, 'a'), subnet(1, 'b')];
        Self { subnets, security_group: SecurityGroupId::from(hex17("sg", seed, 9)), id }
    }

    /// The subnet with this id.
    pub fn subnet(&self, id: &SubnetId) -> Option<&Subnet> {
        self.subnets.iter().find(|s| s.id == *id)
    }

    /// Its zones that none of these subnets is in: an instance there cannot have an interface in any of them.
    pub fn zones_without(&self, chosen: &[SubnetId]) -> Vec<String> {
        let has =
            |zone: &str| chosen.iter().filter_map(|id| self.subnet(id)).any(|s| s.availability_zone == zone);
        self.subnets.iter().map(|s| &s.availability_zone).filter(|zone| !has(zone)).cloned().collect()
    }

    /// Those of the chosen subnets, in their order, in which an instance in `zone` has an interface: the ones of the same
    /// zone. A zone that this VPC does not have, a name of the owner's own, is as near to one subnet as to the other, and so
    /// is an instance whose zone nobody named.
    pub fn subnets_near(&self, chosen: &[SubnetId], zone: Option<&str>) -> Vec<&Subnet> {
        let all: Vec<_> = chosen.iter().filter_map(|id| self.subnet(id)).collect();
        let mut near = all.clone();
        near.retain(|subnet| zone == Some(&*subnet.availability_zone));
        if near.is_empty() { all } else { near }
    }
}

impl Subnet {
    /// The router's address: the first after the network's own.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.network) + 1)
    }

    /// `network/prefix`.
    pub fn cidr(&self) -> String {
        format!("{}/{}", self.network, self.prefix_len)
    }
}

/// An elastic network interface of a task. A row exists exactly while its address is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eni {
    /// Owner.
    pub scope: Scope,
    /// Its id.
    pub id: EniId,
    /// The subnet that its address is from.
    pub subnet: SubnetId,
    /// Unique in the whole Wharf.
    pub address: Ipv4Addr,
    /// Locally administered; follows from the address.
    pub mac: String,
    /// Groups whose rules hold.
    pub security_groups: Vec<SecurityGroupId>,
    /// The task that it belongs to.
    pub task: TaskId,
}

/// The MAC address that goes with a private address: `02:…`, locally administered, unique as the address is.
pub fn mac_for(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:77:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// The private DNS name that AWS gives to an address.
pub fn private_dns_name(address: Ipv4Addr, region: &str) -> String {
    let dashed = address.to_string().replace('.', "-");
    let domain =
        if region == "us-east-1" { "ec2.internal".to_owned() } else { format!("{region}.compute.internal") };
    format!("ip-{dashed}.{domain}")
}

/// Fowler–Noll–Vo 1a: stable over releases, which `std`'s hashers are not.
fn fnv64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn hex17(prefix: &str, seed: u64, n: u64) -> String {
    let mixed = (seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    format!("{prefix}-0{mixed:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_vpc_is_the_same_every_time_and_differs_by_scope() {
        let one = DefaultVpc::of(&Scope::new("000000000000", "us-east-1"));
        assert_eq!(one, DefaultVpc::of(&Scope::new("000000000000", "us-east-1")));
        assert_ne!(one.id, DefaultVpc::of(&Scope::new("000000000000", "us-west-2")).id);
        assert_eq!(one.subnets[1].cidr(), "172.31.16.0/20");
        assert_eq!(one.subnets[0].gateway(), Ipv4Addr::new(172, 31, 0, 1));
        assert_eq!(one.id.as_str().len(), "vpc-".len() + 17);
    }

    #[test]
    fn an_instance_has_its_interfaces_in_subnets_of_its_zone() {
        let vpc = DefaultVpc::of(&Scope::new("000000000000", "us-east-1"));
        let [a, b] = vpc.subnets.clone().map(|subnet| subnet.id);
        let both = [b.clone(), a.clone()];
        assert_eq!(vpc.zones_without(&both), [""; 0]);
        assert_eq!(vpc.zones_without(std::slice::from_ref(&a)), ["us-east-1b"]);
        let near = |chosen: &[SubnetId], zone| {
            let near = vpc.subnets_near(chosen, zone);
            near.into_iter().map(|subnet| subnet.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(near(&both, Some("us-east-1a")), std::slice::from_ref(&a));
        assert_eq!(near(&both, Some("us-east-1b")), std::slice::from_ref(&b));
        for zone in [Some("us-east-1c"), Some("rack-7"), None] {
            assert_eq!(near(&both, zone), both, "{zone:?}");
        }
        // It was moved after the task was placed.
        assert_eq!(near(std::slice::from_ref(&b), Some("us-east-1a")), [b]);
    }
}
