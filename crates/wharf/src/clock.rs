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

/// Ids from the operating system's random numbers; those of tasks begin with the time.
pub struct RandomIds;

/// So many bits of a task's id are random.
const TASK_ID_RANDOM_BITS: u32 = 80;

impl IdSource for RandomIds {
    fn next_u128(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128() ^ (uuid::Uuid::new_v4().as_u128() << 64).rotate_left(17)
    }

    /// The milliseconds since 1970 in the first twelve digits.
    fn task_id(&self) -> u128 {
        let time = u128::from(SystemClock.now().0.unsigned_abs());
        let random = self.next_u128() & ((1 << TASK_ID_RANDOM_BITS) - 1);
        (time << TASK_ID_RANDOM_BITS) | random
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn task_ids_follow_each_other_and_their_ends_do_not() {
        let mut ids: Vec<u128> = Vec::new();
        let until = Instant::now() + Duration::from_secs(10);
        // Several milliseconds, as far as the clock goes on.
        while ids.first().is_none_or(|first| ids[ids.len() - 1] >> 80 < (first >> 80) + 3) {
            assert!(Instant::now() < until, "the clock stands still");
            ids.push(RandomIds.task_id());
        }
        assert!(ids.is_sorted_by_key(|id| id >> 80));
        let now = SystemClock.now().0 as u128;
        assert!(ids.iter().all(|id| (now - 60_000..=now).contains(&(id >> 80))), "the time comes first");
        let mut ends: Vec<u128> = ids.iter().map(|id| id & ((1 << 80) - 1)).collect();
        assert!(!ends.is_sorted());
        ends.sort();
        ends.dedup();
        assert_eq!(ends.len(), ids.len());
    }
}
