//! Timestamps on the wire: seconds with a fraction in JSON, ISO 8601 in XML.

use model::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Serde for a field that must be there.
pub fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    at.as_secs_f64().serialize(to)
}

/// Serde for a field that must be there.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    f64::deserialize(from).map(Timestamp::from_secs_f64)
}

/// Serde for a field that may be left out.
pub mod option {
    use super::*;

    /// Writes seconds.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::as_secs_f64).serialize(to)
    }

    /// Reads seconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<f64>::deserialize(from)?.map(Timestamp::from_secs_f64))
    }
}

/// Serde for lists.
pub mod list {
    /// Serde for a list that may be left out.
    pub mod option {
        use super::super::*;

        /// Writes seconds.
        pub fn serialize<S: Serializer>(list: &Option<Vec<Timestamp>>, to: S) -> Result<S::Ok, S::Error> {
            let list = list.as_ref();
            list.map(|list| list.iter().map(|at| at.as_secs_f64()).collect::<Vec<f64>>()).serialize(to)
        }

        /// Reads seconds.
        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Timestamp>>, D::Error> {
            let list = Option::<Vec<f64>>::deserialize(from)?;
            Ok(list.map(|list| list.into_iter().map(Timestamp::from_secs_f64).collect()))
        }
    }
}

/// `2015-08-30T12:36:00Z`, with milliseconds when there are any. Times outside of the years -9999 to 9999 saturate.
pub fn to_iso8601(at: Timestamp) -> String {
    instant(at).to_string()
}

/// Reads what [`to_iso8601`] writes and any other RFC 3339 time.
pub fn from_iso8601(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_millisecond()))
}

/// `20150830T123600Z`, the form of SigV4.
pub(crate) fn to_basic(at: Timestamp) -> String {
    instant(at).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Reads what [`to_basic`] writes.
pub(crate) fn from_basic(text: &str) -> Option<Timestamp> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if text.len() != 16 || text.as_bytes()[8] != b'T' || text.as_bytes()[15] != b'Z' {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(4..6)?, digits(6..8)?);
    let (hour, minute, second) = (digits(9..11)?, digits(11..13)?, digits(13..15)?);
    from_iso8601(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or(if at.0 < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}
