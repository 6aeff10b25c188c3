//! A host and a control plane without either: fakes with knobs, on tokio's clock, for tests and the simulator. They
//! outlive the agents that use them, as the real ones do.

mod control;
mod host;
mod memory;

pub use control::FakeControl;
pub use host::{Behaviour, FakeHost, HostEvent, Observer, Pull};
pub use memory::MemoryLedger;

use model::Timestamp;
use model::time::{Clock, IdSource};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Tokio's clock, from a fixed date on.
pub struct FakeClock(Instant);

impl Default for FakeClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000 + self.0.elapsed().as_millis() as i64)
    }
}

/// The same ids from the same seed.
pub struct FakeIds(AtomicU64);

impl FakeIds {
    /// Ids that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// SplitMix64.
    fn next(&self) -> u64 {
        let n = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }
}

impl IdSource for FakeIds {
    fn next_u128(&self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }
}
