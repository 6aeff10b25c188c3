//! The only place that reads the clock and draws random numbers; everything else is handed [`Clock`] and [`IdSource`].

use model::Timestamp;
use model::time::{Clock, IdSource};
use std::time::{SystemTime, UNIX_EPOCH};

/// The host's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Ids from the operating system's random numbers.
pub struct RandomIds;

impl IdSource for RandomIds {
    fn next_u128(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128() ^ (uuid::Uuid::new_v4().as_u128() << 64).rotate_left(17)
    }
}
