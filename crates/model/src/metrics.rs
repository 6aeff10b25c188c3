//! CloudWatch metrics: what is reported of them, and what of it CloudWatch takes ("PutMetricData" and "Dimension", Amazon
//! CloudWatch API reference). Their values live in a store of their own, not in the tables.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one time series is called ("Concepts" in the Amazon CloudWatch user guide).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Metric {
    /// Keeps metrics of different programs apart: `AWS/ECS`.
    pub namespace: String,
    /// Its name in the namespace: `CPUUtilization`.
    pub name: String,
    /// Name and value pairs; each combination is a metric of its own.
    pub dimensions: BTreeMap<String, String>,
}

/// Values of a metric at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// Of which metric.
    pub metric: Metric,
    /// When.
    pub at: Timestamp,
    /// AWS's name of the unit; `None` is a unit of that name.
    pub unit: String,
    /// The values, each with how often it was seen.
    pub values: Vec<(f64, f64)>,
    /// Seconds that one data point stands for: 1 (high resolution) or 60.
    pub resolution_secs: u32,
}

/// Characters of a namespace, of a metric's name and of a dimension's name.
pub const NAME_CHARS_MAX: usize = 255;

/// Characters of a dimension's value.
pub const DIMENSION_VALUE_CHARS_MAX: usize = 1024;

/// Values, and how often one was seen, are at most this: 2 to the power of 360.
const VALUE_MAX: f64 = f64::from_bits((1023 + 360) << 52);

const TWO_WEEKS_MILLIS: i64 = 14 * 24 * 3_600_000;
const TWO_HOURS_MILLIS: i64 = 2 * 3_600_000;

/// Why a time is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeError {
    /// More than two weeks ago.
    Past,
    /// More than two hours ahead.
    Future,
}

/// Why a namespace, a name or a value of a dimension is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// It has a character that is not ASCII.
    NotAscii,
    /// It has a control character.
    Control,
    /// It is nothing but white space.
    Blank,
    /// It begins with a colon.
    Colon,
    /// It has more characters than it may have.
    TooLong,
}

/// Whether a value is a number that CloudWatch keeps.
pub fn is_value(value: f64) -> bool {
    value.abs() <= VALUE_MAX
}

/// Whether a value may have been seen so often.
pub fn is_count(count: f64) -> bool {
    (0.0..=VALUE_MAX).contains(&count)
}

/// Whether data of this time are taken at `now`.
///
/// # Errors
/// When it is too long ago or too far ahead.
pub fn check_time(at: Timestamp, now: Timestamp) -> Result<(), TimeError> {
    match at.millis_since(now) {
        ahead if ahead > TWO_HOURS_MILLIS => Err(TimeError::Future),
        ahead if ahead < -TWO_WEEKS_MILLIS => Err(TimeError::Past),
        _ => Ok(()),
    }
}

/// Checks the name of a metric, or the value of a dimension, which have at most so many characters.
///
/// # Errors
/// When it has characters that it must not have, too many, or none that it must have.
pub fn check_text(text: &str, chars_max: usize) -> Result<(), TextError> {
    if !text.is_ascii() {
        return Err(TextError::NotAscii);
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(TextError::Control);
    }
    if text.len() > chars_max {
        return Err(TextError::TooLong);
    }
    if text.trim().is_empty() { Err(TextError::Blank) } else { Ok(()) }
}

/// Checks a namespace, or the name of a dimension, which must not begin with a colon either.
///
/// # Errors
/// As [`check_text`].
pub fn check_name(text: &str) -> Result<(), TextError> {
    if text.starts_with(':') { Err(TextError::Colon) } else { check_text(text, NAME_CHARS_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let most = 2_f64.powi(360);
        for value in [0.0, -0.0, most, -most, 5e-324] {
            assert!(is_value(value), "{value}");
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, most * 1.001, -most * 1.001] {
            assert!(!is_value(value), "{value}");
        }
        assert!(is_count(0.0) && is_count(0.5) && is_count(most));
        assert!(!is_count(-1.0) && !is_count(f64::NAN) && !is_count(f64::INFINITY));
    }

    #[test]
    fn times() {
        let now = Timestamp(1_700_000_000_000);
        let check = |millis| check_time(now.plus_millis(millis), now);
        assert_eq!(check(0), Ok(()));
        assert_eq!((check(-TWO_WEEKS_MILLIS), check(TWO_HOURS_MILLIS)), (Ok(()), Ok(())));
        assert_eq!(check(-TWO_WEEKS_MILLIS - 1), Err(TimeError::Past));
        assert_eq!(check(TWO_HOURS_MILLIS + 1), Err(TimeError::Future));
        assert_eq!(check_time(Timestamp(i64::MIN), now), Err(TimeError::Past));
        assert_eq!(check_time(Timestamp(i64::MAX), now), Err(TimeError::Future));
    }

    #[test]
    fn texts() {
        assert_eq!(check_name("Instance Id:1"), Ok(()));
        assert_eq!(check_name(":a"), Err(TextError::Colon));
        assert_eq!(check_text(":a", 2), Ok(()));
        assert_eq!(check_text(":ab", 2), Err(TextError::TooLong));
        assert_eq!(check_text("\u{e4}", 2), Err(TextError::NotAscii));
        assert_eq!(check_text("a\tb", 3), Err(TextError::Control));
        assert_eq!(check_text("a\x7f", 3), Err(TextError::Control));
        assert_eq!(check_text("  ", 2), Err(TextError::Blank));
        assert_eq!(check_text("", 2), Err(TextError::Blank));
        assert_eq!(check_name(&"a".repeat(255)), Ok(()));
        assert_eq!(check_name(&"a".repeat(256)), Err(TextError::TooLong));
    }
}
