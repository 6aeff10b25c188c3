//! Arguments that are more than texts.

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use model::Timestamp;
use std::fmt;

/// Numbers in a version, at most.
const VERSION_NUMBERS_MAX: usize = 4;

/// `1.14.5`; the numbers that are absent are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u64; VERSION_NUMBERS_MAX]);

impl Version {
    /// One to four numbers with dots between them, and nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut numbers = [0; VERSION_NUMBERS_MAX];
        let mut places = numbers.iter_mut();
        for part in text.split('.') {
            *places.next()? = digits(part)?;
        }
        Some(Self(numbers))
    }

    /// The numbers that an agent's version begins with.
    pub(super) fn of_agent(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        Self::parse(&text[..end])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}")?;
        if d > 0 { write!(f, ".{d}") } else { Ok(()) }
    }
}

/// A point in time, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Second(i64);

impl Second {
    /// `2018-06-18T22:28:28+00:00`, `2018-06-18T22:28:28Z`, `2018-06-18T22:28:28` or `2018-06-18`, whatever the offset.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
        let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let (time, offset) = match time.find(['Z', '+', '-']) {
            Some(at) => (&time[..at], offset(&time[at..])?),
            None => (time, Offset::UTC),
        };
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?.map(|n| i8::try_from(n).ok());
        let time = Time::new(hour?, minute?, second?, 0).ok()?;
        let zoned = date.to_datetime(time).to_zoned(TimeZone::fixed(offset)).ok()?;
        Some(Self(zoned.timestamp().as_second()))
    }
}

impl From<Timestamp> for Second {
    fn from(at: Timestamp) -> Self {
        Self(at.0.div_euclid(1000))
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{at}")
    }
}

/// `Z`, `+HH:MM` or `-HH:MM`.
fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers(&text[1..], ':', [2, 2])?;
    let minutes = (hours < 24 && minutes < 60).then_some(i32::from(hours) * 60 + i32::from(minutes))?;
    Offset::from_seconds(sign * minutes * 60).ok()
}

/// Exactly `N` numbers of so many digits.
fn numbers<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Option<[i16; N]> {
    let mut parts = text.split(between);
    let mut out = [0; N];
    for (place, width) in out.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *place = i16::try_from(digits(part)?).ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// A number without a sign.
pub(super) fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// A plain decimal number: digits, perhaps a sign and a fraction.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain(whole) && plain(fraction))
}
