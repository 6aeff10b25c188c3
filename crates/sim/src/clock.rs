//! Wall clocks: each machine has its own, and it may jump. Timers follow tokio's time, which never does.

use model::Timestamp;
use model::time::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::time::Instant;

/// When every simulation begins, by the clocks of its machines.
const EPOCH_MS: i64 = 1_800_000_000_000;

/// The wall clock of one machine.
pub struct WallClock {
    began: Instant,
    offset_ms: AtomicI64,
}

impl WallClock {
    /// A clock that is right.
    pub fn new() -> Self {
        Self { began: Instant::now(), offset_ms: AtomicI64::new(0) }
    }

    /// The clock is wrong by this much from now on.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let elapsed_ms = self.began.elapsed().as_millis() as i64;
        Timestamp(EPOCH_MS + elapsed_ms + self.offset_ms.load(Ordering::Relaxed))
    }
}
