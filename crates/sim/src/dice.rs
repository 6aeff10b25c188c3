//! Chance, from the seed alone. Each part of the world has dice of its own, so that a change of one leaves the others.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A stream of random numbers.
pub struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    /// The dice of one part, called `part`, of the world with this seed.
    pub fn new(seed: u64, part: &str) -> Self {
        let of_part = part
            .bytes()
            .fold(seed, |n, byte| (n.rotate_left(7) ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self(Mutex::new(fastrand::Rng::with_seed(of_part)))
    }

    /// A number in the range, which is not empty.
    pub fn pick(&self, range: Range<u64>) -> u64 {
        self.rng().u64(range)
    }

    /// True once in so many times.
    pub fn one_in(&self, n: u64) -> bool {
        n > 0 && self.rng().u64(0..n) == 0
    }

    /// One of these; none is there when they are empty.
    pub fn choose<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.rng().usize(0..of.len())) }
    }

    /// An index, by weight.
    pub fn weighted(&self, weights: &[u64]) -> usize {
        let mut left = self.pick(0..weights.iter().sum::<u64>().max(1));
        for (n, weight) in weights.iter().enumerate() {
            if left < *weight {
                return n;
            }
            left -= weight;
        }
        0
    }

    /// A time in milliseconds of the range.
    pub fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.pick(range))
    }

    /// The wait for what happens once in `mean` on average.
    pub fn wait(&self, mean: Duration) -> Duration {
        let unit = 1.0 - self.rng().f64();
        mean.mul_f64(-unit.ln()).max(Duration::from_millis(1))
    }

    fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
