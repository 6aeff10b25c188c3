//! Addresses of containers in bridge mode. What is taken follows from the plans on disk.

use crate::config::Block;
use std::collections::HashSet;
use std::net::Ipv4Addr;

/// Which addresses of the block are taken.
#[derive(Debug)]
pub struct Addresses {
    block: Block,
    taken: HashSet<Ipv4Addr>,
    /// Where the search goes on: an address comes again as late as possible.
    next: u32,
}

/// The network's own address and the host's.
const FIRST: u32 = 2;

impl Addresses {
    pub fn new(block: Block) -> Self {
        Self { block, taken: HashSet::new(), next: FIRST }
    }

    /// A free address; `None` when there is none.
    pub fn take(&mut self) -> Option<Ipv4Addr> {
        // Without the broadcast address.
        let end = u32::try_from(self.block.size().saturating_sub(1)).unwrap_or(u32::MAX);
        for _ in FIRST..end {
            let address = self.block.nth(self.next);
            self.next = if self.next + 1 < end { self.next + 1 } else { FIRST };
            if self.taken.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// Takes the address that a plan on disk names.
    pub fn keep(&mut self, address: Ipv4Addr) {
        self.taken.insert(address);
        let offset = u32::from(address).wrapping_sub(u32::from(self.block.nth(0)));
        if self.block.contains(address) && u64::from(offset) + 2 < self.block.size() {
            self.next = self.next.max(offset + 1);
        }
    }

    /// Takes it back. Idempotent.
    pub fn free(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_given_once_and_again_as_late_as_possible() {
        let block = Block { network: [10, 0, 0, 0].into(), prefix_len: 29 };
        let mut addresses = Addresses::new(block);
        let last = |address: Option<Ipv4Addr>| address.map(|a| a.octets()[3]);
        addresses.keep([10, 0, 0, 3].into());
        assert_eq!(last(addresses.take()), Some(4));
        addresses.free([10, 0, 0, 4].into());
        assert_eq!(last(addresses.take()), Some(5));
        assert_eq!(last(addresses.take()), Some(6), "7 is the broadcast address");
        assert_eq!(last(addresses.take()), Some(2), "3 is kept");
        assert_eq!(last(addresses.take()), Some(4));
        assert_eq!(addresses.take(), None);
        addresses.free([10, 0, 0, 6].into());
        assert_eq!(last(addresses.take()), Some(6));
    }

    #[test]
    fn a_block_without_room_gives_nothing() {
        for prefix_len in [30, 31, 32] {
            let mut addresses = Addresses::new(Block { network: [10, 0, 0, 0].into(), prefix_len });
            let given: Vec<_> = std::iter::from_fn(|| addresses.take()).collect();
            assert_eq!(given.len(), usize::from(prefix_len == 30));
        }
    }
}
