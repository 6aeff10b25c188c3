//! What a series of measurements comes to.

use serde::Serialize;
use std::time::Duration;

/// Durations of one kind of operation, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<f64>);

/// The figures of a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub n: usize,
    pub min_ms: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Series {
    pub fn push(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1000.0);
    }

    /// `None` when nothing was measured.
    pub fn summary(&self) -> Option<Summary> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        (!sorted.is_empty()).then(|| Summary {
            n: sorted.len(),
            min_ms: at(0.0),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_series() {
        let mut series = Series::default();
        assert_eq!(series.summary(), None);
        for ms in [5, 1, 4, 2, 3] {
            series.push(Duration::from_millis(ms));
        }
        let summary = series.summary().unwrap();
        assert_eq!((summary.n, summary.min_ms, summary.p50_ms, summary.p99_ms), (5, 1.0, 3.0, 5.0));
    }
}
