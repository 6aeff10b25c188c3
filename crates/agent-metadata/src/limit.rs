//! How often a container may ask.

use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// As many askers are remembered; beyond that those are forgotten who have their whole burst again.
const ASKERS_MAX: usize = 4096;

/// `ECS_TASK_METADATA_RPS_LIMIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a second, for ever.
    pub steady: u32,
    /// Requests at once, after a rest.
    pub burst: u32,
}

impl Default for RateLimit {
    /// The agent's.
    fn default() -> Self {
        Self { steady: 40, burst: 60 }
    }
}

/// One bucket of tokens for each asker.
pub(crate) struct Buckets {
    limit: RateLimit,
    by_asker: HashMap<String, Bucket>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Buckets {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, by_asker: HashMap::new() }
    }

    /// Whether this request may pass.
    pub(crate) fn take(&mut self, asker: &str, now: Instant) -> bool {
        let burst = f64::from(self.limit.burst);
        if self.by_asker.len() >= ASKERS_MAX && !self.by_asker.contains_key(asker) {
            self.forget_rested(now);
        }
        let bucket = self.by_asker.entry(asker.to_owned()).or_insert(Bucket { tokens: burst, filled: now });
        let elapsed = now.saturating_duration_since(bucket.filled);
        bucket.tokens = (bucket.tokens + elapsed.as_secs_f64() * f64::from(self.limit.steady)).min(burst);
        bucket.filled = now;
        let pass = bucket.tokens >= 1.0;
        if pass {
            bucket.tokens -= 1.0;
        }
        pass
    }

    /// When nobody has rested, somebody makes up names: all begin anew.
    fn forget_rested(&mut self, now: Instant) {
        let rest = f64::from(self.limit.burst) / f64::from(self.limit.steady.max(1));
        let rest = Duration::from_secs_f64(rest);
        self.by_asker.retain(|_, bucket| now.saturating_duration_since(bucket.filled) < rest);
        if self.by_asker.len() >= ASKERS_MAX {
            self.by_asker.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_steady_rate() {
        let mut buckets = Buckets::new(RateLimit::default());
        let start = Instant::now();
        let passed = |buckets: &mut Buckets, asker: &str, n: usize, at: Instant| {
            (0..n).filter(|_| buckets.take(asker, at)).count()
        };
        assert_eq!(passed(&mut buckets, "a", 100, start), 60);
        assert_eq!(passed(&mut buckets, "b", 100, start), 60, "another asker has a bucket of its own");
        assert_eq!(passed(&mut buckets, "a", 100, start + Duration::from_secs(1)), 40);
        assert_eq!(passed(&mut buckets, "a", 100, start + Duration::from_secs(1000)), 60);
    }

    #[test]
    fn made_up_names_take_no_memory() {
        let mut buckets = Buckets::new(RateLimit::default());
        let now = Instant::now();
        for n in 0..3 * ASKERS_MAX {
            buckets.take(&n.to_string(), now);
        }
        assert!(buckets.by_asker.len() <= ASKERS_MAX);
        assert!(buckets.take("later", now + Duration::from_secs(60)));
        assert!(buckets.by_asker.len() <= ASKERS_MAX);
    }
}
