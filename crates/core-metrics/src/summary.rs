//! What is known of all samples of one period.

use crate::Statistic;
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};

/// Samples that somebody else has summed up: AWS's `StatisticSet`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StatisticSet {
    /// How many samples; more than none.
    pub samples: f64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
}

/// The samples of one period, at least one, in bounded room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    sum: f64,
    samples: f64,
    minimum: f64,
    maximum: f64,
    /// `None` when there are no percentiles: a value was negative, or samples came as a statistic set that does not
    /// tell them ("GetMetricStatistics", Amazon CloudWatch API reference).
    distribution: Option<Distribution>,
}

impl Summary {
    /// Of values with how often each was seen. `None` when nothing was seen at all.
    pub fn of_values(values: &[(f64, f64)]) -> Option<Self> {
        let mut seen = values.iter().filter(|(_, count)| *count > 0.0);
        let (value, count) = seen.next()?;
        let mut summary = Self::of_one(*value, *count);
        for (value, count) in seen {
            summary.add(*value, *count);
        }
        Some(summary)
    }

    /// Of samples that are summed up already.
    pub fn of_statistics(set: StatisticSet) -> Self {
        let StatisticSet { samples, sum, minimum, maximum } = set;
        if minimum == maximum && sum == minimum * samples {
            return Self::of_one(minimum, samples);
        }
        Self { sum, samples, minimum, maximum, distribution: None }
    }

    fn of_one(value: f64, count: f64) -> Self {
        let distribution = (value >= 0.0).then(|| {
            let mut distribution = Distribution::default();
            distribution.add(value, count);
            distribution
        });
        Self { sum: value * count, samples: count, minimum: value, maximum: value, distribution }
    }

    fn add(&mut self, value: f64, count: f64) {
        self.sum += value * count;
        self.samples += count;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        match &mut self.distribution {
            Some(distribution) if value >= 0.0 => distribution.add(value, count),
            distribution => *distribution = None,
        }
    }

    /// Adds the samples of another summary.
    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.samples += other.samples;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        match (&mut self.distribution, &other.distribution) {
            (Some(ours), Some(theirs)) => ours.merge(theirs),
            (ours, _) => *ours = None,
        }
    }

    /// The value of a statistic, a finite number. `None` for a percentile that the samples do not tell, and for what is
    /// beyond all numbers: the average of a statistic set with a large sum of hardly any sample.
    pub fn statistic(&self, statistic: Statistic) -> Option<f64> {
        let value = match statistic {
            Statistic::SampleCount => self.samples,
            Statistic::Sum => self.sum,
            Statistic::Average => self.sum / self.samples,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::Percentile(percent) => {
                let value = self.distribution.as_ref()?.percentile(percent)?;
                // What was rounded must not hide the extremes, which are known exactly.
                match percent {
                    0.0 => self.minimum,
                    100.0 => self.maximum,
                    _ => value.max(self.minimum).min(self.maximum),
                }
            }
        };
        value.is_finite().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P50: Statistic = Statistic::Percentile(50.0);

    fn shown(summary: &Summary) -> [Option<f64>; 6] {
        use Statistic::*;
        [SampleCount, Sum, Average, Minimum, Maximum, P50].map(|statistic| summary.statistic(statistic))
    }

    #[test]
    fn values_count_as_often_as_they_were_seen() {
        let summary = Summary::of_values(&[(1.0, 2.0), (4.0, 1.0), (9.0, 0.0)]).expect("samples");
        assert_eq!(shown(&summary), [3.0, 6.0, 2.0, 1.0, 4.0, 1.0].map(Some));
        assert_eq!(Summary::of_values(&[(9.0, 0.0)]), None);
        assert_eq!(Summary::of_values(&[]), None);
    }

    #[test]
    fn a_summary_of_parts_is_that_of_the_whole() {
        let mut whole = Summary::of_values(&[(3.0, 1.0), (5.0, 2.0)]).expect("samples");
        whole.merge(&Summary::of_values(&[(1.0, 1.0)]).expect("samples"));
        assert_eq!(Some(whole), Summary::of_values(&[(1.0, 1.0), (3.0, 1.0), (5.0, 2.0)]));
    }

    #[test]
    fn a_negative_value_ends_percentiles() {
        let summary = Summary::of_values(&[(3.0, 1.0), (-1.0, 1.0), (5.0, 1.0)]).expect("samples");
        assert_eq!(shown(&summary), [Some(3.0), Some(7.0), Some(7.0 / 3.0), Some(-1.0), Some(5.0), None]);
        assert_eq!(Summary::of_values(&[(-1.0, 1.0)]).expect("samples").statistic(P50), None);
    }

    #[test]
    fn a_statistic_set_has_percentiles_only_when_it_tells_every_sample() {
        let set = StatisticSet { samples: 4.0, sum: 10.0, minimum: 1.0, maximum: 4.0 };
        let spread = Summary::of_statistics(set);
        assert_eq!(shown(&spread), [Some(4.0), Some(10.0), Some(2.5), Some(1.0), Some(4.0), None]);
        let same = StatisticSet { samples: 4.0, sum: 8.0, minimum: 2.0, maximum: 2.0 };
        assert_eq!(Summary::of_statistics(same).statistic(P50), Some(2.0));
        let lying = StatisticSet { sum: 9.0, ..same };
        assert_eq!(Summary::of_statistics(lying).statistic(P50), None);
        let mut mixed = Summary::of_statistics(same);
        mixed.merge(&spread);
        assert_eq!(mixed.statistic(P50), None);
    }

    #[test]
    fn what_is_no_finite_number_is_not_there() {
        let most = 2_f64.powi(360);
        let set = StatisticSet { samples: 5e-324, sum: most, minimum: 0.0, maximum: most };
        let odd = Summary::of_statistics(set);
        assert_eq!(odd.statistic(Statistic::Average), None);
        assert_eq!(odd.statistic(Statistic::Sum), Some(most));
        let mut all = Summary::of_values(&[(most, most)]).expect("samples");
        all.merge(&odd);
        assert_eq!(all.statistic(Statistic::Sum), Some(most * most));
    }

    #[test]
    fn a_percentile_is_never_beyond_the_extremes() {
        let values: Vec<_> = (0..2000).map(|n| (1000.0 + f64::from(n), 1.0)).collect();
        let summary = Summary::of_values(&values).expect("samples");
        assert_eq!(summary.statistic(Statistic::Percentile(100.0)), Some(2999.0));
        assert_eq!(summary.statistic(Statistic::Percentile(0.0)), Some(1000.0));
    }
}
