//! Which values there were and how often, in bounded room: what percentiles are made of.

use serde::{Deserialize, Serialize};

/// Different values that are kept. More are rounded, coarser and coarser, until they fit.
const POINTS_MAX: usize = 512;

/// The first rounding: seven bits of the fraction stay, an error of at most 0.4 percent.
const SHIFT_FIRST: u8 = 45;

/// Values that are not negative, with counts.
///
/// The bits of such a number are in the order of the numbers, so leaving out low bits rounds it down by a relative
/// amount. How many are left out follows from the set of values alone, not from the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Distribution {
    /// Low bits that are left out; at 0 all values are exact.
    shift: u8,
    /// The bits of a value and how often it was seen, in the order of the values.
    points: Vec<(u64, f64)>,
}

impl Distribution {
    /// Adds a value that is not negative.
    pub(crate) fn add(&mut self, value: f64, count: f64) {
        // Plus zero makes the two zeros one.
        let key = (value + 0.0).to_bits() & kept(self.shift);
        match self.points.binary_search_by_key(&key, |(bits, _)| *bits) {
            Ok(at) => self.points[at].1 += count,
            Err(at) => {
                self.points.insert(at, (key, count));
                self.shrink();
            }
        }
    }

    /// Adds all that another one has.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.shift = self.shift.max(other.shift);
        self.points.extend_from_slice(&other.points);
        self.round();
        self.shrink();
    }

    /// The smallest value that at least `percent` of all are not above; `None` when there are none.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        let total: f64 = self.points.iter().map(|(_, count)| count).sum();
        let rank = total * percent / 100.0;
        let mut seen = 0.0;
        let reached = self.points.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        let (bits, _) = reached.or(self.points.last())?;
        // What was rounded down stands for the middle of its interval.
        let half = if self.shift == 0 { 0 } else { !kept(self.shift - 1) + 1 };
        Some(f64::from_bits(bits | half))
    }

    fn shrink(&mut self) {
        while self.points.len() > POINTS_MAX {
            self.shift = SHIFT_FIRST.max(self.shift + 1);
            self.round();
        }
    }

    /// Leaves out the low bits and unites what became equal.
    fn round(&mut self) {
        let mask = kept(self.shift);
        self.points.sort_unstable_by_key(|(bits, _)| *bits);
        for (bits, _) in &mut self.points {
            *bits &= mask;
        }
        self.points.dedup_by(|next, first| {
            let is_same = next.0 == first.0;
            if is_same {
                first.1 += next.1;
            }
            is_same
        });
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }
}

/// The bits that stay when `shift` low ones are left out.
fn kept(shift: u8) -> u64 {
    u64::MAX.checked_shl(shift.into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Distribution {
        let mut distribution = Distribution::default();
        for value in values {
            distribution.add(*value, 1.0);
        }
        distribution
    }

    #[test]
    fn percentiles_of_few_values_are_exact() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        for (percent, value) in
            [(0.0, 1.0), (1.0, 1.0), (50.0, 50.0), (95.0, 95.0), (99.5, 100.0), (100.0, 100.0)]
        {
            assert_eq!(of(&values).percentile(percent), Some(value), "p{percent}");
        }
        assert_eq!(of(&[]).percentile(50.0), None);
        assert_eq!(of(&[0.0, -0.0]).len(), 1);
    }

    #[test]
    fn counts_weigh() {
        let mut distribution = of(&[1.0]);
        distribution.add(2.0, 97.0);
        distribution.add(3.0, 2.0);
        let at = |percent| distribution.percentile(percent).expect("a value");
        assert_eq!((at(1.0), at(1.5), at(98.0), at(98.1)), (1.0, 2.0, 2.0, 3.0));
    }

    #[test]
    fn many_values_of_every_size_stay_bounded_and_near() {
        // From 2^-360 to 2^360 in steps of a half per cent.
        let mut values = Vec::new();
        let mut value = 2_f64.powi(-360);
        while value < 2_f64.powi(360) {
            values.push(value);
            value *= 1.005;
        }
        assert!(of(&values).len() <= POINTS_MAX);
        let latencies: Vec<f64> = (1..=100_000).map(|n| f64::from(n) / 10.0).collect();
        let p90 = of(&latencies).percentile(90.0).expect("a value");
        assert!((p90 - 9000.0).abs() < 9000.0 * 0.02, "{p90}");
    }

    proptest! {
        #[test]
        fn the_order_of_merging_does_not_matter(
            values in prop::collection::vec(0.0..1e30_f64, 0..2000),
            cut in 0..2000_usize,
        ) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let (mut one, mut other) = (of(left), of(right));
            one.merge(&of(right));
            other.merge(&of(left));
            prop_assert_eq!(&one, &other);
            prop_assert_eq!(&one, &of(&values));
            prop_assert!(one.len() <= POINTS_MAX);
        }
    }
}
