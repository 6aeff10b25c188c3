//! Arguments that are more than texts.

use model::Timestamp;
use std::cmp::Ordering;
use std::fmt;

/// Numbers in a version, at most.
const VERSION_NUMBERS_MAX: usize = 4;
/// Days that leap years have added before 1970, counted as in [`days`].
const LEAP_DAYS_TO_1970: i64 = 574;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Second {
    /// Since 1970-01-01T00:00:00Z.
    seconds: i64,
    /// As it was written.
    text: Box<str>,
}

impl Second {
    /// `2018-06-18T22:28:28+00:00`, `2018-06-18T22:28:28Z`, `2018-06-18T22:28:28` or `2018-06-18`, whatever the offset.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
        let (time, offset) = match time.find(['Z', '+', '-']) {
            Some(at) => (&time[..at], offset_minutes(&time[at..])?),
            None => (time, 0),
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let is_time = hour < 24 && minute < 60 && second < 60;
        let minutes = days(year, month, day)? * 24 * 60 + hour * 60 + minute - offset;
        is_time.then(|| Self { seconds: minutes * 60 + second, text: text.into() })
    }

    /// How a point in time compares to it.
    pub(super) fn order_of(&self, at: Timestamp) -> Ordering {
        at.0.div_euclid(1000).cmp(&self.seconds)
    }
}

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month = usize::try_from(month - 1).ok()?;
    let before = BEFORE_MONTH.get(month)?;
    let leap_day = |month: usize| i64::from(is_leap && month > 1);
    let length = BEFORE_MONTH.get(month + 1).unwrap_or(&365) + leap_day(month + 1) - before - leap_day(month);
    // Of all years before, counted from 400 years before the first, so that nothing is negative.
    let over = year + 399;
    let leap_days = over / 4 - over / 100 + over / 400;
    (1..=length)
        .contains(&day)
        .then(|| (year - 1970) * 365 + leap_days - LEAP_DAYS_TO_1970 + before + leap_day(month) + day - 1)
}

/// `Z`, `+HH:MM` or `-HH:MM`.
fn offset_minutes(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let [hours, minutes] = numbers(&text[1..], ':', [2, 2])?;
    let minutes = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
    Some(if text.starts_with('-') { -minutes } else { minutes })
}

/// Exactly `N` numbers of so many digits.
fn numbers<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut out = [0; N];
    for (place, width) in out.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *place = i64::try_from(digits(part)?).ok()?;
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
