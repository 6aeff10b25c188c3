//! How long to wait before trying again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Doubling delays, each shortened by up to half so that streams that failed together do not come back together. The
/// shortening follows from the stream's name, so that a run can be repeated.
#[derive(Debug)]
pub struct Backoff {
    seed: u64,
    attempts: u32,
}

impl Backoff {
    /// The backoff of whatever `name` names.
    pub fn new(name: &str) -> Self {
        Self { seed: fnv1a(name), attempts: 0 }
    }

    /// Attempts that have failed so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The delay after one more failed attempt.
    pub fn next_delay(&mut self) -> Duration {
        let full = FIRST.saturating_mul(1 << self.attempts.min(16)).min(LONGEST);
        self.attempts += 1;
        let percent = mix(self.seed, u64::from(self.attempts)) >> 32;
        full - full * u32::try_from(percent % 50).expect("less than 50") / 100
    }
}

/// Fowler–Noll–Vo 1a of a name, the same in every version of this crate.
pub fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| mix(h, u64::from(b)))
}

/// A step of Fowler–Noll–Vo 1a.
fn mix(hash: u64, with: u64) -> u64 {
    (hash ^ with).wrapping_mul(0x0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_limit_and_are_repeatable() {
        let delays = |name| {
            let mut backoff = Backoff::new(name);
            (0..100).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        assert_eq!(delays("a"), delays("a"));
        assert_ne!(delays("a"), delays("b"));
        for (n, delay) in delays("a").into_iter().enumerate() {
            let full = (FIRST * (1 << n.min(10))).min(LONGEST);
            assert!(delay <= full && delay >= full / 2, "{n}: {delay:?}");
        }
    }
}
