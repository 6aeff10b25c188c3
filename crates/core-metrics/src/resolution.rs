//! How finely data points are kept, and for how long ("Metrics retention", Amazon CloudWatch user guide).

use model::Timestamp;

/// What one data point stands for. With age, points are added up to the next coarser one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// High resolution; for three hours.
    Second,
    /// For 15 days.
    Minute,
    /// For 63 days.
    FiveMinutes,
    /// For 455 days.
    Hour,
}

const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

impl Resolution {
    /// From fine to coarse.
    pub const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::FiveMinutes, Self::Hour];

    /// Seconds of one data point.
    pub fn secs(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Hour => 3600,
        }
    }

    /// For how long, in milliseconds.
    pub fn kept_millis(self) -> i64 {
        match self {
            Self::Second => 3 * HOUR_MILLIS,
            Self::Minute => 15 * DAY_MILLIS,
            Self::FiveMinutes => 63 * DAY_MILLIS,
            Self::Hour => 455 * DAY_MILLIS,
        }
    }

    /// What its points become when they are too old; after an hour's, nothing.
    pub fn coarser(self) -> Option<Self> {
        Self::ALL.into_iter().find(|other| *other > self)
    }

    /// Points of this resolution that begin before this time are over at `now`. It is always at the edge of a coarser
    /// point, so that all that goes into one goes at once.
    pub fn expired_before(self, now: Timestamp) -> Timestamp {
        let coarser = self.coarser().unwrap_or(self);
        align(now.plus_millis(-self.kept_millis()), coarser.secs())
    }

    /// At which resolution a point of this one that begins at `start` is known at `now`. `None` when it is forgotten.
    pub fn known_as(self, start: Timestamp, now: Timestamp) -> Option<Self> {
        Self::ALL.into_iter().find(|as_kept| *as_kept >= self && start >= as_kept.expired_before(now))
    }
}

/// The begin of the interval of `secs` seconds that has this time; intervals count from 1970.
pub fn align(at: Timestamp, secs: u32) -> Timestamp {
    let millis = i64::from(secs.max(1)) * 1000;
    Timestamp(at.0.div_euclid(millis).saturating_mul(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_123_456);

    #[test]
    fn a_point_gets_coarser_with_age_and_is_forgotten() {
        let ages = [
            (0, Some(Resolution::Second)),
            (3 * HOUR_MILLIS, Some(Resolution::Second)),
            (3 * HOUR_MILLIS + 60_000, Some(Resolution::Minute)),
            (15 * DAY_MILLIS, Some(Resolution::Minute)),
            (15 * DAY_MILLIS + 300_000, Some(Resolution::FiveMinutes)),
            (63 * DAY_MILLIS, Some(Resolution::FiveMinutes)),
            (63 * DAY_MILLIS + HOUR_MILLIS, Some(Resolution::Hour)),
            (455 * DAY_MILLIS, Some(Resolution::Hour)),
            (455 * DAY_MILLIS + HOUR_MILLIS, None),
        ];
        for (age, kept) in ages {
            assert_eq!(Resolution::Second.known_as(NOW.plus_millis(-age), NOW), kept, "{age}");
            let coarse = kept.map(|resolution| resolution.max(Resolution::FiveMinutes));
            assert_eq!(Resolution::FiveMinutes.known_as(NOW.plus_millis(-age), NOW), coarse, "{age}");
        }
    }

    #[test]
    fn what_goes_into_one_coarser_point_goes_at_once() {
        for resolution in Resolution::ALL {
            let coarser = resolution.coarser().unwrap_or(resolution);
            let edge = resolution.expired_before(NOW);
            assert_eq!(align(edge, coarser.secs()), edge);
            assert!(resolution.known_as(edge, NOW) == Some(resolution));
            assert!(resolution.known_as(edge.plus_millis(-1), NOW) != Some(resolution));
        }
    }

    #[test]
    fn times_before_1970_align_downwards() {
        assert_eq!(align(Timestamp(-1), 60), Timestamp(-60_000));
        assert_eq!(align(Timestamp(59_999), 60), Timestamp(0));
        assert!(align(Timestamp(i64::MIN), 3600).0 < 0);
    }
}
