//! Waiting longer after each failure.

use model::time::IdSource;
use std::time::Duration;

/// Exponential delays with jitter (the Amazon ECS agent's: ×1.5, ±20 %).
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next_ms: u64,
    first_ms: u64,
    max_ms: u64,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        let (first_ms, max_ms) = (first.as_millis() as u64, max.as_millis() as u64);
        Self { next_ms: first_ms, first_ms, max_ms }
    }

    /// For what is tried again until it works: calls upstream, clean-up on the host.
    pub(crate) fn standard() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(10))
    }

    pub(crate) fn reset(&mut self) {
        self.next_ms = self.first_ms;
    }

    /// The next delay.
    pub(crate) fn next(&mut self, ids: &dyn IdSource) -> Duration {
        let ms = self.next_ms;
        self.next_ms = (ms * 3 / 2).min(self.max_ms);
        Duration::from_millis(ms * (80 + random_below(ids, 41)) / 100)
    }

    /// Waits for the next delay.
    pub(crate) async fn wait(&mut self, ids: &dyn IdSource) {
        tokio::time::sleep(self.next(ids)).await;
    }
}

/// A random number below `n`, which is not 0.
pub(crate) fn random_below(ids: &dyn IdSource, n: u64) -> u64 {
    ids.next_u128() as u64 % n
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl IdSource for Fixed {
        fn next_u128(&self) -> u128 {
            20
        }
    }

    #[test]
    fn delays_grow_to_a_limit_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        let delays: Vec<u128> = (0..5).map(|_| backoff.next(&Fixed).as_millis()).collect();
        assert_eq!(delays, [100, 150, 225, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.next(&Fixed).as_millis(), 100);
    }
}
