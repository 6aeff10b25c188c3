//! Private addresses out of subnets, pure.
//!
//! Addresses go round: the next one is the lowest free one after the last that was handed out, so that a released
//! address rests as long as it can before another task gets it.

use model::network::{SUBNET_RESERVED_FIRST, Subnet};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The last address handed out of each block, by the block's first address. Subnets of different accounts share
/// blocks, and so their cursors.
pub type Cursors = BTreeMap<Ipv4Addr, Ipv4Addr>;

/// An address of one of the subnets that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The subnet.
    pub subnet: Subnet,
    /// The address.
    pub address: Ipv4Addr,
}

/// What [`plan_addresses`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct AddressPlan {
    /// In the order of the requests; `None` where no subnet has an address left.
    pub grants: Vec<Option<Grant>>,
    /// The cursors that moved.
    pub cursors: Cursors,
}

/// Finds an address for each request, which names subnets in the order of preference: one of the first subnet that has
/// any left. Never an address that AWS keeps for itself (the first four and the last one), never one that `is_taken`,
/// never one twice.
pub fn plan_addresses(
    requests: &[Vec<Subnet>],
    is_taken: impl Fn(Ipv4Addr) -> bool,
    last: impl Fn(Ipv4Addr) -> Option<Ipv4Addr>,
) -> AddressPlan {
    let mut granted = BTreeSet::new();
    let mut full = BTreeSet::new();
    let mut cursors = Cursors::new();
    let mut find = |subnet: &Subnet| {
        if full.contains(&subnet.network) {
            return None;
        }
        let cursor = cursors.get(&subnet.network).copied().or_else(|| last(subnet.network));
        let Some(address) = next_free(subnet, cursor, |a| granted.contains(&a) || is_taken(a)) else {
            full.insert(subnet.network);
            return None;
        };
        granted.insert(address);
        cursors.insert(subnet.network, address);
        Some(Grant { subnet: subnet.clone(), address })
    };
    let grants = requests.iter().map(|subnets| subnets.iter().find_map(&mut find)).collect();
    AddressPlan { grants, cursors }
}

fn next_free(
    subnet: &Subnet,
    cursor: Option<Ipv4Addr>,
    is_taken: impl Fn(Ipv4Addr) -> bool,
) -> Option<Ipv4Addr> {
    let network = u32::from(subnet.network);
    let size = 1u32.checked_shl(32 - u32::from(subnet.prefix_len))?;
    let first = network + SUBNET_RESERVED_FIRST;
    let last = network + (size - 1).checked_sub(1)?;
    let start = cursor.map_or(first, |c| u32::from(c).saturating_add(1)).clamp(first, last.max(first));
    (start..=last).chain(first..start).map(Ipv4Addr::from).find(|a| !is_taken(*a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use model::Scope;

    fn subnet(network: &str, prefix_len: u8) -> Subnet {
        Subnet {
            scope: Scope::new("000000000000", "us-east-1"),
            id: format!("subnet-{network}").as_str().into(),
            vpc: "vpc".into(),
            availability_zone: "us-east-1a".into(),
            network: network.parse().expect("an address"),
            prefix_len,
        }
    }

    /// `count` addresses of 10.0.0.0/28 and then 10.0.1.0/28.
    fn check(taken: &[&str], last: Option<&str>, count: usize, expected: Expect) {
        let requests = vec![vec![subnet("10.0.0.0", 28), subnet("10.0.1.0", 28)]; count];
        let is_taken = |a: Ipv4Addr| taken.contains(&a.to_string().as_str());
        let last = |network: Ipv4Addr| {
            last.filter(|_| network.octets()[2] == 0).map(|l| l.parse().expect("an address"))
        };
        let plan = plan_addresses(&requests, is_taken, last);
        let grants = plan.grants.iter().map(|g| g.as_ref().map_or("none".into(), |g| g.address.to_string()));
        let cursors = plan.cursors.iter().map(|(network, last)| format!("{network}: {last}"));
        expected.assert_eq(&format!(
            "{}\n{}",
            grants.collect::<Vec<_>>().join(" "),
            cursors.collect::<Vec<_>>().join(", ")
        ));
    }

    #[test]
    fn the_first_address_comes_after_the_reserved_ones() {
        check(
            &[],
            None,
            2,
            expect![[r#"
            10.0.0.4 10.0.0.5
            10.0.0.0: 10.0.0.5"#]],
        );
    }

    #[test]
    fn addresses_go_on_after_the_last_one_and_round() {
        check(
            &["10.0.0.14", "10.0.0.4"],
            Some("10.0.0.12"),
            3,
            expect![[r#"
            10.0.0.13 10.0.0.5 10.0.0.6
            10.0.0.0: 10.0.0.6"#]],
        );
    }

    #[test]
    fn a_full_subnet_gives_way_to_the_next_and_then_there_is_none() {
        check(
            &[],
            Some("10.0.0.13"),
            24,
            expect![[r#"
            10.0.0.14 10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 10.0.0.9 10.0.0.10 10.0.0.11 10.0.0.12 10.0.0.13 10.0.1.4 10.0.1.5 10.0.1.6 10.0.1.7 10.0.1.8 10.0.1.9 10.0.1.10 10.0.1.11 10.0.1.12 10.0.1.13 10.0.1.14 none none
            10.0.0.0: 10.0.0.13, 10.0.1.0: 10.0.1.14"#]],
        );
    }

    #[test]
    fn blocks_too_small_for_the_reserved_addresses_have_none() {
        for prefix_len in 29..=32 {
            let requests = vec![vec![subnet("10.0.0.0", prefix_len)]; 4];
            let plan = plan_addresses(&requests, |_| false, |_| None);
            let count = plan.grants.iter().flatten().count();
            assert_eq!(count, if prefix_len == 29 { 3 } else { 0 }, "/{prefix_len}");
        }
    }
}
