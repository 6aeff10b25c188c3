//! A time range cut into periods ("GetMetricStatistics", Amazon CloudWatch API reference).

use crate::{Resolution, align};
use model::Timestamp;

/// From a begin, inclusive, to an end, exclusive, in periods that count from the begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The begin of the first period.
    pub start: Timestamp,
    /// Nothing from here on.
    pub end: Timestamp,
    period_secs: u32,
}

impl Window {
    /// Whether CloudWatch has periods of so many seconds.
    pub fn is_period(secs: i32) -> bool {
        matches!(secs, 1 | 5 | 10 | 20 | 30) || secs > 0 && secs % 60 == 0
    }

    /// The periods of a range. The begin is rounded down to what is kept of its age, or to a short period. Nothing is kept
    /// of before 1970.
    pub fn new(start: Timestamp, end: Timestamp, period_secs: u32, now: Timestamp) -> Self {
        let start = start.max(Timestamp(0));
        let age = now.millis_since(start);
        let rounding = match period_secs {
            0..60 => period_secs,
            _ if age < Resolution::Minute.kept_millis() => Resolution::Minute.secs(),
            _ if age < Resolution::FiveMinutes.kept_millis() => Resolution::FiveMinutes.secs(),
            _ => Resolution::Hour.secs(),
        };
        Self { start: align(start, rounding), end, period_secs: period_secs.max(1) }
    }

    /// The period of a data point that begins at `at` and stands for a `resolution`. `None` when it is outside, or when
    /// it stands for more than fits into one period.
    pub fn period(&self, at: Timestamp, resolution: Resolution) -> Option<Timestamp> {
        let whole = resolution.secs();
        let is_inside = at >= self.start && at < self.end;
        if !is_inside || !self.period_secs.is_multiple_of(whole) || align(self.start, whole) != self.start {
            return None;
        }
        let period_millis = i64::from(self.period_secs) * 1000;
        let nth = at.millis_since(self.start) / period_millis;
        Some(self.start.plus_millis(nth * period_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14T22:15:00Z, the begin of a quarter of an hour.
    const NOW: Timestamp = Timestamp(1_700_000_100_000);

    fn before(secs: i64) -> Timestamp {
        NOW.plus_millis(-secs * 1000)
    }

    #[test]
    fn the_begin_is_rounded_by_its_age_and_by_a_short_period() {
        let day = 86_400;
        for (age, period, rounded) in [
            (17, 60, 60),
            (17, 5, 20),
            (17, 10, 20),
            (17, 1, 17),
            (14 * day + 61, 60, 14 * day + 120),
            (16 * day + 61, 300, 16 * day + 300),
            (64 * day + 61, 3600, 64 * day + 900),
        ] {
            let window = Window::new(before(age), NOW, period, NOW);
            assert_eq!(window.start, before(rounded), "{age} s ago, periods of {period} s");
        }
    }

    #[test]
    fn periods_count_from_the_begin_and_the_end_is_outside() {
        let window = Window::new(before(600), before(60), 300, NOW);
        let at = |age| window.period(before(age), Resolution::Minute);
        assert_eq!(at(600), Some(before(600)));
        assert_eq!(at(301), Some(before(600)));
        assert_eq!(at(300), Some(before(300)));
        assert_eq!((at(601), at(60)), (None, None));
    }

    #[test]
    fn a_point_that_stands_for_more_than_a_period_is_not_shown() {
        let ten_seconds = Window::new(before(600), NOW, 10, NOW);
        assert_eq!(ten_seconds.period(before(300), Resolution::Minute), None);
        assert_eq!(ten_seconds.period(before(295), Resolution::Second), Some(before(300)));
        let two_minutes = Window::new(before(600), NOW, 120, NOW);
        assert_eq!(two_minutes.period(before(300), Resolution::FiveMinutes), None);
    }

    #[test]
    fn all_of_time_is_a_range() {
        let window = Window::new(Timestamp(i64::MIN), Timestamp(i64::MAX), 60, NOW);
        assert_eq!(window.period(NOW.plus_millis(1), Resolution::Second), Some(NOW));
    }

    #[test]
    fn which_periods_there_are() {
        let periods = (-60..=120).filter(|secs| Window::is_period(*secs)).collect::<Vec<_>>();
        assert_eq!(periods, [1, 5, 10, 20, 30, 60, 120]);
    }
}
